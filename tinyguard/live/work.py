"""Live witness: how much each optimizer has done so far."""

from __future__ import annotations

import weakref
from typing import NamedTuple

from torch import nn
from torch.optim import Optimizer

from tinyguard.live.loaders import Loaders, Pass
from tinyguard.live.optimizers import Optimizers

MOST = 200  # optimizers that are counted


class Amount(NamedTuple):
    """Of the optimizers that hold parameters of a model, or of all."""

    steps: int = 0
    epochs: int = 0  # passes over loaders in which they stepped


class Worker:
    """One optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = weakref.ref(optimizer)
        self.steps = 0
        self.epochs = 0


class Work:
    """Counts at every step, with the window of attention open or not."""

    def __init__(self, optimizers: Optimizers, loaders: Loaders) -> None:
        self._optimizers = optimizers
        self._workers: dict[int, Worker] = {}
        self._steps = self._epochs = 0
        optimizers.on_step.append(self._stepped)
        loaders.on_pass.append(self._over)

    @property
    def all(self) -> Amount:
        return Amount(self._steps, self._epochs)

    def on(self, model: nn.Module) -> Amount:
        """What has been done by the optimizers that hold a parameter of the model."""
        theirs = {id(parameter) for parameter in model.parameters()}
        workers = [worker for worker in self._workers.values() if _holds(worker.optimizer(), theirs)]
        return Amount(sum(worker.steps for worker in workers), sum(worker.epochs for worker in workers))

    def _stepped(self, optimizer: Optimizer) -> None:
        self._steps += 1
        number = self._optimizers.stepping
        worker = self._workers.get(number)
        if worker is None:
            if len(self._workers) >= MOST:
                return
            worker = self._workers[number] = Worker(optimizer)
        worker.steps += 1

    def _over(self, passed: Pass) -> None:
        self._epochs += bool(passed.stepped)
        for number in passed.stepped:
            if number in self._workers:
                self._workers[number].epochs += 1


def _holds(optimizer: Optimizer | None, parameters: set[int]) -> bool:
    return optimizer is not None and any(
        id(parameter) in parameters for group in optimizer.param_groups for parameter in group["params"]
    )
