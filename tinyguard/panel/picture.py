"""A training's state -> a static picture: SVG without script, fonts or anything else from outside.

It is made to be shown by `<img>`, since JupyterLab strips inline SVG from notebooks it does not trust. There it cannot
know the page's colours, so it brings its own ground: light, or dark where the reader's system asks for that. Renderers
without CSS draw the light one.
"""

from __future__ import annotations

from tinyguard.finding import Severity
from tinyguard.panel import ink, words
from tinyguard.panel.chart import chart
from tinyguard.panel.state import TrainingState
from tinyguard.report.text import plural

WIDTH, HEIGHT = 760, 342
MARGIN = 16
GAP = 24  # between the two charts
CHARTS = 108  # where they begin


def picture(state: TrainingState, *, dark: bool | None = None) -> str:
    """An SVG document of at most some 25 kB: progress, loss, accuracy against chance and band, findings as marks.

    `dark`: True and False paint that ground, whatever the reader's system asks for.
    """
    right = WIDTH - MARGIN
    drawn = "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
            f' height="{HEIGHT}" role="img" aria-labelledby="t d" font-family="{ink.FONT}" font-size="12">',
            f'<title id="t">{ink.safe(title(state), 300)}</title>',
            f'<desc id="d">{ink.safe(description(state), 1500)}</desc>',
            ink.style() if dark is None else "",
            _ground(),
            *_header(state, right),
            *_charts(state, right),
            "</svg>",
        )
    )
    return ink.in_dark(drawn) if dark else drawn


def _charts(state: TrainingState, right: float) -> list[str]:
    """Loss and accuracy side by side; the one that has values alone where the other has none."""
    rows = {"top": CHARTS, "bottom": HEIGHT - 6}
    middle = (WIDTH + GAP) / 2
    shown = [name for name in ("loss", "accuracy") if state.of(name)]
    if len(shown) == 1:
        return [chart(state, shown[0], left=MARGIN, right=right, **rows)]
    return [
        chart(state, "loss", left=MARGIN, right=middle - GAP, **rows),
        chart(state, "accuracy", left=middle, right=right, **rows),
    ]


def title(state: TrainingState) -> str:
    return f"{words.heading(state)}: {words.progress(state)}"


def description(state: TrainingState) -> str:
    """What the picture shows, in words."""
    told = [f"{name} {what}" for name in ("loss", "accuracy") for what in words.metric(state, name)]
    told += words.against(state)
    told += [f"{finding.severity.label} {finding.code}: {finding.message}" for finding in state.findings]
    return "; ".join(told) or "no values yet"


def _ground() -> str:
    area = f'x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"'
    return (
        f'<rect class="ground-fill" {area} fill="{ink.color("ground")}"/>'
        f'<rect class="edge-line" {area} fill="none" stroke="{ink.color("edge")}"/>'
    )


def _header(state: TrainingState, right: float) -> list[str]:
    """What is trained and how far it is; with what; how long it takes, and how many findings there are."""
    done = state.progress
    tally = (f"{words.percent(done)}  ·  " if done is not None else "") + words.progress(state)
    made_of = "  ·  ".join((*words.models(state)[:2], *words.optimizers(state)[:2]))
    parts = [
        ink.text(MARGIN, 28, words.heading(state), role="ink", columns=44, more='font-size="15" font-weight="600"'),
        ink.text(right, 28, tally, role="ink", columns=48, more='text-anchor="end"'),
        ink.bar("grid", MARGIN, 40, right - MARGIN),
    ]
    if done:
        role = "band" if state.finished and done == 1 else "train"
        parts.append(ink.bar(role, MARGIN, 40, max(done * (right - MARGIN), 6)))
    parts.append(ink.text(MARGIN, 66, state.status or made_of, columns=100))
    parts.append(ink.text(MARGIN, 86, "  ·  ".join(words.pace(state)), columns=62))
    return [*parts, *_tally(state, right)]


def _tally(state: TrainingState, right: float) -> list[str]:
    """How many findings there are of each severity, from the right leftwards."""
    parts: list[str] = []
    for severity in sorted(Severity):
        count = sum(finding.severity is severity for finding in state.findings)
        if count:
            told = plural(count, severity.label)
            parts.append(ink.text(right, 86, told, role=severity.label, more='text-anchor="end"'))
            right -= ink.LETTER * len(told) + 12
            parts.append(ink.mark(severity, right, 82))
            right -= 20
    return parts
