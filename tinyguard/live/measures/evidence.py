"""Live witness: losses of a cross entropy -> the evidence that they have begun to learn."""

from __future__ import annotations

import math
from statistics import fmean, stdev

FALSE_PROOF = 1e-3  # of the trainings that learn nothing, how many may be taken for ones that learn
START = 20  # batches that show where a training begins
SPREAD = 3.0  # standard errors of their mean
MOST_STRETCHES = 32
COLLAPSED = 0.98  # of ln(classes): where the loss of a training that had learnt is that of a guess again
COLLAPSE = 100  # batches that it stays there


class Evidence:
    """A test martingale over the samples that were seen.

    Of labels that a prediction knows nothing about, uniform over K classes, E[K p(label)] = 1 whatever the network
    does. So exp(sum over samples of ln K - loss) is a martingale, and passes 1/a with a probability of a at most
    (Ville). Untrained networks lie above ln K, so it begins anew wherever it has fallen below 1: after T batches
    learning is proven when it has passed T/a. Which losses are read must not depend on their values.

    One network may be better than ln K by its draw, where samples of a class are much alike. So a training that begins
    below ln K must come below its own first batches.

    >>> evidence = Evidence(classes=10)
    >>> for batch in range(60):
    ...     evidence.add(2.31 - 0.001 * batch, samples=64)
    >>> evidence.proven
    True
    >>> evidence = Evidence(classes=10)
    >>> for _ in range(1000):
    ...     evidence.add(2.31, samples=64)
    >>> evidence.proven, evidence.largest
    (False, 0.0)
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.guess = math.log(classes)  # the loss of a guess, in nats
        self.proven = False
        self._begin()

    def _begin(self) -> None:
        self.batches = 0
        self.samples = 0
        self.effort = 0.0  # batches, each as far as its learning rate counts
        self.largest = 0.0  # logarithm of the martingale
        self._now = 0.0
        self._start: list[float] = []
        self._bar = self.guess  # what the losses are compared with
        self._at_chance = 0  # batches in a row that are as bad as a guess, once learning was proven
        self.stretches: list[float] = []  # mean losses, each over `length` batches
        self.length = 1
        self._sum, self._count = 0.0, 0

    @property
    def needed(self) -> float:
        """What `largest` must reach: ln(batches / FALSE_PROOF)."""
        return math.log(max(self.batches, 1) / FALSE_PROOF)

    def add(self, loss: float, samples: int, effort: float = 1.0) -> None:
        """The mean loss of a batch, in nats, before the step that learns from it."""
        if self.proven:
            self._at_chance = self._at_chance + 1 if loss >= COLLAPSED * self.guess else 0
            if self._at_chance >= COLLAPSE:  # another model, or this one has died
                self.proven = False
                self._begin()
            return
        self.batches += 1
        self.samples += samples
        self.effort += effort
        self._remember(loss)
        if self.batches <= START:
            self._start.append(loss)
            if self.batches == START:
                self._bar = min(self.guess, fmean(self._start) - SPREAD * stdev(self._start) / math.sqrt(START))
            return
        self._now = max(0.0, self._now) + samples * (self._bar - loss)
        self.largest = max(self.largest, self._now)
        self.proven = self.largest >= self.needed

    def _remember(self, loss: float) -> None:
        self._sum += loss
        self._count += 1
        if self._count < self.length:
            return
        self.stretches.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self.stretches) == MOST_STRETCHES:
            pairs = zip(self.stretches[::2], self.stretches[1::2], strict=True)
            self.stretches = [(one + other) / 2 for one, other in pairs]
            self.length *= 2
