"""Static witness: calling what the user wrote, functions and classes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from tinyguard.events import Escaped
from tinyguard.program.machine import (
    CALL,
    DEPTH_LIMIT,
    KNOWN,
    MAKERS,
    PACKAGES,
    RECURSION_LIMIT,
    TRACKED,
    Call,
    Frame,
    Machine,
)
from tinyguard.program.pretend.values import Tensor
from tinyguard.program.values import (
    CONSTANT,
    MADE,
    MISSING,
    Bound,
    Class,
    Dict,
    Factory,
    Function,
    Generator,
    Instance,
    Int,
    Known,
    List,
    Method,
    Partial,
    Tuple,
    Unknown,
)


def call_function(machine: Machine, function: Function, call: Call) -> Any:
    node = function.node
    active = machine.active.get(node, 0)
    if active >= RECURSION_LIMIT or len(machine.stack) > DEPTH_LIMIT:
        return Unknown(graph=True)
    frame = Frame(function.source, parent=function.closure, function=function)
    _bind_arguments(machine, function, call, frame)
    if function.generator:
        return Generator(function, frame)
    facts = machine.keep_facts()
    before = machine.modes["grad"]
    if function.no_grad is not None:
        machine.heap.write(machine.modes, "grad", function.no_grad)
    machine.stack.append(frame)
    machine.active[node] = active + 1
    try:
        if isinstance(node, ast.Lambda):
            frame.at = node.body
            return machine.evaluate(node.body, frame)
        machine.run(node.body, frame)
    finally:
        machine.stack.pop()
        machine.active[node] = active
        machine.restore_facts(facts)
        if function.no_grad is not None:
            machine.heap.write(machine.modes, "grad", before)
    return _result(machine, frame)


def _result(machine: Machine, frame: Frame) -> Any:
    if not frame.returned:
        return None
    value = frame.returned[-1]
    for other in reversed(frame.returned[:-1]):
        value = machine.heap.joined(value, other, {})
    return value


def _bind_arguments(machine: Machine, function: Function, call: Call, frame: Frame) -> None:
    node = function.node.args
    positional: list[str] | None = node.__dict__.get("_positional")
    if positional is None:
        positional = [argument.arg for argument in (*node.posonlyargs, *node.args)]
        node._positional = positional  # type: ignore[attr-defined]
    names = frame.names
    if function.defaults:
        names.update(function.defaults)
    names.update(zip(positional, call.args, strict=False))
    if not call.frame.source.pretend and isinstance(call.node, ast.Call):
        machine.note_constants(function.name, positional, call)
    if not call.kwargs and len(names) == len(positional) and not (node.kwonlyargs or node.vararg or node.kwarg):
        return
    if node.vararg is not None:
        names[node.vararg.arg] = Tuple(tuple(call.args[len(positional) :]))
    keyword_only = [argument.arg for argument in node.kwonlyargs]
    rest = {}
    for name, value in call.kwargs.items():
        if name in positional or name in keyword_only:
            names[name] = value
        else:
            rest[name] = value
    if node.kwarg is not None:
        extra = Dict(machine.new_number(), rest)
        extra.state["exact"] = not call.open
        names[node.kwarg.arg] = extra
    for name in (*positional, *keyword_only):
        if name not in names:
            names[name] = Unknown(graph=True)


def call_bound(machine: Machine, bound: Bound, call: Call) -> Any:
    shifted = Call([bound.owner, *call.args], call.kwargs, call.node, call.frame, open=call.open)
    return call_function(machine, bound.function, shifted)


def call_partial(machine: Machine, partial: Partial, call: Call) -> Any:
    args = [*partial.args, *call.args]
    return machine.call(partial.function, Call(args, {**partial.kwargs, **call.kwargs}, call.node, call.frame))


def call_instance(machine: Machine, instance: Instance, call: Call) -> Any:
    method = instance.cls.find("__call__") if instance.cls else MISSING
    if method is MISSING and instance.cls:
        method = instance.cls.find("forward")  # a module whose base class is not written down
    if isinstance(method, Function):
        return call_bound(machine, Bound(method, instance), call)
    escape(machine, call, "an object whose class cannot be read")
    return Unknown(graph=True)


def call_class(machine: Machine, cls: Class, call: Call) -> Any:
    for base in cls.lineage():
        if isinstance(base, Unknown) and cls.find("forward") is not MISSING:
            return MAKERS["torch.nn.Module"](machine, cls, call)
        maker = MAKERS.get(base.path) if isinstance(base, Known) else None
        if maker is not None:
            return maker(machine, cls, call)
    return made_instance(machine, cls, call)


def made_instance(machine: Machine, cls: Class, call: Call) -> Instance:
    instance = Instance(machine.new_number(), cls, built=machine.place())
    initialise(machine, cls, instance, call)
    return instance


def initialise(machine: Machine, cls: Class, instance: Any, call: Call) -> None:
    """Run the constructor of the user's class, or what @dataclass makes for it."""
    method = cls.find("__init__")
    if isinstance(method, Function):
        call_bound(machine, Bound(method, instance), call)
        return
    annotated = [name for base in reversed(list(cls.lineage())) if isinstance(base, Class) for name in _fields(base)]
    if annotated:
        names = list(dict.fromkeys(annotated))
        instance.fields.update(zip(names, call.args, strict=False))
        instance.fields.update((name, value) for name, value in call.kwargs.items() if name in names)
        for name in names:
            if name not in instance.fields and isinstance(default := cls.find(name), Factory):
                instance.fields[name] = machine.call(default.function, Call([], {}, call.node, call.frame))
        if isinstance(call.node, ast.Call) and not call.frame.source.pretend:
            machine.note_constants(cls.name, names, call)
        after = cls.find("__post_init__")
        if isinstance(after, Function):
            call_bound(machine, Bound(after, instance), Call([], {}, call.node, call.frame))


