"""IPython source -> Python of the same lines and columns: magics, shell lines, help, prompts. Nothing of it is run."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.notebook import magics
from tinyguard.notebook.lines import ASSIGNED, ESCAPED, logical_lines, without_text
from tinyguard.notebook.syntax import Fault, Parsed, python
from tinyguard.pattern import pattern

_FIRST_PROMPT = pattern(r"(?:>>>|In \[\d+\]:)(?: |$)")
_PROMPT = pattern(r"(?:>>>|\.\.\.|In \[\d+\]:|   +\.\.\.+:)(?: |$)")
_HELP = pattern(r"(?:%{0,2}(?!\d)[\w*]+(?:\.(?!\d)[\w*]+|\[-?\d+\])*)\?\??\s*\Z")
_CELL_MAGIC = pattern(r"%%[ \t]*([\w.!]+)[ \t]*(.*)")
_LINE_MAGIC = pattern(r"%{0,2}[ \t]*([A-Za-z_]\w*)[ \t]*")
_FIRST_WORD = pattern(r"[ \t]*([a-z_]\w*)(?![ \t]*[=(\[:,])(?=\s|\Z)")

# Without these, a line that begins with `%` or `!` stands in no string; one in brackets would be no expression.
_MORE_LINES = ('"""', "'''", "\\\n")


class Translation:
    """The work on one cell that is not plain Python."""

    def __init__(self, source: str) -> None:
        self.lines = source.split("\n")
        self.binds: list[str] = []
        self.shifts: dict[int, int] = {}  # by line, from 1: bytes taken from its left side
        self.unknown_magic = False
        self.written_to = ""

    def parsed(self) -> Parsed:
        self._strip_left()
        if not self._strip_cell_magics():
            return Parsed(code=False, binds=tuple(self.binds), written_to=self.written_to)
        tree = self._tree()
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
        prompted, indent = _FIRST_PROMPT.match(first), _indent(first)
        for number, line in enumerate(self.lines, start=1):
            if prompted and (prompt := _PROMPT.match(line)):
                self._cut(number, prompt.end())
            elif indent and not prompted and line.startswith(indent):
                self._cut(number, len(indent))

    def _strip_cell_magics(self) -> bool:
        """Blank the lines of the cell's magics; whether what they run is Python."""
        for number, line in enumerate(self.lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            if (first := _LINE_MAGIC.match(line)) and line[0] == "%" and first[1] in magics.FOREIGN_FIRST_LINES:
                return False
            if not (magic := _CELL_MAGIC.match(line)):
                return True
            name, rest = magic.groups()
            self.binds += magics.cell_binds(name, rest)
            if name in magics.FOREIGN_CELLS:
                self.written_to = magics.written_file(name, rest)
                return False
            self.unknown_magic = self.unknown_magic or name not in magics.PYTHON_CELLS
            # A statement may follow at once: the setup of %%timeit, or all there is.
            known = name in magics.PYTHON_LINES
            self.lines[number - 1] = self._after_magic(name, rest, magic.start(2), number) if known else ""
        return True

    def _tree(self) -> ast.Module | Fault:
        """The tree of the lines; most cells need no look at where their statements begin and end."""
        if not any(map("\n".join(self.lines).__contains__, _MORE_LINES)):
            before = self.binds.copy(), self.shifts.copy()
            lines = [
                self._line_magic(line, number) if line[:1] in ("%", "!") else line
                for number, line in enumerate(self.lines, start=1)
            ]
            tree = python("\n".join(lines))
            if not isinstance(tree, Fault):
                return tree
            self.binds, self.shifts = before
        return python(self._python())

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
        if text.rstrip().endswith("?") and _HELP.search(text) and "?" in without_text(text):  # no comment's or string's
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
