"""What the guard keeps of a session: its journal, and what the one before it tells a kernel that was restarted."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Collection

from tinyguard.events import Event, KernelRestarted
from tinyguard.finding import Finding, Place
from tinyguard.journal.files import journal_folder
from tinyguard.journal.notes import cell_source
from tinyguard.journal.reading import sessions
from tinyguard.journal.restart import remembered, restarted
from tinyguard.journal.writing import Journal
from tinyguard.notebook.reader import typed
from tinyguard.program.names.bindings import cell_names
from tinyguard.program.names.steps import BIND, READ
from tinyguard.record import Record


class Memory:
    """The journal of this session in the project's `.tinyguard/`. Raises nothing; `on_fault` hears once what fails."""

    def __init__(self, notebook: str | None, on_fault: Callable[[str], None]) -> None:
        folder = journal_folder(os.path.dirname(os.path.abspath(notebook)) if notebook else os.getcwd())
        self._before: tuple[Record, ...] = ()
        self._known: dict[Place, str] = {}  # cells, and the hash of what they said
        try:
            self._before = tuple(remembered(sessions(folder, notebook))) if notebook else ()
        except Exception as error:
            on_fault(f"{folder}: what was there before the restart cannot be read: {type(error).__name__}: {error}")
        self._journal = Journal(folder, on_fault=on_fault, notebook=notebook)

    @property
    def path(self) -> str:
        """The file of this session; empty when none can be written."""
        return self._journal.path

    def cell(self, place: Place, source: str, count: int | None, *, held: Collection[str]) -> KernelRestarted | None:
        """A cell is about to run. What it misses since the kernel was restarted; None: nothing.

        `held`: the names that the kernel has now.
        """
        names = _Names(source)
        note = cell_source(place, source, reads=names.reads, binds=names.binds)
        if self._known.get(place) != note.sha256:
            self._known[place] = note.sha256
            self._journal.write(note)
        if not self._before:
            return None
        missing = {name: Place(place.path, place.cell, line) for name, line in names.reads.items() if name not in held}
        return restarted(self._before, reads=missing, held=held, place=place, counts=(count,) if count else (1,))

    def keep(self, happened: Event | Finding) -> None:
        self._journal.write(happened)

    def flush(self) -> None:
        self._journal.flush()

    def close(self) -> None:
        self._journal.close()


class _Names:
    """The names that a cell reads before it binds them, with their lines, and those that it binds."""

    def __init__(self, source: str) -> None:
        self.reads: dict[str, int] = {}
        self.binds: set[str] = set()
        tree = typed(source).tree
        if tree is None:
            return
        for step in cell_names(tree).steps:
            if step.kind == BIND:
                self.binds.add(step.name)
            elif step.kind == READ and step.name not in self.binds and not hasattr(builtins, step.name):
                self.reads.setdefault(step.name, step.node.lineno)
