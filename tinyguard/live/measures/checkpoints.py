"""Live witness: at which steps something is measured or told: often in the beginning, ever more rarely."""

from __future__ import annotations


class Checkpoints:
    """True at the steps `first`, and then at each that is `growth` times as far.

    >>> due = Checkpoints(first=10, growth=2.0)
    >>> [step for step in range(1, 100) if due(step)]
    [10, 20, 40, 80]
    """

    def __init__(self, *, first: int, growth: float = 2.0) -> None:
        self._next = float(first)
        self._growth = growth

    def __call__(self, step: int) -> bool:
        if step < self._next:
            return False
        while step >= self._next:
            self._next *= self._growth
        return True
