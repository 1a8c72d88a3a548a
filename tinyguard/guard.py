"""The live pipeline on one screen: what is observed -> events -> story -> rules -> findings, told while it happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tinyguard.bands import Band
from tinyguard.errors import TrainingStoppedError
from tinyguard.events import Event, OptimizerStepped, RunEnded
from tinyguard.finding import Finding, Place, Severity
from tinyguard.foresight import Foresight, Run
from tinyguard.handover import Handover
from tinyguard.judge import Judge, is_symptom, with_causes, with_causes_of
from tinyguard.live.cells import Cells, Execution
from tinyguard.live.kernel import executed_before
from tinyguard.live.session import Session
from tinyguard.measured.evaluation import BandExpected
from tinyguard.memory import Memory
from tinyguard.metrics import Metrics
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.reader import typed
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
        rules = tuple(catalogue().values() if rules is None else rules)
        self._judge = Judge((rule for rule in rules if not rule.needs_whole_program), self._rule_failed)
        self._foresight = Foresight(self.cells.path, rules, self._observer_failed)
        self._before: list[Finding] = []  # what was told before the cell ran
        self._looks_again = False  # at the program, when the first step of the cell shows what its text does not say
        self._found: dict[tuple[object, ...], Finding] = {}
        self._namespace = namespace
        self._shell = shell
        self._keeps_journal = journal
        self._memory: Memory | None = None
        self._metrics = Metrics(self.see, lambda: self._judge.story)
        self._session = Session(
            self.see,
            cells=self.cells,
            namespace=namespace,
            on_fault=self._observer_failed,
            on_progress=on_progress,
            shell=shell,
            listener=self._metrics,
        )
        self.handover = Handover(
            self._session,
            self.cells,
            story=lambda: self._judge.story,
            findings=lambda: self.findings,
            plan=lambda: self._foresight.plan,
        )
        self._session.on_begin.append(self._cell_begins)
        self._session.on_end.append(self._cell_ended)

    def start(self) -> None:
        if self._keeps_journal:
            self._memory = Memory(self.cells.notebook, lambda text: self._complain(f"tinyguard: {text}"))
        earlier = self._executed_before()
        self._foresight.start(earlier, self.cells.below(earlier[-1].number or 0) if earlier else None)
        self._session.attach()
        self.on = True
        if self._session.alone:
            self._foresee(Run(None, _script(self.cells.path).source), ())

    def end(self) -> None:
        """Takes every hook away. What was found stays."""
        if self.on:
            if self._session.alone:
                self._ended()
                self.handover.ended()
            self.on = False
            self._session.detach()
            if self._memory is not None:
                self._memory.close()

    def aside(self) -> AbstractContextManager[object]:
        """Within it, what we do ourselves is not taken for the user's."""
        return self._session.aside()

    def expect(self, band: Band) -> None:
        """Holds every accuracy from now on against this band (TNY705)."""
        self.handover.band = band
        points = tuple((point.epoch, point.low, point.high) for point in band.points)
        self.see(BandExpected(place=Place(self.cells.path), name=band.name, points=points))

    def log(self, values: Mapping[str, float], epoch: int | None = None) -> None:
        """What an epoch came to, as the program says; see `tinyguard.log`."""
        cell = self.cells.current
        place = Place(self.cells.path, cell.number if cell is not None else None)
        self._metrics.logged(place, values, epoch, self._session.steps)

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, the causes of a symptom named with it."""
        return with_causes(list(self._found.values()))

    @property
    def journal(self) -> str:
        """The file that keeps what happens; empty when there is none."""
        return self._memory.path if self._memory is not None else ""

    @property
    def spent_s(self) -> float:
        """Seconds that the guard has taken of the program's time, as its own clock says."""
        return self._session.spent_s + self._foresight.spent_s

    @property
    def notebook(self) -> Notebook:
        """The cells that ran, as the reports want them; a script is one without a number."""
        if self._session.alone:
            return Notebook(path=self.cells.path, cells=(_script(self.cells.path),), script=True)
        latest: dict[int, Execution] = {}
        for execution in self.cells.executions.values():
            latest[execution.number] = execution
        cells = (typed(execution.source, number, execution.count) for number, execution in sorted(latest.items()))
        return Notebook(path=self.cells.path, cells=tuple(cells))

    def see(self, event: Event) -> None:
        """Judges an event; called by the witness while the program runs."""
        if self._memory is not None:
            self._memory.keep(event)
        self._foresight.shown(event)
        found = self._judge.see(event)
        if self._looks_again and isinstance(event, OptimizerStepped):
            self._looks_again = False
            found += self._foresight.findings()
        new = self._told(found)
        if isinstance(event, OptimizerStepped):  # before the cell ran there was nothing to stop
            new, self._before = [*self._before, *new], []
        worst = max((finding.severity for finding in new), default=None)
        if self.stop is not None and worst is not None and worst >= self.stop:
            first = next(finding for finding in new if finding.severity == worst)
            raise TrainingStoppedError(f"{first.code} {first.message}; {first.remedy}")

    def _told(self, found: Iterable[Finding]) -> list[Finding]:
        """Tells what is new of it."""
        new = [finding for finding in found if self._is_new(finding)]
        for finding in new:
            self.handover.told(finding)
            if self._memory is not None:
                self._memory.keep(finding)
            if not self._is_told_elsewhere:
                self._tell(with_causes_of(finding, list(self._found.values())) if is_symptom(finding) else finding)
        return new

    def _is_new(self, finding: Finding) -> bool:
        if finding.severity is Severity.NOTE or finding.key() in self._found:
            return False
        kept = suppress(self.notebook, [finding], ran=(), complete=False, known=catalogue).findings
        if not kept:
            return False
        self._found[finding.key()] = finding
        return True

    def _cell_begins(self, execution: Execution) -> None:
        self.handover.begins()
        if self._memory is not None:
            place = Place(self.cells.path, execution.number)
            held = self._namespace().keys()
            lost = self._memory.cell(place, execution.source, execution.count, held=held)
            if lost is not None:
                self.see(lost)
        self._foresee(Run(execution.number, execution.source), self.cells.below(execution.number))

    def _foresee(self, run: Run, below: Sequence[tuple[int, str]] | None) -> None:
        """Says of the cell that is about to run what its program tells."""
        self._foresight.begin(run, below)
        self._before = self._told(self._foresight.findings())
        self._looks_again = self._foresight.trains

    def _executed_before(self) -> list[Run]:
        """What the kernel had executed before it was watched."""
        return [Run(self.cells.number_of(source), source) for source in executed_before(self._shell)]

    def _cell_ended(self, execution: Execution, result: Any) -> None:
        self._foresight.end(until=self.cells.broken_off(result), ran=getattr(result, "error_before_exec", None) is None)
        self._ended()
        self.handover.ended(execution.number, result)
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
    return typed(source)
