"""Story -> the learning curves that a notebook's outputs show, and what is known of the training behind them."""

from __future__ import annotations

from collections.abc import Iterable

from tinyguard.chance import stays_at_chance
from tinyguard.events import BackwardRan, Event, LossComputed, MetricReported, PassEnded, TrainingPlanned
from tinyguard.finding import Place
from tinyguard.measured.evaluation import EpochReported, MetricsWithdrawn
from tinyguard.record import Record
from tinyguard.story import Story

EVALUATION = ("test", "validation")
STEPS = 250  # of optimizers: a healthy training has begun to learn by then; 37 to 97 batches of 64 were seen to do
UNNUMBERED = 3  # evaluations that must be at chance where the output does not tell their epochs


class Curve(Record):
    """The values of one metric in one training, one an epoch as far as the output tells epochs."""

    name: str
    split: str | None
    points: tuple[float, ...]
    epochs: tuple[int | None, ...]  # counted from 1; None: the output does not say
    samples: int | None = None

    @property
    def in_epochs(self) -> bool:
        """The output tells the epoch of every point, and no epoch has two."""
        return None not in self.epochs and len(set(self.epochs)) == len(self.epochs)

    @property
    def span(self) -> str:
        """Where its points are: "in epochs 1 to 3", "in 4 evaluations"."""
        if self.in_epochs and len(self.points) > 1:
            return f"in epochs {self.epochs[0]} to {self.epochs[-1]}"
        return f"{len(self.points)} times in a row"


class Reporting(Record):
    """A cell whose output reports something."""

    place: Place
    metrics: list[MetricReported]
    asked: list[Event]  # what is known of the losses, passes and backward passes that the cell asked for


def judged(event: Event, story: Story) -> list[Reporting]:
    """The cells to be judged now: all at the end; the running one at the end of an epoch, when it has trained enough.

    What has hardly begun need not have learnt anything.
    """
    if not isinstance(event, EpochReported):
        return reporting_cells(story)
    return [cell for cell in reporting_cells(story) if cell.place == event.place] if event.steps >= STEPS else []


def now(event: Event, found: Iterable[Curve]) -> list[Curve]:
    """The curves that can be judged now: while the cell runs those that have reached this epoch, and two at least."""
    if not isinstance(event, EpochReported):
        return list(found)
    return [curve for curve in found if curve.in_epochs and len(curve.points) > 1 and curve.epochs[-1] == event.epoch]


def reporting_cells(story: Story) -> list[Reporting]:
    """The cells whose outputs report something, in the order of the document."""
    withdrawn = {event.place: story.position(event) for event in story.all(MetricsWithdrawn)}
    metrics: dict[Place, list[MetricReported]] = {}
    for metric in story.all(MetricReported):
        if not withdrawn or story.position(metric) > withdrawn.get(metric.place, -1):
            metrics.setdefault(metric.place, []).append(metric)
    asked: dict[tuple[str, int | None], list[Event]] = {(place.path, place.cell): [] for place in metrics}
    kinds: tuple[type[Event], ...] = (LossComputed, PassEnded, BackwardRan) if metrics else ()
    for kind in kinds:
        for event in story.all(kind):
            for cell in {(place.path, place.cell) for place in (event.place, *event.via)} & asked.keys():
                asked[cell].append(event)
    return [
        Reporting(place=place, metrics=found, asked=asked[place.path, place.cell]) for place, found in metrics.items()
    ]


def curves(reported: list[MetricReported], kind: str, *, each: bool = False) -> list[Curve]:
    """The curves of this kind in one cell's output: one point an epoch, or `each` that was printed.

    An epoch before the last one starts another curve: the next training.
    """
    runs: dict[str, list[list[MetricReported]]] = {}
    for metric in reported:
        if metric.kind != kind or not metric.plain:
            continue
        # A history that is printed after the epochs repeats them.
        of_name = runs.setdefault(f"{metric.name} {metric.source}", [[]])
        before = of_name[-1][-1] if of_name[-1] else None
        if before is not None and metric.epoch is not None and before.epoch is not None:
            if metric.epoch == before.epoch and not each:
                of_name[-1].pop()  # of several in an epoch the last one counts
            elif metric.epoch < before.epoch:
                of_name.append([])
        of_name[-1].append(metric)
    return [_curve(run) for of_name in runs.values() for run in of_name if run]


def _curve(run: list[MetricReported]) -> Curve:
    samples = {metric.samples for metric in run}
    return Curve(
        name=run[0].name,
        split=run[0].split,
        points=tuple(metric.value for metric in run),
        epochs=tuple(metric.epoch for metric in run),
        samples=samples.pop() if len(samples) == 1 else None,
    )


def is_stuck(curve: Curve, classes: int, samples: int | None) -> bool:
    """An accuracy on evaluation data that does not leave chance."""
    if curve.split not in EVALUATION or (not curve.in_epochs and len(curve.points) < UNNUMBERED):
        return False
    return stays_at_chance(list(curve.points), classes, curve.samples or samples)


def class_count(cell: Reporting) -> int | None:
    """How many classes the data of this cell have; the width of the model's last layer where nobody knows the data."""
    data: set[int] = set()
    outputs: set[int] = set()
    for event in cell.asked:
        match event:
            case LossComputed(classes=int(classes)):
                data.add(classes)
            case LossComputed() | PassEnded() | BackwardRan() if event.samples and event.samples.classes:
                data.add(event.samples.classes)
        match event:
            case LossComputed() | PassEnded() | BackwardRan():
                outputs.update(model.outputs for model in event.models if model.outputs)
    data = data or {metric.classes for metric in cell.metrics if metric.classes}
    known = data or outputs
    return known.pop() if len(known) == 1 else None


def evaluated_samples(cell: Reporting) -> int | None:
    """How many samples the evaluations of this cell go over; None when that is not known, or not the same for all."""
    sizes = {
        event.samples.size
        for event in cell.asked
        if isinstance(event, PassEnded) and not event.backward and event.samples.split in EVALUATION
    }
    return sizes.pop() if len(sizes) == 1 else None


def decision(story: Story, cell: Place) -> Place:
    """The line of the cell that asked for the training; the cell as a whole when nobody knows it."""
    for kind in (TrainingPlanned, BackwardRan):
        for event in story.all(kind):
            for place in (*event.via, event.place):
                if place.cell == cell.cell and place.path == cell.path:
                    return place
    return cell


def percent(fraction: float) -> str:
    """A fraction of 1 in percent, with as many digits as tell it from its neighbours: "0.50 %", "10 %"."""
    return f"{100 * fraction:.2f} %" if fraction < 0.1 else f"{100 * fraction:.1f} %"


def listed(values: tuple[str, ...]) -> str:
    """All of a few values, the first and last of many."""
    return ", ".join(values if len(values) <= 6 else (*values[:3], "…", *values[-2:]))
