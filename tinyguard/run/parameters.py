"""`-p name=value` -> a cell of assignments below the cell that is tagged `parameters`, as papermill does it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from tinyguard.errors import UsageError, did_you_mean
from tinyguard.notebook.cells import Notebook

TAG, INJECTED = "parameters", "injected-parameters"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def values_of(words: Iterable[str]) -> dict[str, str]:
    """The parameters by name, each value as Python writes it. Raises UsageError.

    >>> values_of(["num_epochs=5", "lr=3e-4", "optimizer=Adam", "flag=True"])
    {'num_epochs': '5', 'lr': '0.0003', 'optimizer': "'Adam'", 'flag': 'True'}
    """
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name.isidentifier()):
            raise UsageError(f'-p: wants NAME=VALUE, as in -p num_epochs=5; "{word}" is none')
        if name in values:
            raise UsageError(f'-p: "{name}" is given twice')
        values[name] = _literal(value)
        if not _is_literal(values[name]):
            raise UsageError(f"-p {name}: {value} is beyond what Python can write as a number")
    return values


def _literal(text: str) -> str:
    """The Python literal that the text is, written out; any other text is a string."""
    try:
        return repr(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return repr(text)


def _is_literal(text: str) -> bool:
    """Whether Python reads it back: 1e999 is a float that is written `inf`, and that is a name."""
    try:
        ast.literal_eval(text)
    except ValueError:
        return False
    return True


def injection(notebook: Notebook, values: Mapping[str, str]) -> tuple[int, str]:
    """The number of the parameters cell, and the source of the cell to put below it. Raises UsageError."""
    place = next((cell for cell in notebook.cells if cell.code and TAG in cell.tags), None)
    if place is None or place.number is None:
        raise UsageError(
            f'-p: {notebook.path} has no code cell with the tag "{TAG}"; tag the cell that sets the parameters'
        )
    if place.tree is None:
        raise UsageError(f"-p: the parameters cell of {notebook.path}, cell {place.number}, does not parse")
    known = assigned(place.tree)
    for name in values:
        if name not in known:
            where = f"the parameters cell of {notebook.path}, cell {place.number}"
            raise UsageError(f'-p: "{name}" is not assigned in {where}{did_you_mean(name, known)}')
    lines = ["# Parameters of this run, given to `tinyguard run` by -p."]
    return place.number, "\n".join(lines + [f"{name} = {value}" for name, value in values.items()])


def assigned(tree: ast.Module) -> set[str]:
    """The names that a cell binds at its top level, in branches and loops, too."""
    names: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if not isinstance(node, (*_SCOPES, *_COMPREHENSIONS)):
            waiting += ast.iter_child_nodes(node)
    return names


def inject(document: Any, *, below: str, source: str) -> None:
    """Puts the assignments below the cell with the id `below`, in place of those of an earlier run.

    `document`: an nbformat notebook of version 4.5.
    """
    from nbformat.v4 import new_code_cell

    earlier = [cell for cell in document.cells if INJECTED in cell.metadata.get("tags", [])]
    cell = new_code_cell(source, metadata={"tags": [INJECTED]})  # type: ignore[no-untyped-call]
    if earlier:
        cell.id = earlier[0].id
    document.cells = [cell for cell in document.cells if cell not in earlier]
    place = next(index for index, cell in enumerate(document.cells) if cell.id == below)
    document.cells.insert(place + 1, cell)
