"""A journal -> its findings: the rules read the recorded events as they would have read them in the kernel."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TextIO

from tinyguard.check import Check, Report
from tinyguard.events import CellExecuted, Event
from tinyguard.finding import Finding, Place
from tinyguard.journal.files import header_of
from tinyguard.journal.notes import CellSource, LeftOut
from tinyguard.journal.reading import Unreadable, lines
from tinyguard.judge import judge
from tinyguard.lint import LintResult, concluded, fault
from tinyguard.notebook.cells import Cell, Notebook, Skipped
from tinyguard.record import Record
from tinyguard.rule import Rule, catalogue


class Told(Record):
    """What a journal holds, as far as it can be judged."""

    notebook: Notebook  # as its cells were when they ran
    events: tuple[Event, ...]  # up to the first line that is missing
    findings: tuple[Finding, ...]  # that the guard told after that, or of the program's text
    skipped: tuple[Skipped, ...] = ()


def replay(path: str, check: Check, *, report: Report, out: TextIO, err: TextIO) -> int:
    """Judges a journal and says so; the exit code. Raises JournalError."""
    told = read(path)
    out.write(check.told(told.notebook, judged(told, lambda: check.rules(told.notebook.path)), report))
    return check.end(report=report, out=out, err=err)


def judged(told: Told, rules: Callable[[], tuple[Rule, ...]]) -> LintResult:
    """The findings of these rules. Never raises but for what `rules` does."""
    partly = list(told.skipped)

    def on_fault(who: str, error: Exception) -> None:
        partly.append(Skipped(path=told.notebook.path, reason=fault(who, error)))

    chosen = rules()
    codes = {rule.code for rule in chosen}
    found = [
        *judge(told.events, (rule for rule in chosen if not rule.needs_whole_program), on_fault),
        *(finding for finding in told.findings if finding.code in codes),
    ]
    return concluded(told.notebook, found, chosen, partly, on_fault, complete=False)


def read(path: str) -> Told:
    """Raises JournalError.

    Behind a line that is missing nothing is judged: a rule would take what is not there for what did not happen. What
    the guard found after that is in the journal, and told.
    """
    header = header_of(path)
    skipped: list[Skipped] = []
    events: list[Event] = []
    findings: list[Finding] = []
    cells: dict[tuple[str, int | None], Cell] = {}
    whole = True

    def on_unreadable(line: Unreadable) -> None:
        nonlocal whole
        whole = False
        skipped.append(Skipped(path=line.path, line=line.number, reason=line.reason))

    for line in lines(path, on_unreadable):
        match line.record:
            case CellSource(place=place, text=text):
                cells[place.path, place.cell] = _cell(place, text)
            case CellExecuted(place=place, count=count):
                known = cells.get((place.path, place.cell)) or _cell(place, "")
                cells[place.path, place.cell] = known.replace(count=count)
            case Finding() as finding if not whole or _of_the_text(finding):
                findings.append(finding)
            case LeftOut(reason=reason):
                skipped.append(Skipped(path=path, line=line.number, reason=f"left out by the guard: {reason}"))
                whole = False
        if whole and isinstance(line.record, Event):
            events.append(line.record)
            place = line.record.place
            if place.cell is not None:
                cells.setdefault((place.path, place.cell), _cell(place, ""))
    name = next((where for where, _ in cells), header.notebook or path)
    of_notebook = (cell for (where, _), cell in cells.items() if where == name)
    return Told(
        notebook=Notebook(path=name, cells=tuple(sorted(of_notebook, key=lambda cell: cell.number or 0))),
        events=tuple(events),
        findings=tuple(findings),
        skipped=tuple(skipped),
    )


def _of_the_text(finding: Finding) -> bool:
    """The guard read it off the program, which is not in the journal."""
    rule = catalogue().get(finding.code)
    return rule is not None and rule.needs_whole_program


def _cell(place: Place, text: str) -> Cell:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a magic, say
        tree = None
    return Cell(number=place.cell, source=text, tree=tree)
