"""Chance is a binomial question: the thresholds are those worked out for the data sets in use."""

from __future__ import annotations

import math
import random

import pytest

from tinyguard.chance import at_least, at_most, chance_limit, healthy_floor, is_chance, stays_at_chance


@pytest.mark.parametrize(
    ("samples", "classes", "learnt", "stuck"),
    [
        (10_000, 200, 74, 70),
        (5_000, 200, 43, 29),
        (2_000, 200, 22, 7),
        (1_000, 200, 14, 1),
        (10_000, 100, 133, 132),  # both answers need "not above chance", so the second ends where the first begins
        (10_000, 10, 1095, 1094),
    ],
)
def test_the_thresholds_are_the_published_ones(samples: int, classes: int, learnt: int, stuck: int) -> None:
    assert round(chance_limit(classes, samples) * samples) == learnt
    assert is_chance(stuck / samples, classes, samples)
    assert not is_chance((stuck + 1) / samples, classes, samples)


def test_tails_are_those_of_the_binomial_distribution() -> None:
    exact = [math.comb(20, hits) * 0.3**hits * 0.7 ** (20 - hits) for hits in range(21)]
    for hits in range(21):
        assert at_least(hits, 20, 0.3) == pytest.approx(sum(exact[hits:]))
        assert at_most(hits, 20, 0.3) == pytest.approx(sum(exact[: hits + 1]))


def test_too_few_samples_decide_nothing() -> None:
    assert not is_chance(0.005, 200, 500)
    assert not stays_at_chance([0.004] * 3, 200, 500)
    assert not is_chance(0.5, 2, 100)
    assert is_chance(0.5, 2, 10_000)


def test_with_more_epochs_more_is_expected() -> None:
    assert healthy_floor(200) < healthy_floor(200, 3) < healthy_floor(200, 5)
    assert not stays_at_chance([0.005, 0.0045], 200, 2_000)
    assert stays_at_chance([0.005, 0.0045, 0.005, 0.0055, 0.0045], 200, 2_000)


def test_chance_without_a_sample_count_is_close_to_it() -> None:
    assert stays_at_chance([0.0050, 0.0051, 0.0049], 200, None)
    assert not stays_at_chance([0.0050, 0.0051], 200, None)
    assert not stays_at_chance([0.50, 0.53, 0.54], 2, None)


def test_a_slow_model_is_not_stuck() -> None:
    assert not stays_at_chance([0.005, 0.006, 0.0080], 200, 10_000)
    assert not stays_at_chance([0.0100, 0.0105, 0.0105], 200, 2_000)  # each explained by guessing, together not


def test_the_end_decides_and_the_rest_agrees() -> None:
    assert stays_at_chance([0.0051, 0.0049, 0.0052, 0.0076, 0.0049, 0.0055], 200, 10_000)
    assert not stays_at_chance([0.0051, 0.0049, 0.0052, 0.0056, 0.0049, 0.0076], 200, 10_000)
    assert not stays_at_chance([0.0051, 0.0160, 0.0052, 0.0056], 200, 10_000)
    assert not stays_at_chance([*[0.0050] * 7, 0.0160, 0.0050, 0.0050], 200, 2_000)  # it had begun to learn


def test_whole_percents_say_nothing_of_200_classes() -> None:
    assert not stays_at_chance([0.0, 0.01, 0.0], 200, 10_000)
    assert not stays_at_chance([0.01, 0.01, 0.01], 101, 10_000)
    assert stays_at_chance([0.10, 0.10, 0.10], 10, 10_000)


@pytest.mark.parametrize("classes", [2, 10, 200])
def test_false_alarms_are_rare(classes: int) -> None:
    rng = random.Random(0)
    floor = healthy_floor(classes)
    deviation = math.sqrt(floor * (1 - floor) / 10_000)
    drawn = [[rng.gauss(floor, deviation) for _ in range(2)] for _ in range(2_000)]
    assert sum(stays_at_chance(values, classes, 10_000) for values in drawn) == 0
