"""Static witness: the `match` statement."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.program.assignment import bind
from tinyguard.program.conditions import condition_of, truth
from tinyguard.program.containers import item
from tinyguard.program.machine import EXECUTE, Frame, Machine, Signal
from tinyguard.program.values import CONSTANT, Unknown


def match_(machine: Machine, node: ast.Match, frame: Frame) -> Signal:
    subject = machine.evaluate(node.subject, frame)
    return _cases(machine, subject, node.cases, frame)


def _cases(machine: Machine, subject: Any, cases: list[ast.match_case], frame: Frame) -> Signal:
    if not cases:
        return None
    first = cases[0]
    known = _matches(machine, subject, first.pattern, frame)
    if first.guard is not None and known is not False:
        guard = truth(machine, machine.evaluate(first.guard, frame))
        known = guard if known is True else None
    if known is True:
        return machine.run(first.body, frame)
    if known is False:
        return _cases(machine, subject, cases[1:], frame)
    return machine.both(
        condition_of(Unknown()),
        lambda: machine.run(first.body, frame),
        lambda: _cases(machine, subject, cases[1:], frame),
    )


def _matches(machine: Machine, subject: Any, pattern: ast.pattern, frame: Frame) -> bool | None:
    match pattern:
        case ast.MatchAs(pattern=None, name=name):
            if name:
                bind(machine, name, subject, frame)
            return True
        case ast.MatchValue(value=value):
            wanted = machine.evaluate(value, frame)
            return subject == wanted if isinstance(subject, CONSTANT) and isinstance(wanted, CONSTANT) else None
        case ast.MatchSingleton(value=value):
            return subject is value if isinstance(subject, CONSTANT) else None
        case ast.MatchOr(patterns=patterns):
            answers = [_matches(machine, subject, inner, frame) for inner in patterns]
            return True if True in answers else (None if None in answers else False)
        case ast.MatchSequence(patterns=patterns):
            for index, inner in enumerate(patterns):
                if isinstance(inner, ast.MatchAs):
                    _matches(machine, item(machine, subject, index), inner, frame)
    return None


EXECUTE.update(
    {
        ast.Match: match_,
    }
)
