"""Findings -> text for people: where, what, the source, the places it rests on, why it hurts, what to change."""

from __future__ import annotations

from collections.abc import Iterable

from tinyguard.finding import Finding
from tinyguard.notebook.cells import Notebook
from tinyguard.report.frame import frame
from tinyguard.report.sources import Sources
from tinyguard.report.summary import Summary, skipped_line
from tinyguard.report.text import escaped, painted


class Full:
    """The report that a person reads."""

    def __init__(self, *, color: bool = False) -> None:
        self.color = color

    def notebook(self, notebook: Notebook, findings: Iterable[Finding]) -> str:
        """The findings of one notebook, each followed by an empty line."""
        sources = Sources(notebook)
        return "".join(self._finding(finding, sources) + "\n\n" for finding in findings)

    def end(self, summary: Summary) -> tuple[str, str]:
        """What comes last: for standard output, for standard error."""
        lines = [*(skipped_line(skipped) for skipped in summary.skipped), summary.line()]
        return "\n".join(lines) + "\n", ""

    def _finding(self, finding: Finding, sources: Sources) -> str:
        severity = painted(f"{finding.severity.label}[{finding.code}]", finding.severity.label, on=self.color)
        lines = [
            f"{severity} {painted(escaped(finding.message), 'bold', on=self.color)}",
            self._arrow("-->", sources.where(finding.place)),
            *frame(finding.place, sources, color=self.color),
        ]
        for related in finding.related:
            lines.append(self._arrow(":::", f"{sources.where(related.place)}: {escaped(related.message)}"))
            lines += frame(related.place, sources, mark="-", color=self.color)
        lines += self._paragraph("cause", finding.cause)
        lines += self._paragraph("remedy", finding.remedy)
        if finding.order == "recorded":
            lines += self._paragraph("order", "seen only in the order that the execution counts prove")
        return "\n".join(lines)

    def _arrow(self, arrow: str, text: str) -> str:
        return f"  {painted(arrow, 'dim', on=self.color)} {text}"

    def _paragraph(self, title: str, text: str) -> list[str]:
        """The text behind its title, its own lines kept and indented; nothing when there is none."""
        first, *others = [escaped(line.strip()) for line in text.strip().splitlines()] or [""]
        if not first:
            return []
        return [
            f"  {painted(f'{title}:', 'bold', on=self.color)} {first}",
            *(f"  {' ' * len(title)}  {line}" for line in others),
        ]
