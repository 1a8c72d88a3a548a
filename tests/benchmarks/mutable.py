"""A notebook that can be changed by the line: the ground of the mutations."""

from __future__ import annotations

import ast
import builtins
import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

BUILTINS = frozenset(dir(builtins)) | {"display", "get_ipython", "In", "Out", "exit", "quit"}
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class Names(NamedTuple):
    """The names that a cell binds at its top level, and those it certainly reads there before it binds them."""

    binds: frozenset[str]
    reads: frozenset[str]


class Draft:
    """The cells of a notebook (nbformat 4), their source as text, and their trees where the text is plain Python."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.cells: list[dict[str, Any]] = document["cells"]
        self.trees: list[ast.Module | None] = [None] * len(self.cells)
        for index in range(len(self.cells)):
            self.parse(index)

    @classmethod
    def read(cls, data: bytes) -> Draft | None:
        """None for what is no notebook of format 4."""
        try:
            document = json.loads(data)
            return cls(document) if isinstance(document["cells"], list) else None
        except (ValueError, TypeError, KeyError):
            return None

    def copy(self) -> Draft:
        """A draft to change: `write` and the like replace what a cell holds, they never change it in place."""
        twin = copy.copy(self)
        twin.cells = [dict(cell) for cell in self.cells]
        twin.document = {**self.document, "cells": twin.cells}
        twin.trees = list(self.trees)
        return twin

    def dumps(self) -> bytes:
        return json.dumps(self.document, indent=1).encode()

    # --- reading

    def code(self) -> list[int]:
        """The indices of the code cells that are not empty."""
        return [
            index for index, cell in enumerate(self.cells) if cell["cell_type"] == "code" and self.text(index).strip()
        ]

    def text(self, index: int) -> str:
        source = self.cells[index].get("source", "")
        return source if isinstance(source, str) else "".join(source)

    def all_code(self) -> str:
        return "\n".join(self.text(index) for index in self.code())

    def parse(self, index: int) -> None:
        self.trees[index] = None
        text = self.text(index)
        if self.cells[index]["cell_type"] == "code" and not text.startswith("%%"):
            lines = text.split("\n")
            magic = [line.lstrip().startswith(("%", "!", "?")) for line in lines]
            blank = [
                line[: len(line) - len(line.lstrip())] + "pass" if is_magic else line
                for line, is_magic in zip(lines, magic, strict=True)
            ]
            try:
                self.trees[index] = ast.parse("\n".join(blank))
            except (SyntaxError, ValueError):
                return

    def parses(self) -> bool:
        """Every code cell is Python, or says that it is not."""
        return all(self.trees[index] or self.text(index).startswith("%%") for index in self.code())

    def whole(self) -> bool:
        """Every code cell is Python, and no magic or star import can bind a name behind our back."""
        text = self.all_code()
        hidden = ("import *", "%run", "%load", "%%capture ", "%store", "globals()", "exec(", "%pylab")
        return all(self.trees[index] for index in self.code()) and not any(word in text for word in hidden)

    def names(self, index: int) -> Names:
        tree = self.trees[index]
        if tree is None:
            return Names(frozenset(), frozenset())
        binds: set[str] = set()
        reads: set[str] = set()
        for statement in tree.body:
            if not isinstance(statement, (*SCOPES, ast.Try, ast.If, ast.While)):
                reads |= (
                    {
                        node.id
                        for node in _top_level(statement)
                        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
                    }
                    - binds
                    - _own(statement)
                )
            binds |= _bound(statement)
        return Names(frozenset(binds), frozenset(reads - BUILTINS))

    def counts(self) -> list[int | None]:
        """The execution counts of the code cells; a stored 0 means not run."""
        return [self.cells[index].get("execution_count") or None for index in self.code()]

    def executed_in_order(self) -> bool:
        counts = self.counts()
        known = [count for count in counts if count is not None]
        return bool(known) and len(known) == len(counts) and all(a < b for a, b in itertools.pairwise(known))

    # --- changing

    def move(self, index: int, to: int) -> None:
        """Take a cell out and put it in at position `to` of the remaining ones."""
        self.cells.insert(to, self.cells.pop(index))
        self.trees.insert(to, self.trees.pop(index))

    def swap(self, first: int, second: int) -> None:
        self.cells[first], self.cells[second] = self.cells[second], self.cells[first]
        self.trees[first], self.trees[second] = self.trees[second], self.trees[first]

    def delete(self, index: int) -> None:
        del self.cells[index], self.trees[index]

    def append(self, text: str, count: int | None) -> None:
        self.cells.append({"cell_type": "code", "metadata": {}, "execution_count": count, "outputs": [], "source": []})
        self.trees.append(None)
        self.write(len(self.cells) - 1, text)

    def write(self, index: int, text: str) -> None:
        self.cells[index]["source"] = text.splitlines(keepends=True)
        self.parse(index)

    def replace(self, index: int, node: ast.expr | ast.stmt, new: str) -> None:
        """Put new text in place of the node."""
        lines = self.text(index).split("\n")
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before = lines[first].encode()[: node.col_offset].decode()
        after = lines[last].encode()[node.end_col_offset :].decode()
        lines[first : last + 1] = [before + new + after]
        self.write(index, "\n".join(lines))

    def segment(self, index: int, node: ast.AST) -> str:
        return ast.get_source_segment(self.text(index), node) or ""

    def remove(self, index: int, statement: ast.stmt, block: list[ast.stmt]) -> None:
        """Take the lines of a statement out; `pass` where it was the only one of its block."""
        lines = self.text(index).split("\n")
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        lines[first:last] = [indent + "pass"] if len(block) == 1 else []
        self.write(index, "\n".join(lines))

    def insert(self, index: int, before: int, new: str, *, like: ast.stmt) -> None:
        """Put one line before line `before` (from 1), indented as the statement `like`."""
        lines = self.text(index).split("\n")
        shown = lines[like.lineno - 1]
        lines.insert(before - 1, shown[: len(shown) - len(shown.lstrip())] + new)
        self.write(index, "\n".join(lines))

    def own_lines(self, index: int, statement: ast.stmt) -> bool:
        """The statement shares its lines with nothing but a comment."""
        lines = self.text(index).split("\n")
        before = lines[statement.lineno - 1].encode()[: statement.col_offset].decode()
        after = lines[(statement.end_lineno or 1) - 1].encode()[statement.end_col_offset :].decode().strip()
        return not before.strip() and (not after or after.startswith("#"))


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements, outermost first."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            found = getattr(node, field, None)
            if isinstance(found, list) and found and isinstance(found[0], ast.stmt):
                yield found


def method_call(node: ast.AST, *methods: str) -> ast.Call | None:
    """`x.method(...)` as an expression or the whole of an expression statement."""
    call = node.value if isinstance(node, ast.Expr) else node
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in methods:
        return call
    return None


def dotted(node: ast.AST) -> str:
    """`torch.optim.Adam` of a name or attribute; "" of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _top_level(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes that are evaluated for certain when the statement runs, at the notebook's level."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*SCOPES, ast.If, ast.IfExp, ast.BoolOp, ast.Try)):
            pending.extend(ast.iter_child_nodes(node))


def _own(statement: ast.stmt) -> set[str]:
    """Names that the statement binds before it reads them: those of comprehensions, and all of a loop's."""
    looping = _bound(statement) if isinstance(statement, (ast.For, ast.With)) else set()
    return looping | {
        name.id
        for node in ast.walk(statement)
        if isinstance(node, ast.comprehension)
        for name in ast.walk(node.target)
        if isinstance(name, ast.Name)
    }


def _bound(statement: ast.stmt) -> set[str]:
    found: set[str] = set()
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.partition(".")[0])
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
        pending.extend(ast.iter_child_nodes(node))
    return found
