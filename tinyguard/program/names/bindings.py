"""Cells -> the names they read, bind and delete, in the order in which Python would do it. Exact, and syntax only."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from tinyguard.program.names.scopes import HANDLERS, Scope
from tinyguard.program.names.steps import (
    ANYTHING,
    BIND,
    READ,
    CellNames,
    Class,
    Function,
    Origin,
    Step,
    origin,
    parameters,
    type_parameters,
)

# Handlers for these let a NameError of the body through.
CATCHES_NO_NAME_ERROR = frozenset({"KeyboardInterrupt", "StopIteration"})


def cell_names(tree: ast.Module, binds: Sequence[str] = ()) -> CellNames:
    """`binds`: names that magics of the cell bind, "*" for any."""
    walker = _Statements()
    for name in binds:
        walker.add(ANYTHING if name == "*" else BIND, "" if name == "*" else name, tree)
    try:
        walker.block(tree.body)
    except RecursionError:  # an expression nested deeper than Python's own stack
        walker.add(ANYTHING, "", tree)
    return CellNames(tuple(walker.steps))


class _Statements(Scope):
    """A scope with its statements."""

    def assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            if type(target) is ast.Name:
                self.add(BIND, target.id, node, self.bound_value(node.value))
            else:
                self.target(target, node)

    def target(self, target: ast.AST, statement: ast.AST) -> None:
        """Names of a tuple are bound by the whole statement; what an index or attribute hangs on is read."""
        if isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self.target(element, statement)
        elif isinstance(target, ast.Starred):
            self.target(target.value, statement)
        elif isinstance(target, ast.Name):
            self.add(BIND, target.id, statement)
        else:
            self.visit(target)

    def bound_value(self, value: ast.AST) -> Function | Origin | None:
        if type(value) is ast.Call or type(value) is ast.Name:
            return origin(value)
        if type(value) is ast.Lambda and not self.in_function:
            return Function(value, self.steps_of)
        return None

    def annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
        if not (self.in_function or self.lazy_annotations):
            self.visit(node.annotation)
        if not isinstance(node.target, ast.Name):
            self.visit(node.target)
        elif node.value is not None:
            self.add(BIND, node.target.id, node, self.bound_value(node.value))

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.steps.append(Step(READ, node.target.id, node.target, self.certain))
            self.visit(node.value)
            self.add(BIND, node.target.id, node)
        else:
            self.visit(node.target)
            self.visit(node.value)

    def imported(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(BIND, alias.asname or alias.name.partition(".")[0], node)

    def imported_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.add(ANYTHING, "." * node.level + (node.module or ""), node)
            else:
                self.add(BIND, alias.asname or alias.name, node)
        if node.module == "__future__":
            self.lazy_annotations |= any(alias.name == "annotations" for alias in node.names)

    def definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.block(node.decorator_list)
        self.defaults(node.args)
        if not self.lazy_annotations and not type_parameters(node):
            for argument in parameters(node.args):
                if argument.annotation is not None:
                    self.visit(argument.annotation)
            if node.returns is not None:
                self.visit(node.returns)
        function = Function(node, self.steps_of)
        if self.in_function:
            self.deferred(function)
        self.add(BIND, node.name, node, function)

    def class_definition(self, node: ast.ClassDef) -> None:
        self.block(node.decorator_list)
        generic = type_parameters(node)
        if not generic:
            self.block(node.bases)
            self.block([keyword.value for keyword in node.keywords])
        own: set[str] = {"__module__", "__qualname__", *generic}
        methods: dict[str, Function] = {}
        for step in self.inner(lambda: self.block(node.body)):
            if step.kind == BIND:
                own.add(step.name)
                if isinstance(step.value, Function):
                    methods[step.name] = step.value
            elif step.name not in own:
                self.steps.append(step)
        bases = tuple(base.id for base in node.bases if isinstance(base, ast.Name))
        self.add(BIND, node.name, node, Class(node.name, bases, methods))

    def loop(self, node: ast.For | ast.AsyncFor) -> None:
        """Loops are taken to run at least once."""
        self.visit(node.iter)
        self.target(node.target, node)
        self.scoped(node.body)
        self.unsure(node.orelse)

    def while_loop(self, node: ast.While) -> None:
        self.visit(node.test)
        self.scoped(node.body)
        self.unsure(node.orelse)

    def scoped(self, body: Sequence[ast.AST]) -> None:
        """A body that runs; a `raise` or `exit` that ends it says nothing about what comes behind it."""
        before = self.certain
        self.block(body)
        self.certain = before and not self.returned

    def branch(self, node: ast.If) -> None:
        taken = _decided(node.test)
        self.visit(node.test)
        if taken is not None:
            self.scoped(node.body if taken else node.orelse)
            return
        start = len(self.steps)
        self.unsure(node.body)
        middle = len(self.steps)
        self.unsure(node.orelse)
        if self.certain and node.orelse and not self.in_function:
            self.joined(node, self.steps[start:middle], self.steps[middle:])

    def joined(self, node: ast.If, one: list[Step], other: list[Step]) -> None:
        """What both ways bind is bound for sure."""
        values = {step.name: step.value for step in one if step.kind == BIND}
        for step in other:
            if step.kind == BIND and step.name in values:
                same = values.pop(step.name) == step.value
                self.add(BIND, step.name, node, step.value if same else None)

    def attempt(self, node: ast.Try) -> None:
        if node.handlers and not all(_lets_name_error_through(handler) for handler in node.handlers):
            self.unsure(node.body, node.orelse)
        else:
            self.scoped([*node.body, *node.orelse])
        for handler in node.handlers:
            if handler.name:
                self.steps.append(Step(BIND, handler.name, handler, False))
            self.unsure(handler.type, handler.body)
        self.scoped(node.finalbody)

    def matched(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            self.unsure(case)

    def pattern(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if isinstance(node, ast.MatchAs) and node.pattern is not None:
            self.visit(node.pattern)
        if node.name:
            self.add(BIND, node.name, node)

    def pattern_mapping(self, node: ast.MatchMapping) -> None:
        self.block(node.keys)
        self.block(node.patterns)
        if node.rest:
            self.add(BIND, node.rest, node)

    def ends(self, node: ast.Return | ast.Raise) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child)
        if isinstance(node, ast.Return):
            self.returned = True
        self.certain = False

    def asserted(self, node: ast.Assert) -> None:
        self.visit(node.test)
        self.unsure(node.msg)

    def alias(self, node: Any) -> None:
        """`type X = ...`: evaluated when somebody asks for it."""
        self.add(BIND, node.name.id, node)

    def declaration(self, node: ast.Global) -> None:
        self.declared.update(node.names)


def _decided(test: ast.AST) -> bool | None:
    """Constants, and `__name__ == "__main__"`, which is true of a notebook."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return None


