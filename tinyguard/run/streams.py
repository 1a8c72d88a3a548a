"""Our own two streams, for as long as somebody reads them."""

from __future__ import annotations

import os
from typing import Any, TextIO


class Lasting:
    """A stream that a run of hours can rely on: when it cannot be written any more, the run goes on without it.

    Its terminal may be closed, its reader may have gone, its disk may be full; the result of the run is the copy.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._forget()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._forget()

    def _forget(self) -> None:
        """What is written from now on, and what is waiting to be written, goes nowhere."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)  # tqdm asks for the encoding, the width and more
