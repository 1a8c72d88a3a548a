"""Live witness: executions of cells -> where a line of running code stands in the notebook."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from tinyguard.record import Record


class Execution(Record):
    """One run of a cell."""

    number: int  # of the cell in the notebook, from 1; where that is not known, of the cell in order of first execution
    count: int | None  # In [count]
    source: str
    shift: int = 0  # lines that the kernel took off the top before it compiled the cell


class Saved(Record):
    """A cell as the file has it."""

    id: str | None
    source: str
    code: bool


class Cells:
    """Which cell compiled code comes from.

    `notebook`: the file, as far as it is known; its cells give the numbers. `path`: what it is called in places. The
    front end names the cell by its id; under nbclient it does not, and the source tells, the next one of that text
    after the last that ran.
    """

    def __init__(self, notebook: str | None = None, *, path: str | None = None) -> None:
        self.path = path or notebook or "notebook"
        self.executions: dict[str, Execution] = {}  # by the file name that the code was compiled under
        self.current: Execution | None = None
        self.notebook = notebook
        self._read: tuple[float, list[Saved]] = (-1.0, [])
        self._last = 0
        self._others: dict[str, int] = {}  # numbers of cells that the file does not have

    def begin(self, source: str, *, cell_id: str | None, count: int | None, filenames: Iterable[str]) -> Execution:
        """A cell is about to run; its code is compiled under one of these file names."""
        lines = source.splitlines()
        blank = next((index for index, line in enumerate(lines) if line.strip()), 0)
        execution = Execution(number=self._number(source, cell_id), count=count, source=source, shift=blank)
        self.current = execution
        self.executions.update(dict.fromkeys(filenames, execution))
        self._last = execution.number
        return execution

    def begin_body(self, source: str, *, filenames: Iterable[str]) -> bool:
        """The cell that runs begins with a magic such as `%%capture`, which runs the rest of it as a cell of its own.

        Returns False when this is not the rest of it.
        """
        outer = self.current
        head, _, body = outer.source.lstrip("\n").partition("\n") if outer is not None else ("", "", "")
        if outer is None or not head.startswith("%%") or body.strip("\n") != source.strip("\n"):
            return False
        lines = source.splitlines()
        blank = next((index for index, line in enumerate(lines) if line.strip()), 0)
        inner = outer.replace(shift=outer.shift + 1 + blank)
        self.executions.update(dict.fromkeys(filenames, inner))
        return True

    def where(self, filename: str, line: int) -> tuple[int, int] | None:
        """The cell and the line in it; None: not from a cell."""
        execution = self.executions.get(filename)
        if execution is not None:
            return execution.number, line + execution.shift
        if self.current is not None and filename in TIMED:
            # The body of `%%time` is compiled apart: its first line is the second of the cell.
            return self.current.number, line + self.current.shift + 1
        return None

    def broken_off(self, result: Any) -> int | None:
        """The line of the cell at which its exception came up; None: there was none, or it cannot be told."""
        error = getattr(result, "error_in_exec", None)
        trace = error.__traceback__ if isinstance(error, BaseException) else None
        while trace is not None:
            found = self.where(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            if found is not None and self.current is not None and found[0] == self.current.number:
                return found[1]
            trace = trace.tb_next
        return None

    def number_of(self, source: str) -> int:
        """The number of a cell that ran before anybody watched."""
        self._last = self._number(source, None)
        return self._last

    def below(self, number: int) -> list[tuple[int, str]] | None:
        """The code cells below this one, numbers and sources, as the file has them now; None: it does not know it."""
        cells = self._cells()
        if number > len(cells):
            return None
        return [(below, cell.source) for below, cell in enumerate(cells, 1) if below > number and cell.code]

    def _number(self, source: str, cell_id: str | None) -> int:
        cells = self._cells()
        by_id = [number for number, cell in enumerate(cells, 1) if cell_id is not None and cell.id == cell_id]
        if by_id:
            return by_id[0]
        same = [number for number, cell in enumerate(cells, 1) if cell.source.strip() == source.strip()]
        if same:
            return next((number for number in same if number > self._last), same[0])
        return self._others.setdefault(cell_id or source, len(cells) + len(self._others) + 1)

    def _cells(self) -> list[Saved]:
        """Every cell of the file as it is saved now."""
        if self.notebook is None:
            return []
        try:
            changed = os.stat(self.notebook).st_mtime
        except (OSError, ValueError):
            changed = -1.0
        if changed != self._read[0]:
            self._read = (changed, saved_cells(self.notebook))
        return self._read[1]


LARGEST = 50_000_000  # bytes; outputs are kept in it
TIMED = frozenset({"<timed exec>", "<timed eval>", "<unknown>"})


def saved_cells(path: str) -> list[Saved]:
    """The cells of a notebook's file; none when it cannot be read, or is larger than any that is written by hand."""
    try:
        if os.stat(path).st_size > LARGEST:
            return []
        with open(path, encoding="utf-8") as file:
            return [_cell(cell) for cell in json.load(file)["cells"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _cell(cell: Any) -> Saved:
    source = cell.get("source", "")
    return Saved(
        id=cell.get("id"),
        source=source if isinstance(source, str) else "".join(source),
        code=cell.get("cell_type") == "code",
    )
