"""Static witness: definitions of functions and classes."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.program.assignment import bind
from tinyguard.program.expressions import defaults_of
from tinyguard.program.machine import EXECUTE, Call, Frame, Machine, Signal, place_of
from tinyguard.program.values import Bound, Class, Context, Function, Known


def function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> Signal:
    closure = frame.parent if frame.function is CLASS_BODY and frame.parent else frame
    defaults = defaults_of(machine, node.args, frame)
    defined = Function(node, closure, frame.source, defaults)
    value: Any = defined
    for decorator in reversed(node.decorator_list):
        value = _decorated(machine, value, decorator, frame)
    bind(machine, node.name, value, frame)
    return None


def _decorated(machine: Machine, value: Any, decorator: ast.expr, frame: Frame) -> Any:
    wrapper = machine.evaluate(decorator, frame)
    name = wrapper.name if isinstance(wrapper, Known) else ""
    if isinstance(value, Function):
        if name in ("staticmethod", "classmethod", "property", "cached_property"):
            value.kind = name.removeprefix("cached_")
            return value
        if name in ("contextmanager", "asynccontextmanager"):
            value.context = True
            return value
        if name in ("no_grad", "inference_mode") or (isinstance(wrapper, Context) and wrapper.mode == "grad"):
            value.no_grad = wrapper.value if isinstance(wrapper, Context) else False
            return value
    if isinstance(value, Class) and name == "dataclass":
        value.dataclass = True
        return value
    if isinstance(wrapper, (Function, Bound)):
        return machine.call(wrapper, Call([value], {}, decorator, frame))
    return value  # an unknown decorator, a setter, functools.wraps(...): what it decorates is still what is called


CLASS_BODY: Any = object()  # marks the frame of a class body: functions defined in it do not see its names


def class_(machine: Machine, node: ast.ClassDef, frame: Frame) -> Signal:
    bases = tuple(machine.evaluate(base, frame) for base in node.bases)
    defined = Class(machine.new_number(), node.name, bases, frame.source)
    machine.classes.append(defined)
    defined.built = place_of(frame.source, node)
    body = Frame(frame.source, parent=frame, function=CLASS_BODY)
    body.names = defined.fields
    machine.stack.append(body)
    try:
        machine.run(node.body, body)
    finally:
        machine.stack.pop()
    defined.fields["__annotated__"] = tuple(
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    )
    for member in defined.fields.values():
        if isinstance(member, Function) and member.owner is None:
            member.owner = defined
    value: Any = defined
    for decorator in reversed(node.decorator_list):
        value = _decorated(machine, value, decorator, frame)
    bind(machine, node.name, value if isinstance(value, Class) else defined, frame)
    return None


EXECUTE.update(
    {
        ast.FunctionDef: function,
        ast.AsyncFunctionDef: function,
        ast.ClassDef: class_,
    }
)
