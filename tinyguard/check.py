"""Paths -> read, linted, reported, one file after the other; what it all came to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from tinyguard.config import Configuration, Settings
from tinyguard.errors import TinyguardError, UsageError
from tinyguard.finding import Finding, Severity
from tinyguard.lint import LintResult, lint
from tinyguard.notebook.cells import Notebook, Skipped
from tinyguard.notebook.files import expand
from tinyguard.notebook.reader import read
from tinyguard.report.summary import Summary

if TYPE_CHECKING:
    from tinyguard.rule import Rule
    from tinyguard.selection import Selection

NOTHING_WRONG, FINDINGS, NOTHING_READABLE, SKIPPED = 0, 1, 2, 3
STDIN = "-"


class Report(Protocol):
    """One output format."""

    def notebook(self, notebook: Notebook, findings: Iterable[Finding]) -> str: ...

    def end(self, summary: Summary) -> tuple[str, str]: ...


class Check:
    """One run of `tinyguard lint` or `replay`: what the command line decides, and the figures so far."""

    def __init__(self, given: Mapping[str, Any], *, stdin_name: str = STDIN, of_a_run: bool = False) -> None:
        """`given`: the settings of the command line, which go before those of any pyproject.toml.

        `of_a_run`: with the rules that only a run can break.
        """
        self._given = dict(given)
        self._of_a_run = of_a_run
        self._stdin_name = stdin_name
        self._configuration = Configuration()
        self._selections: dict[tuple[Any, ...], Selection] = {}
        self._told: set[tuple[Any, ...]] = set()
        self._counts = dict.fromkeys(Severity, 0)
        self._skipped: list[Skipped] = []
        self._files = self._cells = self._hidden = self._suppressed = 0
        self._failed = self._skips_matter = False
        for option in ("select", "ignore"):
            if selectors := self._given.get(option):
                from tinyguard.rule import catalogue
                from tinyguard.selection import codes_of

                codes_of(selectors, catalogue(), source=f"--{option}")

    def settings(self, path: str) -> Settings:
        settings: Settings = self._configuration.settings(path).replace(**self._given)
        return settings

    def run(self, paths: list[str], *, data: bytes | None, report: Report, out: TextIO, err: TextIO) -> int:
        """Checks every file and says so; the exit code. `data` is what `-` stands for."""
        for path in self._expanded(paths):
            out.write(self._file(path, data, report))
        if not (self._files or self._skipped):
            raise UsageError(f"{', '.join(paths)}: holds no notebook (.ipynb) and no script with cells (.py with # %%)")
        return self.end(report=report, out=out, err=err)

    def end(self, *, report: Report, out: TextIO, err: TextIO) -> int:
        """Says what it all came to; the exit code."""
        at_end, aside = report.end(self.summary())
        out.write(at_end)
        err.write(aside)
        return self.exit_code()

    def summary(self) -> Summary:
        return Summary(
            files=self._files,
            cells=self._cells,
            errors=self._counts[Severity.ERROR],
            warnings=self._counts[Severity.WARNING],
            notes=self._counts[Severity.NOTE],
            hidden_notes=self._hidden,
            suppressed=self._suppressed,
            skipped=tuple(self._skipped),
        )

    def exit_code(self) -> int:
        if self._failed:
            return FINDINGS
        if not self._skips_matter:
            return NOTHING_WRONG
        return SKIPPED if self._files else NOTHING_READABLE

    def _expanded(self, paths: list[str]) -> list[str]:
        """The files; `exclude` leaves out what is found in folders, never what is named."""
        for path in paths:
            if path != STDIN and not os.path.lexists(path):
                raise UsageError(f"{path}: no such file or folder")
        files, skipped = expand(paths)
        self._skip(skipped, self.settings(paths[0]))
        named = set(paths)
        return [path for path in files if path in named or not self.settings(path).excludes(path)]

    def _file(self, path: str, data: bytes | None, report: Report) -> str:
        """Reads, lints and counts one file; what the report says of it."""
        path, content = (self._stdin_name, data) if path == STDIN else (path, None)
        settings = self.settings(path)
        if settings.select is not None or settings.ignored_in(path):
            self._selection(settings, path)  # a wrong code is an error whatever the notebook holds
        notebook = read(path, content)
        if is_unreadable(notebook):
            self._skip(notebook.skipped, settings)
            return ""
        return self.told(notebook, lint(notebook, lambda: self.rules(path)), report)

    def rules(self, path: str) -> tuple[Rule, ...]:
        """Those that this file is judged by."""
        return self._selection(self.settings(path), path).rules

    def told(self, notebook: Notebook, result: LintResult, report: Report) -> str:
        """Counts what was found in one notebook; what the report says of it."""
        path = notebook.path
        settings = self.settings(path)
        self._files += 1
        self._cells += sum(cell.code for cell in notebook.cells)
        self._suppressed += result.suppressed
        self._skip((*notebook.skipped, *result.partly), settings)
        findings = [finding for finding in result.findings if self._is_new(finding, path)]
        shown = [finding for finding in findings if self._selection(settings, path).shows(finding)]
        self._hidden += len(findings) - len(shown)
        for finding in shown:
            self._counts[finding.severity] += 1
            self._failed = self._failed or finding.severity >= settings.fail_on
        return report.notebook(notebook, shown) if shown else ""

    def _skip(self, skipped: Iterable[Skipped], settings: Settings) -> None:
        for one in skipped:
            self._skipped.append(one)
            self._skips_matter = self._skips_matter or not settings.allow_skipped

    def _is_new(self, finding: Finding, path: str) -> bool:
        """Two notebooks that use the same module share its findings: they are told once."""
        if finding.place.path == path:
            return True
        new = finding.key() not in self._told
        self._told.add(finding.key())
        return new

    def _selection(self, settings: Settings, path: str) -> Selection:
        ignore = settings.ignored_in(path)
        notes = settings.notes or settings.fail_on is Severity.NOTE
        key = (settings.select, ignore, notes)
        if key not in self._selections:
            from tinyguard.rule import catalogue, lintable
            from tinyguard.selection import selection

            self._selections[key] = selection(
                catalogue() if settings.select or ignore or self._of_a_run else lintable(),
                select=settings.select,
                ignore=ignore,
                notes=notes,
                source=f"{settings.file}: [tool.tinyguard]",
            )
        return self._selections[key]


def rules_of_a_run(path: str, complain: Callable[[str], None]) -> tuple[Rule, ...] | None:
    """The rules that the configuration selects for this file or folder while it is watched.

    None, which is all of them, when the configuration cannot be followed: `complain` hears why, and the run goes on.
    """
    try:
        return Check({}, of_a_run=True).rules(path)
    except TinyguardError as error:
        complain(f"tinyguard: {error}; all rules watch")
        return None


def is_unreadable(notebook: Notebook) -> bool:
    """Nothing of it could be analysed, and not only because single cells are broken."""
    whole = any(skipped.cell is None for skipped in notebook.skipped)
    return whole and all(cell.tree is None for cell in notebook.cells)
