"""Places -> where a reader finds them: the cell with its id and count, the text of the line, the line of the file."""

from __future__ import annotations

from tinyguard.finding import Place
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.report.text import escaped


class Sources:
    """A notebook and the files beside it that its findings speak of."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self._cells = {cell.number: cell for cell in notebook.cells}
        self._files: dict[str, list[str]] = {}

    def cell(self, place: Place) -> Cell | None:
        """The cell of a place in the notebook; None for the notebook as a whole and for other files."""
        return self._cells.get(place.cell) if place.path == self.notebook.path else None

    def line(self, place: Place) -> str | None:
        """The text of the place's first line, without its end; None when nobody knows it."""
        cell = self.cell(place)
        if cell is not None:
            lines = _lines(cell.source)
        elif place.path == self.notebook.path:
            return None
        else:
            lines = self._file(place.path)
        return lines[place.line - 1] if 0 < place.line <= len(lines) else None

    def file_line(self, place: Place) -> int | None:
        """The line of the file, from 1; None for a notebook as a whole."""
        if place.path != self.notebook.path:
            return place.line or None
        if place.cell is None and place.line == 0:
            return None
        from tinyguard.notebook.positions import file_line  # reads the notebook again: only where it is asked for

        return file_line(self.notebook, place.cell, place.line)

    def where(self, place: Place) -> str:
        """The place in words: "a.ipynb cell 7 [In 12] line 3:5", "a.py line 3:5"."""
        words = [escaped(place.path)]
        cell = self.cell(place)
        if cell is not None and not self.notebook.script:
            words.append(f"cell {place.cell}")
            if cell.count is not None:
                words.append(f"[In {cell.count}]")
        if place.line:
            line = self.file_line(place) if self.notebook.script else place.line
            words.append(f"line {line or place.line}:{place.column}")
        return " ".join(words)

    def _file(self, path: str) -> list[str]:
        if path not in self._files:
            try:
                with open(path, encoding="utf-8", errors="replace", newline="") as stream:
                    self._files[path] = _lines(stream.read())
            except (OSError, ValueError):
                self._files[path] = []
        return self._files[path]


def _lines(text: str) -> list[str]:
    # Not splitlines: Python's own lines end at these three only, and columns and lines are Python's.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
