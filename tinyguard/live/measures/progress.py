"""Live witness: how far the trainings of this cell are, and their losses: what a panel shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from tinyguard.live.loaders import Pass
from tinyguard.live.measures.readings import Readings
from tinyguard.live.recorder import Recorder, Use
from tinyguard.progress import Progress

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_POINTS = 400  # of the loss curve; when there are more, each two become one
MOST_RUNS = 50  # trainings of one cell that are told apart
EVERY_S = 1.0  # drawing takes 3.5 ms (tests/test_panel.py): 0.35 % of the time


class LossCurve:
    """The losses of a training in its steps; of many the means of stretches."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []  # the step, from 1, and the loss
        self._count = 0
        self._stretch = 1  # losses a point
        self._open: list[float] = []  # losses of the point that is not full

    def add(self, value: float) -> None:
        self._count += 1
        self._open.append(value)
        if len(self._open) < self._stretch:
            return
        self.points.append((self._count, sum(self._open) / len(self._open)))
        self._open.clear()
        if len(self.points) > MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=False)
            self.points = [(two[0], (one[1] + two[1]) / 2) for one, two in pairs]
            self._stretch *= 2

    def absorb(self, other: LossCurve) -> None:
        for _, value in other.points:
            self.add(value)


class Run:
    """One training: the steps of some optimizers, and the backward passes before them."""

    def __init__(self) -> None:
        self.steps = self.epochs = self.step_of_epoch = 0
        self.losses = LossCurve()
        self.models: dict[int, None] = {}
        self.rates: dict[int, list[Any]] = {}  # of each optimizer's groups, at its last step
        self.leaves: frozenset[int] = frozenset()  # that its optimizers hold
        self.loaders: dict[int, None] = {}
        self.device = ""
        self.began = self.latest = 0.0  # on the clock of perf_counter

    def absorb(self, other: Run) -> None:
        """Another training turns out to be a part of this one."""
        self.began = self.began or other.began
        self.latest = other.latest or self.latest
        self.device = other.device or self.device
        self.steps += other.steps
        self.epochs += other.epochs
        self.step_of_epoch = other.step_of_epoch if other.epochs else self.step_of_epoch + other.step_of_epoch
        self.losses.absorb(other.losses)
        self.models.update(other.models)
        self.rates.update(other.rates)
        self.leaves |= other.leaves
        self.loaders.update(other.loaders)


class Waiting:
    """What the backward passes since the last step of an optimizer came to; mostly one."""

    def __init__(self) -> None:
        self.passes = 0
        self.losses: list[float] = []
        self.models: dict[int, None] = {}
        self.loaders: dict[int, None] = {}
        self.device = ""
        self.began = 0.0

    def move_to(self, run: Run) -> None:
        """They were for a step of this training."""
        run.began = run.began or self.began
        run.device = run.device or self.device
        run.steps += self.passes
        run.step_of_epoch += self.passes
        for loss in self.losses:
            run.losses.add(loss)
        self.passes, self.began = 0, 0.0
        self.losses.clear()
        if self.models:
            run.models.update(self.models)
            self.models.clear()
        if self.loaders:
            run.loaders.update(self.loaders)
            self.loaders.clear()


class Counting:
    """Counts, and calls `on_progress` once a second at most while a training runs.

    Optimizers that share parameters, or step in turns, train together; one that begins when the others are done begins
    another training: four models in one loop are four.
    """

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
        self._runs: list[Run] = []
        self._waiting = Waiting()
        self._unstepped = Run()  # what was before any optimizer stepped, as far as somebody asked for it
        self._told = perf_counter()

    def _backward(self, loss: Any, loaders: tuple[int, ...]) -> None:
        waiting = self._waiting
        waiting.passes += 1
        if not waiting.began:
            waiting.began = perf_counter()
            waiting.device = str(loss.device) if isinstance(loss, Tensor) else ""
        for loader in loaders:
            waiting.loaders[loader] = None
        if self._readings.newest is not None and len(waiting.losses) < MOST_POINTS:
            waiting.losses.append(self._readings.newest.value)

    def _step(self, optimizer: Optimizer) -> None:
        number = self._readings.number
        run = self._run_of(optimizer, number)
        run.rates[number] = [group["lr"] for group in optimizer.param_groups]
        self._waiting.move_to(run)
        run.latest = now = perf_counter()
        if now - self._told >= EVERY_S:
            self._told = now
            self._on_progress()

    def _run_of(self, optimizer: Optimizer, number: int) -> Run:
        if self._runs and number in self._runs[-1].rates:
            return self._runs[-1]
        leaves = _leaves(optimizer, self._witness.recorder)
        found = next((run for run in self._runs if number in run.rates or run.leaves & leaves), None)
        if found is None and len(self._runs) < MOST_RUNS:
            found = Run() if self._runs else self._unstepped
            self._runs.append(found)
        run = found or self._runs[-1]
        while self._runs[-1] is not run:  # it steps again: what began in between is a part of it
            at = self._runs.index(run) + 1
            run.absorb(self._runs.pop(at))
        run.leaves |= leaves
        return run

    def _passed(self, passed: Pass) -> None:
        if passed.backward:
            run = self._runs[-1] if self._runs else self._unstepped
            run.epochs += 1
            run.step_of_epoch = 0

    def _used(self, use: Use) -> None:
        if use.event.grad:
            self._waiting.models[use.event.model] = None

    def progress(self) -> Progress:
        """Of the training that runs, or ran last."""
        return self.trainings()[-1]

    def trainings(self) -> list[Progress]:
        """Of all trainings of this cell, in order; one that has not begun when there is none."""
        if not self._runs:  # weights are moved by hand, or not at all
            self._waiting.move_to(self._unstepped)
            self._unstepped.latest = perf_counter() if self._unstepped.began else 0.0
        return [self._progress(run) for run in self._runs or [self._unstepped]]

    def _progress(self, run: Run) -> Progress:
        batches = {self._witness.loaders.batches(loader) for loader in run.loaders}
        return Progress(
            steps=run.steps,
            epochs=run.epochs,
            step=run.step_of_epoch,
            batches=batches.pop() if len(batches) == 1 else None,
            elapsed_s=run.latest - run.began,
            losses=tuple(point for point in run.losses.points if math.isfinite(point[1])),
            models=tuple(run.models)[:4],
            sizes=tuple(self._witness.modules.sizes.get(model) for model in run.models)[:4],
            optimizers=tuple(run.rates)[:4],
            rates=tuple(tuple(float(rate) for rate in rates) for rates in run.rates.values())[:4],
            loaders=tuple(run.loaders)[:4],
            device=run.device,
            memory=torch.cuda.max_memory_allocated(run.device) if run.device.startswith("cuda") else None,
            guard_share=self._witness.recorder.share,
        )


def _leaves(optimizer: Optimizer, recorder: Recorder) -> frozenset[int]:
    return frozenset(recorder.numbers.of(tensor) for group in optimizer.param_groups for tensor in group["params"])
