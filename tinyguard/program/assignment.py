"""Static witness: what an assignment changes, and what names tell about what they name."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.events import GradientsCleared, NameBound, Parameters, Samples
from tinyguard.program.iteration import items_of
from tinyguard.program.machine import SET_ATTRIBUTE, TRACKED, Call, Frame, Machine, place_of
from tinyguard.program.pretend.tensors import combined_tensors
from tinyguard.program.pretend.unread import is_unread_model, make_unread
from tinyguard.program.pretend.values import Dataset, Loader, Model, Optimizer, Tensor
from tinyguard.program.values import CONSTANT, MISSING, Bound, Class, Dict, Instance, List, ModuleValue, Tuple, Unknown
from tinyguard.splits import LOADER_NAME, PART, split_in_name, split_of_variable

_NAMED = frozenset({Unknown, Loader, Dataset})  # a name may tell the split of these


def assign(machine: Machine, target: ast.expr, value: Any, frame: Frame) -> None:
    if type(target) is ast.Name:
        bind(machine, target.id, value, frame)
        return
    match target:
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            _unpack(machine, targets, value, frame)
        case ast.Attribute(value=owner, attr=name):
            holder = machine.evaluate(owner, frame)
            if isinstance(holder, Tensor):
                _set_on_tensor(machine, holder, target, value, frame)
            else:
                set_attribute(machine, holder, name, value)
        case ast.Subscript(value=owner, slice=index):
            _set_item(machine, machine.evaluate(owner, frame), index, value, target, frame)
        case ast.Starred(value=inner):
            assign(machine, inner, value, frame)


def bind(machine: Machine, name: str, value: Any, frame: Frame) -> None:
    """Give a name of a frame a value."""
    home = frame.outer.get(name, frame) if frame.outer else frame
    if type(value) in _NAMED:
        value = told_by_name(machine, name, value, f"its name `{name}`")
    machine.heap.write(home.names, name, value)
    if type(value) in TRACKED and not machine.forwards:
        machine.emit(NameBound, name=name, object=value.number, local=home.parent is not None)


def told_by_name(machine: Machine, name: str, value: Any, evidence: str) -> Any:
    """Names are evidence, too: a loader or data set that nothing else tells the split of takes it from its name."""
    if is_unread_model(machine, name, value):
        return make_unread(machine, value)
    if isinstance(value, Unknown) and value.graph:
        split = split_in_name(name, LOADER_NAME)
        if split is None:
            return value
        samples = Samples(split=split, evidence=evidence)
        loader = Loader(machine.new_number(), {"samples": samples, "batch_size": None}, built=machine.place())
        return loader
    if isinstance(value, (Loader, Dataset)) and (value.samples.split is None or value.samples.evidence == PART):
        split = split_of_variable(name)
        if split is not None:
            machine.heap.write(value.fields, "samples", value.samples.replace(split=split, evidence=evidence))
    return value


def _unpack(machine: Machine, targets: list[ast.expr], value: Any, frame: Frame) -> None:
    star = next((index for index, node in enumerate(targets) if isinstance(node, ast.Starred)), None)
    items = unpacked(machine, value, len(targets), frame)
    if star is not None:
        behind = len(targets) - star - 1
        middle = items[star : len(items) - behind] if len(items) >= len(targets) - 1 else []
        rest = List(machine.new_number(), {"items": tuple(middle), "exact": True})
        items = [*items[:star], rest, *items[len(items) - behind :]]
    for target, entry in zip(targets, items, strict=False):
        assign(machine, target, entry, frame)


def unpacked(machine: Machine, value: Any, length: int, frame: Frame) -> list[Any]:
    """The parts that `a, b = value` gives."""
    match value:
        case Tuple(items=items):
            known = list(items)
        case List() if value.exact:
            known = list(value.items)
        case Tensor():
            known = [value.with_(role=_batch_role(index, length), width=None) for index in range(length)]
        case Unknown():
            known = [Unknown(("item", value.key, index), graph=value.graph) for index in range(length)]
        case Loader() | None:
            known = []
        case _:
            known, exact = items_of(machine, value, frame)
            if not exact:
                known = known[:1] * length
    return known if len(known) >= length else [*known, *(Unknown(graph=True) for _ in range(length - len(known)))]


def _batch_role(index: int, length: int) -> str:
    if index == 0:
        return "input"
    return "target" if index == length - 1 else ""


def set_attribute(machine: Machine, owner: Any, name: str, value: Any) -> None:
    heap = machine.heap
    setter = SET_ATTRIBUTE.get(type(owner))
    if setter is not None:
        setter(machine, owner, name, value)
        return
    match owner:
        case Instance() | Optimizer():
            keep_attribute(machine, owner, name, value)
        case Class() | ModuleValue():
            heap.write(owner.fields, name, value)


def keep_attribute(machine: Machine, owner: Any, name: str, value: Any) -> None:
    cls = getattr(owner, "cls", None)
    if cls is not None and getattr(cls.find(name), "kind", "") == "property":
        return  # its setter may do anything
    if type(value) in _NAMED:
        value = told_by_name(machine, name, value, f"its name `{name}`")
    machine.heap.write(owner.fields, name, value)
    if type(value) in TRACKED and not isinstance(owner, Model):
        machine.emit(NameBound, name=f"self.{name}", object=value.number, local=True)


def _set_on_tensor(machine: Machine, tensor: Tensor, target: ast.Attribute, value: Any, frame: Frame) -> None:
    """`w.requires_grad = True`, `w.grad = None`; tensors are immutable here, so the name is bound again."""
    if target.attr == "requires_grad" and value is True and not tensor.reaches:
        leaf = tensor.with_(reaches=frozenset((machine.new_number(),)), grad=True)
        assign_back(machine, target.value, leaf, frame)
    elif target.attr == "grad" and value is None:
        cleared = Parameters(tensor.reaches, tensor.complete)
        machine.emit(GradientsCleared, parameters=cleared, by=".grad = None")


def _set_item(
    machine: Machine, owner: Any, index_node: ast.expr, value: Any, target: ast.Subscript, frame: Frame
) -> None:
    index = None if isinstance(index_node, ast.Slice) else machine.evaluate(index_node, frame)
    match owner:
        case Dict() if isinstance(index, CONSTANT) and not isinstance(index_node, ast.Slice):
            if isinstance(index, str):
                value = told_by_name(machine, index, value, f"its key {index!r}")
            machine.heap.write(owner.fields, index, value)
            owner.written[index] = place_of(frame.source, target)
        case Dict():
            machine.heap.write(owner.state, "exact", False)
            machine.heap.write(owner.state, "other", value)
        case List() if isinstance(index, int) and -len(owner.items) <= index < len(owner.items):
            items = list(owner.items)
            items[index] = value
            machine.heap.write(owner.fields, "items", tuple(items))
        case Model():
            parts = [name for name, part in owner.fields.items() if isinstance(part, Model)]
            if isinstance(index, int) and -len(parts) <= index < len(parts):
                machine.heap.write(owner.fields, parts[index], value)
            else:
                machine.heap.write(owner.fields, index if isinstance(index, str) else f"[{index!r}]", value)
        case Tensor():
            # Written in place: what is behind the new part is behind the whole from now on.
            assign_back(machine, target.value, combined_tensors(machine, owner, value), frame)
        case Instance() if owner.cls and (method := owner.cls.find("__setitem__")) is not MISSING:
            machine.call(Bound(method, owner), Call([index, value], {}, target, frame))


def assign_back(machine: Machine, node: ast.expr, value: Any, frame: Frame) -> None:
    """Rebind what an in-place change was made through, when that is a plain name."""
    if isinstance(node, ast.Name) and (home := machine.holder(node.id, frame)) is not None:
        machine.heap.write(home.names, node.id, value)


def delete(machine: Machine, target: ast.expr, frame: Frame) -> None:
    match target:
        case ast.Name(id=name):
            home = frame.outer.get(name, frame)
            if name in home.names:
                machine.heap.write(home.names, name, MISSING)
        case ast.Tuple(elts=targets):
            for inner in targets:
                delete(machine, inner, frame)
        case ast.Subscript(value=owner, slice=index):
            container = machine.evaluate(owner, frame)
            if isinstance(container, Dict):
                key = machine.evaluate(index, frame)
                if isinstance(key, CONSTANT) and key in container.fields:
                    machine.heap.write(container.fields, key, MISSING)
