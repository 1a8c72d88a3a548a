"""Static witness: what each kind of expression gives."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from tinyguard.events import GraphKept
from tinyguard.program.assignment import assign
from tinyguard.program.iteration import laps
from tinyguard.program.machine import ATTRIBUTE, EVALUATE, ITEM, METHODS, Call, Frame, Machine, Signal, place_of
from tinyguard.program.tensors import combined_tensors, compared_tensors
from tinyguard.program.values import (
    CONSTANT,
    MISSING,
    Bound,
    Class,
    Dict,
    Function,
    Generator,
    Instance,
    Int,
    Known,
    Leaves,
    List,
    Method,
    Model,
    ModuleValue,
    Object,
    Super,
    Tensor,
    Tuple,
    Unknown,
    identity_of,
)

MAX_TEXT = 10_000  # characters; longer strings are not computed
MAX_POWER = 64


def truth(machine: Machine, value: Any) -> bool | None:
    """Whether it counts as true; None: cannot be known, `condition_of` says under which name."""
    if isinstance(value, CONSTANT):
        return bool(value)
    if isinstance(value, Tuple):
        return bool(value.items)
    if isinstance(value, List) and (value.items or value.exact):
        return bool(value.items)
    if isinstance(value, Dict) and (value.fields or value.exact):
        return bool(value.fields)
    if not isinstance(value, (Unknown, Tensor, List, Dict)):
        return True
    key, polarity = condition_of(value)
    known = machine.facts.get(key)
    return None if known is None else known is polarity


def condition_of(value: Any) -> tuple[Any, bool]:
    """The key of the condition "this value is true", and its polarity (`not` flips it)."""
    key = value.key if isinstance(value, Unknown) else identity_of(value)
    polarity = True
    while isinstance(key, tuple) and key[0] == "not":
        key, polarity = key[1], not polarity
    return key, polarity


def _key(value: Any) -> Any:
    """What identifies a value within a condition."""
    return value.key if isinstance(value, Unknown) else identity_of(value)


def constant(machine: Machine, node: ast.Constant, frame: Frame) -> Any:
    value = node.value
    if type(value) is not int:
        return value
    number: Int | None = getattr(node, "_number", None)
    if number is None:
        number = Int(value)
        number.written = (frame.source, node)
        node._number = number  # type: ignore[attr-defined]
    return number


# What everybody means by a name that nothing binds: its import stands in a cell that does not parse or was deleted.
USUAL_NAMES = {
    "torch": "torch",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "optim": "torch.optim",
    "DataLoader": "torch.utils.data.DataLoader",
    "torchvision": "torchvision",
    "transforms": "torchvision.transforms",
    "datasets": "torchvision.datasets",
    "np": "numpy",
    "plt": "matplotlib.pyplot",
}


def name(machine: Machine, node: ast.Name, frame: Frame) -> Any:
    wanted = node.id
    seen: Frame | None = frame.outer.get(wanted, frame) if frame.outer else frame
    while seen is not None:
        names = seen.names
        if wanted in names:
            if seen.parent is None:
                machine.read_names.add(wanted)
            return names[wanted]
        seen = seen.parent
    known = BUILTINS.get(wanted)
    if known is None and wanted in USUAL_NAMES:
        known = Known(USUAL_NAMES[wanted])
    return known or Unknown(("name", wanted), graph=True)


BUILTINS: dict[str, Any] = {}  # filled by `builtins`


def attribute(machine: Machine, node: ast.Attribute, frame: Frame) -> Any:
    owner = node.value
    value = EVALUATE[type(owner)](machine, owner, frame)
    handler = ATTRIBUTE.get(type(value))
    return Unknown() if handler is None else handler(machine, value, node.attr)


def attribute_of_known(machine: Machine, value: Known, name: str) -> Any:
    return value.member(name)


def attribute_of_instance(machine: Machine, value: Instance, name: str) -> Any:
    value.read.add(name)
    if name in value.fields:
        return value.fields[name]
    if name == "__class__" and value.cls:
        return value.cls
    if name == "__dict__":
        value.read.add(...)
        return Dict(machine.new_number(), value.fields)  # what is written to it is written to the object
    if value.cls is None:
        return Unknown()
    value.cls.read.add(name)
    return bound(machine, value.cls.find(name), value, name)


def bound(machine: Machine, found: Any, owner: Any, name: str) -> Any:
    """What a class attribute gives when it is asked of an object."""
    if isinstance(found, Function):
        if found.kind == "property":
            frame = machine.stack[-1]
            return machine.call(Bound(found, owner), Call([], {}, frame.at or found.node, frame))
        return found if found.kind == "staticmethod" else Bound(found, owner)
    if found is MISSING:
        return Method(owner, name)
    return found


def attribute_of_class(machine: Machine, value: Class, name: str) -> Any:
    if name == "__name__":
        return value.name
    value.read.add(name)
    found = value.find(name)
    if isinstance(found, Function) and found.kind == "classmethod":
        return Bound(found, value)
    if found is MISSING and name == "apply" and value.derives_from("torch.autograd.Function"):
        return Known("torch.autograd.Function.apply")
    return Unknown(graph=True) if found is MISSING else found


def attribute_of_super(machine: Machine, value: Super, name: str) -> Any:
    cls = value.owner if isinstance(value.owner, Class) else value.owner.cls
    found = cls.find(name, after=value.after) if cls else MISSING
    if isinstance(found, Function):
        return found if found.kind == "staticmethod" else Bound(found, value.owner)
    return Method(value, name) if found is MISSING else found


def attribute_of_module(machine: Machine, value: ModuleValue, name: str) -> Any:
    found = value.fields.get(name, MISSING)
    if found is MISSING:
        found = machine.import_module(f"{value.name}.{name}", machine.stack[-1])
    return Unknown(graph=True) if found is MISSING else found


def attribute_of_unknown(machine: Machine, value: Unknown, name: str) -> Any:
    from_file = isinstance(value.key, tuple) and value.key[0] == "file"
    if from_file or name in ("backward", "step", "zero_grad", "parameters"):
        return Method(value, name)
    return Unknown((name, value.key), graph=value.graph)


def attribute_native(machine: Machine, value: Any, name: str) -> Any:
    return Method(value, name)


def subscript(machine: Machine, node: ast.Subscript, frame: Frame) -> Any:
    container = machine.evaluate(node.value, frame)
    if isinstance(node.slice, ast.Slice):
        return _slice(machine, container, node.slice, frame)
    return item(machine, container, machine.evaluate(node.slice, frame))


def item(machine: Machine, container: Any, index: Any) -> Any:
    """container[index]"""
    match container:
        case Tensor():
            role = _role(index) or container.role
            return container.with_(role=role, known=False, activation=container.activation, width=None)
        case Tuple(items=items) | List(items=items):
            if isinstance(index, int) and -len(items) <= index < len(items):
                return items[index]
            return any_of(machine, items)
        case Dict():
            container.read.add(index if isinstance(index, CONSTANT) else ...)
            if isinstance(index, CONSTANT) and index in container.fields:
                return container.fields[index]
            if "default" in container.state and isinstance(index, CONSTANT):
                frame = machine.stack[-1]
                fresh = machine.call(container.state["default"], Call([], {}, frame.at or ast.Pass(), frame))
                machine.heap.write(container.fields, index, fresh)
                return fresh
            if container.exact and not isinstance(index, CONSTANT):
                return any_of(machine, tuple(container.fields.values()))
            return container.state.get("other") or Unknown(graph=True)
        case str() if isinstance(index, int) and -len(container) <= index < len(container):
            return container[index]
        case Unknown():
            return Unknown(("item", container.key, _key(index)), graph=container.graph)
        case Instance() if container.cls and (method := container.cls.find("__getitem__")) is not MISSING:
            frame = machine.stack[-1]
            return machine.call(Bound(method, container), Call([index], {}, frame.at or ast.Pass(), frame))
        case Leaves() | Known() | Class():  # of a class: `Dataset[int]`
            return container
    handler = ITEM.get(type(container))
    return Unknown() if handler is None else handler(machine, container, index)


def _role(index: Any) -> str:
    """Whether an entry of a batch is its labels, by index or key."""
    if isinstance(index, int) and not isinstance(index, bool):
        return {0: "input", 1: "target"}.get(index, "")
    if isinstance(index, str):
        return "target" if any(word in index.lower() for word in ("label", "target")) else "input"
    return ""


def any_of(machine: Machine, items: tuple[Any, ...]) -> Any:
    """One value for "one of these"."""
    if not items:
        return Unknown()
    value = items[0]
    for other in items[1:12]:
        value = machine.heap.joined(value, other, {})
    return Unknown() if isinstance(value, CONSTANT) and len(items) > 1 and value != items[0] else value


def _slice(machine: Machine, container: Any, node: ast.Slice, frame: Frame) -> Any:
    bounds = [None if part is None else machine.evaluate(part, frame) for part in (node.lower, node.upper, node.step)]
    if all(isinstance(part, (int, type(None))) for part in bounds) and bounds[2] != 0:
        cut = slice(*bounds)
        match container:
            case Tuple():
                return Tuple(container.items[cut])
            case List():
                return List(machine.new_number(), {"items": container.items[cut], "exact": container.exact})
            case str() | bytes():
                return container[cut]
    match container:
        case Tensor():
            return container.with_(width=None)
        case Model() | Unknown() | Leaves():
            return container
        case Tuple(items=items) | List(items=items):
            return List(machine.new_number(), {"items": items, "exact": False})
    return Unknown()


def tuple_(machine: Machine, node: ast.Tuple, frame: Frame) -> Any:
    return Tuple(tuple(elements(machine, node.elts, frame)[0]))


def list_(machine: Machine, node: ast.List | ast.Set, frame: Frame) -> Any:
    items, exact = elements(machine, node.elts, frame)
    return List(machine.new_number(), {"items": tuple(items), "exact": exact})


def elements(machine: Machine, nodes: list[ast.expr], frame: Frame) -> tuple[list[Any], bool]:
    """The values of a display or of positional arguments; False when an unknown `*rest` hides some."""
    values: list[Any] = []
    exact = True
    for node in nodes:
        if type(node) is not ast.Starred:
            values.append(EVALUATE[type(node)](machine, node, frame))
            continue
        value = machine.evaluate(node.value, frame)
        more, all_of_them = collected(machine, value, frame)
        values.extend(more)
        exact = exact and all_of_them
    return values, exact


def collected(machine: Machine, value: Any, frame: Frame) -> tuple[list[Any], bool]:
    """The items of an iterable, as far as they are known, and whether these are all."""
    items: list[Any] = []

    def keep(item: Any) -> Signal:
        items.append(item)
        return None

    exact = laps(machine, value, keep, frame)
    return items, exact


def dict_(machine: Machine, node: ast.Dict, frame: Frame) -> Any:
    result = Dict(machine.new_number())
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = machine.evaluate(value_node, frame)
        if key_node is None:
            merge(result, value)
            continue
        key = machine.evaluate(key_node, frame)
        if isinstance(key, CONSTANT):
            result.fields[key] = value
            result.written[key] = place_of(frame.source, value_node)
        else:
            result.state["exact"] = False
            result.state["other"] = value
    return result


def merge(result: Dict, value: Any) -> None:
    """Enter the entries of `value` into a dict that nobody has seen yet."""
    if isinstance(value, Dict):
        value.read.add(...)
        result.fields.update(value.fields)
        result.state = {**value.state, **result.state, "exact": result.exact and value.exact}
        result.written.update(value.written)
    else:
        result.state["exact"] = False


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
    graph = any(isinstance(side, Unknown) and side.graph for side in (left, right))
    return Unknown((operation.__name__, _key(left), _key(right)), graph=graph)


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
    left = machine.evaluate(node.left, frame)
    result: Any = True
    for operation, right_node in zip(node.ops, node.comparators, strict=True):
        right = machine.evaluate(right_node, frame)
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
    return Unknown((operation.__name__, _key(left), _key(right)))


def _identical(left: Any, right: Any) -> Any:
    if left is right or (isinstance(left, CONSTANT) and isinstance(right, CONSTANT) and left == right):
        return True
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Unknown(("Is", _key(left), _key(right)))
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
    return Unknown(("In", _key(left), _key(right)))


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
    return Unknown(("or" if stops_at else "and", *(_key(value) for value in undecided), _key(last)))


def conditional(machine: Machine, node: ast.IfExp, frame: Frame) -> Any:
    test = machine.evaluate(node.test, frame)
    known = truth(machine, test)
    if known is not None:
        return machine.evaluate(node.body if known else node.orelse, frame)
    results: list[Any] = []

    def way(branch: ast.expr) -> Callable[[], Signal]:
        def run() -> Signal:
            results.append(machine.evaluate(branch, frame))
            return None

        return run

    facts = machine.keep_facts()
    machine.both(condition_of(test), way(node.body), way(node.orelse))
    machine.restore_facts(facts)
    return machine.heap.joined(results[0], results[1], {})


def joined_text(machine: Machine, node: ast.JoinedStr, frame: Frame) -> Any:
    parts: list[str] = []
    for part in node.values:
        value = EVALUATE[type(part)](machine, part, frame)
        if not isinstance(value, str):
            return Unknown()
        parts.append(value)
    text = "".join(parts)
    return text if len(text) <= MAX_TEXT else Unknown()


def formatted(machine: Machine, node: ast.FormattedValue, frame: Frame) -> Any:
    value = machine.evaluate(node.value, frame)
    if node.format_spec is not None or node.conversion not in (-1, 115):
        return Unknown()
    return str(value) if isinstance(value, (str, int, float, bool)) else Unknown()


def lambda_(machine: Machine, node: ast.Lambda, frame: Frame) -> Any:
    return Function(node, frame, frame.source, defaults_of(machine, node.args, frame))


def defaults_of(machine: Machine, node: ast.arguments, frame: Frame) -> dict[str, Any]:
    """The values of a function's default arguments, evaluated where it is defined."""
    positional = [*node.posonlyargs, *node.args]
    defaults = {
        argument.arg: machine.evaluate(value, frame)
        for argument, value in zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)
    }
    for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        if default is not None:
            defaults[argument.arg] = machine.evaluate(default, frame)
    return defaults


