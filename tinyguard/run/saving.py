"""The executed copy, written whole or not at all, and again after every cell."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from datetime import UTC, datetime
from typing import Any

from nbformat import v4

from tinyguard.run.document import Document
from tinyguard.run.errors import RunError


def default_path(notebook: str) -> str:
    """
    >>> default_path("notebooks/experiment.ipynb")
    'notebooks/experiment.executed.ipynb'
    """
    return f"{notebook.removesuffix('.ipynb')}.executed.ipynb"


class Copy:
    """The file that the executed notebook goes to."""

    def __init__(self, path: str) -> None:
        """Raises RunError when no file can be written there: better now than after hours of training."""
        self.path = path
        self._target = os.path.realpath(path)  # a link stays a link
        self._started, self._clock = datetime.now(UTC), time.monotonic()
        folder = os.path.dirname(self._target)
        self._unfinished = os.path.join(folder, f".{os.path.basename(self._target)[:100]}.{os.getpid()}.unfinished")
        try:
            self._mode = self._mode_of_target()
            os.close(self._opened())
            os.remove(self._unfinished)
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None

    def _mode_of_target(self) -> int | None:
        """The permissions that the file has; None when there is none yet."""
        try:
            mode = os.stat(self._target).st_mode
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(mode):
            raise ValueError("it is a folder or a device")
        if not os.access(self._target, os.W_OK):
            raise ValueError("it is write-protected")
        return stat.S_IMODE(mode)

    def _opened(self) -> int:
        return os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    @property
    def seconds(self) -> float:
        """How long the run has taken so far."""
        return time.monotonic() - self._clock

    def save(self, document: Document, status: str, cell: Any = None) -> None:
        """Writes the notebook as it is now. `cell`: the one that the run did not get past. Raises RunError."""
        note(document, status, cell, started=self._started, seconds=self.seconds)
        text = v4.writes(document.notebook) + "\n"  # type: ignore[no-untyped-call]
        data = text.encode("utf-8", errors="backslashreplace")  # half a character becomes the escape that JSON has
        try:
            with open(self._opened(), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if self._mode is not None:
                os.chmod(self._unfinished, self._mode)
            os.replace(self._unfinished, self._target)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.remove(self._unfinished)
            raise RunError(f"{self.path}: cannot be written: {error.strerror}") from None


def note(document: Document, status: str, cell: Any, *, started: datetime, seconds: float) -> None:
    """Says in the notebook's metadata which run its results are of."""
    run = {
        "parameters": dict(document.parameters),
        "seconds": round(seconds, 1),
        "started": started.isoformat(timespec="seconds"),
        "status": status,
    }
    if cell is not None:
        run["cell"] = cell.id
    metadata = document.notebook.metadata
    ours = metadata.get("tinyguard")
    metadata["tinyguard"] = {**(ours if isinstance(ours, dict) else {}), "run": run}
