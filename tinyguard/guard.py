"""The live pipeline on one screen: what is observed -> events -> story -> rules -> findings, told while it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinyguard.bands import Band
from tinyguard.errors import TrainingStoppedError
from tinyguard.events import BandExpected, Event, RunEnded
from tinyguard.finding import Finding, Place, Severity
from tinyguard.judge import Judge, is_symptom, with_causes, with_causes_of
from tinyguard.live.cells import Cells, Execution
from tinyguard.live.session import Session
from tinyguard.metrics import Metrics
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.syntax import parse
from tinyguard.rule import Rule, catalogue
from tinyguard.suppress import suppress


class Guard:
    """One watched program and what was found in it.

    `tell` gets every new finding once, at the step that proves it. `complain` gets one line when a part of the guard
    fails; the program goes on. `stop`: a finding of this severity or above raises TrainingStoppedError in the program.
    """

    def __init__(
        self,
        *,
        tell: Callable[[Finding], None],
        complain: Callable[[str], None],
        notebook: str | None = None,
        namespace: Callable[[], Mapping[str, Any]] = dict,
        shell: Any = None,
        rules: Iterable[Rule] | None = None,
        stop: Severity | None = None,
    ) -> None:
        self.stop = stop
        self.on = False
        self.cells = Cells(notebook)
        self._tell = tell
        self._complain = complain
        self._rules = tuple(rule for rule in (rules or catalogue().values()) if not rule.needs_whole_program)
        self._judge = Judge(self._rules, self._rule_failed)
        self._found: dict[tuple[object, ...], Finding] = {}
        self._stepped = False
        self._session = Session(
            self.see,
            cells=self.cells,
            namespace=namespace,
            on_fault=self._observer_failed,
            shell=shell,
            listener=Metrics(self.see, lambda: self._judge.story),
        )
        self._session.on_end.append(self._cell_ended)

    def start(self) -> None:
        self._session.attach()
        self.on = True

    def end(self) -> None:
        """Takes every hook away. What was found stays."""
        if self.on:
            self.on = False
            self._session.detach()

    def expect(self, band: Band) -> None:
        """Holds every accuracy from now on against this band (TNY705)."""
        points = tuple((point.epoch, point.low, point.high) for point in band.points)
        self.see(BandExpected(place=Place(self.cells.path), name=band.name, points=points))

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, the causes of a symptom named with it."""
        return with_causes(list(self._found.values()))

    @property
    def notebook(self) -> Notebook:
        """The cells that ran, as the reports want them."""
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
        new = [finding for finding in self._judge.see(event) if self._is_new(finding)]
        for finding in new:
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

    def _cell_ended(self, _execution: Execution, _result: Any) -> None:
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