def _fields(cls: Class) -> tuple[str, ...]:
    named_tuple = any(isinstance(base, Known) and base.name in ("NamedTuple", "BaseModel") for base in cls.bases)
    return cls.fields.get("__annotated__", ()) if cls.dataclass or named_tuple else ()


def call_unknown(machine: Machine, unknown: Unknown, call: Call) -> Any:
    if unknown.graph:
        name = unknown.key[1] if isinstance(unknown.key, tuple) and unknown.key[0] == "name" else ""
        return made_unread(machine, call, "code that cannot be read", str(name))
    for value in call.args:
        if isinstance(value, Tensor):  # `accuracy.update(output, y)` of a metric of some library
            machine.note_measure(value.loaders)
    return Unknown()


def call_known(machine: Machine, known: Known, call: Call) -> Any:
    call.path = known.path
    if known.handler is None:
        known.handler = _handler_of(known.path)
    return known.handler(machine, call)


def _handler_of(path: str) -> Callable[[Machine, Call], Any]:
    if path in KNOWN:
        return KNOWN[path]
    package = PACKAGES.get(path.partition(".")[0])
    return escaping if package is None else package(path)


def escaping(machine: Machine, call: Call) -> Any:
    """A library that nobody here knows."""
    owner, _, name = call.path.rpartition(".")
    if name in ("backward", "step", "zero_grad"):  # words that only torch uses
        return machine.call(Method(Unknown(("known", owner), graph=True), name), call)
    return made_unread(machine, call, call.path, name)


def made_unread(machine: Machine, call: Call, by: str, name: str) -> Unknown:
    """What code that nobody can read returns: something new, unless it was given something of ours.

    `Net()` and `Net(3, width=64)` make a new object; `Net("base.pt")` or `load_net()` may read a trained one.
    """
    if escape(machine, call, by):
        return Unknown(graph=True)
    fresh = name[:1].isupper() and all(type(value) in (int, float, Int) for value in call.values())
    return Unknown((MADE, machine.new_number(), fresh), graph=True)


def escape(machine: Machine, call: Call, to: str) -> bool:
    """Objects that go into code nobody can read: from then on much can happen to them unseen. True: there are some."""
    numbers: dict[int, None] = {}
    for value in call.values():
        _find_tracked(machine, value, numbers, 3)
    if numbers:
        machine.emit(Escaped, objects=tuple(numbers), to=to)
    return bool(numbers)


def _find_tracked(machine: Machine, value: Any, found: dict[int, None], depth: int) -> None:
    if type(value) in TRACKED:
        found[value.number] = None
        if "training" in value.fields and value.fields["training"] is not None:
            # An unread function may well have called train() or eval().
            machine.heap.write(value.fields, "training", Unknown())
    if depth == 0 or isinstance(value, CONSTANT):
        return
    if isinstance(value, (Tuple, List)):
        for item in value.items[:12]:
            _find_tracked(machine, item, found, depth - 1)
    elif isinstance(value, (Dict, Instance)):
        value.read.add(...)
        for item in value.fields.values():
            _find_tracked(machine, item, found, depth - 1)
    elif isinstance(value, (Bound, Method)):
        _find_tracked(machine, value.owner, found, depth - 1)


CALL.update(
    {
        Function: call_function,
        Bound: call_bound,
        Partial: call_partial,
        Instance: call_instance,
        Class: call_class,
        Unknown: call_unknown,
        Known: call_known,
    }
)
