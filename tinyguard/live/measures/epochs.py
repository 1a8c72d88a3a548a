"""Live witness: a DistributedSampler that shuffles the same way in each pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer
from torch.utils.data.distributed import DistributedSampler

from tinyguard.live.loaders import Pass
from tinyguard.live.recorder import Where
from tinyguard.measured.data import OrderRepeated

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

Order = tuple[int, int]  # the epoch and the seed that the order of a pass follows from


class Epochs:
    """Reads the epoch of the sampler when a pass begins, and judges the pass at its first step."""

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._loaders = witness.loaders
        self._begun: dict[int, tuple[Pass, Order, Where]] = {}  # by loader: the pass that may train
        self._trained: dict[int, Order] = {}  # by loader: of the last pass that did
        self._told: set[int] = set()
        witness.loaders.on_start.append(self._started)
        witness.optimizers.on_step.append(self._stepped)

    def _started(self, loader: Any, passed: Pass) -> None:
        sampler = sampler_of(loader)
        if type(sampler) is DistributedSampler and sampler.shuffle and passed.loader not in self._told:
            self._begun[passed.loader] = passed, (sampler.epoch, sampler.seed), self._recorder.here()

    def _stepped(self, _optimizer: Optimizer) -> None:
        latest = self._loaders.latest
        if latest is None or latest.loader not in self._begun:
            return
        passed, order, where = self._begun[latest.loader]
        if passed is not latest:
            return
        del self._begun[latest.loader]
        if self._trained.get(latest.loader) == order:
            self._told.add(latest.loader)
            self._recorder.emit(OrderRepeated, where, loader=latest.loader, epoch=order[0])
        self._trained[latest.loader] = order


def sampler_of(loader: Any) -> Any:
    """The sampler of single samples, also where a batch sampler of the user's holds it."""
    batches = getattr(loader, "batch_sampler", None)
    return getattr(batches, "sampler", None) if batches is not None else getattr(loader, "sampler", None)