def _lets_name_error_through(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return all(isinstance(kind, ast.Name) and kind.id in CATCHES_NO_NAME_ERROR for kind in kinds)


HANDLERS.update(
    {
        ast.Assign: _Statements.assign,
        ast.AnnAssign: _Statements.annotated,
        ast.AugAssign: _Statements.augmented,
        ast.Import: _Statements.imported,
        ast.ImportFrom: _Statements.imported_from,
        ast.FunctionDef: _Statements.definition,
        ast.AsyncFunctionDef: _Statements.definition,
        ast.ClassDef: _Statements.class_definition,
        ast.For: _Statements.loop,
        ast.AsyncFor: _Statements.loop,
        ast.While: _Statements.while_loop,
        ast.If: _Statements.branch,
        ast.Try: _Statements.attempt,
        ast.TryStar: _Statements.attempt,
        ast.Match: _Statements.matched,
        ast.MatchAs: _Statements.pattern,
        ast.MatchStar: _Statements.pattern,
        ast.MatchMapping: _Statements.pattern_mapping,
        ast.Return: _Statements.ends,
        ast.Raise: _Statements.ends,
        ast.Assert: _Statements.asserted,
        ast.Global: _Statements.declaration,
    }
)
if hasattr(ast, "TypeAlias"):
    HANDLERS[ast.TypeAlias] = _Statements.alias
