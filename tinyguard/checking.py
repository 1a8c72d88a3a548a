"""A running notebook -> what lint says of it, and which of its names the kernel does not hold."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from tinyguard.finding import Severity
from tinyguard.lint import lint
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.reader import read
from tinyguard.program.names.bindings import cell_names
from tinyguard.program.names.steps import BIND, DELETE
from tinyguard.report.full import Full
from tinyguard.report.text import plural
from tinyguard.runs import listed

UNNAMED = "notebook.ipynb"


class Ran:
    """What a kernel has run: the sources by their count in In[count], and where they stand, as far as that is known."""

    def __init__(self, inputs: Mapping[int, str], numbers: Mapping[int, int] | None = None) -> None:
        self.inputs = {count: source for count, source in inputs.items() if source.strip()}
        self.numbers = dict(numbers or {})  # count -> number of the cell


def checked(path: str | None, ran: Ran, held: Collection[str]) -> str:
    """The findings of the notebook as it was run, and what is missing in a kernel that holds these names.

    `path`: the file, for the cells that were not run; None: not known.
    """
    book = running(path, ran)
    result = lint(book)
    findings = [finding for finding in result.findings if finding.severity > Severity.NOTE]
    told = [Full().notebook(book, findings).rstrip()] if findings else []
    told += [f"{skipped.path}: {skipped.reason}" for skipped in (*book.skipped, *result.partly)]
    told.append(f"{plural(len(findings), 'hazard')} in {plural(len(book.cells), 'cell')}" if findings else "no hazard")
    return "\n".join([*told, *missing(book, held)])


def running(path: str | None, ran: Ran) -> Notebook:
    """The notebook of the file with the sources and counts of this kernel; cells that it did not run have no count."""
    document = _document(path)
    cells = document["cells"]
    for cell in cells:
        cell["execution_count"] = None
    for count, source in sorted(ran.inputs.items()):
        number = ran.numbers.get(count) or _number(cells, source)
        if number is None or number > len(cells):
            cells.append({"cell_type": "code", "metadata": {}, "outputs": []})
            number = len(cells)
        cells[number - 1].update(source=source, execution_count=count)
    return read(path or UNNAMED, json.dumps(document).encode("utf-8", "surrogatepass"))


def missing(book: Notebook, held: Collection[str]) -> list[str]:
    """A line for each cell that builds names which the kernel does not hold."""
    told = []
    for cell in book.cells:
        names = [name for name in _bound(cell) if name not in held]
        if names:
            why = "was not run" if cell.count is None else f"ran as In[{cell.count}]"
            named = listed([f"`{name}`" for name in names])
            told.append(f"the kernel does not hold {named}: cell {cell.number} {why}")
    return told


def _bound(cell: Cell) -> list[str]:
    """The names of the notebook that the cell is there to bind, and keeps."""
    if cell.tree is None:
        return []
    names: dict[str, bool] = {}
    for step in cell_names(cell.tree).steps:
        if step.kind in (BIND, DELETE):
            names[step.name] = step.kind == BIND
    return [name for name, bound in names.items() if bound and not name.startswith("_")]


def _number(cells: list[dict[str, Any]], source: str) -> int | None:
    """The cell of this text: the first that has no count yet, else the last."""
    same = [number for number, cell in enumerate(cells, 1) if _source(cell).strip() == source.strip()]
    return next((number for number in same if cells[number - 1]["execution_count"] is None), same[-1] if same else None)


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _document(path: str | None) -> dict[str, Any]:
    empty: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    if path is None:
        return empty
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        return document if all(isinstance(cell, dict) for cell in document["cells"]) else empty
    except (OSError, ValueError, KeyError, TypeError):
        return empty
