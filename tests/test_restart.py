"""After a restart: what the journal of the dead session tells the new kernel."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from journals import journal
from stories import at, stepped

from tinyguard.events import CellExecuted, KernelRestarted, NameBound
from tinyguard.finding import Place
from tinyguard.journal.notes import cell_source
from tinyguard.journal.reading import sessions
from tinyguard.journal.restart import cells_to_run, remembered, restarted
from tinyguard.journal.writing import Journal
from tinyguard.judge import judge
from tinyguard.program.names.bindings import cell_names
from tinyguard.record import Record
from tinyguard.rule import catalogue

CELLS = {
    1: "import torch",
    2: "def loader(size):\n    return [torch.ones(size) for _ in range(steps)]",
    3: "steps = 5",
    4: "train_loader = loader(8)",
    5: "test_loader = loader(2)",
    6: "for batch in train_loader:\n    print(batch.shape)",
}


def ran(*numbers: int, texts: Mapping[int, str] = CELLS) -> Iterator[Record]:
    """What a session writes that runs these cells."""
    for order, number in enumerate(numbers, start=1):
        names = cell_names(ast.parse(texts[number]))
        bound = {name for name in names.bound if name != "*"}
        read = {node.id for node in ast.walk(ast.parse(texts[number])) if isinstance(node, ast.Name)} - bound
        yield cell_source(Place("a.ipynb", number), texts[number], reads=read, binds=bound)
        yield CellExecuted(place=Place("a.ipynb", number), count=order, order=order)
        for name in sorted(bound):
            if name.endswith("loader") and number > 2:
                yield NameBound(place=at(1, number), name=name, object=number)


def missed(records: Iterator[Record], cell: int = 6, *, held: tuple[str, ...] = ()) -> KernelRestarted | None:
    reads = {node.id: at(node.lineno, cell) for node in ast.walk(ast.parse(CELLS[cell])) if isinstance(node, ast.Name)}
    return restarted(records, reads=reads, held=held, place=at(1, 1), counts=(1, 2))


def test_a_cell_that_misses_a_name_is_told_which_cells_to_run() -> None:
    event = missed(ran(1, 2, 3, 4, 5, 6), held=("torch",))
    assert event is not None
    assert event.lost == {"train_loader": at(1, 4)}
    assert event.reads == {"train_loader": at(1, 6)}
    assert [place.cell for place in event.rebuild] == [2, 3, 4]
    (finding,) = judge([event], catalogue().values())
    assert (finding.code, finding.place) == ("TNY105", at(1, 6))
    assert finding.message == "`train_loader` was lost when the kernel restarted before In[1], and not built again"
    assert finding.remedy == "run cells 2, 3 and 4 again before this one, or all cells from the top"


def test_the_cells_come_in_the_order_in_which_they_ran() -> None:
    event = missed(ran(5, 1, 3, 2, 4, 6), held=())
    assert event is not None
    assert [place.cell for place in event.rebuild] == [1, 3, 2, 4]
    (finding,) = judge([event], catalogue().values())
    assert finding.remedy == "run cells 1, 3, 2 and 4, in this order, again before this one, or all cells from the top"


def test_what_the_kernel_holds_is_not_lost() -> None:
    assert missed(ran(1, 2, 3, 4, 6), held=("train_loader",)) is None
    assert missed(ran(1, 2, 3), held=()) is None, "nobody had bound it"


def test_the_cell_that_is_about_to_run_is_no_remedy_for_itself() -> None:
    own = {7: "history = [*history, 1]"}
    reads = {"history": at(1, 7)}
    assert restarted(ran(7, 7, texts=own), reads=reads, held=(), place=at(1, 7)) is None
    other = {3: "history = []", **own}
    event = restarted(ran(3, 7, 7, texts=other), reads=reads, held=(), place=at(1, 7))
    assert event is not None
    assert event.lost == {"history": Place("a.ipynb", 3)}


def test_without_the_text_of_cells_the_binding_cell_is_named() -> None:
    records = [CellExecuted(place=Place("a.ipynb", 4), count=1, order=1), NameBound(place=at(2, 4), name="x", object=1)]
    assert cells_to_run(["x"], records) == (Place("a.ipynb", 4),)
    assert cells_to_run(["y"], records) == ()


def test_two_restarts_in_a_row_are_remembered(tmp_path: Path) -> None:
    journal(tmp_path, *ran(1, 2, 3, 4, 5), stepped(1), notebook="a.ipynb")
    journal(tmp_path, *ran(1), notebook="a.ipynb")
    journal(tmp_path, *ran(1, 5), notebook="other.ipynb")
    now = Journal(os.fspath(tmp_path), on_fault=pytest.fail, notebook="a.ipynb")
    for record in ran(8, texts={8: "train_loader = []"}):
        now.write(record)
    event = missed(remembered(sessions(os.fspath(tmp_path), "a.ipynb")))
    assert event is not None
    assert [place.cell for place in event.rebuild] == [1, 2, 3, 4]
    now.close()
    event = missed(remembered(sessions(os.fspath(tmp_path), "a.ipynb")))
    assert event is not None
    assert [place.cell for place in event.rebuild] == [8], "the last one counts"
