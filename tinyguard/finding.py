"""What tinyguard says: findings and the places they speak of. The one output type of both witnesses."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from tinyguard.record import Record


class Severity(IntEnum):
    """How sure and how bad: an error ruins the run, a warning harms or misleads, a note is a suspicion or advice."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        return self.name.lower()


class Place(NamedTuple):
    """A stretch of source: in a cell of a notebook, or in a plain file."""

    path: str  # as the user named it; a sibling module's relative to the same folder
    cell: int | None = None  # counts all cells from 1; None: a plain file, or the notebook as a whole (line 0)
    line: int = 0  # from 1, in the cell or the file; 0: the cell or the notebook as a whole
    column: int = 1  # from 1, in characters
    end_line: int | None = None
    end_column: int | None = None  # the column behind the last character


class Related(NamedTuple):
    """Another place that the finding needs to be understood: "`optimizer` was built here"."""

    message: str
    place: Place


class Finding(Record):
    """One hazard, told once."""

    code: str  # "TNY501"
    severity: Severity
    message: str  # what was seen, with its numbers; one sentence
    place: Place  # where the wrong decision was taken
    cause: str = ""  # why it hurts; empty: the rule's documentation says it
    remedy: str = ""  # what to change
    related: tuple[Related, ...] = ()
    evidence: Mapping[str, Any] = {}  # plain values (str, int, float, bool, None, lists, dicts), for machines
    order: str = "document"  # "recorded": only in the order that the execution counts prove

    def key(self) -> tuple[str, str, int | None, int, int]:
        """Findings with the same key are the same finding."""
        return (self.code, self.place.path, self.place.cell, self.place.line, self.place.column)

    def __hash__(self) -> int:
        return hash(self.key())
