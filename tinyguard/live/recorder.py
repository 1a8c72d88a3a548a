"""Live witness: what all observers share: numbers, places, and the way by which events leave."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from torch._C._functorch import peek_interpreter_stack

from tinyguard.errors import TrainingStoppedError
from tinyguard.events import Event, ModelUse, Parameters
from tinyguard.finding import Place
from tinyguard.live.numbers import Numbers
from tinyguard.live.places import Places

Where = tuple[Place, tuple[Place, ...]]


SHARE = 0.005  # of the wall time, for everything that is measured
ALLOWANCE_S = 1.0  # on top of it, for the first looks; half of it is gone soon where others use the machine, too


_RECORDERS: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _left_behind() -> None:
    """In a process that was forked off, a worker of a loader, nothing is observed."""
    for recorder in _RECORDERS:
        recorder.on = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_left_behind)


class Recorder:
    """Writes events. A fault in an observer is reported once, and from then on nothing is observed: a story with holes
    would accuse the innocent."""

    def __init__(
        self, sink: Callable[[Event], None], places: Places, on_fault: Callable[[str, Exception], None]
    ) -> None:
        self.on = True
        self.last: dict[type[Event], Event] = {}
        self.places = places
        self.numbers = Numbers()
        self._sink = sink
        self._on_fault = on_fault
        self._busy = False
        self._paused = 0
        self.spent_s = 0.0  # in observers
        self._started = perf_counter()
        self._thread = threading.get_ident()
        _RECORDERS.add(self)

    @property
    def affordable(self) -> bool:
        """There is time for a measurement that costs something: the guard has kept within its share so far."""
        return self.spent_s <= ALLOWANCE_S + SHARE * (perf_counter() - self._started)

    @property
    def share(self) -> float:
        """What the observers have taken of the time since they began, as a fraction of 1."""
        return self.spent_s / max(perf_counter() - self._started, 1e-9)

    def emit(self, event: type[Event], where: Where | None = None, /, **fields: Any) -> None:
        place, via = where if where is not None else self.places.now()
        self.last[event] = happened = event(place=place, via=via, **fields)
        self._sink(happened)

    def repeat(self, event: type[Event]) -> None:
        """The last of this kind happened again, many times."""
        if event in self.last:
            self._sink(self.last[event].replace())

    def here(self, *, of: Any = None) -> Where:
        return self.places.now(of=of)

    def observer(self, function: Callable[..., None]) -> Callable[..., None]:
        """The function, kept from raising into the user's program, and from observing itself or another thread."""

        @functools.wraps(function)
        def observing(*args: Any, **kwargs: Any) -> None:
            if not self.on or self._busy or self._paused or threading.get_ident() != self._thread:
                return
            if peek_interpreter_stack() is not None:  # inside torch.func.vmap or grad: tensors that hold no data
                return
            self._busy = True
            began = perf_counter()
            try:
                function(*args, **kwargs)
            except TrainingStoppedError:
                raise
            except Exception as error:
                self.on = False
                self._on_fault(function.__qualname__, error)
            finally:
                self._busy = False
                self.spent_s += perf_counter() - began

        return observing

    def pause(self) -> None:
        """Nothing is observed until as many calls of `go_on`: a compiler runs the program on tensors without data."""
        self._paused += 1

    def go_on(self) -> None:
        self._paused = max(self._paused - 1, 0)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Nothing is observed in here: it is none of the user's doing."""
        self.pause()
        try:
            yield
        finally:
            self.go_on()

    def leaves(self, tensors: Any, *, complete: bool = True) -> Parameters:
        return Parameters(frozenset(map(self.numbers.of, tensors)), complete)


class Use:
    """A root module at one forward: what events say of it, and the loaders whose batches went into it."""

    __slots__ = ("__weakref__", "event", "loaders")

    def __init__(self, event: ModelUse, loaders: tuple[int, ...]) -> None:
        self.event = event
        self.loaders = loaders
