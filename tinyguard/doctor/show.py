"""A report of an examination -> plain text, and HTML that needs no script and no style sheet."""

from __future__ import annotations

import textwrap
from typing import Any

from tinyguard.doctor.answers import Answer, Report, Verdict
from tinyguard.panel.markup import LEFT, marked
from tinyguard.panel.words import fitted, number, one_line
from tinyguard.report.text import plural

COLUMNS = 100
LONGEST = 600  # letters of an answer: names and errors of the user's have no bound
SHAPES = {Verdict.OK: "✔", Verdict.WRONG: "✖", Verdict.UNKNOWN: "?"}  # colours alone tell nothing


def bundle(report: Report) -> dict[str, Any]:
    """For `display(bundle, raw=True)`."""
    return {"text/html": markup(report), "text/plain": text(report)}


def text(report: Report) -> str:
    """Each answer on its lines: its verdict, its question, what was seen, what to change."""
    lines = [heading(report)]
    for part in report.parts:
        lines += ["", one_line(part.title)]
        for answer in part.answers:
            lines += _lines(answer)
    return "\n".join(lines) + "\n"


def markup(report: Report) -> str:
    """A table for each part."""
    parts = [f'<div class="tinyguard"><p><b>{marked(heading(report))}</b></p>']
    for part in report.parts:
        rows = "".join(map(_row, part.answers))
        parts.append(f"<p><b>{marked(fitted(one_line(part.title), LONGEST))}</b></p><table>{rows}</table>")
    return "".join(parts) + "</div>"


def heading(report: Report) -> str:
    """
    >>> heading(Report(seconds=1.24))
    'tinyguard doctor: nothing wrong, 0 answers unknown, 0 ok (1.24 s)'
    """
    wrong, unknown, ok = (len(report.answers(verdict)) for verdict in (Verdict.WRONG, Verdict.UNKNOWN, Verdict.OK))
    found = f"{plural(wrong, 'answer')} wrong" if wrong else "nothing wrong"
    return f"tinyguard doctor: {found}, {plural(unknown, 'answer')} unknown, {ok} ok ({number(report.seconds)} s)"


def _lines(answer: Answer) -> list[str]:
    told = f"{answer.verdict.value:<8}{one_line(answer.question)}: {one_line(answer.told)}"
    lines = textwrap.wrap(
        fitted(told, LONGEST), COLUMNS, initial_indent="  ", subsequent_indent=" " * 10, break_on_hyphens=False
    )
    if answer.change:
        change = fitted(f"change: {one_line(answer.change)}", LONGEST)
        lines += textwrap.wrap(change, COLUMNS, initial_indent=" " * 10, subsequent_indent=" " * 12)
    return lines


def _row(answer: Answer) -> str:
    told = marked(fitted(one_line(answer.told), LONGEST))
    if answer.change:
        told += f"<br><b>Change:</b> {marked(fitted(one_line(answer.change), LONGEST))}"
    verdict = f"{SHAPES[answer.verdict]} {answer.verdict.value}"
    return (
        f'<tr><td style="{LEFT};white-space:nowrap">{verdict}</td>'
        f'<td style="{LEFT}">{marked(answer.question)}</td><td style="{LEFT}">{told}</td></tr>'
    )
