"""What a cell, a function or a class does to names, as records: steps in the order in which Python takes them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

Kind = Literal["read", "bind", "delete", "anything"]
READ: Kind = "read"
BIND: Kind = "bind"
DELETE: Kind = "delete"
ANYTHING: Kind = "anything"  # any name may be bound: a star import (its module is the name), exec, globals()
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

# Methods that return the object they are called on, as far as its class matters.
KEEPS_OBJECT = frozenset({"to", "cuda", "cpu", "float", "double", "half", "eval", "train"})
WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel", "compile"})


class Origin(NamedTuple):
    """Where a bound object comes from: a call of this name, or (`same`) the object that had this name."""

    name: str
    same: bool


class Step(NamedTuple):
    """One thing that happens to a name when the code runs."""

    kind: Kind
    name: str
    node: Any  # where: the name; for a binding, the whole statement
    certain: bool  # happens whenever the code runs to its end
    call: ast.Call | None = None  # the name, or a method of it, is called here
    value: Function | Class | Origin | None = None  # what is bound


class Function:
    """A function of the notebook. What it does to names of the notebook is worked out when somebody asks."""

    __slots__ = ("_steps", "_walk", "node")

    def __init__(self, node: Definition, walk: Callable[[Definition], tuple[Step, ...]]) -> None:
        self.node = node
        self._walk = walk
        self._steps: tuple[Step, ...] | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the positional parameters."""
        arguments = self.node.args
        return tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args))

    @property
    def steps(self) -> tuple[Step, ...]:
        """What a call does: names of the notebook that it reads, and binds by `global`.

        Reads of its own parameters are among them, for whoever knows what was passed.
        """
        if self._steps is None:
            self._steps = self._walk(self.node)
        return self._steps


class Class(NamedTuple):
    """A class of the notebook: what its methods read is deferred, its body has run with the cell."""

    name: str
    bases: tuple[str, ...]
    methods: dict[str, Function]


class CellNames(NamedTuple):
    """What one cell does to the names of the notebook, in order."""

    steps: tuple[Step, ...]

    @property
    def bound(self) -> frozenset[str]:
        """Names bound by the cell, perhaps only under a condition; "*" when it may bind any."""
        return frozenset(
            "*" if step.kind == ANYTHING else step.name for step in self.steps if step.kind in (BIND, ANYTHING)
        )

    @property
    def bound_for_sure(self) -> frozenset[str]:
        return frozenset(step.name for step in self.steps if step.kind == BIND and step.certain)

    @property
    def deleted(self) -> frozenset[str]:
        return frozenset(step.name for step in self.steps if step.kind == DELETE)

    @property
    def read(self) -> dict[str, ast.AST]:
        """Names that the cell reads before it binds them itself, with the first place."""
        found: dict[str, ast.AST] = {}
        own: set[str] = set()
        for step in self.steps:
            if step.kind == READ and step.name not in own:
                found.setdefault(step.name, step.node)
            elif step.kind == BIND and step.certain:
                own.add(step.name)
            elif step.kind == DELETE:
                own.discard(step.name)
        return found


def origin(value: ast.AST) -> Origin | None:
    """Net(...).to(device) comes from a call of Net; model.cuda() is what `model` was."""
    while isinstance(value, ast.Call):
        called = value.func
        if isinstance(called, ast.Name):
            if called.id in WRAPPERS and value.args:
                value = value.args[0]
                continue
            return Origin(called.id, same=False)
        if not isinstance(called, ast.Attribute):
            return None
        if called.attr in KEEPS_OBJECT:
            value = called.value
        elif called.attr in WRAPPERS and value.args:
            value = value.args[0]
        else:
            return None
    return Origin(value.id, same=True) if isinstance(value, ast.Name) else None


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]


def parameter_names(arguments: ast.arguments) -> list[str]:
    return [argument.arg for argument in parameters(arguments)]


def type_parameters(node: ast.AST) -> list[str]:
    """`def f[T](...)`, Python 3.12 and later: the names of its type parameters."""
    return [parameter.name for parameter in getattr(node, "type_params", ())]
