"""Live witness: learning rates that are zero, or next to it, while the training goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.optim import Optimizer

from tinyguard.live.measures.checkpoints import Checkpoints
from tinyguard.live.measures.readings import Readings
from tinyguard.live.recorder import Recorder
from tinyguard.measured.training import RateLow

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

NOTHING = 1e-5  # of the highest rate that the optimizer has had
MOST_COURSES = 200


class Rate:
    """The learning rate of one optimizer so far."""

    def __init__(self) -> None:
        self.steps = 0
        self.peak = 0.0
        self.low = 0  # steps in a row
        self.due = Checkpoints(first=3, growth=1.5)


class Rates:
    """Follows the learning rate of every optimizer, of its groups the highest: one frozen with rate 0 is no matter."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._rates: dict[int, Rate] = {}

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        witness.optimizers.on_step.append(self._stepped)

    def _stepped(self, _optimizer: Optimizer) -> None:
        number, lr = self._readings.number, self._readings.lr
        if lr is None:
            return
        rate = self._rates.get(number)
        if rate is None:
            if len(self._rates) >= MOST_COURSES:
                del self._rates[next(iter(self._rates))]
            rate = self._rates[number] = Rate()
        rate.steps += 1
        if lr > rate.peak:
            rate.peak = lr
        if lr > NOTHING * rate.peak:
            if rate.low:
                rate.low, rate.due = 0, Checkpoints(first=3, growth=1.5)
            return
        rate.low += 1
        if rate.due(rate.low):
            self._recorder.emit(
                RateLow, optimizer=number, step=rate.steps, lr=lr, peak_lr=rate.peak, since=rate.steps - rate.low + 1
            )
