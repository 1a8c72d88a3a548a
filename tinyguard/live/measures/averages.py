"""Live witness: averages of a model's weights that nobody updates."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer

from tinyguard.live.batches import checksum, readable, some
from tinyguard.measured.models import AverageStale

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

# What an average is called: `ema`, `model_ema`, `self.shadow`, `AveragedModel`. A teacher may stay as it is.
NAME = re.compile(r"(?:^|_)(?:ema|swa|polyak|shadow|averaged?)(?:_|\d|$)", re.IGNORECASE)
CLASS = re.compile(r"EMA|SWA|Polyak|Shadow|MovingAverage|AveragedModel")
INNER = ("module", "model")  # what a class that is called an average keeps it as
LEAST_STEPS = 10  # of the training, before somebody misses the update
MOST = 16  # averages that are remembered
MOST_PARAMETERS = 8  # of a model that are compared


class Average:
    """A model with the name of an average, as it was when it was first seen."""

    def __init__(self, model: nn.Module, path: str, weights: tuple[int, ...], steps: int) -> None:
        self.model = weakref.ref(model)
        self.path = path
        self.weights = weights
        self.steps = steps  # of all optimizers before
        self.updated = False


class Averages:
    """Looks for them in the notebook's names at the first steps of a training, and again when they are used.

    An average may begin late in a training, so it is judged in a cell in which nothing is trained.
    """

    def __init__(self) -> None:
        self._averages: dict[int, Average] = {}
        self._looked = False
        self._trained: Any = None  # the execution of a cell in which an optimizer stepped last

    def attach(self, witness: Witness) -> None:
        self._recorder, self._work, self._cells = witness.recorder, witness.work, witness.cells
        self._attention, self._names = witness.attention, witness.names
        witness.attention.on_open.append(self._opened)
        witness.optimizers.on_step.append(self._stepped)
        witness.modules.on_root.append(self._used)

    def _opened(self) -> None:
        self._looked = False

    def _stepped(self, _optimizer: Optimizer) -> None:
        self._trained = self._cells.current
        if self._attention.open and not self._looked:
            self._looked = True
            self._look()

    def _look(self) -> None:
        for path, model in _named_averages(self._names.held()):
            number = self._recorder.numbers.of(model)
            weights = self._weights(model)
            known = self._averages.get(number)
            if known is not None:
                known.updated = known.updated or weights != known.weights
            elif weights and len(self._averages) < MOST:
                self._averages[number] = Average(model, path, weights, self._work.all.steps)

    def _used(self, root: nn.Module) -> None:
        number = self._recorder.numbers.known(root)
        average = self._averages.get(number) if number is not None else None
        if average is None or number is None or average.updated or torch.is_grad_enabled():
            return
        steps = self._work.all.steps - average.steps
        if self._cells.current is self._trained or steps < LEAST_STEPS:
            return
        weights = self._weights(root)
        average.updated = weights != average.weights
        trained = self._trained_like(root)
        if average.updated or trained is None or self._work.on(root).steps or self._weights(trained) == weights:
            return
        average.updated = True  # told
        of = self._recorder.numbers.of(trained)
        self._recorder.emit(AverageStale, model=number, path=average.path, of=of, steps=steps)

    def _trained_like(self, average: nn.Module) -> nn.Module | None:
        """The model of the notebook that has parameters of the same shapes, and was trained."""
        shapes = [parameter.shape for parameter in average.parameters()]
        for value in self._names.held().values():
            if isinstance(value, nn.Module) and value is not average and "_modules" in vars(value):
                alike = [parameter.shape for parameter in value.parameters()] == shapes
                if alike and self._work.on(value).steps >= LEAST_STEPS:
                    return value
        return None

    def _weights(self, model: nn.Module) -> tuple[int, ...]:
        """Numbers that change when the weights do; none where they cannot be read without waiting for long."""
        every = [parameter.detach() for parameter in model.parameters() if readable(parameter)]
        chosen = every[:: max(1, -(-len(every) // MOST_PARAMETERS))]
        if any(tensor.device.type != "cpu" for tensor in chosen) and not self._recorder.affordable:
            return ()
        return tuple(checksum(some(tensor).cpu()) for tensor in chosen)


def _named_averages(names: dict[str, Any]) -> Iterator[tuple[str, nn.Module]]:
    """Models that a name, a class or an attribute calls an average, with their paths."""
    for name, value in names.items():
        if name.startswith("_") or isinstance(value, type) or not hasattr(value, "__dict__"):
            continue
        is_one = bool(NAME.search(name) or CLASS.search(type(value).__name__))
        if isinstance(value, nn.Module):
            if is_one and "_modules" in vars(value):
                yield name, value
            continue
        for attribute, inner in list(vars(value).items()):
            named = bool(NAME.search(attribute)) or (is_one and attribute in INNER)
            if named and isinstance(inner, nn.Module) and "_modules" in vars(inner):
                yield f"{name}.{attribute}", inner
