"""A `.py` file -> cells: those of a percent script (`# %%`), or one cell without a number."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tinyguard.notebook.cells import Cell, Notebook, Skipped
from tinyguard.notebook.lines import logical_lines
from tinyguard.notebook.syntax import parse
from tinyguard.pattern import pattern

_ENCODING = pattern(rb"(?:[ \t\f]*(?:#[^\r\n]*)?\r?\n)?[ \t\f]*#[^\r\n]*?coding[:=][ \t]*([-\w.]+)")

# What Jupytext, VS Code, Spyder and nbconvert write above a cell.
_MARKER = pattern(r"#[ \t]*(?:%%%*(?:[ \t]+(?P<title>[^\n]*))?|In\[[ \d]*\]:?[ \t]*|<codecell>[ \t]*)(?:\n|\Z)")
_MARKER_LINE = pattern(r"^#[ \t]*(?:%%|In\[|<codecell>)", re.MULTILINE)
_TEXT_CELL = pattern(r"\[(?:markdown|md|raw)\]")
_TAGS = pattern(r"\btags=\[([^\]]*)\]")
_HAS_CODE = pattern(r"^[ \t]*[^#\s]", re.MULTILINE)


class _Piece(NamedTuple):
    first_line: int
    source: str
    title: str | None  # what stands behind the marker; None: what comes before the first


def read(path: str, text: str) -> Notebook:
    """The script whose file says `text`."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces = _pieces(text)
    plain = len(pieces) == 1 and pieces[0].title is None
    if not plain and pieces[0].title is None and not _HAS_CODE.search(pieces[0].source):
        del pieces[0]
    cells: list[Cell] = []
    skipped: list[Skipped] = []
    for number, piece in enumerate(pieces, start=1):
        cell, reason = _cell(path, None if plain else number, piece)
        cells.append(cell)
        if reason:
            skipped.append(reason)
    return Notebook(path=path, cells=tuple(cells), skipped=tuple(skipped), script=True)


def declared_encoding(data: bytes) -> str | None:
    """The encoding that the first two lines of a script declare."""
    declared = _ENCODING.match(data)
    return declared[1].decode("ascii") if declared else None


def is_percent(text: str) -> bool:
    """Whether the script has cells; a marker inside a string is none."""
    return len(_pieces(text)) > 1


def _pieces(text: str) -> list[_Piece]:
    if not _MARKER_LINE.search(text):
        return [_Piece(1, text, None)]
    pieces: list[_Piece] = []
    title: str | None = None
    source: list[str] = []
    first_line = line = 1
    for piece in logical_lines(text):
        if marker := _MARKER.fullmatch(piece):
            pieces.append(_Piece(first_line, "".join(source), title))
            title, source, first_line = marker["title"] or "", [], line + 1
        else:
            source.append(piece)
        line += piece.count("\n")
    pieces.append(_Piece(first_line, "".join(source), title))
    return pieces


def _cell(path: str, number: int | None, piece: _Piece) -> tuple[Cell, Skipped | None]:
    title = piece.title or ""
    tags = _TAGS.search(title)
    fields: dict[str, Any] = {
        "number": number,
        "first_line": piece.first_line,
        "tags": tuple(re.findall(r"[^\s\"',]+", tags[1])) if tags else (),
    }
    if _TEXT_CELL.search(title):
        return Cell(**fields, source=re.sub(r"(?m)^# ?", "", piece.source), code=False), None
    parsed = parse(piece.source)
    cell = Cell(
        **fields,
        source=piece.source,
        code=parsed.code,
        tree=parsed.tree,
        binds=parsed.binds,
        written_to=parsed.written_to,
    )
    if not parsed.fault:
        return cell, None
    reason = f"does not parse: {parsed.fault.message}"
    return cell, Skipped(path=path, cell=number, line=parsed.fault.line, reason=reason)
