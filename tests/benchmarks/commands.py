"""Whole commands, measured from outside: CPU time, wall time and peak memory of a child and all its children."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# What the user has: byte code is written once and read from then on.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Cost(NamedTuple):
    cpu: float  # seconds, user + system
    wall: float  # seconds
    memory: int  # bytes, the largest resident size
    exit_code: int


def run(command: Sequence[str], environment: Mapping[str, str] = ENVIRONMENT) -> Cost:
    # Linux counts the parent's resident size to the child up to exec: call this before the parent has grown.
    start = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(environment),
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss * unit, child.returncode)


def alternate(
    commands: Mapping[str, Sequence[str]], rounds: int, environment: Mapping[str, str] = ENVIRONMENT
) -> dict[str, Cost]:
    """Each command once a round, in turns, so that load on the machine hits all alike; the minimum of each figure.

    One round before the first is not counted: it fills the page cache and writes byte code.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            cost = run(command, environment)
            if number:
                costs[name].append(cost)
    return {
        name: Cost(
            min(cost.cpu for cost in found),
            min(cost.wall for cost in found),
            min(cost.memory for cost in found),
            max(cost.exit_code for cost in found),
        )
        for name, found in costs.items()
    }


def tinyguard(*arguments: str) -> list[str]:
    """The command as it is installed beside this interpreter, else as a module."""
    script = os.path.join(os.path.dirname(sys.executable), "tinyguard")
    return [script, *arguments] if os.path.exists(script) else [sys.executable, "-m", "tinyguard", *arguments]


def filled(template: str, files: Sequence[str]) -> list[str]:
    """`nbqa flake8 {files}` with the files in place."""
    parts = shlex.split(template)
    at = parts.index("{files}")
    return [*parts[:at], *files, *parts[at + 1 :]]


def traceback_of(command: Sequence[str]) -> str:
    """What the command says when it breaks down, whose exit code is that of findings; "" when it works."""
    told = subprocess.run(command, capture_output=True, text=True, errors="replace", env=ENVIRONMENT).stderr
    return told[-2_000:] if "Traceback (most recent call last)" in told else ""
