"""Statements that bind or change a name -> what can be said about the object: built from what, changed in place."""

from __future__ import annotations

import ast

from tinyguard.pattern import pattern
from tinyguard.program.names.definitions import Binding

# Functions whose name says that they build something, which then holds on to its arguments.
BUILDS = ("get_", "make_", "build_", "create_", "init_", "setup_", "load_", "iter")
# Applying these a second time changes nothing.
_IDEMPOTENT = """
    to cuda cpu float double half long int bool eval train type astype numpy detach clone copy deepcopy contiguous
    sorted list tuple set dict array tensor as_tensor asarray dropna reset_index sort_values drop_duplicates fillna
    lower strip clip clamp abs view reshape flatten squeeze requires_grad_ item
"""
IDEMPOTENT = frozenset(_IDEMPOTENT.split())
_DEVICE = pattern(r"\bis_available\(|\btorch\.device\(")
GROWS = frozenset({"append", "extend", "insert", "add", "update", "mul_", "div_", "add_", "sub_"})


def matters(binding: Binding) -> bool:
    """Running the statement again may give something else: an import or the choice of a device does not."""
    if isinstance(binding.node, ast.Import | ast.ImportFrom):
        return False
    value = getattr(binding.node, "value", None)
    return not (isinstance(value, ast.expr) and _DEVICE.search(ast.unparse(value)))


def same(one: Binding, other: Binding) -> bool:
    """Two statements that say the same."""
    if one.node is None or other.node is None:
        return False
    return ast.dump(one.node) == ast.dump(other.node)


def is_object(binding: Binding) -> bool:
    """A class, or what a call has returned: running the cell again gives a new one."""
    if isinstance(binding.node, ast.ClassDef):
        return True
    value = getattr(binding.node, "value", None)
    return isinstance(binding.node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call)


def holds(binding: Binding, source: str) -> bool:
    """What is bound was built by a call that was given `source`, or an attribute of it, and keeps it."""
    value = getattr(binding.node, "value", None)
    if not isinstance(binding.node, ast.Assign | ast.AnnAssign) or not isinstance(value, ast.Call):
        return False
    return _keeps(value, source)


def _keeps(call: ast.Call, source: str) -> bool:
    called = call.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Call) and name in IDEMPOTENT:
        return _keeps(called.value, source)
    if isinstance(called, ast.Name) and name == source:
        return True  # the class itself
    if not (name[:1].isupper() or name.startswith(BUILDS)):
        return False
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(_is_of(argument, source) for argument in arguments)


def _is_of(node: ast.expr, source: str) -> bool:
    """`source` itself, or what `source.parameters()` and the like give."""
    match node:
        case ast.Name(id=name):
            return name == source
        case ast.Call(func=ast.Attribute(value=owner, attr="parameters" | "named_parameters" | "to" | "cuda")):
            return _is_of(owner, source)
        case ast.Call() as call:
            return _keeps(call, source)
        case ast.Starred(value=value) | ast.Attribute(value=value):
            return _is_of(value, source)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return any(_is_of(item, source) for item in items)
    return False


def only_prepares(statement: ast.stmt) -> bool:
    """An import, a definition, a text, or what became of a magic: nothing to be missed but its names."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) or _root(statement.value) == "get_ipython"
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Pass
    return isinstance(statement, kinds)


def _root(node: ast.expr) -> str:
    """The name that a chain of calls and attributes hangs on."""
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def own_change(tree: ast.Module | None, name: str) -> ast.stmt | None:
    """The statement that changes `name` in a way that adds up: `x = x / 255`, `x += 1`, `x.append(1)`."""
    for statement in tree.body if tree is not None else ():
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return statement if _adds_up(value, name) else None
            case ast.AugAssign(target=ast.Name(id=target)) if target == name:
                return statement
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=method))) if owner == name:
                if method in GROWS:
                    return statement
    return None


def _adds_up(value: ast.expr, name: str) -> bool:
    match value:
        case ast.BinOp(left=left, right=right):
            return any(_is_or_adds_up(side, name) for side in (left, right))
        case ast.Call(func=function, args=arguments):
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called in IDEMPOTENT or called[:1].isupper():
                return False
            owner = [function.value] if isinstance(function, ast.Attribute) else []
            return any(_is_or_adds_up(part, name) for part in (*owner, *arguments))
    return False


def _is_or_adds_up(node: ast.expr, name: str) -> bool:
    return (isinstance(node, ast.Name) and node.id == name) or _adds_up(node, name)
