"""Journals -> what they hold: the sessions of a folder, the lines of one of them; a damaged line costs that line."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from tinyguard.events import Event
from tinyguard.journal.encoding import beginning, decode_with_time
from tinyguard.journal.errors import EncodingError, JournalError
from tinyguard.journal.files import Header, header_of, journals
from tinyguard.journal.holding import is_alive
from tinyguard.record import Record

TAIL_BYTES = 1 << 16  # of the end of a journal, in which the last event is looked for


class Line(NamedTuple):
    """One line of a journal."""

    number: int  # from 1; the first one is the header
    record: Record  # an event, a finding or a note
    at: float | None  # seconds since the session started


class Unreadable(NamedTuple):
    """A line that says nothing to us."""

    path: str
    number: int
    reason: str


class Session(Record):
    """One kernel session, as far as its journal tells."""

    path: str
    header: Header
    alive: bool  # its kernel still writes the journal, or may do so
    last: Event | None  # the last event of it that can be read
    last_at: float | None = None  # seconds since it started

    def events(self) -> Iterator[Event]:
        return events(self.path)


def sessions(folder: str, notebook: str | None = None) -> list[Session]:
    """The sessions of a folder (see `journal_folder`), or those of one notebook in it; the newest first.

    What is no journal, or one of another version, is passed over.
    """
    wanted = None if notebook is None else os.path.realpath(notebook)
    found = []
    for path in journals(folder):
        try:
            header = header_of(path)
            if wanted is None or (header.notebook is not None and os.path.realpath(header.notebook) == wanted):
                last, last_at = last_event(path)
                alive = is_alive(path, header.pid, header.host)
                found.append(Session(path=path, header=header, alive=alive, last=last, last_at=last_at))
        except (JournalError, OSError):  # perhaps removed while we looked
            continue
    return found


def last_event(path: str) -> tuple[Event | None, float | None]:
    """The last event that can be read, and when it was written. Raises OSError."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read().splitlines()
    for line in reversed(tail):
        try:
            record, at = decode_with_time(line)
        except EncodingError:
            continue
        if isinstance(record, Event):
            return record, at
    return None, None


OnUnreadable = Callable[[Unreadable], object]


def lines(
    path: str, on_unreadable: OnUnreadable = lambda _: None, *, only: Collection[type[Record]] = ()
) -> Iterator[Line]:
    """The lines of a journal after its header, one after the other, however long it is.

    `only`: these kinds of records; a long journal is read a hundred times faster for a rare one. Raises JournalError,
    before the first line, when it is no journal or one of another version.
    """
    header_of(path)
    return _lines(path, on_unreadable, tuple(beginning(kind) for kind in only))


def _lines(path: str, on_unreadable: OnUnreadable, only: tuple[bytes, ...]) -> Iterator[Line]:
    with open(path, "rb") as file:
        for number, text in enumerate(file, start=1):
            if number == 1 or (only and not text.startswith(only)):
                continue
            try:
                record, at = decode_with_time(text)
            except EncodingError as error:
                cut = "" if text.endswith(b"\n") else ", and is the last one: the kernel was killed, or the disk full"
                on_unreadable(Unreadable(path, number, f"{error}{cut}"))
            else:
                yield Line(number, record, at)


def events(path: str, on_unreadable: OnUnreadable = lambda _: None) -> Iterator[Event]:
    """The events of a journal in their order. Raises JournalError like `lines`."""
    return (line.record for line in lines(path, on_unreadable) if isinstance(line.record, Event))