def comprehension(machine: Machine, node: Any, frame: Frame) -> Any:
    inner = Frame(frame.source, parent=frame, function=frame.function)
    items: list[Any] = []
    result = Dict(machine.new_number())
    exact = True

    def element() -> None:
        if isinstance(node, ast.DictComp):
            key, value = machine.evaluate(node.key, inner), machine.evaluate(node.value, inner)
            if isinstance(key, CONSTANT):
                result.fields[key] = value
            else:
                result.state["other"] = value
                result.state["exact"] = False
        else:
            items.append(machine.evaluate(node.elt, inner))

    def clause(index: int) -> None:
        nonlocal exact
        if index == len(node.generators):
            element()
            return
        generator = node.generators[index]

        def lap(value: Any) -> Signal:
            nonlocal exact
            assign(machine, generator.target, value, inner)
            for test in generator.ifs:
                known = truth(machine, machine.evaluate(test, inner))
                if known is False:
                    return None
                exact = exact and known is True
            clause(index + 1)
            return None

        if not laps(machine, machine.evaluate(generator.iter, inner), lap, frame):
            exact = False

    machine.stack.append(inner)
    inner.at = node
    try:
        clause(0)
    finally:
        machine.stack.pop()
    if isinstance(node, ast.DictComp):
        result.state["exact"] = result.exact and exact
        return result
    return List(machine.new_number(), {"items": tuple(items), "exact": exact})


