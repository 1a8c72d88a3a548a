"""Static witness: Python's own functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from tinyguard.program.assignment import set_attribute
from tinyguard.program.conditions import condition_of, truth
from tinyguard.program.containers import any_of, collected, merge
from tinyguard.program.expressions import BUILTINS
from tinyguard.program.machine import KNOWN, MAKERS, Call, Machine, place_of
from tinyguard.program.pretend.data import draw
from tinyguard.program.pretend.tensors import combined_tensors
from tinyguard.program.pretend.values import Dataset, Leaves, Loader, Model, Optimizer, Tensor
from tinyguard.program.values import (
    CONSTANT,
    MISSING,
    Bound,
    Class,
    Dict,
    Function,
    Generator,
    Instance,
    Iteration,
    Known,
    List,
    Object,
    Range,
    Super,
    Tuple,
    Unknown,
)

MAX_TEXT = 10_000  # characters


def _builtin(*names: str) -> Callable[[Callable[[Machine, Call], Any]], Callable[[Machine, Call], Any]]:
    def register(handler: Callable[[Machine, Call], Any]) -> Callable[[Machine, Call], Any]:
        for name in names:
            KNOWN[f"builtins.{name}"] = handler
            BUILTINS[name] = Known(f"builtins.{name}")
        return handler

    return register


@_builtin("print", "display", "repr", "id", "hash", "format", "input", "dir", "exec")
@_builtin("compile", "help", "issubclass", "callable", "bytes", "bytearray", "memoryview", "ord", "chr", "bin")
@_builtin(
    "hex", "oct", "divmod", "complex", "object", "get_ipython", "exit", "quit", "breakpoint", "delattr", "__import__"
)
def data(machine: Machine, call: Call) -> Any:
    """Reads its arguments, keeps none of them, gives data."""
    return Unknown()


@_builtin("eval", "globals", "locals")
def anything(machine: Machine, call: Call) -> Any:
    return Unknown(graph=True)


@_builtin("arguments_of_caller")
def arguments_of_caller(machine: Machine, call: Call) -> Any:
    """For pretend modules: the names in the user's function that called one, without its `self`."""
    for frame in reversed(machine.stack):
        if isinstance(frame.function, Function) and not frame.source.pretend:
            return Dict(machine.new_number(), {name: value for name, value in frame.names.items() if name != "self"})
    return Dict(machine.new_number())


