"""What a notebook is once it has been read: cells of Python with positions, and what had to be skipped."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from tinyguard.record import Record

COMMENT_WORD = "tinyguard:"  # in every comment that speaks to us


class Skipped(Record):
    """Something that was not analysed, and why."""

    path: str
    reason: str  # one sentence: what is wrong, what would be right
    cell: int | None = None  # None: the whole file
    line: int | None = None  # in the cell or the file


class Cell(Record):
    """One cell. A plain file is one code cell without a number."""

    number: int | None  # counts all cells from 1
    source: str = ""  # as the user wrote it
    code: bool = True  # False: markdown, raw, or a cell in another language (%%bash)
    id: str | None = None
    count: int | None = None  # execution count; None: never run (a stored 0 means that, too)
    tree: ast.Module | None = None  # its Python, same lines and columns; None: not code, or it does not parse
    outputs: Sequence[dict[str, Any]] = ()  # as stored, nbformat 4 shape; perhaps decoded when somebody looks
    first_line: int = 1  # the line of the file where a script's cell begins (its marker line is not part of it)
    tags: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()  # names bound by magics: `%%capture out`, `%run`, "*" when it cannot be known
    written_to: str = ""  # the file that a `%%writefile` cell makes of its body (its lines after the first)


class Notebook(Record):
    """A notebook, percent script or plain script."""

    path: str  # as the user named it
    cells: tuple[Cell, ...]
    skipped: tuple[Skipped, ...] = ()
    script: bool = False  # a .py file: no execution counts, no outputs
    text: str = ""  # what was read, unless a file of that path still has it

    @property
    def has_comments(self) -> bool:
        """Whether anything in it may be a comment for us."""
        return any(cell.code and COMMENT_WORD in cell.source for cell in self.cells)