def call(machine: Machine, node: ast.Call, frame: Frame) -> Any:
    # Half of all that a pretend run does is calls: this and `attribute` dispatch by themselves.
    function = node.func
    method = None
    if type(function) is ast.Attribute:
        owner = EVALUATE[type(function.value)](machine, function.value, frame)
        method = METHODS.get(type(owner))
        if method is None or function.attr in _NOT_NATIVE:
            method = None
            handler = ATTRIBUTE.get(type(owner))
            callee = Unknown() if handler is None else handler(machine, owner, function.attr)
    else:
        callee = EVALUATE[type(function)](machine, function, frame)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    unknown_rest = False
    for argument in node.args:
        if type(argument) is ast.Starred:
            more, exact = collected(machine, machine.evaluate(argument.value, frame), frame)
            args.extend(more)
            unknown_rest = unknown_rest or not exact
        else:
            args.append(EVALUATE[type(argument)](machine, argument, frame))
    for keyword in node.keywords:
        value = EVALUATE[type(keyword.value)](machine, keyword.value, frame)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, Dict):
            value.read.add(...)
            kwargs.update((key, entry) for key, entry in value.fields.items() if isinstance(key, str))
            unknown_rest = unknown_rest or not value.exact
        else:
            unknown_rest = True
            if isinstance(value, Tensor):  # a batch by its keys: `model(**batch)`
                args.append(value)
    given = Call(args, kwargs, node, frame, open=unknown_rest)
    if method is not None:
        machine.steps += 1
        frame.at = node
        return method(machine, owner, function.attr, given)  # type: ignore[attr-defined]
    return machine.call(callee, given)


