"""Findings -> findings, less those that comments in the notebook ask to be silent about.

    optimizer.step()  # tinyguard: ignore[TNY501] reason      the line, or the statement it belongs to
    # tinyguard: ignore[TNY5, seed-missing] reason              alone on the first line of a cell: the cell
    # tinyguard: ignore-notebook[TNY6] reason                 alone on any line: the notebook

Without brackets every code is meant. What is misspelt (TNY002) or silences nothing (TNY001) is told as a note.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from tinyguard.finding import Finding, Place
from tinyguard.notebook.cells import COMMENT_WORD, Cell, Notebook
from tinyguard.record import Record
from tinyguard.rule import Rule
from tinyguard.selection import matching

UNUSED, MALFORMED = "TNY001", "TNY002"


class Suppression(Record):
    """A well-formed comment: where it stands, what it silences."""

    place: Place
    codes: frozenset[str] | None  # None: all of them
    text: str  # "ignore[TNY501]", as written
    cell: int | None  # the cell it silences, by its number
    lines: frozenset[int] | None = None  # in that cell; None: the cell as a whole
    notebook: bool = False  # the whole notebook, whatever the cell
    lonely: bool = False  # alone on a line that is not the first: silences only a statement around it

    def silences(self, finding: Finding) -> bool:
        if self.codes is not None and finding.code not in self.codes:
            return False
        place = finding.place
        if place.path != self.place.path:
            return False
        return self.notebook or (place.cell == self.cell and (self.lines is None or place.line in self.lines))


class Suppressed(Record):
    """What is left of the findings, with notes about the comments."""

    findings: tuple[Finding, ...]
    silenced: int = 0


def suppress(
    notebook: Notebook,
    findings: Iterable[Finding],
    *,
    ran: Iterable[Rule],
    complete: bool,
    known: Callable[[], Mapping[str, Rule]],
) -> Suppressed:
    """Applies the comments of a notebook, and of the modules beside it that findings speak of.

    `ran`: the rules that looked at it; only they can show that a comment is of no use, and only when the analysis was
    `complete`. `known` gives all rules, by code; it is asked when there is a comment.
    """
    findings = tuple(findings)
    notes: list[Finding] = []
    own = list(_suppressions(notebook, notes, known))
    beside = [
        suppression
        for path in sorted({finding.place.path for finding in findings} - {notebook.path})
        for suppression in _suppressions(_module(path), [], known)
    ]
    left: list[Finding] = []
    used: set[int] = set()
    for finding in findings:
        silencing = [comment for comment in (*own, *beside) if comment.silences(finding)]
        used.update(id(comment) for comment in silencing)
        if not silencing:
            left.append(finding)
    silenced = len(findings) - len(left)
    codes = frozenset(rule.code for rule in ran)
    if complete and UNUSED in codes:
        notes += [
            _unused(comment, known()[UNUSED])
            for comment in own
            if id(comment) not in used and codes >= (comment.codes or _lintable(known()))
        ]
    notes = [note for note in notes if note.code in codes]
    return Suppressed(findings=(*left, *notes), silenced=silenced)


def _lintable(known: Mapping[str, Rule]) -> set[str]:
    return {code for code, rule in known.items() if not rule.only_live}


def _suppressions(
    notebook: Notebook, notes: list[Finding], known: Callable[[], Mapping[str, Rule]]
) -> Iterator[Suppression]:
    """The comments of all cells; what is wrong with some of them goes to `notes`."""
    for cell in notebook.cells:
        if cell.code and cell.tree is not None and COMMENT_WORD in cell.source:
            yield from _of_cell(cell, notebook.path, notes, known())


COMMENT = r"#\s*tinyguard:\s*(?P<text>(?P<verb>[\w-]*)\s*(?P<codes>\[[^\]]*\]?)?)\s*(?P<reason>.*)"


def _of_cell(cell: Cell, path: str, notes: list[Finding], known: Mapping[str, Rule]) -> Iterator[Suppression]:
    assert cell.tree is not None
    lines = cell.source.split("\n")
    first = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
    for number, line in enumerate(lines, 1):
        match = re.search(COMMENT, line)  # compiled when the first comment is met, and kept by re
        if match is None or _in_string(cell.tree, line, number, match.start()):
            continue
        place = Place(path, cell.number, number, match.start() + 1, number, len(line.rstrip()) + 1)
        codes, wrong = _codes(match, known)
        alone = not line[: match.start()].strip()
        notebook = match["verb"] == "ignore-notebook"
        if notebook and not alone:
            wrong = "`ignore-notebook` wants a line of its own"
        if wrong:
            notes.append(_malformed(wrong, place, known[MALFORMED]))
            continue
        of_cell = alone and number == first
        yield Suppression(
            place=place,
            codes=codes,
            text=match["text"].strip(),
            cell=cell.number,
            lines=None if of_cell else _statement_lines(cell.tree, number),
            notebook=notebook,
            lonely=alone and not of_cell and not notebook,
        )


def _codes(match: re.Match[str], known: Mapping[str, Rule]) -> tuple[frozenset[str] | None, str]:
    """The codes that a comment names (None: all), and what is wrong with it."""
    verb, brackets, reason = match["verb"], match["codes"], match["reason"]
    if verb not in ("ignore", "ignore-notebook"):
        return (
            None,
            f'"{verb or reason}" is not understood; write `ignore[CODE] reason` or `ignore-notebook[CODE] reason`',
        )
    if brackets is None:
        first = reason.partition(" ")[0].strip(",:")
        if matching(first, known):
            return None, f"codes go into brackets: `{verb}[{first}]`"
        return None, ""
    if not brackets.endswith("]"):
        return None, f'the bracket after "{verb}" is not closed'
    selectors = [selector.strip() for selector in brackets[1:-1].split(",")]
    if not any(selectors):
        return None, f"the brackets name no code; `{verb}` without brackets means all"
    codes: set[str] = set()
    for selector in filter(None, selectors):
        found = matching(selector, known)
        if not found:
            return None, f'no rule has the code, prefix or name "{selector}"'
        codes |= found
    return frozenset(codes), ""


def _in_string(tree: ast.Module, line: str, number: int, start: int) -> bool:
    """Whether the character at `start` (from 0) of that line stands inside a string."""
    # The tree knows; tokenize would stumble over `!ls` and `%magic` lines, which the tree has as Python.
    here = (number, len(line[:start].encode("utf-8", "surrogatepass")))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)):
            end = (node.end_lineno or 0, node.end_col_offset or 0)
            if (node.lineno, node.col_offset) <= here < end:
                return True
    return False


def _statement_lines(tree: ast.Module, number: int) -> frozenset[int]:
    """The lines of the innermost statement around a line; of a compound one its head only, up to its body."""
    best = range(number, number + 1)
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None) or getattr(node, "cases", None)
        end = node.end_lineno or node.lineno
        if body:
            inner = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
            end = max(node.lineno, min(end, inner.lineno - 1))
        decorators = getattr(node, "decorator_list", [])
        lines = range(min([node.lineno, *(decorator.lineno for decorator in decorators)]), end + 1)
        if number in lines:
            best = lines  # ast.walk goes outside in: the last one is the innermost
    return frozenset(best)


def _unused(comment: Suppression, rule: Rule) -> Finding:
    return rule.finding(
        f"`{comment.text}` silences nothing",
        comment.place,
        remedy="put it on the line of the finding, or alone on the first line of the cell"
        if comment.lonely
        else "remove the comment",
    )


def _malformed(wrong: str, place: Place, rule: Rule) -> Finding:
    return rule.finding(
        f"this comment silences nothing: {wrong}",
        place,
        remedy="write `# tinyguard: ignore[TNY501] reason`, or remove the comment",
    )


def _module(path: str) -> Notebook:
    """A module beside the notebook, read only for its comments; without cells when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            source = stream.read()
        tree = ast.parse(source) if COMMENT_WORD in source else None
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return Notebook(path=path, cells=())
    return Notebook(path=path, cells=(Cell(number=None, source=source, tree=tree),), script=True)
