"""A training's progress and the story so far -> the state that a panel shows: numbers become the user's names."""

from __future__ import annotations

from tinyguard.events import BatchDrawn, LoaderBuilt, ModelBuilt, OptimizerBuilt
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
    finished: bool,
) -> TrainingState:
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
        step=progress.step,
        steps=progress.batches,
        elapsed_s=progress.elapsed_s,
        steps_per_s=rate,
        series=(Series(name="loss", split="train", points=progress.losses, unit="step"),),
        findings=findings,
        finished=finished,
        guard_share=progress.guard_share,
    )


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
