"""Live witness: outputs that are kept with their graphs, and memory that grows from step to step."""

from __future__ import annotations

import os
import weakref
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer

from tinyguard.finding import Place
from tinyguard.live.kept import holder, keeping_line
from tinyguard.live.recorder import Recorder, Use
from tinyguard.measured.training import MemoryGrown, OutputKept

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

LAPS = 3  # backward passes after which a graph is gone, but for the variables of the last lap
REMEMBERED = 32  # forward passes
MOST_SEARCHES = 40
PAUSE_S = 0.5  # between two looks at the memory
POINTS = 128
STATM = "/proc/self/statm"


class Outputs:
    """Watches whether the graph of a model's output is still there some backward passes later, and who holds it."""

    def __init__(self) -> None:
        self._laps = 0
        self._uses: deque[tuple[int, weakref.ref[Use]]] = deque(maxlen=REMEMBERED)
        self._told: set[Place] = set()
        self._searches = 0

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        witness.modules.on_use.append(self._used)
        witness.optimizers.on_backward.append(self._look)

    def _used(self, use: Use) -> None:
        if use.event.grad:
            self._uses.append((self._laps, weakref.ref(use)))

    def _look(self, _loss: Any, _loaders: tuple[int, ...]) -> None:
        self._laps += 1
        while self._uses and self._uses[0][0] <= self._laps - LAPS:
            use = self._uses.popleft()[1]()
            if use is not None and self._searches < MOST_SEARCHES:
                self._searches += 1
                self._search(use)

    def _search(self, use: Use) -> None:
        for frame in self._recorder.places.frames():
            found = holder(frame, use, least=2)
            if found is None or not isinstance(found[1], (list, deque, dict)):
                continue
            if isinstance(found[1], deque) and found[1].maxlen is not None:
                return  # a short memory
            line = keeping_line(frame, found[0])
            place = self._recorder.places.place_of(frame, line) if line is not None else None
            if place is not None and place not in self._told:
                self._told.add(place)
                _, via = self._recorder.here()
                name, value = found
                self._recorder.emit(OutputKept, (place, via), name=name, count=len(value), model=use.event.model)
            return


class Memory:
    """Reads the memory of the process, at intervals; where it grows steadily it is an event, ever more rarely."""

    def __init__(self) -> None:
        self._steps = 0
        self._next_s = 0.0
        self._points: list[tuple[int, int]] = []  # (step, bytes)
        self._told = 0  # steps
        self._page = os.sysconf("SC_PAGE_SIZE") if os.path.exists(STATM) else 0  # Misses systems without /proc.

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        if self._page:
            witness.optimizers.on_step.append(self._stepped)

    def _stepped(self, _optimizer: Optimizer) -> None:
        self._steps += 1
        now = perf_counter()
        if now < self._next_s:
            return
        self._next_s = now + PAUSE_S
        with open(STATM, "rb") as file:
            self._points.append((self._steps, int(file.read().split()[1]) * self._page))
        if len(self._points) == POINTS:
            self._points = self._points[::2]
        self._judge()

    def _judge(self) -> None:
        if len(self._points) < 8 or self._steps < 2 * self._told or self._steps < LEAST_STEPS:
            return
        first, middle, last = self._points[1], self._points[len(self._points) // 2], self._points[-1]
        halves = (_pace(first, middle), _pace(middle, last))
        if min(halves) > LEAST_PACE and last[1] - first[1] > LEAST_GROWTH:
            self._told = self._steps
            self._recorder.emit(MemoryGrown, steps=last[0] - first[0], grown=last[1] - first[1], halves=halves)


LEAST_STEPS = 200
LEAST_PACE = 100_000.0  # bytes a step: less is noise
LEAST_GROWTH = 50_000_000  # bytes


def _pace(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Bytes a step between two points."""
    return (other[1] - one[1]) / max(other[0] - one[0], 1)
