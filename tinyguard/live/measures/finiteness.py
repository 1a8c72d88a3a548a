"""Live witness: a loss that is not finite, at the step that shows that it will not become so again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor
from torch.optim import Optimizer

from tinyguard.live.graph import Graph
from tinyguard.live.measures.origins import Origin, finite, origin
from tinyguard.live.measures.readings import Readings
from tinyguard.live.recorder import Recorder, Where
from tinyguard.measured.training import LossNotFinite

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

IN_A_ROW = 10  # losses that are not finite while the weights are
MOST_LOOKS = 200  # at losses that were not finite and became so again
MOST_TOLD = 8
CONSEQUENCE = 8  # backward passes after one that was told: those of other losses that the same weights spoil


class Broken(NamedTuple):
    """A loss that is not finite, before anybody knows whether that will last."""

    where: Where
    value: float
    step: int
    found: Origin
    largest: float | None
    loader: int | None


class NotFinite:
    """Looks at the graph of the first loss that is not finite, and after the step at the weights.

    A single one passes: a GradScaler finds its scale that way, and steps over it.
    """

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._steps = 0
        self._row = 0
        self._looks = 0
        self._before: float | None = None
        self._broken: Broken | None = None
        self._told: set[int | None] = set()  # optimizers; None: nobody knows which
        self._told_at = -CONSEQUENCE

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        self._names = witness.names
        witness.optimizers.on_backward.append(self._look)
        witness.optimizers.on_step.append(self._stepped)

    def _look(self, loss: Any, loaders: tuple[int, ...]) -> None:
        self._steps += 1
        reading = self._readings.newest
        if reading is None:
            return
        if math.isfinite(reading.value):
            self._before, self._row, self._broken = reading.value, 0, None
            return
        self._row += 1
        if len(self._told) >= MOST_TOLD or self._looks >= MOST_LOOKS:
            return
        if self._row == 1:
            self._looks += 1
            self._broken = self._examine(loss, reading.value, loaders)
        elif self._broken is not None and self._row in (2, IN_A_ROW):
            # Weights that are stepped by hand: nobody tells when.
            lost = not all(finite(leaf) for leaf in Graph(loss.grad_fn).leaves if leaf.is_floating_point())
            if lost or (self._row == IN_A_ROW and not reading.scaled):
                self._tell(self._broken, None, lost=lost)

    def _examine(self, loss: Tensor, value: float, loaders: tuple[int, ...]) -> Broken:
        found = origin(loss, self._recorder.places.frames(), self._names.parameters())
        largest = None
        if found.kind != "parameter":
            weights = [leaf.detach() for leaf in Graph(loss.grad_fn).leaves if leaf.is_floating_point()]
            largest = max((weight.abs().max().item() for weight in weights if weight.numel()), default=None)
        loader = loaders[0] if len(loaders) == 1 else None
        return Broken(self._recorder.here(), value, self._steps, found, largest, loader)

    def _stepped(self, optimizer: Optimizer) -> None:
        if self._broken is None:
            return
        weights = [tensor for group in optimizer.param_groups for tensor in group["params"]]
        if not all(finite(weight) for weight in weights if weight.is_floating_point()):
            self._tell(self._broken, optimizer, lost=True)

    def _tell(self, broken: Broken, optimizer: Optimizer | None, *, lost: bool) -> None:
        self._broken = None
        number = self._recorder.numbers.of(optimizer) if optimizer is not None else None
        consequence = broken.found.kind == "parameter" and self._steps - self._told_at < CONSEQUENCE
        if number in self._told or consequence:
            return
        self._told.add(number)
        self._told_at = self._steps
        self._recorder.emit(
            LossNotFinite,
            broken.where,
            value=broken.value,
            step=broken.step,
            before=self._before,
            lost=lost,
            origin=broken.found.kind,
            name=broken.found.name,
            seen=broken.found.seen,
            behind=broken.found.behind,
            steep=broken.found.steep,
            loader=broken.loader,
            optimizer=number,
            lr=self._readings.lr if optimizer is not None else None,
            largest=broken.largest,
        )
