"""Live witness: the text that a running cell prints, line by line, while it goes where it always went."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Protocol

from tinyguard.finding import Place
from tinyguard.live.patches import MISSING
from tinyguard.live.recorder import Recorder

LONGEST = 4000  # characters of a line that is not complete yet
WORDS = ("loss", "acc", "epoch")  # a line without any of them tells nothing of a training
MOST_LINES = 2000  # of one cell that are kept: more than the first ten epochs of any report


class Listener(Protocol):
    """Who reads what is printed and kept: the live witness has no reader of text."""

    def begin(self, place: Place) -> None:
        """This cell is about to run."""

    def printed(self, text: str, steps: int) -> None:
        """The running cell printed these lines, after so many steps of optimizers."""

    def kept(self, place: Place, history: Mapping[str, Sequence[float]], known: Mapping[str, int]) -> None:
        """The notebook holds this history after the cell; of each list so many numbers had been seen before."""


class Printed:
    """Hears what is written to the standard streams, between `begin` and `end`.

    The streams stay the objects that they are: each is given a `write` of its own, which writes first and hears then.
    What the guard itself says is not heard.
    """

    def __init__(self, recorder: Recorder, hear: Callable[[str], None]) -> None:
        self._recorder = recorder
        self._hear = hear
        self._lines: dict[int, str] = {}  # by stream: what was written since the last end of a line
        self._undo: list[Callable[[], None]] = []
        self.lines: list[str] = []  # that the cell printed so far, each as a terminal ends with it; the first of many
        self.errors: list[str] = []  # those of them on standard error

    def begin(self) -> None:
        self.end()
        self.lines, self.errors = [], []
        for stream in {id(stream): stream for stream in (sys.stdout, sys.stderr)}.values():
            self._listen(stream)

    def end(self) -> None:
        while self._undo:
            self._undo.pop()()
        self._lines.clear()

    def _listen(self, stream: Any) -> None:
        original = getattr(stream, "write", None)
        if original is None or not hasattr(stream, "__dict__"):
            return
        own = vars(stream).get("write", MISSING)
        heard = self._recorder.observer(self._heard)
        key = id(stream)

        @functools.wraps(original)
        def write(text: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(text, *args, **kwargs)
            heard(key, text)
            return result

        def undo() -> None:
            if vars(stream).get("write") is not write:
                return
            if own is MISSING:
                del stream.write
            else:
                stream.write = own

        stream.write = write
        self._undo.append(undo)

    def _heard(self, stream: int, text: Any) -> None:
        if not isinstance(text, str):
            return
        line = self._lines.get(stream, "") + text
        if "\n" not in text:
            # A progress bar returns to the start of its line; what it overwrites has been shown all the same.
            self._lines[stream] = line[-LONGEST:]
            return
        lines, _, self._lines[stream] = line.rpartition("\n")
        self._keep(stream, lines)
        lower = lines.lower()
        if any(word in lower for word in WORDS) and not self._is_ours():
            self._hear(lines)

    def _keep(self, stream: int, lines: str) -> None:
        if len(self.lines) < MOST_LINES:
            new = [line.rstrip("\r").rpartition("\r")[2][:LONGEST] for line in lines.split("\n")]
            self.lines += new
            if stream == id(sys.stderr):
                self.errors += new

    def _is_ours(self) -> bool:
        """The guard itself writes: its code stands between the user's and the stream."""
        frame: FrameType | None = sys._getframe(3)  # of `write`, behind the observer
        while frame is not None and not self._recorder.places.is_theirs(frame.f_code.co_filename):
            module = frame.f_globals.get("__name__", "")
            if module.startswith("tinyguard.") and module != __name__:
                return True
            frame = frame.f_back
        return False
