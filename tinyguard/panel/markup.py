"""A training's state -> HTML that needs no kernel, no script and no style sheet, and keeps its meaning without styles.

It stands in saved notebooks, where JupyterLab, GitHub and nbconvert each strip something else: the picture is an
`<img>` with its words beside it, and colours only repeat what shapes and words say.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence

from tinyguard.finding import Finding
from tinyguard.panel import ink, words
from tinyguard.panel.picture import description, picture, title
from tinyguard.panel.state import TrainingState
from tinyguard.report.text import plural

SHOWN = 20  # findings
ALT = 600  # letters of the picture's description
LEFT = "text-align:left;vertical-align:top"


def panel(state: TrainingState) -> str:
    """The picture, the findings, and the figures behind them."""
    return "".join(
        (
            '<div class="tinyguard">',
            image(state),
            findings_list(state.findings),
            f"<details><summary>the figures</summary>{table(figures(state))}</details>",
            "</div>",
        )
    )


def image(state: TrainingState) -> str:
    """The picture as one element that carries it."""
    coded = base64.b64encode(picture(state).encode("utf-8")).decode("ascii")
    alt = safe(words.fitted(f"{title(state)}; {description(state)}", ALT))
    return f'<img src="data:image/svg+xml;base64,{coded}" alt="{alt}" width="760" style="max-width:100%;height:auto">'


def findings_list(findings: Sequence[Finding]) -> str:
    """Each finding with its severity, place, message, cause, remedy and related places; empty when there is none."""
    if not findings:
        return ""
    items = "".join(_finding(finding) for finding in findings[:SHOWN])
    rest = len(findings) - SHOWN
    more = f"<p>and {plural(rest, 'more finding')}</p>" if rest > 0 else ""
    return f'<ul style="list-style:none;padding-left:0;margin:8px 0">{items}</ul>{more}'


def table(rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Titles with what is told of each, left out where nothing is."""
    shown = "".join(
        f'<tr><th style="{LEFT}">{safe(head)}</th><td style="{LEFT}">{"<br>".join(map(marked, told))}</td></tr>'
        for head, told in rows
        if told
    )
    return f"<table>{shown}</table>"


def figures(state: TrainingState) -> list[tuple[str, list[str]]]:
    """What is trained with what, and what came out, in words."""
    return [
        ("training", [words.progress(state), *([words.one_line(state.status)] if state.status else [])]),
        ("time", ["; ".join(words.pace(state))]),
        ("models", words.models(state)),
        ("optimizers", words.optimizers(state)),
        ("loaders", words.loaders(state)),
        ("loss", words.metric(state, "loss")),
        ("accuracy", words.metric(state, "accuracy") + words.against(state)),
        ("guard", [words.cost(state)] if words.cost(state) else []),
    ]


def safe(text: str) -> str:
    """Untrusted text for an element or an attribute."""
    return html.escape(words.one_line(text))


def marked(text: str) -> str:
    """The same, with what stands in backquotes as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", safe(text))


def _finding(finding: Finding) -> str:
    severity = finding.severity
    color = ink.color(severity.label)
    head = f"{words.SHAPES[severity]} {severity.label} {safe(finding.code)}"
    lines = [f"<b>{head}</b> in {safe(words.spot(finding.place))}", marked(finding.message)]
    lines += [f"<b>Why:</b> {marked(finding.cause)}"] if finding.cause else []
    lines += [f"<b>Change:</b> {marked(finding.remedy)}"] if finding.remedy else []
    for related in finding.related:
        lines.append(f"See {safe(words.spot(related.place))}: {marked(related.message)}")
    style = f"border-left:4px solid {color};padding:2px 0 2px 10px;margin:6px 0"
    return f'<li style="{style}">{"<br>".join(lines)}</li>'
