"""Cells, run by name -> which definition each read sees, and which reads find nothing. Calls are followed."""

from __future__ import annotations

import ast
import builtins
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.pattern import pattern
from tinyguard.program.names.bindings import cell_names
from tinyguard.program.names.steps import ANYTHING, BIND, DELETE, READ, CellNames, Class, Function, Origin, Step

# What IPython and hosted notebooks put into the namespace; `__file__` is not among them.
_GIVEN = """
    get_ipython display exit quit In Out _ __ ___ _i _ii _iii _ih _oh _dh _exit_code __session__
    __name__ __doc__ __builtins__ __builtin__ __annotations__ __spec__ __loader__
    dbutils spark sc sqlContext displayHTML WindowsError
"""
KNOWN = frozenset(dir(builtins)).union(_GIVEN.split())
_HISTORY = pattern(r"_i?\d+")  # _12, _i12: outputs and inputs of earlier cells
_WORD = pattern(r"[^\W\d]\w*")
_tuple = tuple.__new__  # Binding(...) in a third of the time
DEEPEST_CALLS = 20  # calls within calls that are followed


class Instance(NamedTuple):
    """An object of a class of the notebook."""

    kind: Class


Value = Function | Class | Instance | None


class Binding(NamedTuple):
    """A cell that binds a name."""

    name: str
    cell: int  # index into the notebook's cells
    node: Any  # the statement; None: a magic, or a cell that does not parse
    certain: bool
    value: Value = None


class Use(NamedTuple):
    """A read of a name by a cell, itself or through the functions that it calls."""

    name: str
    cell: int  # the cell that runs
    node: ast.AST
    home: int  # the cell where `node` stands: another one when a function of that cell reads the name
    via: tuple[tuple[int, ast.AST], ...]  # the calls that led there, with their cells, outermost first
    certain: bool
    bindings: tuple[Binding, ...]  # those it may see; empty: none
    deleted: tuple[int, ast.AST] | None = None  # where a cell above deleted the name


class Followed(NamedTuple):
    """What came out of running the cells by name."""

    missing: tuple[Use, ...]  # certain reads that find nothing, the first of each name
    uses: Mapping[int, Mapping[str, Use]]  # by cell: what it takes from other cells (only if asked for)
    names: Sequence[CellNames | None]  # by cell
    binders: Mapping[str, Sequence[Binding]]  # every binding of every name, in document order


def follow(notebook: Notebook, *, uses: bool = False) -> Followed:
    """Run the cells from the top, by name."""
    names = [cell_names(cell.tree, cell.binds) if cell.tree is not None else None for cell in notebook.cells]
    run = _Run(os.path.dirname(notebook.path), track=uses)
    for number, cell in enumerate(notebook.cells):
        known = names[number]
        if known is not None:
            run.cell(number, known)
        elif cell.code and cell.source:
            run.unreadable(number, cell)
        elif "*" in cell.binds:
            run.open = True
    return Followed(tuple(run.missing), run.uses, names, run.binders)


