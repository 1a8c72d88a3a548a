"""Kernel witness: the cells that have run, the one about to run and those below it -> what the program says of them.

The static witness reads them in the order of execution before the cell runs. What only the text of a program tells (how
many epochs are planned, which setting nobody reads) is judged on its events, apart from those of the live witness; a
fact that the run has shown goes before what was read.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter, thread_time
from typing import NamedTuple

from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    CellExecuted,
    Event,
    LoaderBuilt,
    NameBound,
    OptimizerBuilt,
    OptimizerStepped,
    RunEnded,
    Samples,
    SeedSet,
    TrainingPlanned,
)
from tinyguard.finding import Finding, Place
from tinyguard.judge import judge
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.reader import typed
from tinyguard.program.machine import STEPS_A_CELL
from tinyguard.program.witness import Witnessed, witness
from tinyguard.rule import Rule

LIMIT_S = 0.05  # of processor time, by which a cell may begin later
STEPS = 2000  # statements and calls in that time; fewer where they turn out to take longer
STEPS_AT_START = 20_000  # about a second at most; the largest of 279 real notebooks needs as many
ATTEMPTS = 3  # that were not enough: then the notebook is too long for this
MOST_CELLS = 1000  # executions

# A run shows these at the lines of the program that do them: seen at a line where the text has none, the text is not
# all that there is.
SHOWN = (SeedSet, LoaderBuilt, OptimizerBuilt, BatchDrawn, BackwardRan, OptimizerStepped)
TRAINS = (TrainingPlanned, OptimizerStepped)
UNEVENTFUL = frozenset({CellExecuted, NameBound, RunEnded})

# What a kernel has without any cell.
GIVEN = frozenset({"get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___", *dir(builtins)})

# Read once at the start, so that no cell waits for the modules that it takes.
_FIRST = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
loader = DataLoader(TensorDataset(torch.zeros(4, 2), torch.zeros(4)))
model = nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


class Run(NamedTuple):
    """One execution of a cell, or one to come."""

    number: int | None  # None: a script
    source: str
    until: int | None = None  # the line at which it was broken off


Line = tuple[object, int]  # cell or file, line
Lines = tuple[Line, ...]  # and those of the calls that led there
Spot = tuple[type[Event], Line]


class Foresight:
    """What the program says of the cell that is about to run. `rules`: those that want to see a whole program.

    `on_fault` hears of a fault of ours once; nothing is said after it.
    """

    def __init__(self, path: str, rules: Iterable[Rule], on_fault: Callable[[str, Exception], None]) -> None:
        self._path = path
        self._rules = [rule for rule in rules if rule.needs_whole_program and rule.interrupts]
        self._on_fault = on_fault
        self.spent_s = 0.0
        self._on = True
        self._past: list[Run] = []
        self._current: Run | None = None
        self._whole = False  # all the cells to come are known
        self._read: tuple[Run, ...] = ()
        self._seen = Witnessed(events=(), complete=False)
        self._foreseen: frozenset[Spot] = frozenset()
        self._segment: Sequence[Event] = ()  # what the current cell will do
        self._shown: set[Spot] = set()  # what the run has shown
        self._seeds: list[SeedSet] = []
        self._samples: dict[Lines, Samples | None] = {}  # of loaders, by where they were built; None: several
        self._steps, self._attempts = STEPS, ATTEMPTS

    def start(self, earlier: Sequence[Run] = (), below: Sequence[tuple[int, str]] | None = None) -> None:
        """`earlier`: what the kernel had executed before anybody watched; `below`: the cells under the last of it.

        Whoever asks to be watched can wait for a moment: so the cells of a notebook that is run from top to bottom
        find it read.
        """
        self._past += earlier
        self._guarded(lambda: witness(Notebook(path=self._path, cells=(_cell(Run(1, _FIRST)),))))
        if below:
            steps, self._steps = self._steps, STEPS_AT_START
            self._guarded(lambda: self._read_on((*self._past, *(Run(*cell) for cell in below))))
            self._steps, self._attempts = steps, ATTEMPTS
        self.spent_s = 0.0

    def begin(self, run: Run, below: Sequence[tuple[int, str]] | None) -> None:
        """A cell is about to run. `below`: the code cells under it; None: nobody knows them."""
        self._current, self._segment, self._whole = run, (), False
        if self._on and self._attempts > 0 and len(self._past) < MOST_CELLS:
            self._guarded(lambda: self._look(run, below))

    def end(self, *, until: int | None = None, ran: bool = True) -> None:
        """The cell is over. `until`: an exception ended it at this line; `ran` is False when not even its first did."""
        if self._current is not None and ran:
            self._past.append(self._current._replace(until=until))
        self._current = None

    def shown(self, event: Event) -> None:
        """The live witness has seen something."""
        if isinstance(event, SHOWN) and event.place.line:
            self._shown.add(_spot(event))
        if isinstance(event, LoaderBuilt):
            lines = _lines(event)
            same = self._samples.get(lines, event.samples)
            self._samples[lines] = event.samples if same is not None and same.size == event.samples.size else None
        elif isinstance(event, SeedSet) and not self._seeds:
            self._seeds.append(event)

    @property
    def trains(self) -> bool:
        """The current cell will train something."""
        return any(isinstance(event, TRAINS) for event in self._segment)

    @property
    def plan(self) -> TrainingPlanned | None:
        """The one training of the current cell, if it is certain how many epochs it has."""
        plans = [event for event in self._segment if isinstance(event, TrainingPlanned)]
        if len(plans) != 1 or plans[0].facts or not self._is_as_shown():
            return None
        return plans[0] if plans[0].epochs.value else None

    def findings(self) -> list[Finding]:
        """What the rules say of the program, as far as the cell that is about to run has a part in it.

        Nothing when cells to come are not known: one of them may do what seems to be missing.
        """
        found: list[Finding] = []
        if self._whole and self._is_as_shown() and not all(type(event) in UNEVENTFUL for event in self._segment):
            self._guarded(lambda: found.extend(self._judged()))
        return found

    def _guarded(self, act: Callable[[], object]) -> None:
        began = perf_counter()
        try:
            act()
        except Exception as error:
            self._on = False
            self._segment = ()
            self._on_fault("the program", error)
        finally:
            self.spent_s += perf_counter() - began

    def _look(self, run: Run, below: Sequence[tuple[int, str]] | None) -> None:
        executed = {past.number for past in self._past}
        to_come = [Run(*cell) for cell in below or () if cell[0] not in executed]
        self._read_on((*self._past, run, *to_come))
        if not self._seen.complete or self._seen.unbound - GIVEN:
            return
        self._segment = _segment(self._seen.events, len(self._past) + 1)
        self._whole = below is not None or run.number is None

    def _read_on(self, runs: tuple[Run, ...]) -> None:
        """Reads these executions, unless it was done before."""
        if runs == self._read:
            return
        self._seen = Witnessed(events=(), complete=False)
        self._read, self._foreseen = runs, frozenset()
        cells = [_cell(one) for one in runs]
        if all(cell.tree is not None and "*" not in cell.binds for cell in cells if cell.code):
            self._seen = self._witnessed(cells)
            self._foreseen = frozenset(_spot(event) for event in self._seen.events if isinstance(event, SHOWN))

    def _witnessed(self, cells: list[Cell]) -> Witnessed:
        began = thread_time()
        seen = witness(Notebook(path=self._path, cells=tuple(cells)), budget=self._steps - STEPS_A_CELL * len(cells))
        took = thread_time() - began
        if took > LIMIT_S:
            self._steps = int(self._steps * LIMIT_S / took)
        if not seen.complete:
            self._attempts -= 1
        return seen

    def _is_as_shown(self) -> bool:
        """Whatever the run has shown stands in the program, too."""
        return self._shown <= self._foreseen

    def _judged(self) -> list[Finding]:
        def failed(code: str, error: Exception) -> None:
            self._rules = [rule for rule in self._rules if rule.code != code]
            self._on_fault(f"rule {code}", error)

        assert self._current is not None
        known = {run.number for run in (*self._past, self._current)}
        found = judge(self._with_facts(), self._rules, failed)
        return [
            finding for finding in found if all(place.cell in known or place.cell is None for place in _of(finding))
        ]

    def _with_facts(self) -> Iterable[Event]:
        """The events of the program, with what the run has shown of them: seeds, and the sizes of data sets."""
        yield from self._seeds
        built = {
            event.loader: samples
            for event in self._seen.events
            if isinstance(event, LoaderBuilt) and (samples := self._samples.get(_lines(event))) is not None
        }
        for event in self._seen.events:
            match event:
                case LoaderBuilt(loader=loader) | TrainingPlanned(loader=int(loader)) if loader in built:
                    yield event.replace(samples=_completed(event.samples, built[loader]))
                case _:
                    yield event


def _completed(read: Samples | None, held: Samples) -> Samples:
    """What the program tells of samples, with what the kernel holds."""
    if read is None:
        return held
    completed: Samples = read.replace(size=held.size, labels=held.labels, classes=read.classes or held.classes)
    return completed


def _cell(run: Run) -> Cell:
    cell = typed(run.source, run.number)
    if cell.tree is not None and run.until is not None:
        cell.tree.body = [statement for statement in cell.tree.body if statement.lineno < run.until]
    return cell


def _segment(events: Sequence[Event], order: int) -> Sequence[Event]:
    """What the cell does that is executed at this position."""
    starts = [index for index, event in enumerate(events) if isinstance(event, CellExecuted)]
    for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
        if events[start].order == order:  # type: ignore[attr-defined]
            return events[start:end]
    return ()


def _spot(event: Event) -> Spot:
    return (type(event), _line(event.place))


def _lines(event: Event) -> Lines:
    return tuple(map(_line, (event.place, *event.via)))


def _line(place: Place) -> Line:
    """Without the column, in which the witnesses differ here and there."""
    return (place.cell if place.cell is not None else os.path.basename(place.path), place.line)


def _of(finding: Finding) -> list[Place]:
    return [finding.place, *(related.place for related in finding.related)]
