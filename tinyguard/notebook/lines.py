"""Source -> logical lines: where a statement, or a line for IPython, begins and ends. Need not be Python."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tinyguard.pattern import pattern

# Strings (closed, or triple-quoted to the end), comments, joined lines, and what opens, closes or ends a statement.
TOKEN = pattern(
    r'''"""(?:[^"\\]|\\.|"(?!""))*(?:"""|\Z)'''
    r"""|'''(?:[^'\\]|\\.|'(?!''))*(?:'''|\Z)"""
    r'''|"(?:[^"\\\n]|\\.)*"'''
    r"""|'(?:[^'\\\n]|\\.)*'"""
    r"|\#[^\n]*|\\\n|[()\[\]{}\n]",
    re.DOTALL,
)

# `%magic`, `!sh`, `?help`, `/call`, `,quote`: no statement of Python begins like this.
ESCAPED = pattern(r"[ \t]*[%!?/,;]")

# `x = !ls`, `x = %magic`: `=` followed by a character that no expression begins with.
ASSIGNED = pattern(
    r"""(?P<target>(?:[^\n#=!<>%('"]++|"[^"\n]*+"|'[^'\n]*+')++=[ \t]*)(?P<escape>!|%(?=[ \t]*[A-Za-z]))"""
)

_SIMPLE_LINE = pattern(r"""[^\n"'()\[\]{}\\#]*+\n""")
_SHELL_LINE = pattern(r"(?:[^\n]*\\\n)*[^\n]*\n?")  # a backslash at its end goes on with the next line


def logical_lines(source: str) -> Iterator[str]:
    r"""The pieces of `source`, in order and without loss; each begins where a statement or a magic may begin.

    >>> list(logical_lines("x = [1,\n2]\n!echo '[\ny = 3"))
    ['x = [1,\n2]\n', "!echo '[\n", 'y = 3']
    """
    start = 0
    while start < len(source):
        end = _end(source, start)
        yield source[start:end]
        start = end


def without_text(source: str) -> str:
    """`source` with its strings and comments taken out."""
    return TOKEN.sub(lambda token: "" if token[0][0] in "\"'#" else token[0], source)


def _end(source: str, start: int) -> int:
    if ESCAPED.match(source, start) or ASSIGNED.match(source, start):
        line = _SHELL_LINE.match(source, start)
        return line.end() if line else len(source)
    if line := _SIMPLE_LINE.match(source, start):
        return line.end()
    depth = 0
    for token in TOKEN.finditer(source, start):
        match token[0]:
            case "(" | "[" | "{":
                depth += 1
            case ")" | "]" | "}":
                depth = max(0, depth - 1)
            case "\n" if depth == 0:
                return token.end()
    return len(source)
