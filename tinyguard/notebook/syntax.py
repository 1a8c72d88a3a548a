"""One code cell -> its syntax tree. Plain Python pays for nothing else; IPython's own syntax is translated first."""

from __future__ import annotations

import ast
from typing import NamedTuple

_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_PYTHON_2 = (  # what Python 3 says of it
    "Missing parentheses in call to 'print'",
    "Missing parentheses in call to 'exec'",
    "multiple exception types must be parenthesized",
    "leading zeros in decimal integer literals are not permitted",
)

# A cell that begins so needs no try ("In [3]: x = 1" is an annotated assignment, but was meant as a prompt).
_NO_PYTHON = ("%", "!", "In [")

# A cell of one such word, and perhaps options, means the command although it happens to be Python: `ls -l`.
_COMMANDS = frozenset(
    ("cat", "cd", "clear", "hist", "history", "lf", "lk", "ll", "ls", "lsmagic", "pwd", "watermark", "who", "whos")
)


class Fault(NamedTuple):
    """Why a cell does not parse."""

    line: int  # in the cell
    message: str  # in Python's words


class Parsed(NamedTuple):
    """What a code cell comes to."""

    tree: ast.Module | None = None
    fault: Fault | None = None
    code: bool = True  # False: the cell is not Python, and is not meant to be
    binds: tuple[str, ...] = ()  # names bound by magics; "*": some that nobody can tell
    written_to: str = ""  # the file that `%%writefile` makes of the cell


def parse(source: str) -> Parsed:
    """Parse one code cell; most are plain Python and pay for nothing else.

    Warnings of the compiler (invalid escapes) are the caller's to silence.
    """
    if not (source.startswith(_NO_PYTHON) or "\n!" in source or "\n%" in source):
        tree = python(source)
        if not isinstance(tree, Fault):
            if len(tree.body) == 1 and _is_command(source):
                tree.body.clear()
            return Parsed(tree)
    from tinyguard.notebook.translation import Translation

    return Translation(source).parsed()


def python(source: str) -> ast.Module | Fault:
    """The tree of plain Python."""
    try:
        tree: ast.Module = compile(source, "<cell>", "exec", _FLAGS, dont_inherit=True)
        return tree
    except SyntaxError as error:
        old = error.msg.startswith(_PYTHON_2)
        return Fault(error.lineno or 1, f"Python 2 syntax ({error.msg})" if old else error.msg)
    except (RecursionError, MemoryError):
        return Fault(1, "nested too deeply to be parsed")
    except UnicodeEncodeError as error:
        return Fault(source.count("\n", 0, error.start) + 1, "half a character (a lone surrogate)")
    except ValueError as error:  # null bytes, in some versions of Python
        return Fault(1, str(error))


def _is_command(source: str) -> bool:
    """Whether IPython takes this for a command, when it is the only statement of its cell."""
    if len(source) > 40:
        return False
    word, *options = source.split()
    return word in _COMMANDS and all(option[0] == "-" and option[1:].isalnum() for option in options)
