"""Live witness: whether the loss of each training has begun to learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch.optim import Optimizer

from tinyguard.live.measures.checkpoints import Checkpoints
from tinyguard.live.measures.evidence import Evidence
from tinyguard.live.measures.readings import Reading, Readings
from tinyguard.live.recorder import Recorder
from tinyguard.measured.training import LossMeasured

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

FIRST = 250  # batches, see the rule
GROWTH = 1.5

# Learning rates from which on a batch counts in full. Of Adam measured (experiment notes, 7.3); of SGD, whose rate is
# multiplied by 1 / (1 - momentum), a common one, so that a slower one waits for longer.
FULL_RATE = {"Adam": 3e-4, "AdamW": 3e-4, "NAdam": 3e-4, "RAdam": 3e-4, "RMSprop": 3e-4, "SGD": 0.1}


class Training:
    """What one optimizer's losses show."""

    def __init__(self) -> None:
        self.evidence: Evidence | None = None
        self.plain = True  # every loss so far was a cross entropy over the same classes
        self.due = Checkpoints(first=FIRST, growth=GROWTH)
        self.shown = 0

    @property
    def proven(self) -> bool:
        return self.evidence is not None and self.evidence.proven

    def add(self, readings: list[Reading], effort: float, *, proven: bool) -> None:
        for reading in readings:
            if proven and self.evidence is not None:  # then nobody asks for classes
                self.evidence.add(reading.value, reading.samples)
            elif reading.classes is None or (self.evidence and reading.classes != self.evidence.classes):
                self.plain = False
            elif math.isfinite(reading.value):
                self.evidence = self.evidence or Evidence(reading.classes)
                self.evidence.add(reading.value, reading.samples, effort / len(readings))


class Learning:
    """Feeds the evidence with every loss that can be read, and shows it at checkpoints until it is enough."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._trainings: dict[int, Training] = {}

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        witness.optimizers.on_step.append(self._stepped)

    def _stepped(self, optimizer: Optimizer) -> None:
        number = self._readings.number
        training = self._trainings.get(number)
        if training is None:
            if len(self._trainings) >= MOST_TRAININGS:
                del self._trainings[next(iter(self._trainings))]
            training = self._trainings[number] = Training()
            self._readings.plain = True
        if not training.plain:
            return
        proven = training.proven
        effort = 1.0 if proven else effort_of(optimizer, self._readings.lr)
        training.add(self._readings.course.taken, effort, proven=proven)
        evidence = training.evidence
        if not training.plain or training.proven != proven:
            self._readings.plain = any(each.plain and not each.proven for each in self._trainings.values())
        if evidence is None or evidence.proven:
            return
        if evidence.batches < training.shown:  # it began anew
            training.due = Checkpoints(first=FIRST, growth=GROWTH)
        training.shown = evidence.batches
        if training.due(int(evidence.effort)):
            self._show(number, evidence)

    def _show(self, number: int, evidence: Evidence) -> None:
        self._recorder.emit(
            LossMeasured,
            optimizer=number,
            classes=evidence.classes,
            batches=evidence.batches,
            samples=evidence.samples,
            effort=evidence.effort,
            evidence=evidence.largest,
            needed=evidence.needed,
            losses=tuple(evidence.stretches),
            lr=self._readings.lr,
        )


MOST_TRAININGS = 200


def effort_of(optimizer: Optimizer, rate: float | None) -> float:
    """How much a batch counts under this learning rate; 0 where nobody knows how fast the optimizer should be."""
    full = FULL_RATE.get(type(optimizer).__name__)
    if full is None or rate is None:
        return 0.0
    momentum = optimizer.param_groups[0].get("momentum") if type(optimizer).__name__ == "SGD" else 0
    if isinstance(momentum, float) and momentum < 1:
        rate /= 1 - momentum
    return min(1.0, rate / full)
