"""A training's progress and the story so far -> what panels, summaries and reports show: numbers become names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tinyguard.bands import Band, find
from tinyguard.classes import class_count
from tinyguard.curves import Curve, curves
from tinyguard.datasets import data_set, data_set_at
from tinyguard.evaluations import CLASS_NUMBERS, scores_of_classes
from tinyguard.events import (
    BatchDrawn,
    Event,
    LoaderBuilt,
    LossComputed,
    MetricReported,
    ModelBuilt,
    OptimizerBuilt,
    Samples,
    TrainingPlanned,
)
from tinyguard.finding import Finding, Place
from tinyguard.measured.evaluation import EvaluationMeasured, MetricsWithdrawn
from tinyguard.panel.state import Loader, Model, Optimizer, Series, TrainingState
from tinyguard.panel.summary import TrainedModel
from tinyguard.progress import Progress
from tinyguard.record import Record
from tinyguard.story import Story

SOURCES = ("log", "history", "output")  # of reported metrics, those first that say most clearly what they are
MOST_LOADERS = 6

E = TypeVar("E", bound=Event)


class Training(Record):
    """One training of this session: what was counted, and which stretch of the story tells of it."""

    cell: Place
    count: int | None = None  # in In[count]
    progress: Progress
    start: int = 0  # the stretch: positions of events, from where the cell began ...
    end: int | None = None  # ... to where it ended; None: it runs
    index: int = 0  # of the trainings of this run of the cell, from 0
    of: int = 1  # how many there are
    output: str = ""  # what the cell printed
    plan: TrainingPlanned | None = None  # as the program has it


def training_state(
    training: Training,
    story: Story,
    *,
    findings: tuple[Finding, ...],
    marks: tuple[int | None, ...],
    finished: bool,
    bands: Sequence[Band] = (),
) -> TrainingState:
    """The training as the panel shows it. `bands`: those that may be expected of it, the chosen one alone; `marks`: the
    steps that proved the findings."""
    progress = training.progress
    rate = progress.steps / progress.elapsed_s if progress.elapsed_s > 0 else None
    rates = dict(zip(progress.optimizers, progress.rates, strict=True))
    losses = Series(name="loss", split="train", points=progress.losses, unit="step")
    return TrainingState(
        cell=training.cell.cell,
        execution_count=training.count,
        models=tuple(_model(number, size, story) for number, size in zip(progress.models, progress.sizes, strict=True)),
        optimizers=tuple(_optimizer(number, rates[number], story) for number in progress.optimizers),
        loaders=tuple(_loaders(training, story)),
        device=progress.device,
        epoch=progress.epochs + (not finished),
        epochs=_epochs(progress, training.plan),
        step=progress.step,
        steps=progress.batches,
        elapsed_s=progress.elapsed_s,
        steps_per_s=rate,
        series=(losses, *(one for one in _reported(training, story) if one.name != "loss" or one.split != "train")),
        chance=_chance(training, story),
        band=_band(training, story, bands),
        remaining_s=None if finished else _remaining_s(progress, training.plan),
        findings=findings,
        marks=marks,
        finished=finished,
        guard_share=progress.guard_share,
    )


def trained_model(
    training: Training, story: Story, *, findings: Iterable[Finding], bands: Sequence[Band] = ()
) -> TrainedModel:
    """The training as summary and report tell it, with the findings that touch its cell."""
    progress = training.progress
    model = progress.models[0] if progress.models else None
    built = story.built(model)
    optimizers = [story.built(number) for number in progress.optimizers]
    losses = Series(name="loss", split="train", points=progress.losses, unit="step")
    samples = next((loader.samples for loader in _loaders(training, story) if loader.split != "train"), None)
    return TrainedModel(
        name=story.name(model, "model"),
        kind=built.kind if isinstance(built, ModelBuilt) else "",
        parameters=progress.sizes[0] if progress.sizes else None,
        optimizer=", ".join(one.kind for one in optimizers if isinstance(one, OptimizerBuilt)),
        rates=tuple(rate for rates in progress.rates for rate in rates),
        epochs=progress.epochs,
        steps=progress.batches,
        batch_size=next((loader.batch_size for loader in _loaders(training, story) if loader.batch_size), None),
        samples=samples,
        seconds=progress.elapsed_s,
        device=progress.device,
        memory=progress.memory,
        series=(*_reported(training, story), losses),
        chance=_chance(training, story),
        band=_band(training, story, bands),
        output=training.output,
        findings=tuple(finding for finding in findings if _touches(finding, training.cell)),
    )


def _touches(finding: Finding, cell: Place) -> bool:
    places = (finding.place, *(related.place for related in finding.related))
    return any((place.path, place.cell) == (cell.path, cell.cell) for place in places)


def _epochs(progress: Progress, plan: TrainingPlanned | None) -> int | None:
    """How many there will be in all; None when nobody knows, or the training has gone on beyond its plan."""
    planned = plan.epochs.value if plan is not None else None
    return planned if isinstance(planned, int) and planned >= progress.epochs else None


def _remaining_s(progress: Progress, plan: TrainingPlanned | None) -> float | None:
    """What the batches to come will take at the pace of those before, evaluations between the epochs included."""
    epochs = _epochs(progress, plan)
    if epochs is None or not progress.batches or not progress.elapsed_s:
        return None
    done = progress.epochs + min(progress.step / progress.batches, 1.0)
    return progress.elapsed_s * max(epochs - done, 0.0) / done if done else None


# --- what it was trained with -----------------------------------------------------------------------------------------


def _model(number: int, size: int | None, story: Story) -> Model:
    built = story.built(number)
    kind = built.kind if isinstance(built, ModelBuilt) else ""
    return Model(name=story.name(number, "model"), kind=kind, parameters=size)


def _optimizer(number: int, rates: tuple[float, ...], story: Story) -> Optimizer:
    built = story.built(number)
    kind = built.kind if isinstance(built, OptimizerBuilt) else ""
    return Optimizer(name=story.name(number, "optimizer"), kind=kind, rates=rates)


def _loaders(training: Training, story: Story) -> Iterable[Loader]:
    """Those it was trained on first, then the others that were drawn from in its cell."""
    samples: dict[int, Samples] = {}
    for drawn in _within(training, story, BatchDrawn):
        samples[drawn.loader] = drawn.samples
    progress = training.progress
    for number in list(dict.fromkeys((*progress.loaders, *samples)))[:MOST_LOADERS]:
        built = story.built(number)
        known = samples.get(number) or (built.samples if isinstance(built, LoaderBuilt) else Samples())
        yield Loader(
            name=story.name(number, "loader"),
            split=known.split,
            samples=known.size,
            batches=progress.batches if number in progress.loaders else None,
            batch_size=built.batch_size if isinstance(built, LoaderBuilt) else None,
        )


# --- how well it learnt -----------------------------------------------------------------------------------------------


def _reported(training: Training, story: Story) -> list[Series]:
    """The curves that its cell told, by epoch; where it told no accuracy, the evaluations that were measured."""
    found = {
        (kind, split): series
        for kind in ("loss", "accuracy")
        for split, series in _told(training, story, kind)
        if series is not None
    }
    if not any(kind == "accuracy" and split != "train" for kind, split in found):
        found |= {("accuracy", series.split): series for series in _measured(training, story)}
    return list(found.values())


def _told(training: Training, story: Story, kind: str) -> Iterable[tuple[str, Series | None]]:
    withdrawn = [story.position(event) for event in story.all(MetricsWithdrawn) if event.place == training.cell]
    metrics = [
        metric
        for metric in _within(training, story, MetricReported)
        if metric.place == training.cell and story.position(metric) > max(withdrawn, default=-1)
    ]
    by_split: dict[str, list[list[Curve]]] = {}
    for source in SOURCES:
        of_source: dict[str, list[Curve]] = {}
        for curve in curves([metric for metric in metrics if metric.source == source], kind):
            of_source.setdefault(curve.split or ("train" if kind == "loss" else "reported"), []).append(curve)
        for split, found in of_source.items():
            by_split.setdefault(split, []).append(found)
    for split, told in by_split.items():
        yield split, next((_series(kind, split, own) for found in told if (own := _own(found, training))), None)


def _own(found: list[Curve], training: Training) -> Curve | None:
    """The curve of this training among those of its cell; None when nobody can tell."""
    if len(found) == training.of:
        return found[training.index]
    return max(found, key=lambda curve: len(curve.points)) if training.of == 1 else None


def _series(kind: str, split: str, curve: Curve) -> Series:
    epochs = curve.epochs if curve.in_epochs else range(1, len(curve.points) + 1)
    points = zip((float(epoch or 0) for epoch in epochs), curve.points, strict=True)
    return Series(name=kind, split=split, points=tuple(points))


def _measured(training: Training, story: Story) -> Iterable[Series]:
    """The accuracies of its model in the passes that trained nothing, the last of each epoch."""
    points: dict[str, dict[float, float]] = {}
    for event in _within(training, story, EvaluationMeasured):
        of_model = event.model in training.progress.models and event.epochs and event.samples.split != "train"
        if of_model and scores_of_classes(event, story):
            points.setdefault(event.samples.split or "test", {})[float(event.epochs)] = event.accuracy
    for split, known in points.items():
        yield Series(name="accuracy", split=split, points=tuple(sorted(known.items())))


# --- what to hold it against ------------------------------------------------------------------------------------------


def _chance(training: Training, story: Story) -> float | None:
    """1 / classes of the data, where a loss for classes was computed."""
    losses = [loss for loss in _within(training, story, LossComputed) if loss.criterion in CLASS_NUMBERS]
    if not losses:
        return None
    loaders = training.progress.loaders
    classes = class_count(drawn for drawn in _within(training, story, BatchDrawn) if drawn.loader in loaders)
    classes = classes or losses[-1].classes or losses[-1].outputs
    return 1 / classes if classes else None


def _band(training: Training, story: Story, bands: Sequence[Band]) -> Band | None:
    """The only band that may be expected; of several the one of this model on this data set."""
    if len(bands) == 1:
        return bands[0]
    known = {
        of.name
        for drawn in _within(training, story, BatchDrawn)
        if (of := data_set(drawn.samples.kind) or data_set_at(drawn.samples.root)) is not None
    }
    for number in training.progress.models:
        built = story.built(number)
        kind = re.sub(r"(?i)(net|model)$", "", built.kind) if isinstance(built, ModelBuilt) else ""
        for name in (kind, *story.names(number)):
            band = find(name, bands) if name else None
            if band is not None and band.data_set in known:
                return band
    return None


def _within(training: Training, story: Story, kind: type[E]) -> list[E]:
    """The events of this kind in its stretch of the story."""
    found: list[E] = []
    for event in reversed(story.all(kind)):
        position = story.position(event)
        if position < training.start:
            break
        if training.end is None or position < training.end:
            found.append(event)
    found.reverse()
    return found
