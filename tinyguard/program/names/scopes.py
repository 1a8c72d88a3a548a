"""One scope and its expressions -> steps. Functions, classes and comprehensions within it get steps of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from tinyguard.program.names.steps import (
    ANYTHING,
    BIND,
    DELETE,
    READ,
    Class,
    Definition,
    Function,
    Kind,
    Origin,
    Step,
    parameter_names,
    type_parameters,
)

_step = tuple.__new__  # Step(...) in a third of the time; one is made for every other name of the program


class Scope:
    """Walks one scope; scopes within it (functions, classes, comprehensions) get a list of steps of their own."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.certain = True
        self.returned = False  # a `return` was passed: what follows in this function may not run
        self.in_function = False
        self.lazy_annotations = False
        self.declared: set[str] = set()  # global
        # Reads that would say nothing new are left out: most names are read again and again.
        self.known: set[str] = set()  # names certainly read or bound before
        self.perhaps: set[str] = set()  # names perhaps read before
        self.called: dict[str, set[str]] = {}  # methods called before, by the name of their object

    # --- steps and scopes

    def add(self, kind: Kind, name: str, node: ast.AST, value: Function | Class | Origin | None = None) -> None:
        self.steps.append(_step(Step, (kind, name, node, self.certain, None, value)))
        self.called.pop(name, None)
        if kind == DELETE:
            self.known.discard(name)
            self.perhaps.discard(name)
        elif self.certain:
            self.known.add(name)

    def read(self, node: ast.Name) -> None:
        name = node.id
        if name in self.known:
            return
        if self.certain:
            self.known.add(name)
        elif name in self.perhaps:
            return
        else:
            self.perhaps.add(name)
        self.steps.append(_step(Step, (READ, name, node, self.certain, None, None)))

    def visit(self, node: ast.AST) -> None:
        HANDLERS[node.__class__](self, node)

    def generic(self, node: ast.AST) -> None:
        kind = node.__class__
        for field in children(kind):
            child = getattr(node, field, None)
            if child.__class__ is list:
                self.block(child)
            elif child is not None:
                HANDLERS[child.__class__](self, child)

    def block(self, nodes: Sequence[ast.AST | None]) -> None:
        for node in nodes:
            kind = node.__class__
            if kind is not ast.Constant and node is not None:
                HANDLERS[kind](self, node)

    def unsure(self, *parts: ast.AST | Sequence[ast.AST | None] | None) -> None:
        """Walk parts that may or may not run."""
        before, self.certain = self.certain, False
        for part in parts:
            if isinstance(part, ast.AST):
                self.visit(part)
            elif part:
                self.block(part)
        self.certain = before and not self.returned

    def function(self, node: Definition) -> tuple[Step, ...]:
        """The steps of a call that leave the function's own scope, and the reads of its parameters."""
        self.in_function = True
        self.block([node.body] if isinstance(node, ast.Lambda) else node.body)
        declared = self.declared
        parameters = {*parameter_names(node.args), *type_parameters(node)}
        own = {step.name for step in self.steps if step.kind == BIND} - declared - parameters
        return tuple(
            step for step in self.steps if step.name not in own and (step.kind == READ or step.name in declared)
        )

    def inner(self, walk: Callable[[], None]) -> list[Step]:
        """The steps of a scope that runs here and now; what the walker knows of its own scope is left alone."""
        outside = self.steps, self.known, self.perhaps, self.called
        self.steps, self.known, self.perhaps, self.called = [], self.known.copy(), self.perhaps.copy(), {}
        walk()
        inside = self.steps
        self.steps, self.known, self.perhaps, self.called = outside
        return inside

    @classmethod
    def steps_of(cls, node: Definition) -> tuple[Step, ...]:
        return cls().function(node)

    # --- expressions

    def name(self, node: ast.Name) -> None:
        kind = type(node.ctx)
        if kind is ast.Load:
            self.read(node)
        else:
            self.add(BIND if kind is ast.Store else DELETE, node.id, node)

    def call(self, node: ast.Call) -> None:
        called = node.func
        owner = called
        method = ""
        if type(called) is ast.Attribute:
            owner, method = called.value, called.attr
        if type(owner) is not ast.Name:
            self.visit(called)
        elif not method:
            self.steps.append(_step(Step, (READ, owner.id, owner, self.certain, node, None)))
            if owner.id in _OPENS_NAMESPACE:
                self.namespace(node, owner.id)
        else:
            name = owner.id
            before = self.called.get(name)
            if before is None:
                before = self.called[name] = set()
            if method not in before or name not in self.known:
                before.add(method)
                self.steps.append(_step(Step, (READ, name, owner, self.certain, node, None)))
                if self.certain:
                    self.known.add(name)
        if node.args:
            self.block(node.args)
        for keyword in node.keywords:
            if keyword.value.__class__ is not ast.Constant:
                self.visit(keyword.value)
        if method in _EXITS and type(owner) is ast.Name and owner.id in ("sys", "os"):
            self.certain = False

    def namespace(self, node: ast.Call, name: str) -> None:
        """exec, globals() and their like: any name may be bound from here on."""
        if name in ("exec", "execfile") or not node.args:
            self.add(ANYTHING, "", node)

    def attribute(self, node: ast.Attribute) -> None:
        value: ast.expr = node.value
        while value.__class__ is ast.Attribute:
            value = value.value
        if value.__class__ is ast.Name:
            self.read(value)
        else:
            self.visit(value)

    def expression(self, node: ast.Expr) -> None:
        self.visit(node.value)

    def compare(self, node: ast.Compare) -> None:
        self.visit(node.left)
        for comparator in node.comparators:
            # `"x" in globals()` only looks.
            if not (isinstance(comparator, ast.Call) and getattr(comparator.func, "id", "") in _OPENS_NAMESPACE):
                self.visit(comparator)

    def boolean(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self.unsure(node.values[1:])

    def conditional(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self.unsure(node.body, node.orelse)

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)  # evaluated in the enclosing scope

        def walk() -> None:
            for number, generator in enumerate(node.generators):
                self.visit(generator.target)
                if number:
                    self.visit(generator.iter)
                self.block(generator.ifs)
            before = self.certain
            self.certain = before and not any(generator.ifs for generator in node.generators)
            self.block([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
            self.certain = before

        steps = self.inner(walk)
        targets = {step.name for step in steps if step.kind == BIND and type(step.node) is not ast.NamedExpr}
        self.steps.extend(step for step in steps if step.name not in targets)

    def walrus(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.add(BIND, node.target.id, node)

    def function_value(self, node: ast.Lambda) -> None:
        """A lambda that is handed to somebody: it may be called at once, later or never."""
        self.defaults(node.args)
        self.deferred(Function(node, self.steps_of))

    def defaults(self, arguments: ast.arguments) -> None:
        self.block(arguments.defaults)
        self.block(arguments.kw_defaults)

    def deferred(self, function: Function) -> None:
        """What a function does that may be called from here on, or never."""
        own = {*parameter_names(function.node.args), *type_parameters(function.node)}
        self.steps.extend(step._replace(certain=False) for step in function.steps if step.name not in own)

    def nothing(self, node: ast.AST) -> None:
        """Constants, `nonlocal`, `pass`: no names."""


_OPENS_NAMESPACE = frozenset({"exec", "execfile", "globals", "locals", "vars"})
_EXITS = frozenset({"exit", "_exit"})
_CHILDREN: dict[type, tuple[str, ...]] = {}
# Fields that hold no nodes.
_NO_NAMES = """
    ctx op ops attr arg id names module level asname kind conversion is_async simple str kwd_attrs type_comment
    type_ignores type_params
"""
_LEAVES = frozenset(_NO_NAMES.split())


def children(kind: type) -> tuple[str, ...]:
    """The fields of a node class that can hold names; none of what is no node."""
    known = _CHILDREN.get(kind)
    if known is None:
        fields = tuple(field for field in getattr(kind, "_fields", ()) if field not in _LEAVES)
        known = _CHILDREN[kind] = fields if issubclass(kind, ast.AST) else ()
    return known


class _Handlers(dict[type, Callable[[Any, Any], None]]):
    def __missing__(self, kind: type) -> Callable[[Any, Any], None]:
        return self.setdefault(kind, Scope.generic)


# What to do at a node; statements are added where they are known.
HANDLERS = _Handlers(
    {
        ast.Attribute: Scope.attribute,
        ast.Expr: Scope.expression,
        ast.Name: Scope.name,
        ast.Call: Scope.call,
        ast.Compare: Scope.compare,
        ast.BoolOp: Scope.boolean,
        ast.IfExp: Scope.conditional,
        ast.ListComp: Scope.comprehension,
        ast.SetComp: Scope.comprehension,
        ast.GeneratorExp: Scope.comprehension,
        ast.DictComp: Scope.comprehension,
        ast.NamedExpr: Scope.walrus,
        ast.Lambda: Scope.function_value,
        ast.Constant: Scope.nothing,
        ast.MatchSingleton: Scope.nothing,
        ast.Nonlocal: Scope.nothing,
        ast.Pass: Scope.nothing,
    }
)
