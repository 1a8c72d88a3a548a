"""Live witness: when to look closely: at the first laps of whatever is new, not at the millionth step."""

from __future__ import annotations

from collections.abc import Callable, Hashable

STEPS = 4  # of each optimizer: rules of absence judge a step when they have seen the next but one
MOST_STEPS = 32  # of all: where one optimizer steps rarely, as a generator behind many critic steps
MOST_LAPS = 24  # batches drawn, or backward passes, without a step: gradient accumulation, evaluation
MOST_KEYS = 2000  # new things that are looked at in one session


class Attention:
    """A window that opens for what is new and closes after a few laps.

    What was not seen leaves a gap: an optimizer's first step behind it works on gradients of which nobody knows the
    beginning.
    """

    def __init__(self) -> None:
        self.open = False
        self.on_open: list[Callable[[], None]] = []
        self.on_close: list[Callable[[], None]] = []
        self._seen: set[Hashable] = set()
        self._steps: dict[int, int] = {}
        self._laps = 0
        self._missed = False  # something happened while the window was closed
        self._latest: Hashable = None  # the last key of `later`
        self._resumed: set[int] | None = None  # optimizers that have stepped since the gap; None: there is no gap
        self._gap: dict[
            Hashable, Callable[[], None]
        ] = {}  # the last of each kind of thing that happened in it, in order

    def look(self) -> None:
        """Opens the window, or keeps it open for as many laps again."""
        self._steps.clear()
        self._laps = 0
        if self.open:
            return
        self.open = True
        if self._missed:
            self._resumed, self._missed = set(), False
        for act in self.on_open:
            act()
        gap, self._gap = self._gap, {}
        for tell in gap.values():
            tell()

    def later(self, key: Hashable, tell: Callable[[], None]) -> None:
        """Something happened while the window was closed: the last of its kind is told when it opens again."""
        if key != self._latest:
            self._latest = key
            self._gap.pop(key, None)
        self._gap[key] = tell

    def fresh(self, key: Hashable) -> bool:
        """Looks when this was never met before."""
        if key in self._seen or len(self._seen) >= MOST_KEYS:
            return False
        self._seen.add(key)
        self.look()
        return True

    def stepped(self, optimizer: int) -> None:
        if not self.open:
            self._missed = True
            return
        self._laps = 0
        self._steps[optimizer] = self._steps.get(optimizer, 0) + 1
        if min(self._steps.values()) >= STEPS or sum(self._steps.values()) >= MOST_STEPS:
            self.close()

    def lap(self) -> None:
        """A batch was drawn or a backward pass ran."""
        if not self.open:
            self._missed = True
            return
        self._laps += 1
        if self._laps >= MOST_LAPS:
            self.close()

    def after_gap(self, optimizer: int) -> bool:
        """Whether this is the optimizer's first step behind a gap."""
        if self._resumed is None or optimizer in self._resumed:
            return False
        self._resumed.add(optimizer)
        return True

    def close(self) -> None:
        if self.open:
            self.open = False
            for act in self.on_close:
                act()

    def forget(self) -> None:
        """A new cell runs: all is new again."""
        self._seen.clear()
