"""Shapes, words and colours -> SVG elements, each with its light colour as an attribute and the dark one by class."""

from __future__ import annotations

import html

from tinyguard.finding import Severity
from tinyguard.panel import words
from tinyguard.panel.axes import pixel
from tinyguard.report.text import width

FONT = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,DejaVu Sans,sans-serif"
LETTER = 6.7  # pixels of a column at most, in the smaller of our two sizes and the widest of these fonts

# role -> light, dark. Words have a contrast of at least 4.5 to 1 with their ground, lines that mean something of 3.
COLORS = {
    "ground": ("#ffffff", "#161b22"),
    "edge": ("#d0d7de", "#3d444d"),
    "grid": ("#e4e8ec", "#2b323b"),
    "ink": ("#1f2328", "#e6edf3"),
    "pale": ("#59636e", "#9aa4b0"),
    "train": ("#0969da", "#58a6ff"),
    "test": ("#bc4c00", "#f0883e"),
    "validation": ("#8250df", "#bc8cff"),
    "other": ("#bf3989", "#f778ba"),
    "band": ("#1a7f37", "#3fb950"),
    "error": ("#cf222e", "#ff7b72"),
    "warning": ("#9a6700", "#d9a520"),
    "note": ("#5a6470", "#99a3af"),
}
LINES = ("train", "test", "validation", "other")
DASHES = {"validation": "5 3", "other": "9 3", "chance": "2 3"}


def color(role: str) -> str:
    return COLORS[role][0]


def style() -> str:
    """The dark colours, for those who ask for them."""
    rules = (f".{role}-line{{stroke:{dark}}}.{role}-fill{{fill:{dark}}}" for role, (_, dark) in COLORS.items())
    return f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"


def in_dark(drawn: str) -> str:
    """The same with the dark colours as attributes."""
    for light, dark in COLORS.values():
        drawn = drawn.replace(f'"{light}"', f'"{dark}"')
    return drawn


def safe(told: str, columns: int) -> str:
    """Untrusted text for an element or an attribute, in so many columns."""
    return html.escape(words.fitted(words.one_line(told), columns))


def text(x: float, y: float, told: str, *, role: str = "pale", columns: int = 90, more: str = "") -> str:
    space = " " * bool(more)
    return (
        f'<text class="{role}-fill" x="{pixel(x)}" y="{pixel(y)}" fill="{color(role)}"{space}{more}>'
        f"{safe(told, columns)}</text>"
    )


def stroke(role: str, d: str, *, dash: str | None = None, thick: float = 1, opacity: float = 1) -> str:
    more = f' stroke-dasharray="{dash}"' if dash else ""
    more += f' stroke-width="{thick}" stroke-linejoin="round"' if thick != 1 else ""
    more += f' stroke-opacity="{opacity}"' if opacity != 1 else ""
    return f'<path class="{role}-line" d="{d}" fill="none" stroke="{color(role)}"{more}/>'


def fill(role: str, d: str, *, opacity: float) -> str:
    return f'<path class="{role}-fill" d="{d}" fill="{color(role)}" fill-opacity="{opacity}"/>'


def bar(role: str, x: float, y: float, length: float) -> str:
    return (
        f'<rect class="{role}-fill" x="{pixel(x)}" y="{pixel(y)}" width="{pixel(length)}" height="6" rx="3"'
        f' fill="{color(role)}"/>'
    )


def dots(role: str, places: list[tuple[float, float]]) -> str:
    circles = (f'<circle cx="{pixel(x)}" cy="{pixel(y)}" r="2.5"/>' for x, y in places)
    return f'<g class="{role}-fill" fill="{color(role)}">{"".join(circles)}</g>'


def mark(severity: Severity, x: float, y: float) -> str:
    """The shape of a severity, as in words.SHAPES: a cross, a triangle, a disc."""
    role = severity.label
    where = f'class="{role}-fill" transform="translate({pixel(x)} {pixel(y)})" fill="{color(role)}"'
    match severity:
        case Severity.ERROR:
            return f'<path {where} d="M0-2.5 3.5-6 6-3.5 2.5 0 6 3.5 3.5 6 0 2.5-3.5 6-6 3.5-2.5 0-6-3.5-3.5-6z"/>'
        case Severity.WARNING:
            return f'<path {where} d="M0-6L6.5 5h-13z"/>'
    return f'<circle {where} r="5"/>'


def legend(x: float, y: float, entries: list[tuple[str, str]], *, right: float) -> list[str]:
    """From `x` on, each sample with its words, as many as fit."""
    parts = []
    for role, told in entries:
        shown = words.fitted(told, 26)
        length = 22 + LETTER * width(shown)
        if x + length > right + LETTER:
            break
        parts += [_sample(role, x, y - 4), text(x + 22, y, shown, columns=26, more='font-size="11.5"')]
        x += length + 10
    return parts


def _sample(role: str, x: float, y: float) -> str:
    if role == "band":
        return fill(role, f"M{pixel(x)} {pixel(y - 5)}h16v10h-16z", opacity=0.3)
    line = "pale" if role == "chance" else role
    return stroke(line, f"M{pixel(x)} {pixel(y)}h16", dash=DASHES.get(role), thick=1 if role == "chance" else 2)
