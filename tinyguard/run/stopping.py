"""Ctrl-C, a request to terminate, the time limit: the moment at which a run is to end, and one that allows no delay."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, Self, TypeVar

from tinyguard.record import Record
from tinyguard.run.errors import TIME_LIMIT

Result = TypeVar("Result")

GRACE_S = 5.0  # for an interrupted cell: what runs in C or on a GPU hears of it only when it comes back


class Reason(Record):
    """Why a run is to end."""

    status: str
    text: str  # "cell 7: ..."
    exit_code: int
    error: tuple[str, str]  # what the cell that was running shows: name of the exception, text


class StoppedError(Exception):
    """The run is to end; what was running has been given up."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Stopping:
    """Listens for the end of a run, as a context manager within a running event loop.

    Signals only mark the moment, wherever the program is: nothing is torn out of a save. The second signal marks that
    there is no more time to be polite to the kernel.
    """

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self.asked: asyncio.Future[Reason] = self._loop.create_future()
        self.hurried: asyncio.Future[None] = self._loop.create_future()
        self.gave_up = False  # on a cell that did not answer the interruption
        self._earlier: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if self._timeout_s is not None:
            self._loop.call_later(self._timeout_s, self._time_is_up)
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            # What is ignored already (nohup, a shell's background job) stays ignored.
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._earlier[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._ask, signal.Signals(number))

    def _ask(self, number: signal.Signals) -> None:
        if self.asked.done():
            if not self.hurried.done():
                self.hurried.set_result(None)
            return
        text = "interrupted" if number == signal.SIGINT else f"terminated by {number.name}"
        error = ("KeyboardInterrupt", f"the run was {text}")
        self.asked.set_result(Reason(status="interrupted", text=text, exit_code=128 + number, error=error))

    def _time_is_up(self) -> None:
        if not self.asked.done():
            text = f"the time limit of {self._timeout_s:g} s was reached"
            error = ("TimeoutError", text)
            self.asked.set_result(Reason(status="time limit", text=text, exit_code=TIME_LIMIT, error=error))

    @property
    def reason(self) -> Reason | None:
        """Why the run is to end, if it is."""
        return self.asked.result() if self.asked.done() else None

    @property
    def impatience(self) -> asyncio.Future[Any]:
        """What is done when whoever waits now should wait no longer."""
        return self.hurried if self.asked.done() else self.asked

    async def unless(self, work: Coroutine[Any, Any, Result], *, interrupt: Any = None) -> Result:
        """The result of `work`, or StoppedError when the run is to end before.

        `interrupt`: awaited then, and `work` has a few seconds to end by itself.
        """
        task = asyncio.ensure_future(work)
        await first_of(task, self.asked)
        if task.done():
            return task.result()
        if interrupt is not None:
            await interrupt()
            await first_of(task, self.hurried, timeout_s=GRACE_S)
        self.gave_up = not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise StoppedError(self.asked.result())


async def first_of(*futures: asyncio.Future[Any], timeout_s: float | None = None) -> None:
    """Waits until one of them is done, however it ended, or the time is over."""
    await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
