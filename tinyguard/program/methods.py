"""Static witness: the methods of Python's containers and texts, and which values have native methods."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.program.attributes import attribute_native
from tinyguard.program.builtins import MAX_TEXT, next_
from tinyguard.program.containers import any_of, collected
from tinyguard.program.crossing import may_keep
from tinyguard.program.machine import ATTRIBUTE, CALL, METHODS, Call, Machine
from tinyguard.program.operators import note_kept
from tinyguard.program.pretend.data import METHODS_OF as DATA_METHODS
from tinyguard.program.pretend.data import draw
from tinyguard.program.pretend.modules import call_method_of_base, call_method_of_model
from tinyguard.program.pretend.training import METHODS_OF as TRAINING_METHODS
from tinyguard.program.pretend.training import step_unknown
from tinyguard.program.pretend.values import Model, Tensor
from tinyguard.program.values import (
    CONSTANT,
    MADE,
    MISSING,
    MOVES,
    Class,
    Dict,
    Generator,
    Instance,
    Iteration,
    Known,
    List,
    Method,
    Range,
    Super,
    Tuple,
    Unknown,
)


def call_method(machine: Machine, method: Method, call: Call) -> Any:
    owner = method.owner
    if isinstance(owner, Super):
        owner = owner.owner
        if isinstance(owner, Class):
            return Unknown(graph=True)
        if isinstance(owner, Model):
            return call_method_of_base(machine, owner, method.name, call)
    if isinstance(owner, Model):
        return call_method_of_model(machine, owner, method.name, call)
    handler: Any = _METHODS.get(type(owner))
    if handler is not None:
        return handler(machine, owner, method.name, call)
    if isinstance(owner, Instance):
        return Unknown(graph=True) if owner.cls is None or _foreign(owner.cls) else Unknown()
    return Unknown()


def _foreign(cls: Class) -> bool:
    return any(isinstance(base, (Known, Unknown)) for base in cls.lineage())


def call_method_of_list(machine: Machine, owner: List, name: str, call: Call) -> Any:
    write = machine.heap.write
    match name:
        case "append" | "add":
            value = call.argument(0)
            may_keep(machine, value)
            node = call.node
            if isinstance(value, Tensor) and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                for kept in owner.items[-1:]:
                    note_kept(machine, kept, value, node.func.value, name)
            write(owner.fields, "items", (*owner.items, value))
        case "extend" | "update":
            items, exact = collected(machine, call.argument(0), call.frame)
            write(owner.fields, "items", (*owner.items, *items))
            write(owner.fields, "exact", owner.exact and exact)
        case "insert":
            index = call.argument(0)
            if isinstance(index, int) and owner.exact:
                items = list(owner.items)
                items.insert(index, call.argument(1))
                write(owner.fields, "items", tuple(items))
            else:
                write(owner.fields, "items", (*owner.items, call.argument(1)))
        case "pop":
            index = call.argument(0, default=-1)
            if owner.exact and isinstance(index, int) and -len(owner.items) <= index < len(owner.items):
                items = list(owner.items)
                value = items.pop(index)
                write(owner.fields, "items", tuple(items))
                return value
            return any_of(machine, owner.items)
        case "clear":
            write(owner.fields, "items", ())
        case "reverse":
            write(owner.fields, "items", tuple(reversed(owner.items)))
        case "copy":
            return List(machine.new_number(), dict(owner.fields))
        case "index" | "count":
            return Unknown()
        case "sort" | "remove" | "discard":
            write(owner.fields, "exact", False)
    return None


def call_method_of_tuple(machine: Machine, owner: Tuple, name: str, call: Call) -> Any:
    return Unknown()


def call_method_of_dict(machine: Machine, owner: Dict, name: str, call: Call) -> Any:
    key = call.argument(0)
    match name:
        case "get" | "pop" | "setdefault":
            owner.read.add(key if isinstance(key, CONSTANT) else ...)
            if isinstance(key, CONSTANT) and key in owner.fields:
                value = owner.fields[key]
                if name == "pop":
                    machine.heap.write(owner.fields, key, MISSING)
                return value
            default = call.argument(1)
            if name == "setdefault" and isinstance(key, CONSTANT):
                machine.heap.write(owner.fields, key, default)
            return default if owner.exact and isinstance(key, CONSTANT) else Unknown(graph=True)
        case "items":
            owner.read.add(...)
            pairs = tuple(Tuple((key, value)) for key, value in owner.fields.items())
            return List(machine.new_number(), {"items": pairs, "exact": owner.exact})
        case "keys" | "values":
            owner.read.add(...)
            items = tuple(owner.fields) if name == "keys" else tuple(owner.fields.values())
            return List(machine.new_number(), {"items": items, "exact": owner.exact})
        case "update":
            other = call.argument(0)
            entries = {**(other.fields if isinstance(other, Dict) else {}), **call.kwargs}
            for entry_key, value in entries.items():
                machine.heap.write(owner.fields, entry_key, value)
            if call.args and not (isinstance(other, Dict) and other.exact):
                machine.heap.write(owner.state, "exact", False)
        case "copy":
            twin = Dict(machine.new_number(), dict(owner.fields))
            twin.state, twin.read, twin.written = dict(owner.state), owner.read, owner.written
            return twin
        case "to":  # a batch of texts
            return owner
        case "clear":
            for entry in list(owner.fields):
                machine.heap.write(owner.fields, entry, MISSING)
    return None


_TEXT_METHODS = frozenset(
    """
    lower upper strip lstrip rstrip replace split rsplit startswith endswith join format title capitalize
    partition rpartition removeprefix removesuffix zfill find count isdigit splitlines encode casefold
    swapcase index