class _Run:
    """The names of the notebook while its cells run."""

    def __init__(self, folder: str, *, track: bool) -> None:
        self.folder = folder
        self.track = track
        self.bound: dict[str, tuple[Binding, ...]] = {}
        self.plain: set[str] = (
            set()
        )  # names whose reads need no further look: bound, and nothing that could be followed
        self.open = False  # a star import, exec or the like: any name may be bound
        self.missing: list[Use] = []
        self.told: set[str] = set()
        self.uses: dict[int, dict[str, Use]] = {}
        self.binders: dict[str, list[Binding]] = {}
        self.deleted: dict[str, tuple[int, ast.AST]] = {}
        self.homes: dict[int, int] = {}  # the cell of a function, by id
        self.done: set[object] = set()  # functions that were followed
        self.number = 0

    def cell(self, number: int, names: CellNames) -> None:
        self.number = number
        if self.track:
            self.done.clear()
        for step in names.steps:
            kind, name, node, certain, _, value = step
            if kind == READ and name in self.plain:
                continue
            if kind == BIND and value is None:  # most steps are one of these two
                self.bind(_tuple(Binding, (name, number, node, certain, None)))
            else:
                self.step(step, number, (), certain, {})

    def unreadable(self, number: int, cell: Cell) -> None:
        """A cell that does not parse may bind any word in it."""
        if "import *" in cell.source:
            self.open = True
        for name in dict.fromkeys(_WORD.findall(cell.source)):
            self.bind(Binding(name, number, None, certain=False))

    def step(
        self,
        step: Step,
        home: int,
        via: tuple[tuple[int, ast.AST], ...],
        certain: bool,
        local: Mapping[str, Value],
    ) -> None:
        """`local`: what the parameters of the running function are."""
        name = step.name
        if step.kind == READ:
            if name in local:
                if step.call is not None:
                    self.call(local[name], step.call, home, via, certain, local)
                return
            known = self.bound.get(name)
            if known is None:
                self.unbound(step, home, via, certain)
                return
            if self.track:
                self.used(step, home, via, certain, known)
            for binding in known:
                if binding.value is not None:
                    sure = certain and len(known) == 1
                    self.call(binding.value, step.call, home, via, sure, local)
        elif step.kind == BIND:
            self.bind(Binding(name, self.number, step.node, certain, self.value(step.value, local)))
        elif step.kind == DELETE:
            if certain and self.bound.pop(name, ()):
                self.plain.discard(name)
                self.deleted[name] = (self.number, step.node)
        elif step.kind == ANYTHING:
            self.anything(step, certain)

    def bind(self, binding: Binding) -> None:
        name, _, _, certain, value = binding
        if value is None:
            pass
        elif isinstance(value, Function):
            self.homes[id(value)] = self.number
        elif isinstance(value, Class):
            for method in value.methods.values():
                self.homes[id(method)] = self.number
        before = self.binders.get(name)
        if before is None:
            self.binders[name] = [binding]
        else:
            before.append(binding)
        seen = () if certain else self.bound.get(name, ())
        self.bound[name] = (*seen, binding) if seen else (binding,)
        if not self.track and value is None and (name in self.plain or not seen):
            self.plain.add(name)
        else:
            self.plain.discard(name)

    def value(self, value: Function | Class | Origin | None, local: Mapping[str, Value]) -> Value:
        if not isinstance(value, Origin):
            return value
        found = local.get(value.name)
        if found is None:
            known = self.bound.get(value.name, ())
            found = known[0].value if len(known) == 1 else None
        if value.same:
            return found
        return Instance(found) if isinstance(found, Class) else None

    def anything(self, step: Step, certain: bool) -> None:
        exported = star_exports(self.folder, step.name) if step.name else None
        if exported is None:
            self.open = True
        for name in exported or ():
            self.bind(Binding(name, self.number, step.node, certain))

    def unbound(self, step: Step, home: int, via: tuple[tuple[int, ast.AST], ...], certain: bool) -> None:
        name = step.name
        if not certain or self.open or name in self.told or name in KNOWN or _HISTORY.fullmatch(name):
            return
        self.told.add(name)
        self.missing.append(Use(name, self.number, step.node, home, via, True, (), self.deleted.get(name)))

    def used(
        self, step: Step, home: int, via: tuple[tuple[int, ast.AST], ...], certain: bool, known: tuple[Binding, ...]
    ) -> None:
        if all(binding.cell == self.number for binding in known):
            return
        mine = self.uses.setdefault(self.number, {})
        before = mine.get(step.name)
        if before is None or (certain and not before.certain):
            mine[step.name] = Use(step.name, self.number, step.node, home, via, certain, known)

    # --- calls

    def call(
        self,
        value: Value,
        call: ast.Call | None,
        home: int,
        via: tuple[tuple[int, ast.AST], ...],
        certain: bool,
        local: Mapping[str, Value],
    ) -> None:
        """The function runs. `call` None: it is only mentioned, so it may."""
        if call is None:
            if isinstance(value, Function):
                self.function(value, None, home, via, False, local)
            return
        method = call.func.attr if isinstance(call.func, ast.Attribute) else None
        match value:
            case Function() if method is None:
                self.function(value, call, home, via, certain, local)
            case Class():
                for name in ("__new__", "__init__", "__post_init__") if method is None else (method,):
                    self.method(value, name, call, home, via, certain, local, Instance(value))
            case Instance(kind):
                for name in ("__call__", "forward") if method is None else (method,):
                    self.method(kind, name, call, home, via, certain, local, value)

    def method(
        self,
        kind: Class,
        name: str,
        call: ast.Call,
        home: int,
        via: tuple[tuple[int, ast.AST], ...],
        certain: bool,
        local: Mapping[str, Value],
        owner: Instance,
    ) -> None:
        for candidate in self.line(kind):
            if name in candidate.methods:
                self.function(candidate.methods[name], call, home, via, certain, local, owner)
                return

    def line(self, kind: Class, depth: int = 0) -> Iterable[Class]:
        """The class and its bases in the notebook, nearest first."""
        yield kind
        for base in kind.bases if depth < DEEPEST_CALLS else ():
            known = self.bound.get(base, ())
            if len(known) == 1 and isinstance(known[0].value, Class):
                yield from self.line(known[0].value, depth + 1)

    def function(
        self,
        function: Function,
        call: ast.Call | None,
        home: int,
        via: tuple[tuple[int, ast.AST], ...],
        certain: bool,
        local: Mapping[str, Value],
        owner: Instance | None = None,
    ) -> None:
        parameters = self.passed(function, call, local, owner)
        given = tuple(
            (name, id(value.kind if isinstance(value, Instance) else value))
            for name, value in parameters.items()
            if value
        )
        key = (id(function), given, certain)
        if key in self.done or len(via) > DEEPEST_CALLS:
            return
        self.done.add(key)
        inside = self.homes.get(id(function), home)
        way = via if call is None else (*via, (home, call))
        sure = certain and not isinstance(function.node, ast.AsyncFunctionDef)
        for step in function.steps:
            if step.kind != READ or step.name not in self.plain or step.name in parameters:
                self.step(step, inside, way, sure and step.certain, parameters)

    def passed(
        self, function: Function, call: ast.Call | None, local: Mapping[str, Value], owner: Instance | None
    ) -> dict[str, Value]:
        """What the parameters are, as far as objects of the notebook's classes and its functions go."""
        arguments = function.node.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        passed: dict[str, Value] = {argument.arg: None for argument in every if argument is not None}
        positions = list(function.parameters)
        if owner is not None and positions:
            passed[positions.pop(0)] = owner
        if call is not None:
            for name, argument in zip(positions, call.args, strict=False):
                if isinstance(argument, ast.Starred):
                    break
                passed[name] = self.argument(argument, local)
            for keyword in call.keywords:
                if keyword.arg in passed:
                    passed[keyword.arg] = self.argument(keyword.value, local)
        return passed

    def argument(self, node: ast.expr, local: Mapping[str, Value]) -> Value:
        if not isinstance(node, ast.Name):
            return None
        if node.id in local:
            return local[node.id]
        known = self.bound.get(node.id, ())
        return known[0].value if len(known) == 1 else None


def star_exports(folder: str, module: str, depth: int = 0) -> frozenset[str] | None:
    """The names that `from module import *` binds; None when the module does not lie beside the notebook."""
    stem = os.path.join(folder, *module.lstrip(".").split("."))
    for path in (stem + ".py", os.path.join(stem, "__init__.py")):
        try:
            with open(path, encoding="utf-8") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        return _exports(tree, os.path.dirname(path), depth)
    return None


def _exports(tree: ast.Module, folder: str, depth: int) -> frozenset[str] | None:
    names: set[str] = set()
    for step in cell_names(tree).steps:
        if step.kind == BIND:
            names.add(step.name)
        elif step.kind == ANYTHING:
            more = star_exports(folder, step.name, depth + 1) if step.name and depth < DEEPEST_CALLS else None
            if more is None:
                return None
            names |= more
    if "__all__" in names:
        return _listed(tree)
    return frozenset(name for name in names if not name.startswith("_"))


def _listed(tree: ast.Module) -> frozenset[str] | None:
    """`__all__`, when it is written down once and plainly."""
    mentions = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "__all__"]
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets == mentions:
            try:
                return frozenset(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return None
    return None
