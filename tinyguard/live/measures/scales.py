"""Live witness: the mean and the deviation of the inputs of each loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tinyguard.live.batches import inputs_of
from tinyguard.live.loaders import Pass
from tinyguard.measured.data import InputsMeasured

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MIN_SAMPLES = 64  # of which a mean means something
MOST_SAMPLES = 2048
MOST_FEATURES = 64
MOST_VALUES = 65_536  # of a batch that are read


class Sums:
    """What was read of one pass."""

    def __init__(self, passed: Pass) -> None:
        self.passed = passed
        self.samples = self.values = 0
        self.sums: Tensor | None = None  # of values and of their squares, for each feature


class Scales:
    """Reads the batches of the first pass over each loader, while affordable."""

    def __init__(self) -> None:
        self._sums: dict[int, Sums] = {}  # by loader, while it is read
        self._done: set[int] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        witness.loaders.on_start.append(self._start)
        witness.loaders.on_pass.append(self._tell)

    def _start(self, _loader: Any, passed: Pass) -> None:
        if passed.loader not in self._done:
            self._sums[passed.loader] = Sums(passed)
            passed.readers.append(self._read)

    def _read(self, passed: Pass, batch: Any) -> bool:
        loader = passed.loader
        sums = self._sums.get(loader)
        if sums is None or sums.passed is not passed:
            return False
        if not self._recorder.affordable:
            return True
        inputs = inputs_of(batch)
        table = features_of(inputs) if inputs is not None else None
        if inputs is None or table is None or (sums.sums is not None and sums.sums.shape[1] != table.shape[1]):
            del self._sums[loader]
            self._done.add(loader)
            return False
        found = torch.stack([table.sum(0), table.square().sum(0)])
        sums.sums = found if sums.sums is None else sums.sums + found
        sums.samples += len(inputs)
        sums.values += len(table)
        if sums.samples >= MOST_SAMPLES:
            self._tell(sums.passed)
            return False
        return True

    def _tell(self, passed: Pass) -> None:
        sums = self._sums.get(passed.loader)
        if sums is None or sums.passed is not passed:
            return
        del self._sums[passed.loader]
        if sums.sums is None or sums.samples < MIN_SAMPLES:
            return
        self._done.add(passed.loader)
        means, squares = (sums.sums / sums.values).unbind()
        self._recorder.emit(
            InputsMeasured,
            passed.where,
            loader=passed.loader,
            samples=passed.samples,
            count=sums.samples,
            means=tuple(means.tolist()),
            deviations=tuple((squares - means.square()).clamp(min=0).sqrt().tolist()),
        )


def features_of(inputs: Tensor) -> Tensor | None:
    """Values in rows, a column for each channel or feature. None: inputs of another kind."""
    if not inputs.is_floating_point() or inputs.dim() not in (2, 4) or not inputs.numel():
        return None
    if inputs.dim() == 2:
        columns = inputs.detach()[:, :: -(-inputs.shape[1] // MOST_FEATURES)]
        return columns[:MOST_SAMPLES].double()
    step = max(1, round((inputs.numel() / MOST_VALUES) ** 0.5))
    pixels = inputs.detach()[:, :MOST_FEATURES, ::step, ::step].double()
    return pixels.movedim(1, 3).flatten(0, 2)