@_builtin("vars")
def vars_(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    return machine.attribute(value, "__dict__") if isinstance(value, Instance) else Unknown(graph=True)


@_builtin("open")
def open_(machine: Machine, call: Call) -> Any:
    """A file: what is read from it remembers its name."""
    path = call.argument(0, "file")
    return Unknown(("file", path)) if isinstance(path, str) else Unknown()


@_builtin("len")
def length(machine: Machine, call: Call) -> Any:
    match call.argument(0):
        case Tuple(items=items):
            return len(items)
        case List() as value if value.exact:
            return len(value.items)
        case Dict() as value if value.exact:
            return len(value.fields)
        case str() | bytes() as value:
            return len(value)
        case Instance() as value if value.cls and (method := value.cls.find("__len__")) is not MISSING:
            return machine.call(Bound(method, value), Call([], {}, call.node, call.frame))
        case Dataset() as value if value.samples.size is not None:
            return value.samples.size
        case Object() as value:
            return Unknown(("len", value.number))
    return Unknown()


@_builtin("range")
def range_(machine: Machine, call: Call) -> Any:
    start, stop = (0, call.argument(0)) if len(call.args) == 1 else (call.argument(0), call.argument(1))
    if len(call.args) > 2 and call.args[2] != 1:
        step = call.args[2]
        if all(isinstance(value, int) for value in (start, stop, step)) and step:
            values = range(start, stop, step)
            return Tuple(tuple(values)) if len(values) <= 4 else Range(start, Unknown())
        return Range(start if isinstance(start, int) else Unknown(), Unknown())
    value = Range(start, stop)
    if isinstance(call.node, ast.Call) and call.node.args:
        value.stop_node = call.node.args[-1 if len(call.args) > 1 else 0]
    return value


@_builtin("enumerate")
def enumerate_(machine: Machine, call: Call) -> Any:
    start = call.argument(1, "start", 0)

    def pair(parts: tuple[Any, ...], lap: int | None) -> Any:
        index = start + lap if lap is not None and isinstance(start, int) else Unknown()
        return Tuple((index, parts[0]))

    return Iteration((call.argument(0, "iterable"),), pair)


@_builtin("zip")
def zip_(machine: Machine, call: Call) -> Any:
    return Iteration(tuple(call.args), lambda parts, lap: Tuple(parts)) if call.args else Unknown()


@_builtin("map")
def map_(machine: Machine, call: Call) -> Any:
    function = call.argument(0)

    def applied(parts: tuple[Any, ...], lap: int | None) -> Any:
        return machine.call(function, Call(list(parts), {}, call.node, call.frame))

    return Iteration(tuple(call.args[1:]), applied) if len(call.args) > 1 else Unknown()


@_builtin("filter")
def filter_(machine: Machine, call: Call) -> Any:
    value = call.argument(1)
    if isinstance(value, Leaves):  # filter(lambda p: p.requires_grad, model.parameters())
        thawed = frozenset(leaf for leaf in value.parameters.leaves if machine.frozen.get(leaf) is not True)
        return Leaves(value.parameters._replace(leaves=thawed), value.model)
    if not isinstance(value, (List, Tuple, Range)):
        return Iteration((value,), lambda parts, lap: parts[0])
    items, exact = collected(machine, value, call.frame)
    test = call.argument(0)
    passes = [item if test is None else machine.call(test, Call([item], {}, call.node, call.frame)) for item in items]
    answers = [truth(machine, answer) for answer in passes]
    kept = tuple(item for item, answer in zip(items, answers, strict=True) if answer is not False)
    return List(machine.new_number(), {"items": kept, "exact": exact and None not in answers})


@_builtin("iter", "aiter")
def iter_(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    return Iteration((value,), lambda parts, lap: parts[0]) if isinstance(value, Loader) else value


@_builtin("reversed", "sorted")
def same_items(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    if not isinstance(value, (List, Tuple)) or not value.items:
        return value
    items = value.items
    if call.path == "builtins.reversed":
        items = tuple(reversed(items))
    elif all(isinstance(item, (int, float)) for item in items) or all(isinstance(item, str) for item in items):
        items = tuple(sorted(items))
    elif all(isinstance(item, Unknown) for item in items):
        items = tuple(Unknown(("sorted", item.key)) for item in items)
    return List(machine.new_number(), {"items": items, "exact": not isinstance(value, List) or value.exact})


@_builtin("next", "anext")
def next_(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    if isinstance(value, Generator):
        items, _ = collected(machine, value, call.frame)
        return any_of(machine, tuple(items)) if items else Unknown(graph=True)
    if isinstance(value, Leaves):
        return value
    if isinstance(value, (Loader, Iteration)):
        return draw(machine, value)
    if isinstance(value, (List, Tuple)) and value.items:
        return value.items[0]
    if isinstance(value, Instance) and value.cls:
        for name in ("__next__", "__iter__"):
            method = value.cls.find(name)
            if method is not MISSING:
                result = machine.call(Bound(method, value), Call([], {}, call.node, call.frame))
                if name == "__next__":
                    return result
                return next_(machine, Call([result], {}, call.node, call.frame)) if result is not value else Unknown()
    return Unknown(graph=isinstance(value, Unknown) and value.graph)


@_builtin("list", "tuple", "set", "frozenset")
def sequence(machine: Machine, call: Call) -> Any:
    if not call.args:
        return Tuple(()) if call.path == "builtins.tuple" else List(machine.new_number(), {"items": (), "exact": True})
    value = call.args[0]
    if isinstance(value, Leaves):
        return value
    items, exact = collected(machine, value, call.frame)
    if call.path == "builtins.tuple" and exact:
        return Tuple(tuple(items))
    return List(machine.new_number(), {"items": tuple(items), "exact": exact})


@_builtin("dict")
def dict_(machine: Machine, call: Call) -> Any:
    result = Dict(machine.new_number())
    for value in call.args:
        if isinstance(value, Dict):
            merge(result, value)
        else:
            items, exact = collected(machine, value, call.frame)
            for item in items:
                if isinstance(item, Tuple) and len(item.items) == 2 and isinstance(item.items[0], CONSTANT):
                    result.fields[item.items[0]] = item.items[1]
                else:
                    exact = False
            result.state["exact"] = result.exact and exact
    result.fields.update(call.kwargs)
    if isinstance(call.node, ast.Call):
        for keyword in call.node.keywords:
            if keyword.arg is not None:
                result.written[keyword.arg] = place_of(call.frame.source, keyword.value)
    if call.open:
        result.state["exact"] = False
    return result


@_builtin("isinstance")
def isinstance_(machine: Machine, call: Call) -> Any:
    value, kind = call.argument(0), call.argument(1)
    kinds = kind.items if isinstance(kind, Tuple) else (kind,)
    answers = [_is_a(value, one) for one in kinds]
    if True in answers:
        return True
    if None not in answers:
        return False
    return Unknown(("isinstance", condition_of(value), *(condition_of(one) for one in kinds)))


def _is_a(value: Any, kind: Any) -> bool | None:
    """Whether it is an object of this class; None: cannot be known."""
    if isinstance(value, (Unknown, Leaves)) or not isinstance(kind, (Class, Known)):
        return None
    if isinstance(kind, Class) or isinstance(value, Instance) or getattr(value, "cls", None) is not None:
        cls = getattr(value, "cls", None)
        if cls is None:
            return None if isinstance(value, (Instance, Known)) else False
        lineage = list(cls.lineage())
        if any(base is kind or (isinstance(base, Known) and base.name == kind.name) for base in lineage):
            return True
        foreign = any(
            isinstance(base, Unknown) or (isinstance(base, Known) and base.path not in MAKERS) for base in lineage
        )
        return None if foreign else isinstance(value, Model) and kind.name == "Module"
    if isinstance(value, Model):
        if kind.name == "Module":
            return True
        whole = value.layer is None or value.layer.opaque or "either" in value.fields
        return None if whole and kind.path.startswith(("torch.", "torchvision.")) else value.kind == kind.name
    if isinstance(value, Optimizer) and kind.path.startswith("torch.optim"):
        return kind.name in ("Optimizer", value.kind)
    native = _NATIVE.get(kind.name)
    return None if native is None else isinstance(value, native)


_NATIVE: dict[str, Any] = {
    "tuple": Tuple,
    "list": List,
    "dict": Dict,
    "Tensor": Tensor,
    "DataLoader": Loader,
    "Optimizer": Optimizer,
    "type": (Class, Known),
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
}


@_builtin("getattr")
def getattr_(machine: Machine, call: Call) -> Any:
    owner, name = call.argument(0), call.argument(1)
    if isinstance(name, str):
        return machine.attribute(owner, name)
    if isinstance(owner, Known):
        return Known(f"{owner.path}.{ANY_OF.get(owner.path, '_unknown')}")
    return Unknown(graph=True)


ANY_OF = {
    "torch.optim": "Optimizer",
    "torchvision.models": "unknown_network",
    "torch.optim.lr_scheduler": "LRScheduler",
}


@_builtin("setattr")
def setattr_(machine: Machine, call: Call) -> Any:
    if isinstance(call.argument(1), str):
        set_attribute(machine, call.argument(0), call.args[1], call.argument(2))
    return None


@_builtin("hasattr")
def hasattr_(machine: Machine, call: Call) -> Any:
    owner, name = call.argument(0), call.argument(1)
    if isinstance(owner, (Instance, Model)) and (
        name in owner.fields or (owner.cls is not None and owner.cls.find(name) is not MISSING)
    ):
        return True
    return Unknown(("hasattr", condition_of(owner), name if isinstance(name, str) else 0))


@_builtin("type")
def type_(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    if isinstance(value, (Instance, Model)) and value.cls is not None:
        return value.cls
    if isinstance(value, Model) and value.layer is not None and not value.layer.opaque:
        return Known(f"torch.nn.{value.kind}")
    return Unknown(graph=isinstance(value, (Model, Unknown)))


@_builtin("super")
def super_(machine: Machine, call: Call) -> Any:
    for frame in reversed(machine.stack):
        function = frame.function
        if isinstance(function, Function) and function.owner is not None and function.node is not None:
            arguments = [*function.node.args.posonlyargs, *function.node.args.args]
            owner = frame.names.get(arguments[0].arg) if arguments else None
            after = call.args[0] if call.args and isinstance(call.args[0], Class) else function.owner
            return Super(after, owner) if isinstance(owner, (Instance, Model, Class)) else Unknown()
    return Unknown()


@_builtin("sum", "max", "min", "abs", "round", "any", "all", "pow")
def arithmetic(machine: Machine, call: Call) -> Any:
    values = call.args
    if len(values) == 1 and not isinstance(values[0], (*CONSTANT, Tensor)):
        items, exact = collected(machine, values[0], call.frame)
        if exact and call.path in ("builtins.any", "builtins.all"):
            answers = [truth(machine, item) for item in items]
            decisive = call.path == "builtins.any"
            return decisive if decisive in answers else (Unknown() if None in answers else not decisive)
        values = items if exact or any(isinstance(item, Tensor) for item in items) else []
    if any(isinstance(value, (Tensor, Leaves)) for value in values):
        return combined_tensors(machine, *values)
    if values and all(isinstance(value, (int, float)) for value in values):
        if call.path in ("builtins.max", "builtins.min"):
            return max(values) if call.path == "builtins.max" else min(values)
        if call.path == "builtins.sum":
            return sum(values)
        if call.path in ("builtins.abs", "builtins.round"):
            return abs(values[0]) if call.path == "builtins.abs" else _rounded(values)
    return Unknown()


def _rounded(values: list[Any]) -> Any:
    try:
        return round(values[0], *values[1:2])
    except (TypeError, ValueError, OverflowError):
        return Unknown()


@_builtin("int", "float", "str", "bool")
def conversion(machine: Machine, call: Call) -> Any:
    value = call.argument(0, default="" if call.path == "builtins.str" else 0)
    kind = {"builtins.int": int, "builtins.float": float, "builtins.str": str, "builtins.bool": bool}[call.path]
    if kind is bool and (known := truth(machine, value)) is not None:
        return known
    if isinstance(value, int) and kind is int:
        return value
    if isinstance(value, (int, float, str)) and len(call.args) <= 1:
        try:
            return kind(value)
        except (ValueError, OverflowError):
            return Unknown()
    if isinstance(value, Unknown):
        return Unknown(condition_of(value)[0] if kind is bool else None)
    return Unknown()


@_builtin("property", "staticmethod", "classmethod")
def descriptor(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    if isinstance(value, Function):
        value.kind = call.path.rpartition(".")[2]
    return value


for _name in ("True", "False", "None", "NotImplemented", "__name__", "__file__", "__doc__"):
    BUILTINS[_name] = {"__name__": "__main__"}.get(_name, Unknown(("name", _name)))
for _name in ("slice", "BaseException", "Exception", "ValueError", "KeyboardInterrupt", "StopIteration", "TypeError"):
    _builtin(_name)(data)
