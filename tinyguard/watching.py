"""Watching without a notebook: `tinyguard.watch()` around a training, `tinyguard watch train.py` for a whole script."""

from __future__ import annotations

import contextlib
import os
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from tinyguard.check import rules_of_a_run
from tinyguard.errors import UsageError
from tinyguard.finding import Finding, Severity
from tinyguard.guard import Guard
from tinyguard.panel.plain import finding_as_json
from tinyguard.report.full import Full

_current: list[Guard] = []  # the guards that are on, the innermost last
_last: list[Guard] = []  # the one that was on last, if any


@contextlib.contextmanager
def watch(*, stop: str | None = None, out: TextIO | None = None) -> Iterator[Guard]:
    """Watches every training inside the `with` block; what is wrong is told on `out` (standard error if None).

    `stop`: "error" or "warning": the first such finding raises TrainingStoppedError in the training. Raises ValueError
    for anything else. The names of the module that calls are the ones that findings speak of.
    """
    caller = sys._getframe(2)  # behind contextlib
    with _watching(stop, out, caller.f_globals, caller.f_code.co_filename) as guard:
        yield guard


@contextlib.contextmanager
def _watching(stop: str | None, out: TextIO | None, names: Mapping[str, Any], path: str) -> Iterator[Guard]:
    if stop not in (None, "error", "warning"):
        raise ValueError(f'stop is "error" or "warning" or None, not {stop!r}')
    guard: Guard

    def say(text: str) -> None:
        print(text, file=out or sys.stderr, flush=True)

    def tell(finding: Finding) -> None:
        say(Full().notebook(guard.notebook, [finding]).rstrip())

    guard = Guard(
        tell=tell,
        complain=say,
        path=path,
        namespace=lambda: names,
        rules=rules_of_a_run(path, say),
        stop=Severity[stop.upper()] if stop else None,
    )
    guard.start()
    _current.append(guard)
    _last[:] = [guard]
    try:
        yield guard
    finally:
        _current.remove(guard)
        guard.end()


def findings() -> list[Finding]:
    """What the guard has found so far: the one that is on, or that was on last."""
    return (_current or _last)[-1].findings if _current or _last else []


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values, in the form of `tinyguard lint --output-format json`.

    >>> import json
    >>> json.dumps(as_json(findings()))
    '[]'
    """
    return [finding_as_json(finding) for finding in findings]


def log(*, epoch: int | None = None, **values: float) -> None:
    """Tells the guard what an epoch came to, for trainings that neither print it nor keep a history.

        tinyguard.log(epoch=3, train_loss=4.81, test_accuracy=0.031)

    `epoch` counts from 1; without it each call is the next one. Names say the split and end with loss, acc or accuracy;
    accuracies are fractions of 1. What is neither, and anything while no guard is on, is left unread: a log stops no
    training.
    """
    if _current or (_last and _last[-1].on):
        numbers = {name: number for name, value in values.items() if (number := _number(value)) is not None}
        (_current or _last)[-1].log(numbers, epoch)


def _number(value: Any) -> float | None:
    """The value of a number, or of a tensor that is one."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def made_current(guard: Guard) -> None:
    """The guard of a notebook was switched on."""
    _last[:] = [guard]


def run_script(words: list[str], *, out: TextIO) -> int:
    """Runs `train.py ARGUMENT ...` as Python would, with the guard on. The exit code is the script's.

    Raises UsageError when the script cannot be read or is no Python.
    """
    path, *_ = words
    try:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path} is no Python: {error}") from None
    module = types.ModuleType("__main__")
    module.__file__ = path
    before = sys.modules["__main__"], sys.argv, sys.path[0]
    sys.modules["__main__"], sys.argv, sys.path[0] = module, words, os.path.dirname(os.path.abspath(path))
    try:
        with _watching(None, out, vars(module), path):
            exec(code, vars(module))
    finally:
        sys.modules["__main__"], sys.argv, sys.path[0] = before
    return 0
