"""Is an accuracy that of guessing? The binomial question behind "stuck at chance", at a stated false-alarm rate."""

from __future__ import annotations

import math

ALPHA = 1e-3  # of a wrong answer, for each side of each question
ROUNDED = 1e-9  # how far from a whole number of percent a rounded accuracy may be


def healthy_floor(classes: int, epochs: int = 1) -> float:
    """The accuracy, as a fraction of 1, that a model which has learnt for so many epochs surely has.

    Twice chance; with 50 classes or more three times after 3 epochs and five times after 5, which is half of what is
    seen on TinyImageNet at its slowest. With few classes a fifth of the way from chance to certainty, which is less.

    >>> healthy_floor(200), healthy_floor(200, epochs=5), healthy_floor(2)
    (0.01, 0.025, 0.6)
    """
    chance = 1 / classes
    times = 2 if classes < 50 or epochs < 3 else 3 if epochs < 5 else 5
    return min(times * chance, chance + (1 - chance) / 5)


def is_chance(accuracy: float, classes: int, samples: int | None, *, epochs: int = 1, alpha: float = ALPHA) -> bool:
    """Whether guessing among `classes` explains this accuracy, and a model that has begun to learn does not.

    Over `samples` images both are exact binomial tails at `alpha`: with too few samples to tell the two apart the
    answer is no. When their number is not known, the accuracy must lie very close to chance.

    >>> is_chance(0.0050, 200, 10_000), is_chance(0.0100, 200, 10_000), is_chance(0.0050, 200, 200)
    (True, False, False)
    """
    chance = 1 / classes
    if not samples:
        return abs(accuracy - chance) <= min(0.2 * chance, 0.05 * (1 - chance))
    hits = round(accuracy * samples)
    return (
        at_most(hits, samples, healthy_floor(classes, epochs)) <= alpha
        and at_least(hits, samples, chance) > alpha
        and at_most(hits, samples, chance) > alpha
    )


def stays_at_chance(accuracies: list[float], classes: int, samples: int | None) -> bool:
    """Whether the accuracies of successive evaluations are those of guessing from the first to the last.

    Two of them at least, three when nobody knows over how many samples. The last two are at chance, two of three are,
    none is above three times chance, and their mean is not above chance either. So a model that is slow is not meant.

    >>> stays_at_chance([0.0051, 0.0049, 0.0052, 0.0056], 200, 10_000)
    True
    >>> stays_at_chance([0.0050, 0.0062, 0.0071, 0.0090], 200, 10_000)
    False
    """
    needed = 2 if samples else 3
    if classes < 2 or len(accuracies) < needed or too_coarse(accuracies, classes):
        return False
    if max(accuracies) > 3 / classes:  # asked first: so it is of most models, and the tails take their time
        return False
    at_chance = 0
    for behind, value in enumerate(reversed(accuracies), start=1):
        at_chance += is_chance(value, classes, samples, epochs=len(accuracies))
        if behind == 2 and at_chance < 2:
            return False
    if 3 * at_chance < 2 * len(accuracies):
        return False
    everything = (samples or 0) * len(accuracies)
    return not everything or at_least(round(sum(accuracies) * (samples or 0)), everything, 1 / classes) > ALPHA


def chance_limit(classes: int, samples: int, *, alpha: float = ALPHA) -> float:
    """The least accuracy over `samples` images that guessing reaches with a probability of at most `alpha`.

    >>> chance_limit(200, 10_000)
    0.0074
    """
    chance = 1 / classes
    hits = math.floor(samples * chance)
    while hits <= samples and at_least(hits, samples, chance) > alpha:
        hits += 1
    return hits / samples


def too_coarse(accuracies: list[float], classes: int) -> bool:
    """Whole percents say nothing about chance among more than 100 classes."""
    return classes > 100 and all(abs(100 * value - round(100 * value)) < ROUNDED for value in accuracies)


def at_least(hits: int, samples: int, probability: float) -> float:
    """P[X >= hits] of a binomial X."""
    return (
        1 - _sum(hits - 1, samples, probability, -1)
        if hits <= samples * probability
        else _sum(hits, samples, probability, 1)
    )


def at_most(hits: int, samples: int, probability: float) -> float:
    """P[X <= hits] of a binomial X."""
    return (
        1 - _sum(hits + 1, samples, probability, 1)
        if hits >= samples * probability
        else _sum(hits, samples, probability, -1)
    )


def _sum(hits: int, samples: int, probability: float, step: int) -> float:
    """The binomial probabilities of `hits` and all numbers beyond it in the direction away from the mean."""
    total, odds = 0.0, probability / (1 - probability)
    if not 0 <= hits <= samples:
        return total
    term = math.exp(
        math.lgamma(samples + 1)
        - math.lgamma(hits + 1)
        - math.lgamma(samples - hits + 1)
        + hits * math.log(probability)
        + (samples - hits) * math.log1p(-probability)
    )
    while 0 <= hits <= samples and term > total * 1e-12:
        total += term
        term *= (samples - hits) / (hits + 1) * odds if step > 0 else hits / (samples - hits + 1) / odds
        hits += step
    return total
