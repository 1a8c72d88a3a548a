"""Static witness: names, calls, and the other kinds of expression."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from tinyguard.program.assignment import assign
from tinyguard.program.conditions import condition_of, truth
from tinyguard.program.containers import collected
from tinyguard.program.iteration import laps
from tinyguard.program.machine import ATTRIBUTE, CALL, EVALUATE, METHODS, Call, Frame, Machine, Signal
from tinyguard.program.operators import MAX_TEXT
from tinyguard.program.pretend.values import Tensor
from tinyguard.program.values import Dict, Function, Int, Known, Unknown


def constant(machine: Machine, node: ast.Constant, frame: Frame) -> Any:
    value = node.value
    if type(value) is not int:
        return value
    number: Int | None = getattr(node, "_number", None)
    if number is None:
        number = Int(value)
        number.written = (frame.source, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
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
    "tqdm": "tqdm.tqdm",
    "tqdm_notebook": "tqdm.tqdm",
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
    if wanted in BUILTINS:
        return BUILTINS[wanted]
    machine.unbound.add(wanted)
    return Known(USUAL_NAMES[wanted]) if wanted in USUAL_NAMES else Unknown(("name", wanted), graph=True)


BUILTINS: dict[str, Any] = {}  # filled by `builtins`


def attribute(machine: Machine, node: ast.Attribute, frame: Frame) -> Any:
    owner = node.value
    value = EVALUATE[type(owner)](machine, owner, frame)
    handler = ATTRIBUTE.get(type(value))
    return Unknown() if handler is None else handler(machine, value, node.attr)


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
            args.extend(more if more or exact else [Unknown(graph=True)])
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
    given = Call(args, kwargs, node, frame, "", unknown_rest)
    machine.steps += 1
    frame.at = node
    if method is not None:
        return method(machine, owner, function.attr, given)  # type: ignore[attr-defined]
    calling = CALL.get(type(callee))
    return Unknown() if calling is None else calling(machine, callee, given)


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


EVALUATE.update(
    {
        ast.Constant: constant,
        ast.Name: name,
        ast.Attribute: attribute,
        ast.IfExp: conditional,
        ast.JoinedStr: joined_text,
        ast.FormattedValue: formatted,
        ast.Lambda: lambda_,
        ast.Call: call,
        ast.NamedExpr: named,
        ast.Yield: yield_,
        ast.YieldFrom: yield_from,
        ast.Await: awaited,
        ast.Starred: awaited,
    }
)
