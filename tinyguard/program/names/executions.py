"""Two orders, Restart & Run All and the one that the counts prove -> events: what differs between them, by name."""

from __future__ import annotations

import ast
import os
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from tinyguard.events import (
    CellPassedOver,
    CellRepeated,
    CountsUnsorted,
    Definition,
    Event,
    KernelRestarted,
    NameRead,
    ObjectStale,
)
from tinyguard.finding import Place
from tinyguard.notebook.cells import Notebook
from tinyguard.pattern import pattern
from tinyguard.program.names import changes
from tinyguard.program.names.counts import Counts, counts, resets_counts
from tinyguard.program.names.definitions import Binding, Followed, Use, follow

MANY = 3  # cells that were not run are told one by one up to here
MOST_CELLS = 200  # above, what takes a time that grows with the square of it is not looked for
_UNFINISHED = pattern(r"\btodo\b|your code|your solution|fill in", re.IGNORECASE)
_EXERCISE = pattern(r"exercise|homework|unsolved", re.IGNORECASE)
_USUAL_IMPORTS = frozenset({"torch", "nn", "F", "optim", "np", "plt", "pd", "os", "sys", "datasets", "transforms"})


def recorded_order(notebook: Notebook) -> tuple[int, ...] | None:
    """The executed cells in the order in which they last ran; None when it is that of the document, or not known."""
    order = () if notebook.script else counts(notebook).order
    return None if list(order) == sorted(order) else order


def state_events(notebook: Notebook, unbound: Collection[str] | None = None) -> tuple[Event, ...]:
    """Reads that Restart & Run All, or the recorded order, gives something else or nothing.

    `unbound`: the names that a whole run from the top read before anything had bound them; None: not known. Where
    there are none and every cell ran in order, there is nothing to look for.
    """
    if notebook.script and len(notebook.cells) == 1:
        return ()  # a plain script: every other linter reads it
    known = Counts({}) if notebook.script else counts(notebook)
    order = known.order
    unsorted = list(order) != sorted(order)
    passed_over = _passed_over(notebook, order)
    compare = bool(unsorted or passed_over or known.restarted)
    if not compare and unbound is not None and not unbound:
        return ()
    state = _State(notebook, follow(notebook, uses=compare), known)
    events: list[Event] = list(state.missing())
    if compare:
        events += state.restarted()
        if unsorted or known.restarted or len(set(known.first.values())) < len(known.first):
            events += state.differing()
        if unsorted and not any(map(_tells_order, events)):
            events += state.unsorted()
        events += state.not_run(passed_over)
    return tuple(sorted(events, key=lambda event: (event.place.cell or 0, event.place.line)))


def _passed_over(notebook: Notebook, order: Sequence[int]) -> list[int]:
    """Cells with code that have no trace of a run, while a cell below them has."""
    last = max(order, default=0)
    return [
        number
        for number, cell in enumerate(notebook.cells[:last])
        if cell.tree is not None and cell.tree.body and not cell.count and not cell.outputs
    ]


def _tells_order(event: Event) -> bool:
    return isinstance(event, ObjectStale | CellRepeated | KernelRestarted) or (
        isinstance(event, NameRead) and (event.on_restart is not None or event.later is not None)
    )


