"""Examples of rules: notebooks in percent format that carry what is expected of them, and the comparison of witnesses.

    # %% In[3]                      a cell, with its execution count; `# %%` or `# %% In[ ]`: none
    # %% [markdown]                 a cell that is not code
    # %% file: helpers.py           a module beside the notebook
    optimizer.step()  # TNY301      a finding on this line; several: `# TNY301, TNY504`
    optimizer.step()  # TNY301 live     only this witness can see it
    losses.append(loss)  # sees GraphKept lint     an event that only this witness can see
    # Out: epoch 1: loss 5.30       at the end of a cell: its recorded output

An expectation on a cell's marker line speaks of the cell as a whole (line 0), one above the first cell of the notebook.
"""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from tinyguard.events import (
    Escaped,
    Event,
    GradientsCleared,
    GradientsSet,
    Measured,
    MetricReported,
    NameBound,
    SettingIgnored,
    TrainingPlanned,
)
from tinyguard.finding import Place
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.record import Record

Spot = tuple[str, int | str | None, int]  # code or kind of event; cell, or name of the file, or None; line

MARKER = re.compile(
    r"# %%(?:\s+In\[\s*(?P<count>\d*)\s*\]|\s+file:\s*(?P<file>\S+)|\s+(?P<text>\[markdown\]))?\s*(?:#.*)?$"
)
EXPECTED = re.compile(r"#\s*(TNY\d{3}(?:\s+(?:lint|live))?(?:\s*,\s*TNY\d{3}(?:\s+(?:lint|live))?)*)\s*(?=#|$)")
SEES = re.compile(r"#\s*sees\s+(\w+)\s+(lint|live)\s*(?=#|$)")
OUTPUT = "# Out: "


class Stretch(Record):
    """A cell of an example, or a module beside it: its lines, the marker line first."""

    where: int | str | None  # the number of the cell, the name of the file, None: above the first cell
    lines: tuple[str, ...]
    count: int | None = None
    code: bool = True


class Example(Record):
    """A notebook to be linted and executed."""

    stretches: tuple[Stretch, ...]

    @property
    def files(self) -> dict[str, str]:
        """The modules beside the notebook."""
        return {part.where: "\n".join(part.lines[1:]) for part in self.stretches if isinstance(part.where, str)}


@cache
def parse(text: str) -> Example:
    """The example written in percent format. Raises ValueError when a marker makes no sense."""
    parts: list[tuple[int | str | None, int | None, bool, list[str]]] = [(None, None, True, [""])]
    cells = 0
    for line in text.strip("\n").splitlines():
        marker = MARKER.match(line)
        if marker is None and line.startswith("# %%"):
            raise ValueError(f"not a cell marker: {line}")
        if marker is None:
            parts[-1][3].append(line)
            continue
        cells += not marker["file"]
        count = int(marker["count"]) if marker["count"] else None
        parts.append((marker["file"] or cells, count, not marker["text"], [line]))
    if any(line.strip() and not line.startswith("#") for line in parts[0][3]):
        raise ValueError("code above the first cell marker")
    return Example(
        stretches=tuple(
            Stretch(where=where, lines=_without_blank_end(lines), count=count, code=code)
            for where, count, code, lines in parts
        )
    )


def _without_blank_end(lines: list[str]) -> tuple[str, ...]:
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    return tuple(lines)


def notebook(example: Example, folder: str) -> Notebook:
    """The notebook as the reader would give it, with its modules written to `folder`."""
    for name, source in example.files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(source + "\n")
    cells = tuple(_cell(part) for part in example.stretches if isinstance(part.where, int))
    return Notebook(path=os.path.join(folder, "example.ipynb"), cells=cells)


def _cell(part: Stretch) -> Cell:
    assert isinstance(part.where, int)
    lines = list(part.lines[1:])
    printed: list[str] = []
    while lines and lines[-1].startswith(OUTPUT):
        printed.insert(0, lines.pop().removeprefix(OUTPUT) + "\n")
    source = "\n".join(lines)
    return Cell(
        number=part.where,
        source=source,
        code=part.code,
        count=part.count,
        tree=ast.parse(source) if part.code else None,
        outputs=({"output_type": "stream", "name": "stdout", "text": printed},) if printed else (),
    )


def expectations(example: Example, witness: str = "lint") -> set[Spot]:
    """The findings that this witness must report."""
    return {
        (code, where, line)
        for where, line, text in _lines(example)
        for match in EXPECTED.finditer(text)
        for code, _, only in (word.strip().partition(" ") for word in match[1].split(","))
        if only.strip() in ("", witness)
    }


def one_sided(example: Example) -> dict[Spot, str]:
    """The events that the example allows one witness alone to see, with that witness."""
    return {(kind, where, line): who for where, line, text in _lines(example) for kind, who in SEES.findall(text)}


def _lines(example: Example) -> Iterable[tuple[int | str | None, int, str]]:
    for part in example.stretches:
        for line, text in enumerate(part.lines):
            # Above the first cell every line speaks of the notebook as a whole.
            yield part.where, line if part.where is not None else 0, text


def spot(name: str, place: Place) -> Spot:
    """Where something was seen, in the terms of an example: files go by their name beside the notebook."""
    if place.cell is not None or place.line == 0:
        return (name, place.cell, place.line)
    return (name, os.path.basename(place.path), place.line)


def event_set(events: Iterable[Event]) -> set[Spot]:
    """What a witness saw, in the form in which witnesses are compared."""
    return {spot(type(event).__name__, event.place) for event in events if not _of_one_witness(event)}


def _of_one_witness(event: Event) -> bool:
    """The other cannot see it, by nature: what is planned stands in the program only, and so does what code that
    cannot be read is handed; what is measured, in a run only; names within functions are read off frames when something
    happens in them."""
    match event:
        case TrainingPlanned() | SettingIgnored() | Escaped() | GradientsSet() | Measured():
            return True
        case MetricReported():  # the linter reads it off outputs, beside the static witness
            return True
        case NameBound():
            return event.local or event.place.cell is None
        case GradientsCleared():  # by hand: it is found at the next backward pass
            return event.by.startswith(".grad")
    return False


def lint_example(example: Example) -> set[Spot]:
    """The findings of all rules."""
    from tinyguard.lint import lint
    from tinyguard.rule import catalogue

    with tempfile.TemporaryDirectory() as folder:
        result = lint(notebook(example, folder), list(catalogue().values()))
    return {spot(finding.code, finding.place) for finding in result.findings}


def static_events(example: Example) -> Sequence[Event]:
    """What the static witness sees in document order."""
    from tinyguard.program.witness import witness

    with tempfile.TemporaryDirectory() as folder:
        return witness(notebook(example, folder)).events


WITNESSES: dict[str, Callable[[Example], Sequence[Event]]] = {"lint": static_events}


def disagreements(example: Example, witnesses: Mapping[str, Callable[[Example], Sequence[Event]]]) -> list[str]:
    """Every event that not all witnesses see and that the example does not allow to one of them, a sentence each.

    An allowance that no witness makes use of is a disagreement, too: else the list of allowances would only grow.
    """
    seen = {name: event_set(witness(example)) for name, witness in witnesses.items()}
    allowed = one_sided(example)
    found: list[str] = []
    for event in sorted(set(allowed).union(*seen.values()), key=str):
        kind, where, line = event
        who = {name for name in witnesses if event in seen[name]}
        expected = {allowed[event]} & set(witnesses) if event in allowed else set(witnesses)
        if who != expected:
            found.append(f"{kind} at {where}:{line}: seen by {sorted(who)}, expected of {sorted(expected)}")
    return found
