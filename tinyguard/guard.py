"""The live pipeline on one screen: what is observed -> events -> story -> rules -> findings, told while it happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinyguard.bands import Band
from tinyguard.errors import TrainingStoppedError
from tinyguard.events import BandExpected, Event, RunEnded
from tinyguard.finding import Finding, Place, Severity
from tinyguard.judge import Judge, is_symptom, with_causes, with_causes_of
from tinyguard.live.cells import Cells, Execution
from tinyguard.live.session import Session
from tinyguard.memory import Memory
from tinyguard.metrics import Metrics
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.syntax import parse
from tinyguard.panel.of_story import training_state
from tinyguard.panel.state import TrainingState
from tinyguard.rule import Rule, catalogue
from tinyguard.suppress import suppress


class Guard:
    """One watched program and what was found in it.

    `tell` gets every new finding once, at the step that proves it. `complain` gets one line when a part of the guard
    fails; the program goes on. `notebook`: the file, if it is one that is watched; `path`: what it is called, or
    the script. `journal`: what happens is kept in the project's `.tinyguard/`. `stop`: a finding of this severity or
    above raises TrainingStoppedError in the program.
    """

    def __init__(
        self,
        *,
        tell: Callable[[Finding], None],
        complain: Callable[[str], None],
        notebook: str | None = None,
        path: str | None = None,
        namespace: Callable[[], Mapping[str, Any]] = dict,
        shell: Any = None,
        rules: Iterable[Rule] | None = None,
        journal: bool = False,
        on_progress: Callable[[], None] = lambda: None,
        stop: Severity | None = None,
    ) -> None:
        self.stop = stop
        self.on = False
        self.cells = Cells(notebook, path=path)
        self._tell = tell
        self._complain = complain
        self._is_told_elsewhere = os.environ.get("RANK", "0") != "0"  # torchrun: the first of several processes tells
        self._rules = tuple(rule for rule in (rules or catalogue().values()) if not rule.needs_whole_program)
        self._judge = Judge(self._rules, self._rule_failed)
        self._found: dict[tuple[object, ...], Finding] = {}
        self._namespace = namespace
        self._keeps_journal = journal
        self._memory: Memory | None = None
        self._session = Session(
            self.see,
            cells=self.cells,
            namespace=namespace,
            on_fault=self._observer_failed,
            on_progress=on_progress,
            shell=shell,
            listener=Metrics(self.see, lambda: self._judge.story),
        )
        self._session.on_begin.append(self._cell_begins)
        self._session.on_end.append(self._cell_ended)

    def start(self) -> None:
        if self._keeps_journal:
            self._memory = Memory(self.cells.notebook, lambda text: self._complain(f"tinyguard: {text}"))
        self._session.attach()
        self.on = True

    def end(self) -> None:
        """Takes every hook away. What was found stays."""
        if self.on:
            if self._session.alone:
                self._ended()
            self.on = False
            self._session.detach()
            if self._memory is not None:
                self._memory.close()

    def expect(self, band: Band) -> None:
        """Holds every accuracy from now on against this band (TNY705)."""
        points = tuple((point.epoch, point.low, point.high) for point in band.points)
        self.see(BandExpected(place=Place(self.cells.path), name=band.name, points=points))

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, the causes of a symptom named with it."""
        return with_causes(list(self._found.values()))

    def state(self, *, finished: bool = False) -> TrainingState:
        """The training of the cell that runs, as a panel shows it."""
        return training_state(
            self._session.progress(),
            self._judge.story,
            cell=self.cells.current.number if self.cells.current is not None else None,
            count=self.cells.current.count if self.cells.current is not None else None,
            findings=tuple(self.findings),
            finished=finished,
        )

    @property
    def journal(self) -> str:
        """The file that keeps what happens; empty when there is none."""
        return self._memory.path if self._memory is not None else ""

    @property
    def spent_s(self) -> float:
        """Seconds that the guard has taken of the program's time, as its own clock says."""
        return self._session.spent_s

    @property
    def notebook(self) -> Notebook:
        """The cells that ran, as the reports want them; a script is one without a number."""
        if self._session.alone:
            return Notebook(path=self.cells.path, cells=(_script(self.cells.path),), script=True)
        latest: dict[int, Execution] = {}
        for execution in self.cells.executions.values():
            latest[execution.number] = execution
        cells = (
            Cell(number=number, source=execution.source, count=execution.count, tree=parse(execution.source).tree)
            for number, execution in sorted(latest.items())
        )
        return Notebook(path=self.cells.path, cells=tuple(cells))

    def see(self, event: Event) -> None:
        """Judges an event; called by the witness while the program runs."""
        if self._memory is not None:
            self._memory.keep(event)
        new = [finding for finding in self._judge.see(event) if self._is_new(finding)]
        for finding in new:
            if self._memory is not None:
                self._memory.keep(finding)
            if not self._is_told_elsewhere:
                self._tell(with_causes_of(finding, list(self._found.values())) if is_symptom(finding) else finding)
        worst = max((finding.severity for finding in new), default=None)
        if self.stop is not None and worst is not None and worst >= self.stop:
            first = next(finding for finding in new if finding.severity == worst)
            raise TrainingStoppedError(f"{first.code} {first.message}; {first.remedy}")

    def _is_new(self, finding: Finding) -> bool:
        if finding.severity is Severity.NOTE or finding.key() in self._found:
            return False
        kept = suppress(self.notebook, [finding], ran=(), complete=False, known=catalogue()).findings
        if not kept:
            return False
        self._found[finding.key()] = finding
        return True

    def _cell_begins(self, execution: Execution) -> None:
        if self._memory is not None:
            place = Place(self.cells.path, execution.number)
            held = self._namespace().keys()
            lost = self._memory.cell(place, execution.source, execution.count, held=held)
            if lost is not None:
                self.see(lost)

    def _cell_ended(self, _execution: Execution, _result: Any) -> None:
        self._ended()
        if self._memory is not None:
            self._memory.flush()

    def _ended(self) -> None:
        """What is to be said of the last steps, and of what never came."""
        stop, self.stop = self.stop, None  # nothing runs any more that could be stopped
        try:
            self.see(RunEnded(place=Place(self.cells.path), complete=True))
        finally:
            self.stop = stop

    def _rule_failed(self, code: str, error: Exception) -> None:
        self._complain(f"tinyguard: rule {code} failed and is off: {type(error).__name__}: {error}")

    def _observer_failed(self, who: str, error: Exception) -> None:
        self._complain(f"tinyguard: the guard failed in {who} and is off: {type(error).__name__}: {error}")


def _script(path: str) -> Cell:
    try:
        with open(path, encoding="utf-8") as file:
            source = file.read()
    except (OSError, ValueError):
        source = ""
    return Cell(number=None, source=source, tree=parse(source).tree)
