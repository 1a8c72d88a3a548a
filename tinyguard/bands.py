"""The learning curves that healthy trainings show, and whether an accuracy lies where they do."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from tinyguard.chance import ALPHA, at_least, at_most
from tinyguard.errors import UsageError, did_you_mean
from tinyguard.record import Record


class BandPoint(NamedTuple):
    """What is expected after one epoch."""

    epoch: int  # from 1
    low: float  # fractions of 1
    high: float


class Band(Record):
    """The curve to be expected of one model on one data set, between its lowest and its highest."""

    name: str
    points: tuple[BandPoint, ...]  # at least one, by rising epoch
    data_set: str = ""
    metric: str = "test accuracy"
    epochs: int | None = None  # of the whole training; None: nobody says
    batch_size: int | None = None
    source: str = ""  # who says so


class Verdict(StrEnum):
    """Where an accuracy lies."""

    BELOW = "below"
    WITHIN = "within"
    ABOVE = "above"


def expected(band: Band, epoch: float) -> tuple[float, float] | None:
    """The lowest and the highest accuracy after this epoch, as fractions of 1; None outside of the band's epochs.

    Between its points a band is straight over log(epoch), as learning curves nearly are.

    >>> band = Band(name="residual", points=(BandPoint(1, 0.01, 0.02), BandPoint(10, 0.10, 0.15)))
    >>> [round(value, 4) for value in expected(band, 10**0.5)]
    [0.055, 0.085]
    >>> expected(band, 11) is None
    True
    """
    around = _around(band, epoch)
    if around is None:
        return None
    before, behind = around
    if before.epoch == behind.epoch:
        return before.low, before.high
    part = math.log(epoch / before.epoch) / math.log(behind.epoch / before.epoch)
    return before.low + part * (behind.low - before.low), before.high + part * (behind.high - before.high)


def verdict(band: Band, epoch: float, accuracy: float, samples: int | None, *, alpha: float = ALPHA) -> Verdict | None:
    """Where this accuracy over `samples` lies; None when nobody can tell.

    It is surely outside only where a model at the very edge would get there with a probability of at most `alpha`: an
    exact binomial tail, so that the noise of a small test set is not held against the model. And the edge between two
    points is that of the farther one: how a curve gets from one to the other is drawn, but nobody has stated it. (The
    table of TinyImageNet goes from 1 % to 10 % in epochs 1 to 10, and 3 % after five is said to be normal there.)

    >>> band = Band(name="residual", points=(BandPoint(1, 0.01, 0.02), BandPoint(10, 0.10, 0.15)))
    >>> [verdict(band, 10, accuracy, 10_000) for accuracy in (0.05, 0.12, 0.09999)]
    [<Verdict.BELOW: 'below'>, <Verdict.WITHIN: 'within'>, None]
    >>> [verdict(band, 5, accuracy, 10_000) for accuracy in (0.005, 0.03)]
    [<Verdict.BELOW: 'below'>, None]
    """
    edges, around = expected(band, epoch), _around(band, epoch)
    if edges is None or around is None or not samples or not 0 <= accuracy <= 1:
        return None
    if edges[0] <= accuracy <= edges[1]:
        return Verdict.WITHIN
    low, high = min(point.low for point in around), max(point.high for point in around)
    hits = round(accuracy * samples)
    if hits < low * samples and at_most(hits, samples, low) <= alpha:
        return Verdict.BELOW
    if hits > high * samples and at_least(hits, samples, high) <= alpha:
        return Verdict.ABOVE
    return None


def _around(band: Band, epoch: float) -> tuple[BandPoint, BandPoint] | None:
    """The points before and behind an epoch, twice the same at a point; None outside of the band's epochs."""
    before = [point for point in band.points if point.epoch <= epoch]
    behind = [point for point in band.points if point.epoch >= epoch]
    return (before[-1], behind[0]) if before and behind else None


def band_of(name: str, history: Mapping[int, float], *, tolerance: float, source: str = "a run of one's own") -> Band:
    """The band around a finished healthy run, to hold later ones against.

    `history`: epoch, from 1 -> test accuracy as a fraction of 1. After each epoch the band reaches from the lowest
    accuracy of this epoch and its neighbours to the highest, each moved outwards by `tolerance` times itself: 0.1 for a
    tenth. So the run itself lies in its band.

    >>> band_of("mine", {1: 0.1, 2: 0.2}, tolerance=0.5).points
    (BandPoint(epoch=1, low=0.05, high=0.3), BandPoint(epoch=2, low=0.05, high=0.3))

    Raises UsageError for a history that is empty or holds something else than accuracies.
    """
    if not history:
        raise UsageError(f"{name}: no test accuracy is known, so there is no run to make a band of")
    for epoch, accuracy in history.items():
        if not 0 <= accuracy <= 1 or epoch < 1:
            raise UsageError(f"{name}: epoch {epoch} has the accuracy {accuracy!r}; a fraction of 1 is wanted")
    epochs = sorted(history)
    points = []
    for index, epoch in enumerate(epochs):
        near = [history[other] for other in epochs[max(index - 1, 0) : index + 2]]
        low, high = min(near) * (1 - tolerance), max(near) * (1 + tolerance)
        points.append(BandPoint(epoch, round(max(low, 0.0), 6), round(min(high, 1.0), 6)))
    return Band(name=name, points=tuple(points), epochs=epochs[-1], source=source)


def find(name: str, bands: Iterable[Band]) -> Band | None:
    """The first band of that name, however it is written: "Deeper/Wider" is deeper_wider."""
    return next((band for band in bands if _key(band.name) == _key(name)), None)


def named(name: str, bands: Iterable[Band]) -> Band:
    """The band of that name. Raises UsageError when there is none."""
    known = tuple(bands)
    band = find(name, known)
    if band is None:
        hint = did_you_mean(name, {band.name for band in known})
        raise UsageError(f'expect: no band and no file has the name "{name}"{hint}')
    return band


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())
