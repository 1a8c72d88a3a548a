"""Cells -> the names they read, bind and delete, in the order in which Python would do it. Exact, and syntax only."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
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
# Handlers for these let a NameError of the body through.
CATCHES_NO_NAME_ERROR = frozenset({"KeyboardInterrupt", "StopIteration"})


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


_step = tuple.__new__  # Step(...) in a third of the time; one is made for every other name of the program


class Function:
    """A function of the notebook. What it does to names of the notebook is worked out when somebody asks."""

    __slots__ = ("_steps", "node")

    def __init__(self, node: Definition) -> None:
        self.node = node
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
            self._steps = _Walker().function(self.node)
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


def cell_names(tree: ast.Module, binds: Sequence[str] = ()) -> CellNames:
    """`binds`: names that magics of the cell bind, "*" for any."""
    walker = _Walker()
    for name in binds:
        walker.add(ANYTHING if name == "*" else BIND, "" if name == "*" else name, tree)
    try:
        walker.block(tree.body)
    except RecursionError:  # an expression nested deeper than Python's own stack
        walker.add(ANYTHING, "", tree)
    return CellNames(tuple(walker.steps))


class _Walker:
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
        _HANDLERS[node.__class__](self, node)

    def generic(self, node: ast.AST) -> None:
        kind = node.__class__
        fields = _CHILDREN.get(kind)
        for field in _children(kind) if fields is None else fields:
            child = getattr(node, field, None)
            if child.__class__ is list:
                self.block(child)
            elif child is not None:
                _HANDLERS[child.__class__](self, child)

    def block(self, nodes: Sequence[ast.AST | None]) -> None:
        for node in nodes:
            kind = node.__class__
            if kind is not ast.Constant and node is not None:
                _HANDLERS[kind](self, node)

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
        parameters = {*_parameter_names(node.args), *_type_parameters(node)}
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
        self.deferred(Function(node))

    def deferred(self, function: Function) -> None:
        """What a function does that may be called from here on, or never."""
        own = {*_parameter_names(function.node.args), *_type_parameters(function.node)}
        self.steps.extend(step._replace(certain=False) for step in function.steps if step.name not in own)

    # --- statements

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
            return _origin(value)
        if type(value) is ast.Lambda and not self.in_function:
            return Function(value)
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
        if not self.lazy_annotations and not _type_parameters(node):
            for argument in _parameters(node.args):
                if argument.annotation is not None:
                    self.visit(argument.annotation)
            if node.returns is not None:
                self.visit(node.returns)
        function = Function(node)
        if self.in_function:
            self.deferred(function)
        self.add(BIND, node.name, node, function)

    def defaults(self, arguments: ast.arguments) -> None:
        self.block(arguments.defaults)
        self.block(arguments.kw_defaults)

    def class_definition(self, node: ast.ClassDef) -> None:
        self.block(node.decorator_list)
        generic = _type_parameters(node)
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

    def nothing(self, node: ast.AST) -> None:
        """Constants, `nonlocal`, `pass`: no names."""


def _origin(value: ast.AST) -> Origin | None:
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


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]


def _parameter_names(arguments: ast.arguments) -> list[str]:
    return [argument.arg for argument in _parameters(arguments)]


def _type_parameters(node: ast.AST) -> list[str]:
    """`def f[T](...)`, Python 3.12 and later: the names of its type parameters."""
    return [parameter.name for parameter in getattr(node, "type_params", ())]


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


_OPENS_NAMESPACE = frozenset({"exec", "execfile", "globals", "locals", "vars"})
_EXITS = frozenset({"exit", "_exit"})
_CHILDREN: dict[type, tuple[str, ...]] = {}
# Fields that hold no nodes.
_NO_NAMES = """
    ctx op ops attr arg id names module level asname kind conversion is_async simple str kwd_attrs type_comment
    type_ignores type_params
"""
_LEAVES = frozenset(_NO_NAMES.split())


def _children(kind: type) -> tuple[str, ...]:
    """The fields of a node class that can hold names."""
    fields = tuple(field for field in getattr(kind, "_fields", ()) if field not in _LEAVES)
    return _CHILDREN.setdefault(kind, fields if issubclass(kind, ast.AST) else ())


class _Handlers(dict[type, Callable[[_Walker, Any], None]]):
    def __missing__(self, kind: type) -> Callable[[_Walker, Any], None]:
        return self.setdefault(kind, _Walker.generic)


_HANDLERS = _Handlers(
    {
        ast.Attribute: _Walker.attribute,
        ast.Expr: _Walker.expression,
        ast.Name: _Walker.name,
        ast.Call: _Walker.call,
        ast.Compare: _Walker.compare,
        ast.BoolOp: _Walker.boolean,
        ast.IfExp: _Walker.conditional,
        ast.ListComp: _Walker.comprehension,
        ast.SetComp: _Walker.comprehension,
        ast.GeneratorExp: _Walker.comprehension,
        ast.DictComp: _Walker.comprehension,
        ast.NamedExpr: _Walker.walrus,
        ast.Lambda: _Walker.function_value,
        ast.Assign: _Walker.assign,
        ast.AnnAssign: _Walker.annotated,
        ast.AugAssign: _Walker.augmented,
        ast.Import: _Walker.imported,
        ast.ImportFrom: _Walker.imported_from,
        ast.FunctionDef: _Walker.definition,
        ast.AsyncFunctionDef: _Walker.definition,
        ast.ClassDef: _Walker.class_definition,
        ast.For: _Walker.loop,
        ast.AsyncFor: _Walker.loop,
        ast.While: _Walker.while_loop,
        ast.If: _Walker.branch,
        ast.Try: _Walker.attempt,
        ast.TryStar: _Walker.attempt,
        ast.Match: _Walker.matched,
        ast.MatchAs: _Walker.pattern,
        ast.MatchStar: _Walker.pattern,
        ast.MatchMapping: _Walker.pattern_mapping,
        ast.Return: _Walker.ends,
        ast.Raise: _Walker.ends,
        ast.Assert: _Walker.asserted,
        ast.Constant: _Walker.nothing,
        ast.MatchSingleton: _Walker.nothing,
        ast.Global: _Walker.declaration,
        ast.Nonlocal: _Walker.nothing,
        ast.Pass: _Walker.nothing,
    }
)
if hasattr(ast, "TypeAlias"):
    _HANDLERS[ast.TypeAlias] = _Walker.alias
