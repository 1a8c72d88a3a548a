"""Hand-made stories: ordinary events, with everything filled in that a test does not speak of."""

from __future__ import annotations

from typing import Any

from tinyguard.events import (
    BackwardRan,
    Event,
    GradientsCleared,
    LossComputed,
    ModelBuilt,
    ModelUse,
    ModeSet,
    NameBound,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    PassEnded,
    RunEnded,
    Samples,
    SchedulerBuilt,
    SchedulerStepped,
)
from tinyguard.finding import Finding, Place
from tinyguard.judge import distinct, judge
from tinyguard.rule import Rule

MODEL, OTHER_MODEL, OPTIMIZER, OTHER_OPTIMIZER, SCHEDULER, LOADER = 1, 2, 11, 12, 21, 31


def at(line: int, cell: int = 1) -> Place:
    return Place("a.ipynb", cell, line)


def leaves(*numbers: int, complete: bool = True) -> Parameters:
    return Parameters(frozenset(numbers), complete)


def owned(model: int) -> Parameters:
    """The two parameters of this model."""
    return leaves(100 * model, 100 * model + 1)


def use(model: int = MODEL, **fields: Any) -> ModelUse:
    return ModelUse(**{"model": model, "training": True, "mode_matters": True, "parameters": owned(model), **fields})


def built(line: int, model: int = MODEL, name: str = "model", **fields: Any) -> list[Event]:
    return [
        ModelBuilt(**{"place": at(line), "model": model, "parameters": owned(model), "kind": "Net", **fields}),
        NameBound(place=at(line), name=name, object=model),
    ]


def mode_set(line: int, training: bool, model: int = MODEL, **fields: Any) -> Event:
    return ModeSet(**{"place": at(line), "model": model, "training": training, **fields})


def optimizer_built(line: int, optimizer: int = OPTIMIZER, *, of: int = MODEL, name: str = "optimizer") -> list[Event]:
    return [
        OptimizerBuilt(place=at(line), optimizer=optimizer, parameters=owned(of), kind="SGD"),
        NameBound(place=at(line), name=name, object=optimizer),
    ]


def cleared(line: int, of: int = MODEL, **fields: Any) -> Event:
    return GradientsCleared(**{"place": at(line), "parameters": owned(of), **fields})


def backward(line: int, model: int = MODEL, *, mode: dict[str, Any] | None = None, **fields: Any) -> Event:
    models = (use(model, **(mode or {})),)
    return BackwardRan(**{"place": at(line), "reaches": owned(model), "models": models, **fields})


def loss(line: int, criterion: str = "cross_entropy", **fields: Any) -> Event:
    return LossComputed(
        **{"place": at(line), "criterion": criterion, "input_known": True, "models": (use(),), **fields}
    )


def stepped(line: int, optimizer: int = OPTIMIZER, *, of: int = MODEL, **fields: Any) -> Event:
    return OptimizerStepped(**{"place": at(line), "optimizer": optimizer, "parameters": owned(of), **fields})


def scheduler_built(line: int, *, of: int | None = OPTIMIZER, scheduler: int = SCHEDULER) -> list[Event]:
    return [
        SchedulerBuilt(place=at(line), scheduler=scheduler, optimizer=of, kind="StepLR"),
        NameBound(place=at(line), name="scheduler", object=scheduler),
    ]


def scheduler_stepped(line: int, *, of: int | None = OPTIMIZER, scheduler: int = SCHEDULER, **fields: Any) -> Event:
    return SchedulerStepped(**{"place": at(line), "scheduler": scheduler, "optimizer": of, **fields})


def evaluated(line: int, split: str | None = "test", *, model: dict[str, Any] | None = None, **fields: Any) -> Event:
    models = (use(**{"grad": False, **(model or {})}),)
    samples = Samples(split=split, evidence="train=False")
    return PassEnded(
        **{"place": at(line), "loader": LOADER, "samples": samples, "models": models, "measured": True, **fields}
    )


def ended(*, complete: bool = True) -> Event:
    return RunEnded(place=Place("a.ipynb"), complete=complete)


def told(rule: Rule, *story: Event | list[Event]) -> list[Finding]:
    """What the rule says of these events, each finding once."""
    # A lap that a test writes once and tells twice happened twice: each event is an object of its own.
    events = [event.replace() for part in story for event in (part if isinstance(part, list) else [part])]
    return distinct(judge(events, [rule]))


def lines(rule: Rule, *story: Event | list[Event]) -> list[int]:
    """The lines of its findings."""
    return [finding.place.line for finding in told(rule, *story)]
