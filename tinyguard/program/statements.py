"""Static witness: the other kinds of statement."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.program.assignment import assign, bind, delete
from tinyguard.program.conditions import condition_of, truth
from tinyguard.program.containers import collected
from tinyguard.program.crossing import may_keep, may_turn_out_otherwise
from tinyguard.program.machine import EVALUATE, EXECUTE, STAR_NAMES, Frame, Machine, Signal
from tinyguard.program.operators import combined, note_kept
from tinyguard.program.values import Known, List


def expression(machine: Machine, node: ast.Expr, frame: Frame) -> Signal:
    EVALUATE[type(node.value)](machine, node.value, frame)
    return None


def assignment(machine: Machine, node: ast.Assign, frame: Frame) -> Signal:
    value = EVALUATE[type(node.value)](machine, node.value, frame)
    for target in node.targets:
        if type(target) is ast.Name:
            bind(machine, target.id, value, frame)
        else:
            assign(machine, target, value, frame)
    return None


def annotated(machine: Machine, node: ast.AnnAssign, frame: Frame) -> Signal:
    if node.value is not None:
        assign(machine, node.target, machine.evaluate(node.value, frame), frame)
    return None


def augmented(machine: Machine, node: ast.AugAssign, frame: Frame) -> Signal:
    old = machine.evaluate(_loaded(node.target), frame)
    value = machine.evaluate(node.value, frame)
    if isinstance(old, List) and isinstance(node.op, ast.Add):
        more, exact = collected(machine, value, frame)
        machine.heap.write(old.fields, "items", (*old.items, *more))
        machine.heap.write(old.fields, "exact", old.exact and exact)
        return None
    if isinstance(node.op, ast.Add):
        may_keep(machine, value)
        note_kept(machine, old, value, node.target, "+=")
    result = combined(machine, old, type(node.op), value)
    assign(machine, node.target, result, frame)
    return None


def _loaded(target: ast.expr) -> ast.expr:
    """The target of an augmented assignment, as an expression that reads it."""
    match target:
        case ast.Name(id=name):
            loaded: ast.expr = ast.Name(id=name, ctx=ast.Load())
        case ast.Attribute(value=value, attr=attr):
            loaded = ast.Attribute(value=value, attr=attr, ctx=ast.Load())
        case ast.Subscript(value=value, slice=index):
            loaded = ast.Subscript(value=value, slice=index, ctx=ast.Load())
        case _:
            return target
    return ast.copy_location(loaded, target)


def if_(machine: Machine, node: ast.If, frame: Frame) -> Signal:
    test = EVALUATE[type(node.test)](machine, node.test, frame)
    known = truth(machine, test)
    if known is not None:
        if may_turn_out_otherwise(node):
            machine.decisions += 1
        return machine.run(node.body if known else node.orelse, frame)
    return machine.both(
        condition_of(test), lambda: machine.run(node.body, frame), lambda: machine.run(node.orelse, frame)
    )


def try_(machine: Machine, node: Any, frame: Frame) -> Signal:
    """Handlers of exceptions do not run: they are rare paths."""
    signal = machine.run(node.body, frame)
    if signal == "raise" and node.handlers:
        signal = machine.run(node.handlers[0].body, frame)
    elif signal is None:
        signal = machine.run(node.orelse, frame)
    final = machine.run(node.finalbody, frame)
    return final or signal


def return_(machine: Machine, node: ast.Return, frame: Frame) -> Signal:
    value = node.value
    frame.returned.append(EVALUATE[type(value)](machine, value, frame) if value else None)
    return "return"


def raise_(machine: Machine, node: ast.Raise, frame: Frame) -> Signal:
    return "raise"


def break_(machine: Machine, node: ast.Break, frame: Frame) -> Signal:
    return "break"


def continue_(machine: Machine, node: ast.Continue, frame: Frame) -> Signal:
    return "continue"


def pass_(machine: Machine, node: ast.stmt, frame: Frame) -> Signal:
    return None


def assert_(machine: Machine, node: ast.Assert, frame: Frame) -> Signal:
    machine.evaluate(node.test, frame)
    return None


def delete_(machine: Machine, node: ast.Delete, frame: Frame) -> Signal:
    for target in node.targets:
        delete(machine, target, frame)
    return None


def global_(machine: Machine, node: ast.Global, frame: Frame) -> Signal:
    for name in node.names:
        frame.outer[name] = frame.module
    return None


def nonlocal_(machine: Machine, node: ast.Nonlocal, frame: Frame) -> Signal:
    for name in node.names:
        home = machine.holder(name, frame.parent) if frame.parent else None
        if home is not None:
            frame.outer[name] = home
    return None


def import_(machine: Machine, node: ast.Import, frame: Frame) -> Signal:
    for alias in node.names:
        if alias.asname:
            bind(machine, alias.asname, machine.import_module(alias.name, frame), frame)
        else:
            machine.import_module(alias.name, frame)
            top = alias.name.partition(".")[0]
            bind(machine, top, machine.import_module(top, frame), frame)
    return None


def import_from(machine: Machine, node: ast.ImportFrom, frame: Frame) -> Signal:
    module = machine.import_module("." * node.level + (node.module or ""), frame)
    for alias in node.names:
        if alias.name == "*":
            if hasattr(module, "fields"):
                for name, value in list(module.fields.items()):
                    if isinstance(name, str) and not name.startswith("_"):
                        bind(machine, name, value, frame)
            elif isinstance(module, Known):
                for name in STAR_NAMES.get(module.path, ()):
                    bind(machine, name, Known(f"{module.path}.{name}"), frame)
            continue
        if isinstance(module, Known):  # a module of a library may be a pretend one
            value = machine.import_module(f"{module.path}.{alias.name}", frame)
        else:
            value = machine.attribute(module, alias.name)
        bind(machine, alias.asname or alias.name, value, frame)
    return None


EXECUTE.update(
    {
        ast.Expr: expression,
        ast.Assign: assignment,
        ast.AnnAssign: annotated,
        ast.AugAssign: augmented,
        ast.If: if_,
        ast.Try: try_,
        ast.Return: return_,
        ast.Raise: raise_,
        ast.Break: break_,
        ast.Continue: continue_,
        ast.Pass: pass_,
        ast.Assert: assert_,
        ast.Delete: delete_,
        ast.Global: global_,
        ast.Nonlocal: nonlocal_,
        ast.Import: import_,
        ast.ImportFrom: import_from,
    }
)
for _kind in ("TryStar", "TypeAlias"):
    if hasattr(ast, _kind):
        EXECUTE[getattr(ast, _kind)] = try_ if _kind == "TryStar" else pass_
