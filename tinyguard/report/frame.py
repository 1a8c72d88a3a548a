"""A place -> its line of source with carets under it."""

from __future__ import annotations

from tinyguard.finding import Place
from tinyguard.report.sources import Sources
from tinyguard.report.text import escaped, painted, width

MAX_WIDTH = 110  # columns of source shown; what is marked stays in sight


def frame(place: Place, sources: Sources, *, mark: str = "^", color: bool = False) -> list[str]:
    """Two lines of text, or none where the source is not known.

    `mark` is the letter that underlines the place; a place over several lines is marked to the end of its first.
    """
    line = sources.line(place)
    if line is None:
        return []
    start = min(max(place.column - 1, 0), len(line))
    same_line = place.end_column is not None and place.end_line in (None, place.line)
    end = place.end_column - 1 if same_line and place.end_column is not None else len(line.rstrip())
    before, marked, after = _clipped(line[:start], line[start:end] or line[start : start + 1], line[max(end, start) :])
    number = str(sources.file_line(place) if sources.notebook.script else place.line)
    gutter = painted(f" {number} |", "dim", on=color)
    blank = painted(f" {' ' * len(number)} |", "dim", on=color)
    carets = mark * max(width(marked), 1)
    return [
        f"{gutter} {before}{marked}{after}".rstrip(),
        f"{blank} {' ' * width(before)}{painted(carets, 'mark' if mark == '^' else 'dim', on=color)}",
    ]


def _clipped(before: str, marked: str, after: str) -> tuple[str, str, str]:
    """The three parts of a line as they are shown: tabs as spaces, control characters spelled out, cut to fit."""
    before, marked, after = (escaped(part.replace("\t", "    ")) for part in (before, marked, after))
    if len(marked) > MAX_WIDTH:
        marked, after = marked[: MAX_WIDTH - 1] + "…", ""
    room = MAX_WIDTH - len(marked)
    if len(before) > room:
        before = "…" + before[len(before) - room // 2 :] if room > 1 else "…"
    room -= len(before)
    if len(after) > max(room, 0):
        after = after[: max(room - 1, 0)] + "…"
    return before, marked, after