""".split()
)


def call_method_of_text(machine: Machine, owner: str, name: str, call: Call) -> Any:
    if name == "join" and call.args and isinstance(call.args[0], (List, Tuple)):
        items = call.args[0].items
        return owner.join(items) if all(isinstance(item, str) for item in items) else Unknown()
    if name in ("joinpath", "resolve", "expanduser", "absolute", "as_posix"):
        parts = [part if isinstance(part, str) else "*" for part in call.args]
        return "/".join([owner.rstrip("/"), *parts]) if parts else owner
    plain = all(isinstance(value, CONSTANT) for value in call.values())
    if name not in _TEXT_METHODS or not plain or call.open or len(owner) > MAX_TEXT:
        return Unknown()
    try:
        value = getattr(owner, name)(*call.args, **call.kwargs)
    except (TypeError, ValueError, LookupError, AttributeError):
        return Unknown()
    if isinstance(value, (list, tuple)):
        return List(machine.new_number(), {"items": tuple(value), "exact": True})
    return value if not isinstance(value, str) or len(value) <= MAX_TEXT else Unknown()


def call_method_of_generator(machine: Machine, owner: Generator, name: str, call: Call) -> Any:
    return next_(machine, Call([owner], {}, call.node, call.frame)) if name in ("__next__", "send") else Unknown()


def call_method_of_iteration(machine: Machine, owner: Iteration, name: str, call: Call) -> Any:
    if name in ("next", "__next__"):
        return draw(machine, owner)
    return owner if name == "__iter__" else Unknown()


def call_method_of_unknown(machine: Machine, owner: Unknown, name: str, call: Call) -> Any:
    if name in ("backward", "step", "zero_grad"):
        return step_unknown(machine, owner, name, call)
    if name == "parameters":
        return Unknown(graph=True)
    if isinstance(owner.key, tuple) and owner.key[0] == "file":
        return owner  # its lines, stripped, split ...
    if name in MOVES and isinstance(owner.key, tuple) and owner.key[0] == MADE:
        return owner
    return Unknown((name, owner.key), graph=owner.graph)


_METHODS: dict[type, Any] = {
    **TRAINING_METHODS,
    **DATA_METHODS,
    List: call_method_of_list,
    Tuple: call_method_of_tuple,
    Dict: call_method_of_dict,
    str: call_method_of_text,
    Generator: call_method_of_generator,
    Iteration: call_method_of_iteration,
    Unknown: call_method_of_unknown,
}


CALL[Method] = call_method
METHODS.update((kind, handler) for kind, handler in _METHODS.items() if kind is not Unknown)
for _type in (Iteration, Range):
    ATTRIBUTE[_type] = attribute_native
