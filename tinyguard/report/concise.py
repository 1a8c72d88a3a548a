"""Findings -> one line each, for editors and grep: `file:cell:line:col: CODE message`."""

from __future__ import annotations

from collections.abc import Iterable

from tinyguard.finding import Finding
from tinyguard.notebook.cells import Notebook
from tinyguard.report.sources import Sources
from tinyguard.report.summary import Summary, skipped_line
from tinyguard.report.text import escaped


class Concise:
    """One line a finding on standard output; what was skipped and the summary on standard error."""

    def notebook(self, notebook: Notebook, findings: Iterable[Finding]) -> str:
        sources = Sources(notebook)
        return "".join(_line(finding, sources) for finding in findings)

    def end(self, summary: Summary) -> tuple[str, str]:
        """What comes last: for standard output, for standard error."""
        lines = [*(skipped_line(skipped) for skipped in summary.skipped), summary.line()]
        return "", "\n".join(lines) + "\n"


def _line(finding: Finding, sources: Sources) -> str:
    place = finding.place
    parts = [escaped(place.path)]
    if sources.cell(place) is not None and not sources.notebook.script:
        parts += [str(place.cell), str(max(place.line, 1)), str(place.column)]
    elif (line := sources.file_line(place)) is not None:
        parts += [str(line), str(place.column)]
    return f"{':'.join(parts)}: {finding.code} {escaped(finding.message)}\n"
