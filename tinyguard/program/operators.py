"""Static witness: arithmetic, comparisons, `and` and `or`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from tinyguard.events import GraphKept
from tinyguard.program.conditions import condition_of, key_of, truth
from tinyguard.program.containers import merge
from tinyguard.program.crossing import may_keep
from tinyguard.program.machine import EVALUATE, Call, Frame, Machine
from tinyguard.program.pretend.tensors import combined_tensors, compared_tensors
from tinyguard.program.pretend.values import Leaves, Tensor
from tinyguard.program.values import CONSTANT, Dict, Known, List, Object, Tuple, Unknown

MAX_TEXT = 10_000  # characters; longer strings are not computed


MAX_POWER = 64


ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}


def binary(machine: Machine, node: ast.BinOp, frame: Frame) -> Any:
    left = EVALUATE[type(node.left)](machine, node.left, frame)
    right = EVALUATE[type(node.right)](machine, node.right, frame)
    if isinstance(node.op, ast.Add) and isinstance(left, Tensor) and isinstance(right, Tensor):
        if left.loss and right.loss:
            may_keep(machine, right)
        note_kept(machine, left, right, node.left, "+")
    return combined(machine, left, type(node.op), right)


def note_kept(machine: Machine, kept: Any, value: Any, keeper: ast.expr, how: str) -> None:
    """Write GraphKept when a loss is added to one of an earlier step, whose backward has run."""
    if not (isinstance(kept, Tensor) and isinstance(value, Tensor) and value.grad and kept.grad):
        return
    if not (value.loss or id(value) in machine.differentiated) or not (kept.loss or id(kept) in machine.differentiated):
        return
    if any(graph.used for graph in kept.graphs) and not all(graph in kept.graphs for graph in value.graphs):
        machine.emit(GraphKept, name=ast.unparse(keeper), how=how)


def combined(machine: Machine, left: Any, operation: type[ast.operator], right: Any) -> Any:
    """left <operation> right"""
    if isinstance(left, CONSTANT) and isinstance(right, CONSTANT):
        return _computed(left, operation, right)
    if isinstance(left, (Tensor, Leaves)) or isinstance(right, (Tensor, Leaves)):
        return combined_tensors(machine, left, right)
    if operation is ast.Add and isinstance(left, List) and isinstance(right, (List, Tuple)):
        exact = left.exact and (isinstance(right, Tuple) or right.exact)
        return List(machine.new_number(), {"items": left.items + right.items, "exact": exact})
    if operation is ast.Add and isinstance(left, Tuple) and isinstance(right, Tuple):
        return Tuple(left.items + right.items)
    if operation is ast.Add and type(left) is type(right) and hasattr(left, "samples"):
        return machine.call(Known("torch.utils.data.ConcatDataset"), _operands(machine, left, right))
    if operation is ast.Mult and isinstance(left, List) and isinstance(right, int):
        if 0 <= right <= 12:
            return List(machine.new_number(), {"items": left.items * right, "exact": left.exact})
        return List(machine.new_number(), {"items": left.items, "exact": False})
    if operation is ast.BitOr and isinstance(left, Dict) and isinstance(right, Dict):
        result = Dict(machine.new_number())
        merge(result, left)
        merge(result, right)
        return result
    graph = (type(left) is Unknown and left.graph) or (type(right) is Unknown and right.graph)
    return Unknown((operation.__name__, key_of(left), key_of(right)), graph=graph)


def _operands(machine: Machine, left: Any, right: Any) -> Call:
    frame = machine.stack[-1]
    pair = List(machine.new_number(), {"items": (left, right), "exact": True})
    return Call([pair], {}, frame.at or ast.Pass(), frame)


def _computed(left: Any, operation: type[ast.operator], right: Any) -> Any:
    if operation is ast.Div and isinstance(left, str) and isinstance(right, str):
        return f"{left.rstrip('/')}/{right}"  # paths are kept as text
    if operation is ast.Pow and not (isinstance(right, (int, float)) and abs(right) <= MAX_POWER):
        return Unknown()
    if operation in (ast.Mult, ast.LShift, ast.Mod) and isinstance(left, (str, bytes, int)):
        size = right if isinstance(right, int) else 0
        if isinstance(left, (str, bytes)) and len(left) * max(size, 1) > MAX_TEXT:
            return Unknown()
        if operation is ast.LShift and size > MAX_POWER:
            return Unknown()
    if isinstance(right, str) and operation is ast.Mult and isinstance(left, int) and len(right) * left > MAX_TEXT:
        return Unknown()
    try:
        value = ARITHMETIC[operation](left, right)
    except (TypeError, ValueError, ArithmeticError, KeyError):
        return Unknown()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 << 200:
        return Unknown()
    return value if not isinstance(value, (str, bytes)) or len(value) <= MAX_TEXT else Unknown()


def unary(machine: Machine, node: ast.UnaryOp, frame: Frame) -> Any:
    value = machine.evaluate(node.operand, frame)
    if isinstance(node.op, ast.Not):
        known = truth(machine, value)
        if known is not None:
            return not known
        return Unknown(("not", condition_of(value)[0])) if condition_of(value)[1] else Unknown(condition_of(value)[0])
    if isinstance(value, (int, float)) and not isinstance(node.op, ast.Invert):
        return -value if isinstance(node.op, ast.USub) else value
    return value if isinstance(value, (Tensor, Leaves)) else Unknown()


COMPARISON: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


NEGATION: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.NotEq: ast.Eq, ast.IsNot: ast.Is, ast.NotIn: ast.In}


def compare(machine: Machine, node: ast.Compare, frame: Frame) -> Any:
    left = EVALUATE[type(node.left)](machine, node.left, frame)
    result: Any = True
    for operation, right_node in zip(node.ops, node.comparators, strict=True):
        right = EVALUATE[type(right_node)](machine, right_node, frame)
        result = _compared(machine, left, type(operation), right)
        if len(node.ops) > 1 and result is not True:
            return result if result is False else Unknown()
        left = right
    return result


def _compared(machine: Machine, left: Any, operation: type[ast.cmpop], right: Any) -> Any:
    negated = NEGATION.get(operation)
    if negated is not None:
        result = _compared(machine, left, negated, right)
        if isinstance(result, bool):
            return not result
        return Unknown(("not", result.key)) if isinstance(result, Unknown) else result
    if operation is ast.Is:
        return _identical(left, right)
    if operation is ast.In:
        return _contained(left, right)
    if isinstance(left, CONSTANT) and isinstance(right, CONSTANT):
        try:
            return bool(COMPARISON[operation](left, right))
        except TypeError:
            return Unknown()
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        return compared_tensors(machine, left, right)
    if isinstance(left, Object) and isinstance(right, Object) and operation is ast.Eq and left is right:
        return True
    return Unknown((operation.__name__, key_of(left), key_of(right)))


def _identical(left: Any, right: Any) -> Any:
    if left is right or (isinstance(left, CONSTANT) and isinstance(right, CONSTANT) and left == right):
        return True
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Unknown(("Is", key_of(left), key_of(right)))
    return False


def _contained(left: Any, right: Any) -> Any:
    if isinstance(left, CONSTANT):
        if isinstance(right, str) and isinstance(left, str):
            return left in right
        if isinstance(right, Dict):
            right.read.add(left)
            return True if left in right.fields else (False if right.exact else Unknown())
        if isinstance(right, (Tuple, List)) and all(isinstance(item, CONSTANT) for item in right.items):
            if left in right.items:
                return True
            return False if isinstance(right, Tuple) or right.exact else Unknown()
    return Unknown(("In", key_of(left), key_of(right)))


def boolean(machine: Machine, node: ast.BoolOp, frame: Frame) -> Any:
    stops_at = isinstance(node.op, ast.Or)
    undecided: list[Any] = []
    value: Any = None
    for part in node.values:
        value = machine.evaluate(part, frame)
        known = truth(machine, value)
        if known is stops_at:
            return value if not undecided else _either(machine, undecided, value, stops_at)
        if known is None:
            undecided.append(value)
    return _either(machine, undecided, value, stops_at) if undecided else value


def _either(machine: Machine, undecided: list[Any], last: Any, stops_at: bool) -> Any:
    """`a or b`, `a and b` where it cannot be known which it is."""
    if isinstance(last, (Object, Tensor)) and stops_at:
        return last  # `model or Net()`: what it falls back on
    if len(undecided) == 1 and isinstance(undecided[0], Unknown):
        if isinstance(last, bool) and last is not stops_at:
            return undecided[0]
        if last is undecided[0]:
            return last
    return Unknown(("or" if stops_at else "and", *(key_of(value) for value in undecided), key_of(last)))


EVALUATE.update(
    {
        ast.BinOp: binary,
        ast.UnaryOp: unary,
        ast.Compare: compare,
        ast.BoolOp: boolean,
    }
)
