"""After a restart: which names of the dead session a cell misses, and which cells to run again, in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from tinyguard.events import CellExecuted, KernelRestarted, NameBound
from tinyguard.finding import Place
from tinyguard.journal.errors import JournalError
from tinyguard.journal.notes import CellSource
from tinyguard.journal.reading import Session, lines
from tinyguard.record import Record

Cell = tuple[str, int | None]
MOST_SESSIONS = 3  # that are remembered: a kernel may be restarted again before everything was built


def remembered(sessions: Iterable[Session]) -> Iterator[Record]:
    """What the last sessions that are over tell of names and cells, the oldest first; of `reading.sessions`."""
    over = [session for session in sessions if not session.alive][:MOST_SESSIONS]
    for session in reversed(over):
        with suppress(JournalError, OSError):  # removed meanwhile
            yield from (line.record for line in lines(session.path, only=(CellSource, CellExecuted, NameBound)))


class _Run:
    """One run of a cell, in the session that is over."""

    def __init__(self, cell: Cell, source: CellSource | None) -> None:
        self.cell = cell
        self.source = source
        self.bound: dict[str, Place] = {}

    @property
    def place(self) -> Place:
        return Place(*self.cell)

    @property
    def reads(self) -> Collection[str]:
        return self.source.reads if self.source is not None else ()

    def binding(self, name: str) -> Place | None:
        """Where this run bound the name; the cell as a whole when only its text says that it does."""
        if name in self.bound:
            return self.bound[name]
        return self.place if self.source is not None and name in self.source.binds else None


def restarted(
    records: Iterable[Record],
    *,
    reads: Mapping[str, Place],
    held: Collection[str],
    place: Place,
    counts: tuple[int, ...] = (1,),
) -> KernelRestarted | None:
    """What a cell that is about to run misses since the restart; None when it misses nothing.

    `records`: see `remembered`. `reads`: the names of the notebook that the cell reads before it binds them, and where.
    `held`: the names that the new kernel has. `place`: the first cell that ran after the restart; `counts`: the counts
    since then.
    """
    runs = _runs(records)
    about_to_run = {(where.path, where.cell) for where in reads.values()}
    lost: dict[str, Place] = {}
    for name in reads:
        binder = None if name in held else _binder(name, runs, len(runs), but=about_to_run)
        where = runs[binder].binding(name) if binder is not None else None
        if where is not None:
            lost[name] = where
    if not lost:
        return None
    return KernelRestarted(
        place=place,
        lost=lost,
        reads={name: reads[name] for name in lost},
        counts=counts,
        rebuild=_cells_to_run(lost, runs, held, but=about_to_run),
    )


def cells_to_run(lost: Iterable[str], records: Iterable[Record], held: Collection[str] = ()) -> tuple[Place, ...]:
    """The cells that give these names back, in the order in which to run them.

    With each cell come those that bound what it reads, as its CellSource tells, unless the kernel holds that (`held`).
    """
    return _cells_to_run(lost, _runs(records), held, but=())


def _cells_to_run(
    lost: Iterable[str], runs: Sequence[_Run], held: Collection[str], *, but: Collection[Cell]
) -> tuple[Place, ...]:
    wanted = [(name, len(runs)) for name in lost]
    needed: set[int] = set()
    for name, before in wanted:  # which grows
        binder = _binder(name, runs, before, but=but)
        if binder is not None and binder not in needed:
            needed.add(binder)
            wanted += [(read, binder) for read in runs[binder].reads if read not in held]
    # They ran in this order before, so each finds there what it reads.
    return tuple(dict.fromkeys(runs[index].place for index in sorted(needed)))


def _binder(name: str, runs: Sequence[_Run], before: int, *, but: Collection[Cell]) -> int | None:
    """The run that gave the name to the run `before`; the first one after it, for what a function reads when called."""
    binders = [index for index, run in enumerate(runs) if run.cell not in but and run.binding(name) is not None]
    earlier = [index for index in binders if index < before]
    return earlier[-1] if earlier else next((index for index in binders if index > before), None)


def _runs(records: Iterable[Record]) -> list[_Run]:
    runs: list[_Run] = []
    sources: dict[Cell, CellSource] = {}
    for record in records:
        match record:
            case CellSource(place=place):
                sources[place.path, place.cell] = record
            case CellExecuted(place=place):
                runs.append(_Run((place.path, place.cell), sources.get((place.path, place.cell))))
            case NameBound(local=False) if runs:
                runs[-1].bound[record.name] = record.place
    return runs
