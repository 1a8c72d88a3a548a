"""A running notebook -> what lint says of it, and which of its names the kernel does not hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from tinyguard.finding import Severity
from tinyguard.lint import lint
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.reader import read, typed
from tinyguard.program.names.bindings import cell_names
from tinyguard.program.names.steps import BIND, DELETE
from tinyguard.record import Record
from tinyguard.report.full import Full
from tinyguard.report.text import plural
from tinyguard.rule import Rule
from tinyguard.runs import listed


class Ran(Record):
    """What a kernel has run."""

    inputs: Mapping[int, str]  # the sources, by their count in In[count]
    numbers: Mapping[int, int] = {}  # count -> number of the cell, as far as somebody saw it run


def checked(path: str | None, ran: Ran, held: Collection[str], rules: Iterable[Rule] | None = None) -> str:
    """The findings of the notebook as it was run, and what is missing in a kernel that holds these names.

    `path`: the file, for the cells that were not run; None: not known. `rules`: None are all.
    """
    book = running(path, ran)
    result = lint(book, rules)
    findings = [finding for finding in result.findings if finding.severity > Severity.NOTE]
    told = [Full().notebook(book, findings).rstrip()] if findings else []
    told += [f"{skipped.path}: {skipped.reason}" for skipped in (*book.skipped, *result.partly)]
    told.append(f"{plural(len(findings), 'hazard')} in {plural(len(book.cells), 'cell')}" if findings else "no hazard")
    return "\n".join([*told, *missing(book, held)])


def running(path: str | None, ran: Ran) -> Notebook:
    """The notebook of the file with the sources and counts of this kernel; cells that it did not run have no count."""
    book = read(path) if path is not None else Notebook(path="notebook", cells=())
    cells = [cell.replace(count=None, outputs=()) for cell in book.cells]
    for count, source in sorted(ran.inputs.items()):
        if not source.strip():
            continue
        number = ran.numbers.get(count) or _number(cells, source)
        if number is None or number > len(cells):
            cells.append(typed(source, len(cells) + 1, count))
        else:
            cells[number - 1] = typed(source, number, count).replace(id=cells[number - 1].id)
    ran_so: Notebook = book.replace(cells=tuple(cells))
    return ran_so


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


def _number(cells: Sequence[Cell], source: str) -> int | None:
    """The cell of this text: the first that has no count yet, else the last."""
    same = [cell for cell in cells if cell.source.strip() == source.strip()]
    chosen = next((cell for cell in same if cell.count is None), same[-1] if same else None)
    return chosen.number if chosen is not None else None
