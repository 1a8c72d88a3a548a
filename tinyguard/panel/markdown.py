"""A document -> Markdown for an issue or a forum: text is escaped, output fenced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tinyguard import __version__
from tinyguard.finding import Finding
from tinyguard.panel import document as content
from tinyguard.panel import words
from tinyguard.panel.document import Document
from tinyguard.panel.summary import TrainedModel

SPECIAL = re.compile(r"([\\*_{}\[\]<>()#+!|~&@$-])")


def markdown(document: Document) -> str:
    found = document.all_findings()
    parts = [
        f"# {safe(document.title)}",
        _rows(content.environment(document)),
        "## Findings",
        *(_finding(finding) for finding in found),
        *([] if found else ["tinyguard found nothing."]),
        "## Errors and warnings",
        *(fenced(message) for message in document.messages),
        *([] if document.messages else ["Python told none."]),
        *(part for model in document.models for part in _model(model)),
        f"written by tinyguard {__version__}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def safe(text: str) -> str:
    """Untrusted text as text; what stands in backquotes stays code.

    >>> safe("`a_b` <b> of a_b")
    '`a_b` \\\\<b\\\\> of a\\\\_b'
    """
    parts = re.split("(`[^`]+`)", words.one_line(text))
    return "".join(
        part if index % 2 else SPECIAL.sub(r"\\\1", part).replace("`", r"\`") for index, part in enumerate(parts)
    )


def fenced(text: str) -> str:
    """Lines as they are, in a fence longer than any that stands in them."""
    plain = content.plain_text(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", plain)), default=0))
    return f"{fence}text\n{plain}\n{fence}"


def _finding(finding: Finding) -> str:
    lines = [
        f"- {words.SHAPES[finding.severity]} **{finding.severity.label} {safe(finding.code)}** in "
        f"{safe(words.spot(finding.place))}: {safe(finding.message)}"
    ]
    lines += [f"  - why: {safe(finding.cause)}"] if finding.cause else []
    lines += [f"  - change: {safe(finding.remedy)}"] if finding.remedy else []
    lines += [f"  - see {safe(words.spot(related.place))}: {safe(related.message)}" for related in finding.related]
    return "\n".join(lines)


def _model(model: TrainedModel) -> Iterable[str]:
    yield f"## {safe(model.name)}"
    yield _rows(content.facts(model))
    rows = content.first_epochs(model)
    if rows:
        yield f"The first {len(rows) - 1} epochs:"
        yield _table(rows)
        yield "The whole history:"
        yield fenced(content.whole_history(model))
    if model.output.strip():
        yield "What the training printed:"
        yield fenced(model.output)


def _rows(rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(f"- **{safe(head)}**: {'; '.join(map(safe, told))}" for head, told in rows if told)


def _table(rows: list[list[str]]) -> str:
    cells = [[safe(cell.replace("`", "'")) for cell in row] for row in rows]  # in code a bar would end the cell
    head, *others = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *others])
