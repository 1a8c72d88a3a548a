"""A finished training -> what to look at right after it: accuracies, history, learning rates."""

from __future__ import annotations

import math

from tinyguard.bands import Band, expected, verdict
from tinyguard.finding import Finding
from tinyguard.panel import words
from tinyguard.panel.state import Point, Series
from tinyguard.record import Record
from tinyguard.report.text import plural, width

MILESTONES = (1, 5, 10, 20, 30, 50)  # epochs whose test accuracy a summary shows
FIRST = 5  # values of a history that it shows
METRICS = {"accuracy": "acc"}  # as histories name them: test_acc


class TrainedModel(Record):
    """A model that was trained in this session, and all that is known of that training."""

    name: str  # the user's variable
    kind: str = ""  # its class
    parameters: int | None = None
    optimizer: str = ""  # its kind, such as "Adam"
    rates: tuple[float, ...] = ()  # the learning rate of each parameter group when the training was over
    epochs: int = 0  # that were trained
    steps: int | None = None  # in each epoch
    batch_size: int | None = None
    samples: int | None = None  # of an evaluation
    seconds: float | None = None
    device: str = ""
    memory: int | None = None  # bytes of the device that were in use at most; None: not known
    series: tuple[Series, ...] = ()
    chance: float | None = None  # as a fraction of 1
    band: Band | None = None
    output: str = ""  # what the training printed
    findings: tuple[Finding, ...] = ()

    def points(self, name: str, split: str) -> tuple[Point, ...]:
        """The values of one metric by epoch; none when it is known by the step only."""
        for series in self.series:
            if (series.name, series.split, series.unit) == (name, split, "epoch"):
                return series.points
        return ()

    @property
    def split(self) -> str:
        """What the model was evaluated on: "validation" only where no accuracy on test data is known."""
        return "validation" if self.points("accuracy", "validation") and not self.points("accuracy", "test") else "test"

    def history(self) -> dict[str, tuple[float, ...]]:
        """The values by epoch under the names that histories have: train_loss, test_acc, as fractions of 1."""
        return {
            f"{series.split}_{METRICS.get(series.name, series.name)}": tuple(value for _, value in series.points)
            for series in self.series
            if series.unit == "epoch"
        }


def summary(model: TrainedModel) -> str:
    """Best, final and milestone accuracies; how the history begins; the learning rate of each group."""
    rows = [(head, f"{value:<8}{told}".rstrip()) for head, value, told in accuracies(model)]
    rows = rows or [("accuracy", "none is known by epoch")]
    rows += [*history(model), *rates(model)]
    longest = max(width(head) for head, _ in rows)
    lines = [title(model), *(f"  {head:<{longest}}  {told}" for head, told in rows)]
    lines += [f"  {finding.severity.label}[{finding.code}] {words.spot(finding.place)}" for finding in model.findings]
    return "".join(f"{line}\n" for line in lines)


def title(model: TrainedModel) -> str:
    """
    >>> title(TrainedModel(name="net", kind="ResNet", parameters=1000, epochs=3, optimizer="Adam"))
    'net: ResNet, 1,000 parameters, 3 epochs, Adam'
    """
    known = [words.one_line(model.kind)] if model.kind else []
    known += [plural(model.parameters, "parameter")] if model.parameters is not None else []
    known += [plural(model.epochs, "epoch")]
    known += [f"batches of {model.batch_size:,}"] if model.batch_size is not None else []
    known += [words.one_line(model.optimizer)] if model.optimizer else []
    known += [words.duration(model.seconds)] if model.seconds is not None else []
    return f"{words.one_line(model.name)}: {', '.join(known)}"


def accuracies(model: TrainedModel) -> list[tuple[str, str, str]]:
    """Best, final and milestone accuracies, as far as they were reached: what, how much, what to hold it against."""
    points = model.points("accuracy", model.split)
    if not points:
        return []
    best = max(points, key=lambda point: point[1] if math.isfinite(point[1]) else -1.0)
    rows = [
        (f"best {model.split} accuracy", best, f"in epoch {best[0]:g}"),
        (f"final {model.split} accuracy", points[-1], _times_chance(model, points[-1][1])),
    ]
    reached = {epoch: point for epoch in MILESTONES for point in points if point[0] == epoch}
    rows += [(f"epoch {epoch}", point, _held(model, point)) for epoch, point in reached.items()]
    return [(head, words.percent(value), told) for head, (_, value), told in rows]


def history(model: TrainedModel) -> list[tuple[str, str]]:
    """The keys of the history, and how its accuracies begin."""
    known = model.history()
    rows = [("history", ", ".join(map(words.one_line, known)) or "none is known")]
    for key in ("train_acc", f"{model.split}_acc"):
        if key in known:
            rows.append((f"first {key}", ", ".join(words.percent(value) for value in known[key][:FIRST])))
    return rows


def rates(model: TrainedModel) -> list[tuple[str, str]]:
    """The learning rate of every parameter group."""
    return [(f"group {number}", f"learning rate {words.number(rate)}") for number, rate in enumerate(model.rates)]


def _held(model: TrainedModel, point: Point) -> str:
    """What the band says of this epoch."""
    edges = expected(model.band, point[0]) if model.band is not None else None
    if model.band is None or edges is None:
        return ""
    found = verdict(model.band, *point, model.samples)
    return f"expected {words.span(*edges)}" + (f": {found.value}" if found is not None else "")


def _times_chance(model: TrainedModel, accuracy: float) -> str:
    if not model.chance or not math.isfinite(accuracy):
        return ""
    return f"{accuracy / model.chance:.1f} times chance"
