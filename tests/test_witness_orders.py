"""The static witness runs a notebook from the top, or as its counts prove; and says when it did not see all of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from watched import Watched, watch, watch_notebook

from tinyguard.events import BackwardRan, CellExecuted, Escaped, RunEnded, SeedSet
from tinyguard.lint import lint
from tinyguard.notebook.cells import Notebook
from tinyguard.notebook.reader import read


def cells(seen: Watched) -> list[tuple[int | None, int]]:
    """The cells that ran, and in which place, but for the imports of the tests."""
    return [(event.place.cell, event.order) for event in seen.all(CellExecuted) if event.place.cell != 0]


Written = str | tuple[str, int | None, list[dict[str, Any]]]  # source; or with its count and outputs


def ipynb(*cells: Written) -> Notebook:
    raw = []
    for cell in cells:
        source, count, outputs = (cell, None, []) if isinstance(cell, str) else cell
        raw.append(
            {"cell_type": "code", "metadata": {}, "source": source, "execution_count": count, "outputs": outputs}
        )
    return read("-", json.dumps({"cells": raw, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode())


SHUFFLED = """
# %% In[3]
number(n)
# %% In[1]
n = 5
# %% In[2]
n = 6
"""


def test_document_order_is_from_the_top() -> None:
    assert watch(SHUFFLED).numbers == [None]


def test_the_recorded_order_follows_the_counts() -> None:
    assert watch(SHUFFLED, order="recorded").numbers == [6]


def test_a_cell_without_a_count_is_not_in_the_recorded_order() -> None:
    text = SHUFFLED + "# %%\nnumber(7)"
    assert watch(text).numbers == [None, 7]
    assert watch(text, order="recorded").numbers == [6]


def test_a_cell_whose_names_were_bound_by_an_earlier_run_of_another_gets_that_run() -> None:
    seen = watch(
        """
        # %% In[3]
        n = 5
        # %% In[2]
        number(n)
        # %% In[1]
        m = 1
        """,
        order="recorded",
    )
    assert seen.numbers == [5]
    assert [cell for cell, _ in cells(seen)] == [3, 1, 2, 1]


def test_a_cell_cut_at_a_stored_error_stops_at_its_line() -> None:
    source = "number(1)\nnumber(1 / 0)\nnumber(3)"
    error = {
        "output_type": "error",
        "ename": "ZeroDivisionError",
        "evalue": "",
        "traceback": ["\x1b[0;32m<ipython-input-1>\x1b[0m in <module>\n      1 number(1)\n----> 2 number(1 / 0)"],
    }
    book = ipynb((source, 2, [error]), ("number(4)", 1, []))
    assert watch_notebook(book).numbers == [1, None, 3, 4]
    assert watch_notebook(book, order="recorded").numbers == [4, 1]


def test_a_cell_that_does_not_parse_costs_that_cell() -> None:
    seen = watch_notebook(ipynb("n = 5\nnumber(n)", "m = (", "number(n)"))
    assert seen.numbers == [5, 5]
    assert not seen.one(RunEnded).complete


def test_what_a_cell_that_does_not_parse_names_may_be_anything_afterwards() -> None:
    build = "n = 5\nmodel = nn.Linear(1, 1)\nother = nn.Linear(1, 1)"
    use = "number(n)\nfor net in [model, other]:\n    net(torch.ones(1)).backward()"
    seen = watch_notebook(ipynb(build, "n = 6\nprint model.eval()", use))
    assert seen.numbers == [None]
    assert seen.one(Escaped).objects == (seen.object("model"),)
    assert seen.one(Escaped).place.cell == 2
    assert [use.training for event in seen.all(BackwardRan) for use in event.models] == [None, True]


def test_a_name_that_a_magic_binds_is_unknown() -> None:
    assert watch_notebook(ipynb("n = 5\nn = !ls\nnumber(n)")).numbers == [None]


def test_the_last_event_is_the_end_of_the_run() -> None:
    seen = watch("number(5)")
    assert isinstance(seen.events[-1], RunEnded)
    assert seen.one(RunEnded).complete
    assert (seen.result.complete, seen.result.reason) == (True, "")


DEEP = "\n".join(
    [f"def f{n}():\n    for i in range(3):\n        f{n + 1}()\n        f{n + 1}()" for n in range(20)]
    + ["def f20(): pass", "f0()", "number(5)"]
)


def test_a_spent_budget_is_never_silent() -> None:
    seen = watch(f"# %%\nnumber(4)\n# %%\n{DEEP}", budget=5_000)
    assert seen.numbers == [4]
    assert not seen.result.complete
    assert seen.result.reason.startswith("stopped in cell 2 after 5,")
    assert not seen.one(RunEnded).complete
    assert isinstance(seen.events[-1], RunEnded)


def test_a_spent_budget_is_told_by_lint() -> None:
    book = read("n.py", DEEP.encode())
    (partly,) = lint(book).partly
    assert partly.reason.startswith("partly analysed: stopped ")


@pytest.mark.parametrize(
    "deep",
    ["(" * 90 + "1" + ")" * 90, "[" * 90 + "]" * 90, "-" * 5000 + "1", "1" + " + 1" * 5000, "f" + "(1)" * 3000],
    ids=["parentheses", "brackets", "signs", "sums", "calls"],
)
def test_deep_nesting_costs_that_cell_at_most(deep: str) -> None:
    seen = watch_notebook(ipynb(f"n = {deep}", "number(5)"))
    assert seen.numbers == [5]
    assert isinstance(seen.events[-1], RunEnded)
    assert seen.result.complete or "nested too deeply" in seen.result.reason


def test_after_a_cell_nested_too_deeply_the_machine_is_whole() -> None:
    deep = "1" + " + 1" * 5000
    loops = f"with torch.no_grad():\n    for i in range(100):\n        for j in range(100):\n            n = {deep}"
    seen = watch_notebook(ipynb(loops, "for i in (0, 1, 2):\n    number(i)"))
    assert seen.numbers == [0, 1, 2]
    assert all(event.place.cell == 2 for event in seen.all(SeedSet))
