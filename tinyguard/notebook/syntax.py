"""IPython source -> Python of the same lines and columns, parsed. Nothing of it is executed."""

from __future__ import annotations

import ast
import re
from typing import Any, NamedTuple

from tinyguard.notebook import magics
from tinyguard.notebook.lines import ASSIGNED, ESCAPED, logical_lines, without_text

_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_PYTHON_2 = re.compile(
    r"Missing parentheses in call to '(?:print|exec)'|multiple exception types must be parenthesized"
)
_PROMPT = re.compile(r"(?:>>>|\.\.\.|In \[\d+\]:|   +\.\.\.+:)(?: |$)")
_CELL_MAGIC = re.compile(r"%%[ \t]*([\w.!]+)(.*)")
_LINE_MAGIC = re.compile(r"%{0,2}[ \t]*([A-Za-z_]\w*)[ \t]*")
_FIRST_WORD = re.compile(r"[ \t]*([a-z_]\w*)(?![ \t]*[=(\[:,])(?=\s|\Z)")


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
    tree = python(source)
    if isinstance(tree, Fault):
        return _Translation(source).parsed()
    if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr) and magics.AUTOMAGIC_CELL.match(source):
        tree.body.clear()
    return Parsed(tree)


def python(source: str) -> ast.Module | Fault:
    """The tree of plain Python."""
    try:
        tree: ast.Module = compile(source, "<cell>", "exec", _FLAGS, dont_inherit=True)
        return tree
    except SyntaxError as error:
        return Fault(error.lineno or 1, f"Python 2 syntax ({error.msg})" if _PYTHON_2.match(error.msg) else error.msg)
    except (RecursionError, MemoryError):
        return Fault(1, "nested too deeply to be parsed")
    except UnicodeEncodeError as error:
        return Fault(source.count("\n", 0, error.start) + 1, "half a character (a lone surrogate)")
    except ValueError as error:  # null bytes, in some versions of Python
        return Fault(1, str(error))


class _Translation:
    """The work on one cell that is not plain Python."""

    def __init__(self, source: str) -> None:
        self.lines = source.split("\n")
        self.binds: list[str] = []
        self.shifts: dict[int, int] = {}  # by line, from 1: bytes taken from its left side
        self.unknown_magic = False
        self.written_to = ""

    def parsed(self) -> Parsed:
        self._strip_left()
        if self._strip_cell_magics() is None:
            return Parsed(code=False, binds=tuple(self.binds), written_to=self.written_to)
        tree = python(self._python())
        if not isinstance(tree, Fault):
            self._shift_back(tree)
            return Parsed(tree, binds=tuple(self.binds))
        if self.unknown_magic:
            return Parsed(code=False, binds=("*",))
        # Whatever the cell would have bound is unknown, too.
        return Parsed(fault=tree, binds=("*",))

    def _strip_left(self) -> None:
        """Take away prompts, and the indentation of a cell that is indented as a whole."""
        first = next((line for line in self.lines if line.strip()), "")
        prompted, indent = _PROMPT.match(first), _indent(first)
        for number, line in enumerate(self.lines, start=1):
            if prompted and (prompt := _PROMPT.match(line)):
                self._cut(number, prompt.end())
            elif indent and not prompted and line.startswith(indent):
                self._cut(number, len(indent))

    def _strip_cell_magics(self) -> bool | None:
        """Blank the lines of transparent cell magics; None when the body is not Python."""
        for number, line in enumerate(self.lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            if (first := _LINE_MAGIC.match(line)) and line[0] == "%" and first[1] in magics.FOREIGN_FIRST_LINES:
                return None
            if not (magic := _CELL_MAGIC.match(line)):
                return True
            name, rest = magic.groups()
            self.binds += magics.cell_binds(name, rest)
            if name in magics.FOREIGN_CELLS:
                self.written_to = magics.written_file(name, rest)
                return None
            self.unknown_magic = self.unknown_magic or name not in magics.PYTHON_CELLS
            # What follows %%timeit is a setup statement.
            self.lines[number - 1] = self._after_magic(name, rest, magic.start(2), number) if name == "timeit" else ""
        return True

    def _python(self) -> str:
        number, pieces = 1, []
        for text in logical_lines("\n".join(self.lines)):
            pieces.append(self._statement(text, number))
            number += text.count("\n")
        return "".join(pieces)

    def _statement(self, text: str, number: int) -> str:
        """`text`, a logical line that begins on line `number`, as Python with as many lines."""
        newlines = "\n" * text.count("\n")
        if ESCAPED.match(text):
            return self._line_magic(text, number)
        if assigned := ASSIGNED.match(text):
            method = "getoutput" if assigned["escape"] == "!" else "run_line_magic"
            return f"{assigned['target']}get_ipython().{method}(){newlines}"
        if len(newlines) <= 1 and text.rstrip().endswith("?") and without_text(text).rstrip().endswith("?"):
            return f"{_indent(text)}pass{newlines}"
        word = _FIRST_WORD.match(text)
        if word and word[1] in magics.AUTOMAGIC and isinstance(python(text.strip()), Fault):
            return self._line_magic(text, number)
        return text

    def _line_magic(self, text: str, number: int) -> str:
        """The Python that a line for IPython runs: a `pass` for most."""
        indent = _indent(text)
        statement = "pass"
        if magic := _LINE_MAGIC.match(text, len(indent)):
            if magics.BINDING_LINES.match(text, magic.start(1)):
                self.binds.append("*")
            if magic[1] in magics.PYTHON_LINES:
                rest = text[magic.end() :].rstrip()
                statement = self._after_magic(magic[1], rest, magic.end() - len(indent), number) or statement
        return indent + statement + "\n" * (text.count("\n") - statement.count("\n"))

    def _after_magic(self, name: str, rest: str, width: int, number: int) -> str:
        """The statement in `rest`, which stands `width` behind its indentation; "" when it is no Python."""
        start = magics.statement_start(name, rest)
        start += len(rest[start:]) - len(rest[start:].lstrip())
        statement = rest[start:]
        if not statement or isinstance(python(statement), Fault):
            return ""
        self.shifts[number] = self.shifts.get(number, 0) + width + len(rest[:start].encode(errors="replace"))
        return statement

    def _cut(self, number: int, width: int) -> None:
        line = self.lines[number - 1]
        self.lines[number - 1] = line[width:]
        self.shifts[number] = self.shifts.get(number, 0) + len(line[:width].encode(errors="replace"))

    def _shift_back(self, tree: ast.Module) -> None:
        """Give every node the columns that it has in the cell."""
        if not self.shifts:
            return
        node: Any
        for node in ast.walk(tree):
            if hasattr(node, "lineno"):
                node.col_offset += self.shifts.get(node.lineno, 0)
                node.end_col_offset += self.shifts.get(node.end_lineno, 0)


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" \t"))]
