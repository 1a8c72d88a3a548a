"""Short programs run by the static witness, and questions to what it saw.

A program is a notebook in percent format (see `examples`). Torch and its usual names are imported by a cell 0 in front
of it, so that a test is no longer than what it shows; `number(n)` in a program is recorded as the value of `n`.
"""

from __future__ import annotations

import ast
import tempfile
import textwrap
from typing import TypeVar

from examples import notebook, parse

from tinyguard.events import Event, NameBound, SeedSet
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.program.machine import STEP_BUDGET
from tinyguard.program.witness import Witnessed, witness
from tinyguard.record import Record

E = TypeVar("E", bound=Event)

IMPORTS = """
import torch
from torch import nn, optim
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import datasets, transforms
number = torch.manual_seed
"""


class Watched(Record):
    """What the static witness saw of a program."""

    result: Witnessed

    @property
    def events(self) -> tuple[Event, ...]:
        return self.result.events

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[E]) -> E:
        (event,) = self.all(kind)
        return event

    def last(self, kind: type[E]) -> E:
        return self.all(kind)[-1]

    def lines(self, *kinds: type[Event]) -> list[tuple[str, int | str | None, int]]:
        """Kind, cell (of a module: the name of its file) and line of each event of these kinds, in order."""
        return [
            (type(event).__name__, event.place.cell or event.place.path.rpartition("/")[2], event.place.line)
            for event in self.events
            if isinstance(event, kinds)
        ]

    def object(self, name: str) -> int:
        """The number of what this name was bound to last."""
        return [event.object for event in self.all(NameBound) if event.name == name][-1]

    @property
    def numbers(self) -> list[int | None]:
        """What the program handed to `number`; None: the witness does not know it."""
        return [event.value for event in self.all(SeedSet)]


def watch(text: str, *, order: str = "document", budget: int = STEP_BUDGET) -> Watched:
    """Run a program written in percent format; without a cell marker it is one cell."""
    with tempfile.TemporaryDirectory() as folder:
        return watch_notebook(notebook(parse(percent(text)), folder), order=order, budget=budget)


def watch_notebook(book: Notebook, *, order: str = "document", budget: int = STEP_BUDGET) -> Watched:
    # The imports ran first: their count is 1, whatever follows has a later one.
    imports = Cell(number=0, source=IMPORTS, tree=ast.parse(IMPORTS), count=1)
    cells = (cell.replace(count=None if cell.count is None else cell.count + 1) for cell in book.cells)
    seen = witness(book.replace(cells=(imports, *cells)), order=order, budget=budget)
    for event in seen.events:  # the witness makes them without a look at the names of their fields
        assert type(event)(**vars(event)) == event
    return Watched(result=seen)


def percent(text: str) -> str:
    text = textwrap.dedent(text).strip("\n")
    return text if text.startswith("# %%") else f"# %%\n{text}"
