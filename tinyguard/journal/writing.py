"""Events -> the journal of this kernel session. Whatever fails here is told once, and nobody else fails with it.

What is rare (births, bindings, cells, findings) is in the file when `write` returns. What comes at every step is
gathered for BUFFER_S seconds and written with the first line after that, with the next rare one, or by `flush`, which
the guard calls at the end of each cell: `kill -9` loses no more than that, and cuts at most the last line. A machine
that loses its power loses what its operating system had not yet written: no line is forced to the disk.

Never longer than MAX_BYTES: from three quarters of it on, what comes at every step is left out, and the file says so.
Of a folder's journals the oldest are removed when there are more than MAX_JOURNALS, never one that is in use.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from threading import RLock

from tinyguard import __version__, events
from tinyguard.finding import Finding
from tinyguard.journal.encoding import encode
from tinyguard.journal.errors import EncodingError, JournalError
from tinyguard.journal.files import ENDING, Header, first_line, header_of, journals
from tinyguard.journal.holding import hold, remove_unheld
from tinyguard.journal.notes import CellSource, LeftOut, SessionEnded
from tinyguard.record import Record

MAX_BYTES = 16 << 20  # of one journal
MAX_JOURNALS = 20  # in one folder
BUFFER_S, BUFFER_BYTES = 0.2, 1 << 16
LAST_WORDS = 256  # bytes that stay free for the line which says that the journal is full

RARE = frozenset(
    {
        events.CellExecuted,
        events.NameBound,
        events.KernelRestarted,
        events.DatasetBuilt,
        events.LoaderBuilt,
        events.ModelBuilt,
        events.OptimizerBuilt,
        events.SchedulerBuilt,
        events.SeedSet,
        events.TrainingPlanned,
        events.MetricReported,
        events.RunEnded,
        Finding,
        CellSource,
        LeftOut,
        SessionEnded,
    }
)

OnFault = Callable[[str], None]


class Journal:
    """The file that one kernel session writes. Safe to be called from several threads."""

    def __init__(
        self,
        folder: str,
        *,
        on_fault: OnFault,
        notebook: str | None = None,
        kernel: str = "",
        max_bytes: int = MAX_BYTES,
        max_journals: int = MAX_JOURNALS,
    ) -> None:
        """`folder`: see `journal_folder`. `on_fault` hears, in a sentence, what cannot be written, once."""
        self.path = ""  # empty: there is none
        self._on_fault = on_fault
        self._max_bytes = max_bytes
        self._handle: int | None = None
        self._pid = os.getpid()
        self._start = time.monotonic()
        self._lock = RLock()
        self._size = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes, self._waiting_since = 0, 0.0
        self._steps_left_out = self._unwritable_told = False
        header = Header(
            version=__version__,
            notebook=None if notebook is None else os.path.abspath(notebook),
            kernel=kernel,
            started=datetime.now().astimezone().isoformat(timespec="seconds"),
            pid=self._pid,
            host=socket.gethostname(),
        )
        try:
            self._begin(folder, header)
            _remove_oldest(folder, keep=max_journals)
        except Exception as error:
            self._close()
            on_fault(f"{folder}: no journal can be written there: {_reason(error)}")

    def write(self, record: Record) -> None:
        """Keeps an event, a finding or a note. Raises nothing."""
        self._safely(self._keep, record)

    def flush(self) -> None:
        """Writes what waits. Raises nothing."""
        self._safely(self._write_out)

    def close(self) -> None:
        """Ends the session in good order; nothing is written after it. Raises nothing."""
        self._safely(self._keep, SessionEnded())
        self._safely(self._close)

    def _safely(self, action: Callable[..., None], *arguments: Record) -> None:
        """Does it while there is a journal; what it raises ends the journal."""
        if os.getpid() != self._pid:  # a forked worker's events are not this session's, and the lock may be held there
            return
        with self._lock:
            if self._handle is None:
                return
            try:
                action(*arguments)
            except Exception as error:
                self._close()
                self._on_fault(f"{self.path}: the journal ends here: {_reason(error)}")

    # --- all that follows may raise

    def _begin(self, folder: str, header: Header) -> None:
        os.makedirs(folder, exist_ok=True)
        with suppress(FileExistsError), open(os.path.join(folder, ".gitignore"), "x", encoding="ascii") as file:
            file.write("*\n")
        while self._handle is None:
            when = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")  # by these names journals are sorted
            path = os.path.join(folder, f"{when}-{self._pid}-{os.urandom(4).hex()}{ENDING}")
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            handle = os.open(path, flags, 0o600)
            hold(handle)
            if os.path.exists(path):  # else another session took it for an old one before we held it
                self._handle, self.path = handle, path
            else:
                os.close(handle)
        self._append(first_line(header))

    def _keep(self, record: Record) -> None:
        now = time.monotonic()
        rare = type(record) in RARE and not (isinstance(record, events.NameBound) and record.local)
        if self._steps_left_out and not rare:
            return
        try:
            line = encode(record, now - self._start) + b"\n"
        except EncodingError as error:  # a fault of whoever made the record
            self._leave_out(error)
            return
        size = self._size + self._waiting_bytes + len(line)
        if not rare and size > self._max_bytes * 3 // 4:
            self._steps_left_out = True
            reason = f"{self._max_bytes * 3 // 4:,} bytes are full: from here on only births, bindings, cells, findings"
            record, rare = LeftOut(reason=reason, onwards=True), True
            line = encode(record, now - self._start) + b"\n"
        elif size > self._max_bytes - LAST_WORDS:
            self._append_waiting()
            self._append(encode(LeftOut(reason=f"{self._max_bytes:,} bytes are full", onwards=True)) + b"\n")
            self._close()
            return
        if not self._waiting:
            self._waiting_since = now
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        if rare or now - self._waiting_since > BUFFER_S or self._waiting_bytes > BUFFER_BYTES:
            self._write_out()

    def _write_out(self) -> None:
        if self._waiting:
            assert self._handle is not None
            if not os.fstat(self._handle).st_nlink and not os.path.exists(self.path):
                raise JournalError("the file was deleted")
            self._append_waiting()

    def _append_waiting(self) -> None:
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0  # before it is written: an interrupt must not write it twice
        self._append(data)

    def _append(self, data: bytes) -> None:
        """One call of the system, so that no line is cut unless the disk is full or the process killed."""
        if self._handle is None or not data:
            return
        written = os.write(self._handle, data)
        self._size += written
        if written < len(data):
            os.write(self._handle, data[written:])  # says why
            raise JournalError("only a part of a line could be written")

    def _leave_out(self, error: EncodingError) -> None:
        if not self._unwritable_told:
            self._unwritable_told = True
            self._on_fault(f"{self.path}: left out of the journal: {error}")
        self._keep(LeftOut(reason=str(error)[:200]))

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        self._waiting, self._waiting_bytes = [], 0
        if handle is not None:
            with suppress(OSError):
                os.close(handle)


def _remove_oldest(folder: str, *, keep: int) -> None:
    """Removes the oldest finished journals until no more than `keep` are left, or all that are left are in use."""
    found = journals(folder)
    surplus = len(found) - keep
    for path in reversed(found):
        if surplus <= 0:
            return
        with suppress(OSError):
            surplus -= remove_unheld(path, *_writer(path))


def _writer(path: str) -> tuple[int, str]:
    """The process that writes a journal; when its first line cannot be read, as the name of the file tells."""
    try:
        header = header_of(path)
    except JournalError:
        pid = os.path.basename(path).split("-")[1:2]
        return int(pid[0]) if pid and pid[0].isdecimal() else 0, socket.gethostname()
    return header.pid, header.host


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
