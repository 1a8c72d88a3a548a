"""Live witness: how far the training of this cell is, and its loss: what a panel shows."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim import Optimizer

from tinyguard.live.loaders import Pass
from tinyguard.live.measures.readings import Readings
from tinyguard.live.recorder import Use
from tinyguard.progress import Progress

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_POINTS = 400  # of the loss curve; when there are more, each two become one
EVERY_S = 1.0  # drawing takes 3.5 ms (tests/test_panel.py): 0.35 % of the time


class Counting:
    """Counts, and calls `on_progress` once a second at most while a training runs."""

    def __init__(self, on_progress: Callable[[], None], readings: Readings) -> None:
        self._on_progress = on_progress
        self._readings = readings
        self.begin()

    def attach(self, witness: Witness) -> None:
        self._witness = witness
        witness.optimizers.on_backward.append(self._backward)
        witness.optimizers.on_step.append(self._step)
        witness.loaders.on_pass.append(self._passed)
        witness.modules.on_use.append(self._used)

    def begin(self) -> None:
        """A cell begins: what follows is another training."""
        self._steps = self._epochs = self._step_of_epoch = 0
        self._points: list[tuple[float, float]] = []
        self._stretch = 1  # losses a point
        self._open: list[float] = []  # losses of the point that is not full
        self._models: dict[int, None] = {}
        self._optimizers: dict[int, weakref.ref[Optimizer]] = {}
        self._loaders: dict[int, None] = {}
        self._device = ""
        self._began = self._told = 0.0

    def _backward(self, loss: Any, loaders: tuple[int, ...]) -> None:
        self._steps += 1
        self._step_of_epoch += 1
        if self._steps == 1:
            self._began = self._told = perf_counter()
            self._device = str(loss.device) if isinstance(loss, Tensor) else ""
        for loader in loaders:
            self._loaders[loader] = None
        if self._readings.newest is not None:
            self._add(self._readings.newest.value)

    def _add(self, value: float) -> None:
        self._open.append(value)
        if len(self._open) < self._stretch:
            return
        self._points.append((self._steps, sum(self._open) / len(self._open)))
        self._open.clear()
        if len(self._points) > MOST_POINTS:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            self._points = [(two[0], (one[1] + two[1]) / 2) for one, two in pairs]
            self._stretch *= 2

    def _step(self, optimizer: Optimizer) -> None:
        if self._readings.number not in self._optimizers:
            self._optimizers[self._readings.number] = weakref.ref(optimizer)
        now = perf_counter()
        if now - self._told >= EVERY_S:
            self._told = now
            self._on_progress()

    def _passed(self, passed: Pass) -> None:
        if passed.backward:
            self._epochs += 1
            self._step_of_epoch = 0

    def _used(self, use: Use) -> None:
        if use.event.grad:
            self._models[use.event.model] = None

    def progress(self) -> Progress:
        elapsed = perf_counter() - self._began if self._steps else 0.0
        optimizers = [(number, reference()) for number, reference in self._optimizers.items()]
        batches = {self._witness.loaders.batches(loader) for loader in self._loaders}
        return Progress(
            steps=self._steps,
            epochs=self._epochs,
            step=self._step_of_epoch,
            batches=batches.pop() if len(batches) == 1 else None,
            elapsed_s=elapsed,
            losses=tuple(point for point in self._points if math.isfinite(point[1])),
            models=tuple(self._models)[:4],
            sizes=tuple(self._witness.modules.sizes.get(model) for model in self._models)[:4],
            optimizers=tuple(number for number, _ in optimizers)[:4],
            rates=tuple(_rates(optimizer) for _, optimizer in optimizers)[:4],
            loaders=tuple(self._loaders)[:4],
            device=self._device,
            guard_share=self._witness.recorder.share,
        )


def _rates(optimizer: Optimizer | None) -> tuple[float, ...]:
    return tuple(float(group["lr"]) for group in optimizer.param_groups) if optimizer is not None else ()
