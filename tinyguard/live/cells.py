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
        self._read: tuple[float, list[tuple[str | None, str]]] = (-1.0, [])
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

    def _number(self, source: str, cell_id: str | None) -> int:
        cells = self._cells()
        by_id = [number for number, (known, _) in enumerate(cells, 1) if cell_id is not None and known == cell_id]
        if by_id:
            return by_id[0]
        same = [number for number, (_, text) in enumerate(cells, 1) if text.strip() == source.strip()]
        if same:
            return next((number for number in same if number > self._last), same[0])
        return self._others.setdefault(cell_id or source, len(cells) + len(self._others) + 1)

    def _cells(self) -> list[tuple[str | None, str]]:
        """(id, source) of every cell of the file as it is saved now."""
        if self.notebook is None:
            return []
        try:
            changed = os.stat(self.notebook).st_mtime
            if changed != self._read[0]:
                with open(self.notebook, encoding="utf-8") as file:
                    self._read = (changed, [_cell(cell) for cell in json.load(file)["cells"]])
        except (OSError, ValueError, KeyError, TypeError):
            self._read = (-1.0, [])
        return self._read[1]


TIMED = frozenset({"<timed exec>", "<timed eval>", "<unknown>"})


def _cell(cell: Any) -> tuple[str | None, str]:
    source = cell.get("source", "")
    return cell.get("id"), source if isinstance(source, str) else "".join(source)
