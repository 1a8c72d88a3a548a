"""Live witness: the source of the executed cells -> the statement at which the ways of two loaders' data part."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tinyguard.live.cells import Execution

MOST_STATEMENTS = 2000
Line = tuple[int, int]  # cell and line


class Bound(NamedTuple):
    """A statement at the top level: the names that it binds, each with the names that it is made from."""

    cell: int
    first: int
    last: int
    names: dict[str, frozenset[str]]
    reads: frozenset[str]


def parting(executions: Iterable[Execution], one: Line, other: Line) -> Line | None:
    """The first statement that binds a name for the one loader's data and another name for the other's.

    Of `train_index, test_index = order[:600], order[600:]` and `x_train, x_test = x[train_index], x[test_index]` the
    former. None: there is none; the loaders were built within a function, or each was given its data by itself.
    """
    statements = [bound for execution in executions for bound in _statements(execution)][-MOST_STATEMENTS:]
    ways = [_way(statements, line) for line in (one, other)]
    own = [ways[0] - ways[1], ways[1] - ways[0]]
    both = {index for index, _ in own[0]} & {index for index, _ in own[1]}
    if not both:
        return None
    found = statements[min(both)]
    return found.cell, found.first


def _way(statements: Sequence[Bound], line: Line) -> set[tuple[int, str]]:
    """What the loader that was built at this line is made from: statements, and the name that each binds for it."""
    start = next((index for index in reversed(range(len(statements))) if _covers(statements[index], line)), None)
    if start is None:
        return set()
    way: set[tuple[int, str]] = set()
    left = [(start, name) for name in statements[start].reads]
    while left:
        before, name = left.pop()
        index = next((index for index in reversed(range(before)) if name in statements[index].names), None)
        if index is not None and (index, name) not in way:
            way.add((index, name))
            left += [(index, read) for read in statements[index].names[name]]
    return way


def _covers(bound: Bound, line: Line) -> bool:
    return bound.cell == line[0] and bound.first <= line[1] <= bound.last


def _statements(execution: Execution) -> Iterator[Bound]:
    try:
        tree = ast.parse(execution.source)
    except (SyntaxError, ValueError):
        return
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names: dict[str, frozenset[str]] = {}
            for target in node.targets:
                for part, value in _parts(target, node.value):
                    names.update(dict.fromkeys(_names(part, ast.Store), _names(value, ast.Load)))
            reads = _names(node.value, ast.Load)
        else:
            reads = _names(node, ast.Load)
            names = dict.fromkeys(_names(node, ast.Store), reads)
        yield Bound(execution.number, node.lineno, node.end_lineno or node.lineno, names, reads)


def _parts(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`a, b = x, y` is two assignments."""
    several = isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List))
    if several and len(target.elts) == len(value.elts):  # type: ignore[attr-defined]
        yield from zip(target.elts, value.elts, strict=True)  # type: ignore[attr-defined]
    else:
        yield target, value


def _names(node: ast.AST, context: type[ast.expr_context]) -> frozenset[str]:
    return frozenset(
        found.id for found in ast.walk(node) if isinstance(found, ast.Name) and isinstance(found.ctx, context)
    )
