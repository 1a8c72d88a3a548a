"""Untrusted text -> text that a terminal shows and does not obey."""

from __future__ import annotations

COLORS = {"error": "1;31", "warning": "1;33", "note": "1;36", "bold": "1", "dim": "2", "mark": "1;31"}


def escaped(text: str) -> str:
    """Everything that is not printed as itself, spelled out: escape sequences, bidi marks, lone surrogates.

    >>> escaped("\\x1b[31mred \\u202e")
    '\\\\x1b[31mred \\\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _spelled(letter) for letter in text)


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def width(text: str) -> int:
    """Columns of a terminal that the text takes: East Asian wide letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def painted(text: str, color: str, *, on: bool) -> str:
    return f"\x1b[{COLORS[color]}m{text}\x1b[0m" if on else text


def plural(count: int, noun: str) -> str:
    """
    >>> plural(1, "cell"), plural(1200, "cell")
    ('1 cell', '1,200 cells')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
