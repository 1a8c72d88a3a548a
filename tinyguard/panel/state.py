"""What the panel shows of a training, as plain values: filled in by who watches it, all that is read to draw it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from tinyguard.bands import Band, Verdict, verdict
from tinyguard.finding import Finding
from tinyguard.record import Record

LIMIT = 500  # points of a series that a panel keeps: more than it has columns of pixels

Point = tuple[float, float]


class Model(Record):
    """A model in training."""

    name: str  # the user's variable
    kind: str = ""  # its class
    parameters: int | None = None  # trainable or not; None: not known


class Optimizer(Record):
    name: str
    kind: str = ""
    rates: tuple[float, ...] = ()  # the learning rate of each parameter group


class Loader(Record):
    name: str
    split: str | None = None  # "train", "validation", "test"; None: not known
    samples: int | None = None
    batches: int | None = None
    batch_size: int | None = None


class Series(Record):
    """The values of one metric on one split, in the order they came."""

    name: str  # "loss", "accuracy"
    split: str  # "train", "validation", "test"
    points: tuple[Point, ...] = ()  # (x, value); accuracies as fractions of 1, values may be NaN or infinite
    unit: str = "epoch"  # of x, both from 1: "epoch" (the value when it was over), "step" (since the training began)

    @property
    def last(self) -> float | None:
        return self.points[-1][1] if self.points else None

    def best(self) -> Point | None:
        """The first point with the highest accuracy, or the lowest loss; None without a finite value."""
        finite = [point for point in self.points if math.isfinite(point[1])]
        sign = 1 if self.name == "accuracy" else -1
        return max(finite, key=lambda point: sign * point[1], default=None)


class TrainingState(Record):
    """A training as the panel shows it, while it runs and when it is over."""

    cell: int | None = None  # of the notebook, counting all cells from 1; None: not known
    execution_count: int | None = None  # the number in "In [12]"
    models: tuple[Model, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    loaders: tuple[Loader, ...] = ()
    device: str = ""
    epoch: int = 0  # that runs, from 1; 0: none has begun
    epochs: int | None = None  # in all; None: not known
    step: int = 0  # of this epoch, from 1; 0: none is done
    steps: int | None = None  # in each epoch; None: not known
    elapsed_s: float = 0.0
    steps_per_s: float | None = None
    remaining_s: float | None = None  # None: nobody can tell
    series: tuple[Series, ...] = ()
    chance: float | None = None  # the accuracy of guessing, as a fraction of 1
    band: Band | None = None
    findings: tuple[Finding, ...] = ()
    marks: tuple[int | None, ...] = ()  # the step, since the training began, that proved each finding; None: none did
    finished: bool = False
    status: str = ""  # one sentence on what is going on; empty: nothing special
    guard_share: float | None = None  # of the time that went by, as a fraction of 1; what the guard itself took

    @property
    def progress(self) -> float | None:
        """How much of what was planned is done, as a fraction of 1; None when nobody knows how many epochs will be."""
        if not self.epochs:
            return None
        if self.finished and self.epoch >= self.epochs:
            return 1.0
        within = min(self.step / self.steps, 1.0) if self.steps else 0.0
        return min(max((self.epoch - 1 + within) / self.epochs, 0.0), 1.0)

    def marked(self) -> Iterator[tuple[Finding, int | None]]:
        """Each finding with the step that proved it."""
        marks = (*self.marks, *[None] * len(self.findings))
        return zip(self.findings, marks, strict=False)

    def of(self, name: str) -> tuple[Series, ...]:
        """The series of one metric that have a point."""
        return tuple(series for series in self.series if series.name == name and series.points)

    def evaluation(self) -> Series | None:
        """The accuracy on data that the model is not trained on: test before validation."""
        found = {series.split: series for series in self.of("accuracy")}
        return found.get("test") or found.get("validation")

    def verdict(self) -> Verdict | None:
        """Where the last evaluation lies in the expected band; None when there is none, or nobody can tell."""
        evaluation = self.evaluation()
        if evaluation is None or self.band is None or evaluation.unit != "epoch":
            return None
        epoch, accuracy = evaluation.points[-1]
        samples = {loader.samples for loader in self.loaders if loader.split == evaluation.split}
        return verdict(self.band, epoch, accuracy, samples.pop() if len(samples) == 1 else None)


def thinned(points: Sequence[Point], limit: int = LIMIT) -> tuple[Point, ...]:
    """At most `limit` points (2 at least) that draw nearly the same line: the first, the last, extremes between them.

    The way is cut into stretches of equal length in x; of each the lowest and the highest stay, or the first value that
    is not finite. Points come by rising x; those whose x is not finite are left out.

    >>> thinned([(1, 5.0), (2, 4.0), (3, 9.0), (4, 4.5), (5, 4.2), (6, 4.1)], limit=4)
    ((1, 5.0), (2, 4.0), (3, 9.0), (6, 4.1))
    """
    points = [point for point in points if math.isfinite(point[0])]
    if len(points) <= limit:
        return tuple(points)
    first, *middle, last = points
    stretches: dict[int, list[Point]] = {}
    count = (limit - 2) // 2
    span = (last[0] - first[0]) or 1.0
    for point in middle if count else ():
        stretches.setdefault(min(int((point[0] - first[0]) / span * count), count - 1), []).append(point)
    kept = [point for stretch in stretches.values() for point in _extremes(stretch)]
    return (first, *kept, last)


def _extremes(points: Iterable[Point]) -> list[Point]:
    """The lowest and the highest of them in their order; a value that is not finite goes before the lowest."""
    kept = list(points)
    finite = [point for point in kept if math.isfinite(point[1])]
    odd = [point for point in kept if not math.isfinite(point[1])][:1]
    lowest = odd or [min(finite, key=lambda point: point[1])]
    highest = [max(finite, key=lambda point: point[1])] if finite else []
    return sorted({*lowest, *highest}, key=kept.index)