_NOT_NATIVE = frozenset({"dataset", "transform", "loss", "collate_fn"})  # attributes that can be called, of objects


def named(machine: Machine, node: ast.NamedExpr, frame: Frame) -> Any:
    value = machine.evaluate(node.value, frame)
    assign(machine, node.target, value, frame)
    return value


def yield_(machine: Machine, node: ast.Yield, frame: Frame) -> Any:
    value = machine.evaluate(node.value, frame) if node.value else None
    if frame.on_yield is not None:
        frame.on_yield(value)
    return Unknown()


def yield_from(machine: Machine, node: ast.YieldFrom, frame: Frame) -> Any:
    value = machine.evaluate(node.value, frame)

    def hand_on(item: Any) -> Signal:
        return frame.on_yield(item) if frame.on_yield is not None else None

    laps(machine, value, hand_on, frame)
    return Unknown()


def awaited(machine: Machine, node: ast.Await | ast.Starred, frame: Frame) -> Any:
    return machine.evaluate(node.value, frame)


def slice_(machine: Machine, node: ast.Slice, frame: Frame) -> Any:
    return Unknown()


EVALUATE.update(
    {
        ast.Constant: constant,
        ast.Name: name,
        ast.Attribute: attribute,
        ast.Subscript: subscript,
        ast.Tuple: tuple_,
        ast.List: list_,
        ast.Set: list_,
        ast.Dict: dict_,
        ast.BinOp: binary,
        ast.UnaryOp: unary,
        ast.Compare: compare,
        ast.BoolOp: boolean,
        ast.IfExp: conditional,
        ast.JoinedStr: joined_text,
        ast.FormattedValue: formatted,
        ast.Lambda: lambda_,
        ast.ListComp: comprehension,
        ast.SetComp: comprehension,
        ast.GeneratorExp: comprehension,
        ast.DictComp: comprehension,
        ast.Call: call,
        ast.NamedExpr: named,
        ast.Yield: yield_,
        ast.YieldFrom: yield_from,
        ast.Await: awaited,
        ast.Starred: awaited,
        ast.Slice: slice_,
    }
)
ATTRIBUTE.update(
    {
        Known: attribute_of_known,
        Instance: attribute_of_instance,
        Class: attribute_of_class,
        Super: attribute_of_super,
        ModuleValue: attribute_of_module,
        Unknown: attribute_of_unknown,
        Dict: attribute_native,
        List: attribute_native,
        Tuple: attribute_native,
        Generator: attribute_native,
        str: attribute_native,
        bytes: attribute_native,
    }
)
