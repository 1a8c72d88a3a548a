"""All that is to be handed over when asking for help, in the order in which every format tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tinyguard.finding import Finding
from tinyguard.panel import summary, words
from tinyguard.panel.state import Loader, Model, Optimizer, TrainingState
from tinyguard.panel.summary import TrainedModel
from tinyguard.record import Record
from tinyguard.report.text import escaped, plural

EPOCHS = 10  # whose values are told as a table


class Document(Record):
    """A session with its trainings."""

    models: tuple[TrainedModel, ...] = ()
    environment: Mapping[str, Any] = {}  # such as "torch": "2.14", "GPU": "NVIDIA H100", "memory in use": "3.4 GB"
    findings: tuple[Finding, ...] = ()  # those of the models need not be here again
    messages: tuple[str, ...] = ()  # errors and warnings that Python told, each whole
    title: str = "Training report"

    def all_findings(self) -> tuple[Finding, ...]:
        """Those of the session and of its models, the gravest first, each once."""
        every = [*self.findings, *(finding for model in self.models for finding in model.findings)]
        once: dict[object, Finding] = {}
        for finding in every:
            once.setdefault(finding.key(), finding)
        return tuple(sorted(once.values(), key=lambda finding: -finding.severity))


def facts(model: TrainedModel) -> list[tuple[str, list[str]]]:
    """Titles and lines: what was trained, how, and how well."""
    return [
        ("model", [words.one_line(model.kind)] if model.kind else []),
        ("parameters", [f"{model.parameters:,}"] if model.parameters is not None else []),
        ("training", [plural(model.epochs, "epoch") + _batches(model), *_seconds(model)]),
        ("memory", [f"{words.memory(model.memory)} at most"] if model.memory is not None else []),
        ("device", [words.one_line(model.device)] if model.device else []),
        ("optimizer", [words.one_line(model.optimizer)] if model.optimizer else []),
        ("learning rate", [f"{head}: {words.number(rate)}" for head, rate in _groups(model)]),
        ("accuracy", [_joined(row) for row in summary.accuracies(model)]),
        ("chance", [words.percent(model.chance)] if model.chance is not None else []),
        ("history", [told for head, told in summary.history(model) if head == "history"]),
    ]


def first_epochs(model: TrainedModel) -> list[list[str]]:
    """The values of the first epochs as a table, its head first; empty when no epoch is known."""
    history = [one for one in model.series if one.unit == "epoch" and one.points]
    epochs = sorted({x for one in history for x, _ in one.points})[:EPOCHS]
    if not epochs:
        return []
    columns = [(one.name, dict(one.points)) for one in history]
    rows = [
        [f"{epoch:g}", *(words.value(name, known[epoch]) if epoch in known else "" for name, known in columns)]
        for epoch in epochs
    ]
    return [["epoch", *(words.one_line(f"{one.split} {one.name}") for one in history)], *rows]


def whole_history(model: TrainedModel) -> str:
    """As `print(history)` would show it, a line for each key; accuracies are fractions of 1."""
    return "\n".join(
        f"{words.one_line(key)}: [{', '.join(words.number(value) for value in values)}]"
        for key, values in model.history().items()
    )


def environment(document: Document) -> list[tuple[str, list[str]]]:
    return [(words.one_line(str(name)), [words.one_line(str(value))]) for name, value in document.environment.items()]


def lines(text: str) -> Iterable[str]:
    """The lines of untrusted text, of which a line that overwrote itself (a progress bar) shows its last state."""
    for line in text.replace("\r\n", "\n").split("\n"):
        shown = [part for part in line.split("\r") if part.strip()]
        yield escaped((shown[-1] if shown else "").replace("\t", "    ").rstrip())


def plain_text(text: str) -> str:
    return "\n".join(lines(text)).strip("\n")


def state_of(model: TrainedModel) -> TrainingState:
    """The training as the panel shows it when it is over: what is known by step need not be drawn by epoch, too."""
    by_step = {(one.name, one.split, one.unit) for one in model.series if one.unit == "step" and one.points}
    return TrainingState(
        models=(Model(name=model.name, kind=model.kind, parameters=model.parameters),),
        optimizers=(Optimizer(name="optimizer", kind=model.optimizer, rates=model.rates),) if model.optimizer else (),
        loaders=(Loader(name=model.split, split=model.split, samples=model.samples),),
        device=model.device,
        steps=model.steps,
        epoch=model.epochs,
        epochs=model.epochs or None,
        elapsed_s=model.seconds or 0.0,
        series=tuple(one for one in model.series if (one.name, one.split, "step") not in by_step or one.unit == "step"),
        chance=model.chance,
        band=model.band,
        findings=model.findings,
        finished=True,
    )


def _joined(row: tuple[str, str, str]) -> str:
    head, value, told = row
    return f"{head}: {value}" + (f", {told}" if told else "")


def _batches(model: TrainedModel) -> str:
    return f" in batches of {model.batch_size:,}" if model.batch_size is not None else ""


def _seconds(model: TrainedModel) -> list[str]:
    return [words.duration(model.seconds)] if model.seconds is not None else []


def _groups(model: TrainedModel) -> Sequence[tuple[str, float]]:
    return [(f"group {number}", rate) for number, rate in enumerate(model.rates)]
