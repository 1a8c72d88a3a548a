"""A training's progress and the story so far -> the state that a panel shows: numbers become the user's names."""

from __future__ import annotations

from tinyguard.events import BatchDrawn, LoaderBuilt, ModelBuilt, OptimizerBuilt, TrainingPlanned
from tinyguard.finding import Finding
from tinyguard.panel.state import Loader, Model, Optimizer, Series, TrainingState
from tinyguard.progress import Progress
from tinyguard.story import Story


def training_state(
    progress: Progress,
    story: Story,
    *,
    cell: int | None,
    count: int | None,
    findings: tuple[Finding, ...],
    plan: TrainingPlanned | None = None,
    finished: bool,
) -> TrainingState:
    """`plan`: the training as the program has it."""
    rate = progress.steps / progress.elapsed_s if progress.elapsed_s > 0 else None
    rates = dict(zip(progress.optimizers, progress.rates, strict=True))
    return TrainingState(
        cell=cell,
        execution_count=count,
        models=tuple(_model(number, size, story) for number, size in zip(progress.models, progress.sizes, strict=True)),
        optimizers=tuple(_optimizer(number, rates[number], story) for number in progress.optimizers),
        loaders=tuple(_loader(number, progress.batches, story) for number in progress.loaders),
        device=progress.device,
        epoch=progress.epochs + (not finished),
        epochs=_epochs(progress, plan),
        step=progress.step,
        steps=progress.batches,
        elapsed_s=progress.elapsed_s,
        steps_per_s=rate,
        remaining_s=None if finished else _remaining_s(progress, plan),
        series=(Series(name="loss", split="train", points=progress.losses, unit="step"),),
        findings=findings,
        finished=finished,
        guard_share=progress.guard_share,
    )


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


def _model(number: int, size: int | None, story: Story) -> Model:
    built = story.built(number)
    kind = built.kind if isinstance(built, ModelBuilt) else ""
    return Model(name=story.name(number, "model"), kind=kind, parameters=size)


def _optimizer(number: int, rates: tuple[float, ...], story: Story) -> Optimizer:
    built = story.built(number)
    kind = built.kind if isinstance(built, OptimizerBuilt) else ""
    return Optimizer(name=story.name(number, "optimizer"), kind=kind, rates=rates)


def _loader(number: int, batches: int | None, story: Story) -> Loader:
    built = story.built(number)
    if not isinstance(built, LoaderBuilt):
        return Loader(name=story.name(number, "loader"), batches=batches)
    return Loader(
        name=story.name(number, "loader"),
        split=next((drawn.samples.split for drawn in reversed(story.all(BatchDrawn)) if drawn.loader == number), None),
        samples=built.samples.size,
        batches=batches,
        batch_size=built.batch_size,
    )
