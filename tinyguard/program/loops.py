"""Static witness: `for`, `while` and `with`, and the loop that plans a training."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.events import Number, TrainingPlanned
from tinyguard.program.assignment import assign
from tinyguard.program.conditions import truth
from tinyguard.program.crossing import lap_start, nothing_crosses
from tinyguard.program.iteration import laps, loaders_of, run_generator
from tinyguard.program.machine import EXECUTE, Call, Frame, Machine, Plan, Signal
from tinyguard.program.values import MISSING, Bound, Context, Function, Generator, Instance, Int, Range, Unknown


def for_(machine: Machine, node: ast.For | ast.AsyncFor, frame: Frame) -> Signal:
    iterable = machine.evaluate(node.iter, frame)
    ended: Signal = None

    def lap(value: Any) -> Signal:
        nonlocal ended
        frame.at = node
        assign(machine, node.target, value, frame)
        ended = machine.run(node.body, frame)
        return ended

    plan = Plan(batch_loop=bool(loaders_of(iterable)))
    machine.plans.append(plan)
    frame.at = node
    try:
        laps(machine, iterable, lap, frame, long=True)
    finally:
        machine.plans.pop()
    frame.at = node
    if plan.passes:
        _emit_plan(machine, plan, _epochs_of(iterable, node.iter))
    if ended in ("return", "raise"):
        return ended
    return machine.run(node.orelse, frame) if node.orelse and ended != "break" else None


def _epochs_of(iterable: Any, node: ast.expr) -> Number:
    """How many laps a loop over epochs has, and where that number is written."""
    if isinstance(iterable, Range) and isinstance(iterable.stop, int) and isinstance(iterable.start, int):
        argument = iterable.stop_node or node
        place = iterable.stop.place if isinstance(iterable.stop, Int) else None
        return Number(value=max(iterable.stop - iterable.start, 0), place=place, name=ast.unparse(argument))
    if hasattr(iterable, "parts") and len(iterable.parts) == 1:
        return _epochs_of(iterable.parts[0], node)
    return Number(value=None, name=ast.unparse(node)[:80])


def _emit_plan(machine: Machine, plan: Plan, epochs: Number) -> None:
    first = plan.passes[0]
    batch_size = first.loader.fields.get("batch_size")
    machine.emit(
        TrainingPlanned,
        epochs=epochs,
        models=tuple(dict.fromkeys(use for entry in plan.passes for use in entry.forwards)),
        optimizers=tuple(dict.fromkeys(number for entry in plan.passes for number in entry.stepped)),
        loader=first.loader.number,
        samples=first.loader.samples,
        batch_size=batch_size if isinstance(batch_size, int) else None,
        evaluated=tuple(dict.fromkeys(plan.evaluated)),
        functions=tuple(
            frame.function.name
            for frame in machine.stack
            if isinstance(frame.function, Function) and not frame.source.pretend
        ),
    )


def while_(machine: Machine, node: ast.While, frame: Frame) -> Signal:
    plan = Plan(batch_loop=False)
    machine.plans.append(plan)
    signal: Signal = None
    lap = 0
    start = lap_start(machine)
    facts = machine.keep_facts()
    mark = machine.heap.mark()
    try:
        for lap in range(1 if machine.again else 2):
            if truth(machine, machine.evaluate(node.test, frame)) is False:
                break
            signal = machine.run(node.body, frame)
            machine.restore_facts(facts)
            if signal in ("break", "return", "raise") or nothing_crosses(machine, start):
                break
            if lap == 0 and not machine.again:
                machine.heap.widen(mark)
                machine.again += 1
    finally:
        machine.plans.pop()
        machine.again -= lap
    machine.heap.widen(mark)
    machine.heap.loosen(mark)
    frame.at = node
    if plan.passes:
        _emit_plan(machine, plan, Number(value=None, name=ast.unparse(node.test)[:80]))
    if signal in ("return", "raise"):
        return signal
    return machine.run(node.orelse, frame) if node.orelse and signal != "break" else None


def with_(machine: Machine, node: ast.With | ast.AsyncWith, frame: Frame) -> Signal:
    return _enter(machine, node, 0, frame)


def _enter(machine: Machine, node: ast.With | ast.AsyncWith, index: int, frame: Frame) -> Signal:
    if index == len(node.items):
        return machine.run(node.body, frame)
    item_node = node.items[index]
    value = machine.evaluate(item_node.context_expr, frame)

    def inside(given: Any) -> Signal:
        if item_node.optional_vars is not None:
            assign(machine, item_node.optional_vars, given, frame)
        return _enter(machine, node, index + 1, frame)

    match value:
        case Context(mode=mode, value=setting):
            before = machine.modes.get(mode) if value.before is MISSING else value.before
            machine.heap.write(machine.modes, mode, setting)
            signal = inside(value)
            machine.heap.write(machine.modes, mode, before)
            return signal
        case Generator(function=Function(context=True)):
            # The body runs where the generator yields, between what it does before and after.
            ended: list[Signal] = []

            def body(given: Any) -> Signal:
                if not ended:
                    ended.append(inside(given))
                return None

            run_generator(machine, value, body)
            return ended[0] if ended else inside(Unknown(graph=True))
        case Instance() if value.cls and (enter := value.cls.find("__enter__")) is not MISSING:
            signal = inside(machine.call(Bound(enter, value), Call([], {}, item_node.context_expr, frame)))
            leave = value.cls.find("__exit__")
            if leave is not MISSING:
                machine.call(Bound(leave, value), Call([None, None, None], {}, item_node.context_expr, frame))
            return signal
    return inside(value)


EXECUTE.update(
    {
        ast.For: for_,
        ast.AsyncFor: for_,
        ast.While: while_,
        ast.With: with_,
        ast.AsyncWith: with_,
    }
)
