"""A line of a cell -> where it stands in the file. Scans the file's JSON, so it is for notebooks with findings only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from tinyguard.notebook.cells import Notebook
from tinyguard.pattern import pattern

_SPACE = pattern(r"[ \t\r\n]*")
_NEWLINE = pattern(r"\r\n|\r|\n")
_CHARACTER = pattern(  # of a string in JSON: a pair of surrogates is one
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL
)


class _Source(NamedTuple):
    """One string of a cell's source."""

    offset: int  # of its first character in the file
    text: str


class _Layout:
    """Where the sources of all cells stand in the text of a notebook."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.cells: list[tuple[int, list[_Source]]] = []  # the offset of the cell, and its source
        with suppress(ValueError, IndexError, RecursionError):  # the file changed since it was read: no positions
            self.cells = list(_cells(_Cursor(text)))

    def position(self, cell: int, line: int, column: int) -> tuple[int, int]:
        if not 1 <= cell <= len(self.cells):
            return 1, 1
        offset, sources = self.cells[cell - 1]
        if sources:
            offset = self._offset(sources, line, column)
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def _offset(self, sources: list[_Source], line: int, column: int) -> int:
        starts = [(0, 0)]  # of each line: which string, which character in it
        for number, source in enumerate(sources):
            starts += [(number, newline.end()) for newline in _NEWLINE.finditer(source.text)]
        number, character = starts[min(max(line, 1), len(starts)) - 1]
        character += column - 1
        while character >= len(sources[number].text) and number + 1 < len(sources):
            character -= len(sources[number].text)
            number += 1
        offset = sources[number].offset
        for _ in range(min(character, len(sources[number].text))):
            match = _CHARACTER.match(self.text, offset)
            offset = match.end() if match else offset
        return offset


class _Cursor:
    """Walks a JSON text; what nobody looks into is skipped at the speed of `json`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._decode = json.JSONDecoder().raw_decode

    def next(self) -> str:
        """The next character that is not space."""
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.text[self.at]

    def value(self) -> Any:
        self.next()
        value, self.at = self._decode(self.text, self.at)
        return value

    def members(self) -> Iterator[str]:
        """The keys of an object; the cursor stands before the value, which the caller may take."""
        if self.next() != "{":
            return
        self.at += 1
        while self.next() != "}":
            key = self.value()
            self.next()  # the colon
            self.at += 1
            yield from self._unless_taken(key)
        self.at += 1

    def elements(self) -> Iterator[None]:
        """The elements of a list; the cursor stands before each, which the caller may take."""
        if self.next() != "[":
            return
        self.at += 1
        while self.next() != "]":
            yield from self._unless_taken(None)
        self.at += 1

    def _unless_taken(self, key: Any) -> Iterator[Any]:
        self.next()
        before = self.at
        yield key
        if self.at == before:
            self.value()
        if self.next() == ",":
            self.at += 1


def file_line(notebook: Notebook, cell_number: int | None, line: int) -> int:
    """The line of the file, from 1, where a line of a cell stands; for no cell the line itself.

    Where a cell's source is one long string, that is the line of the string.
    """
    return file_position(notebook, cell_number, line)[0]


def file_position(notebook: Notebook, cell_number: int | None, line: int, column: int = 1) -> tuple[int, int]:
    """The line and the column of the file, both from 1 and in characters."""
    if cell_number is None:
        return max(line, 1), column
    if notebook.script:
        cell = next((cell for cell in notebook.cells if cell.number == cell_number), None)
        return (cell.first_line if cell else 1) + max(line, 1) - 1, column
    return _layout(notebook).position(cell_number, line, column)


_latest: tuple[Notebook, _Layout] | None = None  # reports go through one notebook at a time


def _layout(notebook: Notebook) -> _Layout:
    global _latest
    if _latest is None or _latest[0] is not notebook:
        _latest = (notebook, _Layout(notebook.text or _text(notebook.path)))
    return _latest[1]


def _text(path: str) -> str:
    """The file once more: keeping the text of all notebooks in memory would cost more than it saves."""
    from tinyguard.notebook.reader import text_of  # the reader is on the fast path, this module is not

    return text_of(path) or ""


def _cells(cursor: _Cursor) -> Iterator[tuple[int, list[_Source]]]:
    found: dict[str, list[tuple[int, list[_Source]]]] = {}
    for key in cursor.members():
        if key == "cells":
            found[key] = list(_cells_of(cursor))
        elif key == "worksheets":  # nbformat 3
            found[key] = [cell for _ in cursor.elements() for cell in _cells_of_worksheet(cursor)]
    yield from found.get("cells", found.get("worksheets", []))


def _cells_of_worksheet(cursor: _Cursor) -> Iterator[tuple[int, list[_Source]]]:
    for key in cursor.members():
        if key == "cells":
            yield from _cells_of(cursor)


def _cells_of(cursor: _Cursor) -> Iterator[tuple[int, list[_Source]]]:
    for _ in cursor.elements():
        offset = cursor.at
        sources: dict[str, list[_Source]] = {}
        for key in cursor.members():
            if key in ("source", "input"):
                sources[key] = _sources(cursor)
        yield offset, sources.get("source") or sources.get("input") or []


def _sources(cursor: _Cursor) -> list[_Source]:
    if cursor.next() == "[":
        return [source for _ in cursor.elements() for source in _string(cursor)]
    return _string(cursor)


def _string(cursor: _Cursor) -> list[_Source]:
    if cursor.next() != '"':
        return []
    offset = cursor.at + 1
    return [_Source(offset, cursor.value())]
