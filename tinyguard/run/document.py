"""The notebook's file -> an nbformat document without results, ready to be executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import nbformat

from tinyguard.notebook.cells import Notebook
from tinyguard.notebook.reader import read, text_of
from tinyguard.record import Record
from tinyguard.run import parameters
from tinyguard.run.errors import RunError


class Document(Record):
    """A notebook that is being executed."""

    path: str  # of the notebook, as the user named it
    notebook: Any  # the nbformat document, version 4.5 or newer; the execution fills it
    numbers: Mapping[str, int]  # id of a cell -> its number in the file at `path`, counted from 1
    parameters: Mapping[str, str]  # as Python writes them

    def number(self, cell: Any) -> int:
        """The number of the cell in the user's file; a cell that was put in has that of the cell above it."""
        cells = self.notebook.cells
        place = next(index for index, other in enumerate(cells) if other is cell)
        while place and cells[place].id not in self.numbers:
            place -= 1
        return self.numbers[cells[place].id]

    def runs(self) -> list[int]:
        """The indexes of the cells that are executed, as nbclient sees it."""
        return [
            index
            for index, cell in enumerate(self.notebook.cells)
            if cell.cell_type == "code"
            and cell.source.strip()
            and "skip-execution" not in cell.metadata.get("tags", [])
        ]


def document(path: str, values: Mapping[str, str]) -> Document:
    """The notebook at `path` with these parameters. Raises RunError or UsageError."""
    known = readable(path)
    found = upgraded(path)
    clear(found)
    try:
        nbformat.validate(found)
    except nbformat.ValidationError as error:
        raise RunError(f"{path}: is no valid notebook: {first_line(error)}") from None
    numbers = {cell.id: number for number, cell in enumerate(found.cells, start=1)}
    if values:
        number, source = parameters.injection(known, values)
        parameters.inject(found, below=found.cells[number - 1].id, source=source)
    return Document(path=path, notebook=found, numbers=numbers, parameters=values)


def readable(path: str) -> Notebook:
    """The notebook as linting sees it, which says what is wrong with it in the same words."""
    notebook = read(path)
    for skipped in notebook.skipped:
        if skipped.cell is None:
            raise RunError(f"{path}: {skipped.reason}")
        if skipped.line is None:  # else it does not parse, and Python will say so where it fails
            raise RunError(f"{path} cell {skipped.cell}: {skipped.reason}")
    if notebook.script:
        raise RunError(f"{path}: is a script; a notebook can be run")
    return notebook


def upgraded(path: str) -> Any:
    """The nbformat document in the newest version of the format, with an id for each cell."""
    text = text_of(path) or "{}"
    version = json.loads(text).get("nbformat")
    if version not in (3, 4):  # nbformat would take nothing for 1, and find no cells
        raise RunError(f"{path}: has {version or 'nothing'} for its `nbformat`; 3 and 4 can be run")
    try:
        found: Any = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        if found.nbformat_minor < nbformat.v4.nbformat_minor:
            found = nbformat.v4.upgrade(found)  # type: ignore[no-untyped-call]
        return nbformat.validator.normalize(found)[1]
    except Exception as error:  # whatever nbformat stumbles over: KeyError, AttributeError and its own
        raise RunError(f"{path}: is no notebook that nbformat can read: {first_line(error)}") from None


def clear(found: Any) -> None:
    """Takes out what earlier runs have left, so that nothing in the copy is older than the run."""
    for name in ("widgets", "orig_nbformat", "orig_nbformat_minor"):  # the last two are nbformat's diary of upgrades
        found.metadata.pop(name, None)
    for cell in found.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)  # when it began and ended


def first_line(error: Exception) -> str:
    lines = str(getattr(error, "message", error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
