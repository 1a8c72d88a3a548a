"""Static witness: `value.name`, for each kind of value that the user or a library makes."""

from __future__ import annotations

from typing import Any

from tinyguard.program.machine import ATTRIBUTE, Call, Machine
from tinyguard.program.values import (
    MADE,
    MISSING,
    MOVES,
    Bound,
    Class,
    Dict,
    Function,
    Generator,
    Instance,
    Known,
    List,
    Method,
    ModuleValue,
    Super,
    Tuple,
    Unknown,
)


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
    if name in MOVES and isinstance(value.key, tuple) and value.key[0] == MADE:
        return Method(value, name)
    return Unknown((name, value.key), graph=value.graph)


def attribute_native(machine: Machine, value: Any, name: str) -> Any:
    return Method(value, name)


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
