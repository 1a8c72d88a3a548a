"""Text of a kernel, in pieces as it comes -> lines as a terminal shows them in the end, made safe to print."""

from __future__ import annotations

import re

from tinyguard.report.text import escaped

_COLOR = re.compile(r"\x1b\[[0-9;:]*m")
_LAYOUT = re.compile("([\n\t\r])")


def readable(text: str) -> str:
    """The text without its colours, with everything spelled out that a terminal would obey; line ends and tabs stay.

    >>> readable("\\x1b[31mloss\\x1b[0m\\t0.5\\n\\x1b]0;title\\x07")
    'loss\\t0.5\\n\\\\x1b]0;title\\\\x07'
    """
    text = _COLOR.sub("", text)
    if text.isprintable():
        return text
    return "".join(part if _LAYOUT.match(part) else escaped(part) for part in _LAYOUT.split(text))


def last_state(line: str) -> str:
    """What is left to see of one line: each carriage return begins to write over it.

    >>> last_state(" 10%|#   \\r100%|####\\rdone")
    'done|####'
    """
    shown = ""
    for part in line.split("\r"):
        shown = part + shown[len(part) :]
    return shown


class Lines:
    """A text that comes in pieces, cut into lines. Its memory is one line, however often that is written over."""

    def __init__(self) -> None:
        self.open = ""  # the line that has no end yet; what it is written over with comes after a carriage return

    def feed(self, text: str) -> list[str]:
        """The lines that this piece completes, without their ends."""
        *complete, rest = (self.open + text).split("\n")
        if "\r" in rest:
            shown, cursor = last_state(rest), rest.rpartition("\r")[2]
            rest = f"{shown}\r{cursor}"
        self.open = rest
        return [last_state(line) for line in complete]


class Text:
    """A text that comes in pieces, as a terminal shows it in the end."""

    def __init__(self, text: str = "") -> None:
        self._lines = Lines()
        self._complete: list[str] = []
        self.add(text)

    def add(self, text: str) -> None:
        self._complete += self._lines.feed(text)

    def __str__(self) -> str:
        return "\n".join([*self._complete, last_state(self._lines.open)])
