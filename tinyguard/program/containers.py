"""Static witness: displays, comprehensions, and what is in a container."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.program.assignment import assign
from tinyguard.program.conditions import key_of, truth
from tinyguard.program.iteration import laps
from tinyguard.program.machine import EVALUATE, ITEM, Call, Frame, Machine, Signal, place_of
from tinyguard.program.pretend.values import Leaves, Model, Tensor
from tinyguard.program.values import CONSTANT, MISSING, Bound, Class, Dict, Instance, Known, List, Tuple, Unknown


def subscript(machine: Machine, node: ast.Subscript, frame: Frame) -> Any:
    container = EVALUATE[type(node.value)](machine, node.value, frame)
    index = node.slice
    if type(index) is ast.Slice:
        return _slice(machine, container, index, frame)
    return item(machine, container, EVALUATE[type(index)](machine, index, frame))


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
            return Unknown(("item", container.key, key_of(index)), graph=container.graph)
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
            case List(items=items, exact=True):
                return List(machine.new_number(), {"items": items[cut], "exact": True})
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
    if isinstance(value, List):
        return list(value.items), value.exact
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


def comprehension(machine: Machine, node: Any, frame: Frame) -> Any:
    """A list, set or dict comprehension, or a generator expression: all are run at once."""
    made = _Comprehension(machine, node, frame)
    machine.stack.append(made.inner)
    try:
        made.clause(0)
    finally:
        machine.stack.pop()
    if isinstance(node, ast.DictComp):
        made.result.state["exact"] = made.result.exact and made.exact
        return made.result
    return List(machine.new_number(), {"items": tuple(made.items), "exact": made.exact})


class _Comprehension:
    """A comprehension while it runs: one clause in another, the element innermost."""

    def __init__(self, machine: Machine, node: Any, frame: Frame) -> None:
        self.machine = machine
        self.node = node
        self.frame = frame
        self.inner = Frame(frame.source, parent=frame, function=frame.function)
        self.inner.at = node
        self.items: list[Any] = []
        self.result = Dict(machine.new_number())
        self.exact = True

    def clause(self, index: int) -> None:
        if index == len(self.node.generators):
            self.element()
            return
        generator = self.node.generators[index]

        def lap(value: Any) -> Signal:
            assign(self.machine, generator.target, value, self.inner)
            for test in generator.ifs:
                known = truth(self.machine, self.machine.evaluate(test, self.inner))
                if known is False:
                    return None
                self.exact = self.exact and known is True
            self.clause(index + 1)
            return None

        if not laps(self.machine, self.machine.evaluate(generator.iter, self.inner), lap, self.frame):
            self.exact = False

    def element(self) -> None:
        machine, node = self.machine, self.node
        if not isinstance(node, ast.DictComp):
            self.items.append(machine.evaluate(node.elt, self.inner))
            return
        key, value = machine.evaluate(node.key, self.inner), machine.evaluate(node.value, self.inner)
        if isinstance(key, CONSTANT):
            self.result.fields[key] = value
        else:
            self.result.state["other"] = value
            self.result.state["exact"] = False


def slice_(machine: Machine, node: ast.Slice, frame: Frame) -> Any:
    return Unknown()


EVALUATE.update(
    {
        ast.Subscript: subscript,
        ast.Tuple: tuple_,
        ast.List: list_,
        ast.Set: list_,
        ast.Dict: dict_,
        ast.ListComp: comprehension,
        ast.SetComp: comprehension,
        ast.GeneratorExp: comprehension,
        ast.DictComp: comprehension,
        ast.Slice: slice_,
    }
)
