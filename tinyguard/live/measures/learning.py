"""Live witness: the loss of each backward pass, and whether it has begun to learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tinyguard.events import LossNotFinite
from tinyguard.live.recorder import Recorder

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness


class Learning:
    """Reads the loss before each backward pass: on the CPU always, elsewhere (where it would wait) while affordable."""

    def __init__(self) -> None:
        self._steps = 0
        self._broken = False

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        witness.optimizers.on_backward.append(self._read)

    def _read(self, loss: Any, _loaders: tuple[int, ...]) -> None:
        self._steps += 1
        if not isinstance(loss, Tensor) or loss.numel() != 1 or self._broken:
            return
        if loss.device.type != "cpu" and not self._recorder.affordable:
            return
        value = loss.item()
        if not math.isfinite(value):
            self._broken = True
            self._recorder.emit(LossNotFinite, value=value, step=self._steps)