class _State:
    """A notebook, run by name, beside its counts."""

    def __init__(self, notebook: Notebook, followed: Followed, known: Counts) -> None:
        self.notebook = notebook
        self.followed = followed
        self.known = known
        self.run = known.first
        self.uses = list(self.sole_uses(known.first)) if followed.uses else []
        self.runs: dict[str, list[tuple[int, int]]] = {}
        self.by_name: dict[str, list[tuple[Use, Binding]]] = {}
        for use, binding in self.uses:
            self.by_name.setdefault(use.name, []).append((use, binding))
        self.bindings: dict[int, list[Binding]] = {}
        for known_bindings in followed.binders.values() if self.uses else ():
            for binding in known_bindings:
                self.bindings.setdefault(binding.cell, []).append(binding)

    def place(self, cell: int, node: ast.AST | None) -> Place:
        """Where a node stands; a statement of several lines is shown by its first."""
        found = self.notebook.cells[cell]
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        end_line, end_offset = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
        lines = found.source.split("\n")
        if end_line != line or end_offset is None:
            return Place(self.notebook.path, found.number, line, _column(lines, line, offset))
        ends = _column(lines, line, end_offset)
        return Place(self.notebook.path, found.number, line, _column(lines, line, offset), line, ends)

    def definition(self, binding: Binding) -> Definition:
        return Definition(place=self.place(binding.cell, binding.node), count=self.notebook.cells[binding.cell].count)

    def name_read(self, use: Use, **fields: Any) -> NameRead:
        return NameRead(
            name=use.name,
            place=self.place(use.home, use.node),
            via=tuple(self.place(cell, node) for cell, node in use.via),
            count=self.notebook.cells[use.cell].count,
            **fields,
        )

    # --- what Restart & Run All would not have

    def missing(self) -> Iterator[NameRead]:
        groups: dict[tuple[int, int | None], list[Use]] = {}
        later: dict[str, Binding | None] = {}
        for use in self.followed.missing:
            below = [binding for binding in self.followed.binders.get(use.name, ()) if binding.cell > use.cell]
            later[use.name] = below[0] if below else None
            if below or not self.unfinished(use):
                groups.setdefault((use.cell, below[0].cell if below else None), []).append(use)
        for uses in groups.values():
            first = uses[0]
            binding = later[first.name]
            yield self.name_read(
                first,
                found=None,
                on_restart=None,
                later=self.definition(binding) if binding else None,
                deleted=self.place(*first.deleted) if first.deleted else None,
                also=tuple(use.name for use in uses[1:]),
            )

    def unfinished(self, use: Use) -> bool:
        """The reader of an exercise is to write the missing definition, though hardly an import."""
        if self.notebook.cells[use.cell].count or use.name in _USUAL_IMPORTS:
            return False
        if _EXERCISE.search(os.path.basename(self.notebook.path)):
            return True
        above = self.notebook.cells[: use.cell + 1]
        return any(cell.code and _UNFINISHED.search(cell.source) for cell in above)

    # --- what the counts prove

    def sole_uses(self, cells: Iterable[int]) -> Iterator[tuple[Use, Binding]]:
        """Certain reads by these cells of names that exactly one other cell gives them on a restart."""
        for cell in sorted(cells):
            for use in self.followed.uses.get(cell, {}).values():
                givers = {binding.cell for binding in use.bindings}
                if use.certain and len(givers) == 1 and cell not in givers and use.bindings[-1].node is not None:
                    yield use, use.bindings[-1]

    def not_run(self, passed_over: Sequence[int]) -> Iterator[Event]:
        """Cells without a count whose names were read by cells with one, and those that nobody needed."""
        if not passed_over or resets_counts(self.notebook):
            return
        pairs = []
        for use, binding in self.uses:
            others = (other.cell for other in self.followed.binders[use.name])
            if binding.cell in passed_over and not any(self.notebook.cells[other].count for other in others):
                pairs.append((use, binding))
        for group in _causes(pairs):
            yield self.grouped(group, None)
        needed = {binding.cell for _, binding in pairs}
        rest = [cell for cell in passed_over if cell not in needed and not self.only_prepares(cell)]
        if len(rest) > MANY:
            yield self.passed_over(rest[0], rest[1:])
        else:
            yield from (self.passed_over(cell, ()) for cell in rest)

    def only_prepares(self, cell: int) -> bool:
        """Imports, settings of the notebook, shell commands, definitions: left out, they are not missed."""
        tree = self.notebook.cells[cell].tree
        return tree is None or all(changes.only_prepares(statement) for statement in tree.body)

    def passed_over(self, cell: int, others: Sequence[int]) -> CellPassedOver:
        below = min(number for number in self.known.order if number > cell)
        return CellPassedOver(
            place=self.place(cell, None),
            cells=tuple(self.place(other, None) for other in others),
            below=Definition(place=self.place(below, None), count=self.notebook.cells[below].count),
        )

    def unsorted(self) -> Iterator[CountsUnsorted]:
        """The first cell that ran after the one below it."""
        run = [cell for cell in sorted(self.run) if not self.only_prepares(cell)]
        for above, below in pairwise(run):
            if self.run[above] > self.run[below]:
                definition = Definition(place=self.place(below, None), count=self.run[below])
                yield CountsUnsorted(place=self.place(above, None), count=self.run[above], below=definition)
                return

    def grouped(self, group: Sequence[tuple[Use, Binding]], found: Binding | None) -> NameRead:
        """One event for one cause; its first reader is the place."""
        use, binding = group[0]
        names = dict.fromkeys(other.name for other, _ in group)
        readers = {other.cell: self.user(other) for other, _ in group}
        definitions = {other.cell: self.definition(other) for _, other in group}
        return self.name_read(
            use,
            found=self.definition(found) if found else None,
            on_restart=self.definition(binding),
            also=tuple(name for name in names if name != use.name),
            readers=tuple(readers[cell] for cell in readers if cell != use.cell),
            definitions=tuple(definitions[cell] for cell in sorted(definitions) if cell != binding.cell),
        )

    def user(self, use: Use) -> Definition:
        """The line of the running cell that reads the name or asks for the read, with its count."""
        node = use.via[0][1] if use.via else use.node
        return Definition(place=self.place(use.cell, node), count=self.notebook.cells[use.cell].count)

    def restarted(self) -> Iterator[KernelRestarted]:
        for kernel in self.known.restarted:
            lost: dict[str, Place] = {}
            reads: dict[str, Place] = {}
            first = min(kernel)
            ran: set[int] = set()
            bound: set[str] = set()
            for cell in self.known.history(kernel):
                for use, binding in self.sole_uses([cell] if cell in kernel else []):
                    if binding.cell < first and binding.cell not in ran and not bound & {use.name, "*"}:
                        lost.setdefault(use.name, self.place(binding.cell, binding.node))
                        reads.setdefault(use.name, self.user(use).place)
                names = self.followed.names[cell]
                ran.add(cell)
                bound |= names.bound if names is not None else {"*"}
            if lost:
                proof = tuple(kernel[cell] for cell in sorted(kernel))
                yield KernelRestarted(place=self.place(first, None), lost=lost, reads=reads, counts=proof)

    def differing(self) -> Iterator[Event]:
        """Names that meant something else in the recorded order than they would on a restart."""
        repeated = list(self.repeated())
        stale = list(self.stale())
        told = {(event.place.cell, event.consumer.cell) for event in repeated}
        told |= {(event.rerun.place.cell, event.place.cell) for event in stale}
        again: list[tuple[Use, Binding]] = []
        instead: dict[int, list[tuple[Use, Binding]]] = {}
        others: dict[int, Binding] = {}
        for use, binding in self.uses:
            if binding.cell not in self.run:
                continue
            numbers = self.notebook.cells[binding.cell].number, self.notebook.cells[use.cell].number
            if numbers in told:
                continue
            other = self.last_before(use, binding)
            if other is None and self.run[binding.cell] < self.run[use.cell]:
                continue
            if not changes.matters(binding):
                continue
            if other is not None:
                instead.setdefault(other.cell, []).append((use, binding))
                others.setdefault(other.cell, other)
            else:
                again.append((use, binding))
        yield from repeated
        yield from stale
        for cell, pairs in instead.items():
            yield from (self.grouped(group, others[cell]) for group in _causes(pairs))
        yield from (self.grouped(group, None) for group in _causes(again))

    def last_before(self, use: Use, given: Binding) -> Binding | None:
        """The definition that this run saw instead of the one a restart gives; None: an earlier run of the same."""
        count, before = self.run[use.cell], self.run[given.cell]
        ran = self.runs_of(use.name)
        for position in range(bisect_left(ran, (count, -1)) - 1, -1, -1):
            number, index = ran[position]
            other = self.followed.binders[use.name][index]
            if before < count and number < before:
                break
            if other.cell not in (given.cell, use.cell):
                return None if changes.same(other, given) else other
        return None

    def runs_of(self, name: str) -> list[tuple[int, int]]:
        """The counts of the cells that bind the name for sure, with the index of the binding, sorted."""
        found = self.runs.get(name)
        if found is None:
            bindings = enumerate(self.followed.binders[name])
            runs = [
                (self.run[other.cell], index) for index, other in bindings if other.certain and other.cell in self.run
            ]
            found = self.runs[name] = sorted(runs)
        return found

    def stale(self) -> Iterator[ObjectStale]:
        """Objects built from what was bound again later, and used after that."""
        for use, source in self.uses:
            again, built = self.run.get(source.cell, 0), self.run[use.cell]
            if again < built or not changes.is_object(source):
                continue
            for binding in self.bindings.get(use.cell, ()):
                if not changes.holds(binding, use.name):
                    continue
                late = self.late_use(binding, again)
                if late is not None:
                    yield ObjectStale(
                        place=self.place(binding.cell, binding.node),
                        name=binding.name,
                        count=built,
                        source=use.name,
                        rerun=self.definition(source),
                        used=self.user(late).place,
                        used_count=self.run[late.cell],
                    )
                    break

    def late_use(self, binding: Binding, again: int) -> Use | None:
        """The first read of this very object after that count."""
        others = (other.cell for other in self.followed.binders[binding.name] if other.cell != binding.cell)
        if any(self.run.get(other, 0) > self.run[binding.cell] for other in others):
            return None
        late = [
            (self.run[use.cell], use)
            for use, given in self.by_name.get(binding.name, ())
            if given.cell == binding.cell and self.run[use.cell] > again
        ]
        return min(late, key=lambda pair: pair[0])[1] if late else None

    def repeated(self) -> Iterator[CellRepeated]:
        """Cells that change their own input, and ran (again, as a missing count suggests) after their users."""
        for use, source in self.uses:
            changed = changes.own_change(self.notebook.cells[use.cell].tree, use.name)
            before = self.used_before(use, source) if changed is not None else None
            if changed is not None and before is not None:
                yield CellRepeated(
                    place=self.place(use.cell, changed),
                    name=use.name,
                    change=ast.unparse(changed),
                    count=self.run[use.cell],
                    source=self.definition(source),
                    consumer=self.user(before).place,
                    consumer_count=self.run[before.cell],
                )

    def used_before(self, use: Use, source: Binding) -> Use | None:
        """A cell below that read the name before this one's last run, after its source and a run that is not known."""
        start, count = self.run.get(source.cell, 0), self.run[use.cell]
        for other, given in self.by_name[use.name][:MOST_CELLS]:
            ran = self.run[other.cell]
            if other.cell > use.cell and given.cell in (use.cell, source.cell) and 0 < start < ran < count:
                return other if self.known.gap(start, ran) else None
        return None


def _causes(pairs: Sequence[tuple[Use, Binding]]) -> Iterator[list[tuple[Use, Binding]]]:
    """The fewest cells that explain all pairs: one cell was run again after many readers, or one reader before many."""
    left = list(pairs)
    while left:
        groups: dict[tuple[str, int], list[tuple[Use, Binding]]] = {}
        for use, binding in left:
            groups.setdefault(("defines", binding.cell), []).append((use, binding))
            groups.setdefault(("reads", use.cell), []).append((use, binding))
        if len(groups) > MOST_CELLS:
            yield from (group for (role, _), group in groups.items() if role == "defines")
            return
        (role, cell), most = max(
            groups.items(), key=lambda item: len({(use.cell, giver.cell) for use, giver in item[1]})
        )
        yield most
        left = [(use, giver) for use, giver in left if (giver.cell if role == "defines" else use.cell) != cell]


def _column(lines: Sequence[str], line: int, offset: int) -> int:
    """ast counts bytes of UTF-8 from 0, we count characters from 1."""
    if line > len(lines) or lines[line - 1].isascii():
        return offset + 1
    return len(lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1
