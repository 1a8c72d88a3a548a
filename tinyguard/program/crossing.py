"""Static witness: what one lap of a loop leaves behind that the next could show. Most loops leave nothing."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    Event,
    GradientsCleared,
    LossComputed,
    ModeSet,
    NameBound,
    OptimizerStepped,
    PassEnded,
    SchedulerStepped,
    TrainingPlanned,
)
from tinyguard.program.machine import TRACKED, Machine
from tinyguard.program.pretend.values import Tensor
from tinyguard.program.values import MISSING

# These say what happened in the lap, and change nothing for the next one. NameBound: what it binds is looked at.
_PASSIVE = frozenset({BatchDrawn, LossComputed})
_HARMLESS = _PASSIVE | {PassEnded, TrainingPlanned, NameBound, SchedulerStepped}


class LapStart(NamedTuple):
    """Where the first lap of a loop began."""

    events: int
    mark: int
    decisions: int
    kept: int
    facts: frozenset[Any]


def lap_start(machine: Machine) -> LapStart:
    return LapStart(
        len(machine.events),
        machine.heap.mark(),
        machine.decisions,
        machine.kept,
        frozenset(machine.facts.items()),
    )


def nothing_crosses(machine: Machine, start: LapStart) -> bool:
    """A second lap would tell the same again.

    Either the first told nothing that a further one could build on, or it was a whole training step or epoch: every
    gradient that a backward gave was cleared, every mode that it set late it sets again first, no loss was kept, no
    branch was taken for the number of the lap, and no name means another object than before.
    """
    events = machine.events[start.events :]
    if all(type(event) in _PASSIVE for event in events):
        return True
    if machine.decisions != start.decisions or machine.kept != start.kept:
        return False
    return _clears_and_resets(events, start.facts) and not _rebinds(machine, start.mark)


def _clears_and_resets(events: list[Event], facts: frozenset[Any]) -> bool:
    cleared: set[int] = set()
    reached: set[int] = set()
    set_first: set[int] = set()  # models whose mode is set before the first backward
    set_later: set[int] = set()
    stepped = False
    for event in events:
        kind = type(event)
        if event.facts != facts:
            return False
        if kind in _HARMLESS:
            continue
        if isinstance(event, GradientsCleared):
            cleared |= event.parameters.leaves
        elif isinstance(event, BackwardRan) and event.reaches.complete:
            reached |= event.reaches.leaves
        elif isinstance(event, ModeSet) and event.training is not None:
            (set_later if reached else set_first).add(event.model)
            if not event.training:
                set_later.add(event.model)
        elif isinstance(event, OptimizerStepped):
            stepped = True
        else:
            return False
    return stepped and bool(reached) and reached <= cleared and set_later <= set_first


def _rebinds(machine: Machine, mark: int) -> bool:
    """Something that had a model, loader or the like before the lap has another now."""
    return any(
        old is not MISSING and (type(old) in TRACKED or type(new) in TRACKED) and old is not new
        for old, new in machine.heap.changes(mark)
    )


def may_turn_out_otherwise(node: ast.If) -> bool:
    """A branch on a comparison, which another lap may take the other way, with more in it than reports."""
    known: bool | None = node.__dict__.get("_otherwise")
    if known is None:
        compares = any(isinstance(part, ast.Compare) for part in (node.test, *ast.iter_child_nodes(node.test)))
        known = compares and not all(_reports(statement) for statement in (*node.body, *node.orelse))
        node._otherwise = known  # type: ignore[attr-defined]
    return known


_REPORTING = frozenset({"print", "display", "len", "str", "int", "float", "round", "min", "max", "sum", "format"})
_ACTING = frozenset({"backward", "step", "zero_grad", "train", "eval", "apply", "forward", "fit", "load_state_dict"})


def _reports(statement: ast.stmt) -> bool:
    """It prints, draws and reckons: calls of methods that do nothing to a training, assignments of plain names."""
    if not isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign, ast.Pass)):
        return False
    for part in ast.walk(statement):
        if isinstance(part, ast.Call):
            function = part.func
            if isinstance(function, ast.Name) and function.id not in _REPORTING:
                return False
            if isinstance(function, ast.Attribute) and function.attr in _ACTING:
                return False
            if not isinstance(function, (ast.Name, ast.Attribute)):
                return False
        elif isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            return False
    return True


def may_keep(machine: Machine, value: Any) -> None:
    """A tensor goes where the next lap can find it."""
    if isinstance(value, Tensor) and value.grad:
        machine.kept += 1
