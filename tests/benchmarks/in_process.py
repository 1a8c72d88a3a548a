"""What a lint costs beyond start-up: by stage, against json.loads + ast.parse of the same cells, and by length."""

from __future__ import annotations

import ast
import functools
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import samples
from figure import Figure

STAGES = ("read", "document order", "recorded order", "execution state", "outputs", "rules and the rest")


# As rarely as the command collects (tinyguard/__main__.py); the floor is measured under the same rule.
gc.set_threshold(100_000)


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def parsable(text: str) -> str:
    """The cell with its magic lines blanked, so that the floor parses what we parse; "" where that is not enough."""
    lines = ["pass" if line.startswith(("%", "!", "?")) else line for line in text.split("\n")]
    try:
        ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return ""
    return "\n".join(lines)


class Measured(NamedTuple):
    """The cost of one notebook, in seconds."""

    path: str
    floor: float
    stages: tuple[float, ...]  # in the order of STAGES

    @property
    def ratio(self) -> float:
        return sum(self.stages) / self.floor


def measured(path: str, rounds: int) -> Measured | None:
    """Floor and stages of one notebook, in turns; None when it is no JSON of a Python notebook."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        cells = [parsable(text) for text in samples.sources(json.loads(data))]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None

    def floor() -> None:
        json.loads(data)
        for text in cells:
            ast.parse(text)

    floors, stages = [], []
    for _ in range(rounds):
        floors.append(cpu(floor))
        stages.append(staged(path))
    return Measured(path, min(floors), tuple(min(times) for times in zip(*stages, strict=True)))


def staged(path: str) -> tuple[float, ...]:
    """One pass through the stages, and the whole; every stage gets a notebook that nobody has touched before."""
    from tinyguard.lint import lint
    from tinyguard.notebook.reader import read
    from tinyguard.program.names.executions import recorded_order, state_events
    from tinyguard.program.outputs import metrics
    from tinyguard.program.witness import witness

    forget()
    reading = cpu(lambda: read(path))
    document = cpu(functools.partial(witness, read(path), order="document"))
    recorded = 0.0
    if recorded_order(read(path)) is not None:
        recorded = cpu(functools.partial(witness, read(path), order="recorded"))
    seen = witness(read(path))
    unbound = seen.unbound if seen.complete and not read(path).skipped else None
    state = cpu(functools.partial(state_events, read(path), unbound))
    outputs = cpu(functools.partial(metrics, read(path), None))
    forget()
    whole = cpu(functools.partial(lint, read(path)))
    recorded = min(recorded, max(0.0, whole - document - state - outputs))  # lint spares it where nothing trains
    rest = max(0.0, whole - document - recorded - state - outputs)
    return reading, document, recorded, state, outputs, rest


def forget() -> None:
    """Empty the caches of everything that may remember a notebook or its siblings from an earlier round."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("tinyguard.program", "tinyguard.notebook")):
            for value in vars(module).values():
                clear = getattr(value, "cache_clear", None)
                if clear is not None:
                    clear()


def against_floor(files: list[str], rounds: int, ruff_s: float | None) -> Iterator[Figure]:
    found = [one for one in (measured(path, rounds) for path in files) if one is not None]
    ratios = sorted(one.ratio for one in found)
    floor = sum(one.floor for one in found)
    total = sum(sum(one.stages) for one in found)
    worst = max(found, key=lambda one: one.ratio)
    yield Figure("all but start-up / floor, median notebook", statistics.median(ratios), "x", 3.0)
    yield Figure("all but start-up / floor, p90", ratios[int(0.9 * (len(ratios) - 1))], "x")
    yield Figure("all but start-up / floor, worst", ratios[-1], "x", 12.0, os.path.basename(worst.path))
    yield Figure("all but start-up / floor, sum of the folder", total / floor, "x")
    if ruff_s is not None:
        yield Figure("all but start-up / ruff, sum of the folder", total / ruff_s, "x", 2.0)
    yield Figure("floor, a notebook", 1e3 * floor / len(found), "ms")
    for number, stage in enumerate(STAGES):
        part = sum(one.stages[number] for one in found)
        yield Figure(f"stage: {stage}, a notebook", 1e3 * part / len(found), "ms", remark=f"{part / floor:.2f} x floor")


def linearity(sizes: tuple[int, ...], rounds: int) -> Iterator[Figure]:
    """Cost per cell of notebooks of so many cells; the goal is that of a hundred cells and half as much again."""
    from tinyguard.lint import lint
    from tinyguard.notebook.reader import read
    from tinyguard.program.witness import witness

    per_cell: dict[int, float] = {}
    for size in sizes:
        data = samples.notebook(size).encode()
        times = []
        for _ in range(rounds):
            forget()
            times.append(cpu(lambda data=data: lint(read("long.ipynb", data))))  # type: ignore[misc]
        per_cell[size] = min(times) / size
        whole = witness(read("long.ipynb", data)).complete
        goal = 1.5e3 * per_cell[100] if size > 100 and 100 in per_cell else None
        yield Figure(
            f"{size:,} cells: a cell",
            1e3 * per_cell[size],
            "ms",
            goal,
            "" if whole else "partly analysed: budget spent",
        )
