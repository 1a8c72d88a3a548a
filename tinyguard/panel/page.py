"""A document -> one HTML page that needs nothing from elsewhere and runs nothing."""

from __future__ import annotations

import html
from collections.abc import Iterable

from tinyguard import __version__
from tinyguard.panel import document as content
from tinyguard.panel import markup
from tinyguard.panel.document import Document
from tinyguard.panel.summary import TrainedModel

STYLE = """
:root{color-scheme:light dark}
body{max-width:800px;margin:2em auto;padding:0 1em;font:15px/1.5 system-ui,sans-serif}
h1,h2{line-height:1.25}
h2{margin-top:2em;border-bottom:1px solid #8888}
table{border-collapse:collapse;margin:1em 0}
th,td{padding:.2em 1em .2em 0;text-align:left;vertical-align:top;font-variant-numeric:tabular-nums}
th{font-weight:600}
pre{overflow:auto;padding:.8em;border:1px solid #8888;border-radius:6px;font-size:13px}
pre.whole{white-space:pre-wrap}
img{display:block;margin:1em 0}
"""
# What the page itself forbids: a reader's browser loads and runs nothing, whatever stands in it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(document: Document) -> str:
    title = markup.safe(document.title)
    found = document.all_findings()
    body = [
        f"<h1>{title}</h1>",
        markup.table(content.environment(document)),
        "<h2>Findings</h2>",
        markup.findings_list(found) or "<p>tinyguard found nothing.</p>",
        "<h2>Errors and warnings</h2>",
        *(_pre(message) for message in document.messages),
        *([] if document.messages else ["<p>Python told none.</p>"]),
        *(part for model in document.models for part in _model(model)),
        f"<p><small>written by tinyguard {__version__}</small></p>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _model(model: TrainedModel) -> Iterable[str]:
    yield f"<h2>{markup.safe(model.name)}</h2>"
    yield markup.image(content.state_of(model))
    yield markup.table(content.facts(model))
    rows = content.first_epochs(model)
    if rows:
        yield f"<h3>The first {len(rows) - 1} epochs</h3>"
        yield _grid(rows)
        yield "<h3>The whole history</h3>"
        yield _pre(content.whole_history(model))
    if model.output.strip():
        yield "<h3>What the training printed</h3>"
        yield _pre(model.output)


def _grid(rows: list[list[str]]) -> str:
    head, *others = rows
    shown = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in others)
    return f"<table><tr>{shown}</tr>{body}</table>"


def _pre(text: str) -> str:
    return f'<pre class="whole">{html.escape(content.plain_text(text))}</pre>'
