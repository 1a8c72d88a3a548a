"""What a journal holds beside events and findings: which session it is of, what its cells say, what was left out."""

from __future__ import annotations

from collections.abc import Iterable

from tinyguard.finding import Place
from tinyguard.record import Record

MOST_TEXT = 20_000  # characters of one cell; of a longer one only the hash is kept


class CellSource(Record):
    """What a cell says and which names it deals with; before its CellExecuted, when it is new or changed."""

    place: Place
    sha256: str  # of its text, as UTF-8
    text: str = ""  # empty: too long to be kept
    reads: frozenset[str] = frozenset()  # names that it reads, also within the functions that it defines
    binds: frozenset[str] = frozenset()  # names of the notebook that it binds


class SessionEnded(Record):
    """The kernel was shut down in good order, or the guard turned off."""


class LeftOut(Record):
    """Something that happened is not in the journal."""

    reason: str
    onwards: bool = False  # everything of its kind from here on; else it was this one record


def cell_source(place: Place, text: str, *, reads: Iterable[str] = (), binds: Iterable[str] = ()) -> CellSource:
    """What is kept of a cell."""
    import hashlib  # not for those who only read

    return CellSource(
        place=place,
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        text=text if len(text) <= MOST_TEXT else "",
        reads=frozenset(reads),
        binds=frozenset(binds),
    )
