"""Static witness: what each cell had to do with the others, and whether another order of them tells the same story."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tinyguard.notebook.cells import Notebook
from tinyguard.program.expressions import BUILTINS
from tinyguard.program.machine import Frame, Machine
from tinyguard.program.modules import Importer
from tinyguard.program.pretend.values import Tensor
from tinyguard.program.values import CONSTANT, MISSING, Function, Known, Unknown


class Trace(NamedTuple):
    """What the run of a cell took from the rest of the notebook, and left in it."""

    reads: frozenset[str]  # names of the notebook, its own and those of the functions that it called
    unbound: frozenset[str]  # names that it read and that nothing had bound
    writes: frozenset[str]
    told: bool  # events that a rule can speak of
    changes: bool  # it wrote to something else than names of the notebook
    closed: bool  # it could reach nothing that was there before and that can be changed
    hidden: bool  # it changed something that has no name: a mode, a module that it was the first to import
    recalls: bool  # it took a result that was remembered: what went into that is not among its reads
    imports: bool
    adds_folders: bool  # to those that imports come from


class Tracer:
    """Watches the run of one cell."""

    def __init__(self, machine: Machine, frame: Frame, importer: Importer) -> None:
        self._machine = machine
        self._frame = frame
        self._importer = importer
        self._before = machine.read_names, machine.unbound
        machine.read_names, machine.unbound = set(), set()
        self._mark = machine.heap.mark()
        self._events = len(machine.events)
        self._state = self._hidden_state()
        self._recalled = machine.recalled
        self._asked, self._folders = importer.asked, len(importer.folders_added)

    def trace(self) -> Trace:
        machine, names = self._machine, self._frame.names
        reads, unbound = machine.read_names, machine.unbound
        machine.read_names, machine.unbound = self._before[0] | reads, self._before[1] | unbound
        replaced: dict[str, Any] = {}  # by name: what it meant before the cell
        changes = False
        for fields, key, old in machine.heap.trail(self._mark):
            if fields is names:
                replaced.setdefault(key, old)
            else:
                changes = True
        values = [*(names.get(name) for name in reads), *(replaced[name] for name in reads & replaced.keys())]
        return Trace(
            reads=frozenset(reads),
            unbound=frozenset(unbound),
            writes=frozenset(replaced),
            told=len(machine.events) > self._events + 1,  # besides CellExecuted
            changes=changes,
            closed=reads <= names.keys() and all(self._fixed(value) for value in values),
            hidden=self._hidden_state() != self._state or not BUILTINS.keys().isdisjoint(replaced),
            recalls=machine.recalled > self._recalled,
            imports=self._importer.asked > self._asked,
            adds_folders=len(self._importer.folders_added) > self._folders,
        )

    def _hidden_state(self) -> tuple[Any, ...]:
        machine = self._machine
        return len(machine.modules), *map(id, machine.modes.values())

    def _fixed(self, value: Any) -> bool:
        """It is the same for ever, and so is all that is reached through it, but for names that are read."""
        if isinstance(value, Function):
            return value.closure is self._frame and not value.defaults
        return value is MISSING or isinstance(value, (*CONSTANT, Known, Unknown, Tensor))


def same_story(notebook: Notebook, order: Sequence[int], traces: Mapping[int, Trace]) -> bool:
    """Running the cells in this order, those alone, would tell what running them in that of the document has told.

    Each order comes from the other by swapping neighbours again and again. A swap changes nothing when neither cell
    binds a name that the other reads or binds, one of the two at most has told anything, and no object that one of
    them can have changed can be reached by the other.
    """
    bound = frozenset[str]().union(*(trace.writes for trace in traces.values()))
    if any(not trace.unbound.isdisjoint(bound) for trace in traces.values()):
        return False  # another run, whose count is lost, has bound it
    for number in {*range(len(notebook.cells))}.difference(order):
        cell = notebook.cells[number]
        if cell.tree is None:
            if cell.binds or cell.written_to:
                return False
        elif number not in traces or not _idle(traces[number]):
            return False
    before: list[int] = []  # cells, sorted
    for number in order:
        for other in before[bisect(before, number) :]:
            if number not in traces or other not in traces or not _commute(traces[number], traces[other]):
                return False
        insort(before, number)
    return True


def _idle(trace: Trace) -> bool:
    return trace.closed and not (trace.writes or trace.told or trace.hidden or trace.adds_folders)


def _commute(one: Trace, other: Trace) -> bool:
    if one.hidden or other.hidden or (one.told and other.told):
        return False
    if (one.recalls and other.writes) or (other.recalls and one.writes):
        return False
    if (one.adds_folders and other.imports) or (other.adds_folders and one.imports):
        return False
    if (one.changes or other.changes) and not (one.closed or other.closed):
        return False
    return one.writes.isdisjoint(other.writes | other.reads | other.unbound) and other.writes.isdisjoint(
        one.reads | one.unbound
    )
