"""Findings -> JSON for machines; `schema.json` beside this file describes it.

Version 1: `{"version": 1, "tinyguard": "0.1.0", "findings": [...], "skipped": [...], "summary": {...}}`. New keys may
come without a new version; a key that changes its meaning or goes makes a new one. Every place tells its position in
all ways that are known: `path`; `cell` (counting all cells from 1), `cell_id` and `execution_count`, null where there
are none; `line` and `column` in the cell, or in the file when `cell` is null, with `end_line` and `end_column` (the
column behind the last character); and `file_line`, the line of the file itself. Lines and columns count from 1 in
characters; a line of 0 means the cell or the notebook as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tinyguard import __version__
from tinyguard.finding import Finding, Place
from tinyguard.notebook.cells import Notebook, Skipped
from tinyguard.report.sources import Sources
from tinyguard.report.summary import Summary

VERSION = 1


class Json:
    """Gathers the findings of all notebooks, for there is one document in the end."""

    def __init__(self) -> None:
        self._findings: list[dict[str, Any]] = []

    def notebook(self, notebook: Notebook, findings: Iterable[Finding]) -> str:
        sources = Sources(notebook)
        self._findings += [finding_as_json(finding, sources) for finding in findings]
        return ""

    def end(self, summary: Summary) -> tuple[str, str]:
        """What comes last: for standard output, for standard error."""
        figures = dict(zip(summary._fields, summary.values(), strict=True))
        document = {
            "version": VERSION,
            "tinyguard": __version__,
            "findings": self._findings,
            "skipped": [skipped_as_json(skipped) for skipped in summary.skipped],
            "summary": {**figures, "skipped": len(summary.skipped), "line": summary.line()},
        }
        # ASCII, so that no terminal or pipe can misread it.
        return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n", ""


def finding_as_json(finding: Finding, sources: Sources) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.label,
        "message": finding.message,
        "place": place_as_json(finding.place, sources),
        "cause": finding.cause,
        "remedy": finding.remedy,
        "related": [
            {"message": related.message, "place": place_as_json(related.place, sources)} for related in finding.related
        ],
        "evidence": plain(finding.evidence),
        "order": finding.order,
    }


def place_as_json(place: Place, sources: Sources) -> dict[str, Any]:
    cell = sources.cell(place)
    return {
        "path": place.path,
        "cell": place.cell,
        "cell_id": cell.id if cell is not None else None,
        "execution_count": cell.count if cell is not None else None,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "file_line": sources.file_line(place),
    }


def skipped_as_json(skipped: Skipped) -> dict[str, Any]:
    return {"path": skipped.path, "cell": skipped.cell, "line": skipped.line, "reason": skipped.reason}


def plain(value: object) -> Any:
    """A value of the evidence as JSON has it: sets as sorted lists, NaN and infinity as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if value - value == 0 else str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case frozenset() | set():
            return sorted((plain(item) for item in value), key=repr)
        case list() | tuple():
            return [plain(item) for item in value]
    return str(value)
