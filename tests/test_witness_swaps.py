"""A recorded order that only swaps cells which do not touch each other is not followed: it would tell the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tinyguard.events import CellExecuted
from tinyguard.lint import lint
from tinyguard.notebook.cells import Notebook
from tinyguard.notebook.reader import read
from tinyguard.program.names.executions import recorded_order
from tinyguard.program.witness import Witnessed, tells_the_same, witness

TRAINING = """
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
losses = []
scale = 3
def step():
    loss = model(torch.ones(2, 4) * scale).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
"""
COUNTED = tuple[str, int | None]


def swapped(*cells: COUNTED, outputs: list[dict[str, Any]] | None = None) -> Notebook:
    """The training, run first, and these cells with their counts."""
    raw = [
        {"cell_type": "code", "metadata": {}, "source": source, "execution_count": count, "outputs": outputs or []}
        for source, count in ((TRAINING, 1), *cells)
    ]
    return read(
        "swapped.ipynb", json.dumps({"cells": raw, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()
    )


def same(book: Notebook) -> bool:
    order = recorded_order(book)
    assert order is not None
    return tells_the_same(book, order, witness(book))


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("step()", ""),
        ("step()", "import matplotlib.pyplot as plt"),
        ("step()", "def mean(values):\n    return sum(values) / len(values)"),
        ("step()", "class Net(nn.Module):\n    def forward(self, x):\n        return x"),
        ("print(losses)", "print(losses[-1])"),
        ("import sys\nsys.path.append('..')", "x = 3"),
    ],
    ids=["nothing", "an import", "a function", "a class", "two that look", "a folder, no import"],
)
def test_cells_that_do_not_touch_each_other_may_be_swapped(above: str, below: str) -> None:
    book = swapped((above, 3), (below, 2))
    assert same(book)
    told = [type(event) for event in witness(book).events if type(event) is not CellExecuted]
    assert told == [type(event) for event in witness(book, order="recorded").events if type(event) is not CellExecuted]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("step()", "scale = 4"),
        ("step()", "print(losses)"),
        ("step()", "model.eval()"),
        ("kept = losses", "step()"),
        ("class Net(nn.Module):\n    pass", "net = Net()"),
        ("x = 3", "x = 4"),
        ("torch.set_grad_enabled(False)", "x = 3"),
        ("import sys\nsys.path.append('..')", "import helper"),
        ("m = max(1, 2)", "max = 3"),
    ],
    ids=[
        "a name that a function reads",
        "an object that is changed",
        "two that tell something",
        "an object by another name",
        "a class and its object",
        "one name twice",
        "a mode",
        "a folder and an import",
        "a builtin",
    ],
)
def test_cells_that_touch_each_other_may_not(above: str, below: str) -> None:
    assert not same(swapped((above, 3), (below, 2)))


def test_what_a_remembered_forward_has_read_is_not_known() -> None:
    look = "print(model(torch.ones(2, 4)))"
    assert not same(swapped((look, 2), (look, 4), ("scale = 4", 3)))


def test_a_cell_that_was_not_run_must_have_done_nothing() -> None:
    assert same(swapped(("step()", 3), ("", 2), ("# model.eval()", None)))
    assert not same(swapped(("step()", 3), ("", 2), ("model.eval()", None)))
    assert not same(swapped(("step()", 3), ("", 2), ("%%writefile helper.py\nx = 1", None)))


def test_a_name_that_a_lost_run_has_bound_is_looked_into() -> None:
    assert same(swapped(("print(y)", 3), ("", 2)))
    assert not same(swapped(("print(y)", 3), ("", 2), ("y = 1", 4)))


def test_a_cell_that_stopped_with_an_error_is_looked_into() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["----> 1 step()"]}
    assert not same(swapped(("step()", 3), ("", 2), outputs=[error]))


def test_lint_follows_the_recorded_order_only_where_it_may_tell_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[str] = []

    def watched(notebook: Notebook, *, order: str = "document") -> Witnessed:
        followed.append(order)
        return witness(notebook, order=order)

    monkeypatch.setattr("tinyguard.program.witness.witness", watched)
    lint(swapped(("step()", 3), ("", 2)))
    assert followed == ["document"]
    lint(swapped(("step()", 3), ("scale = 4", 2)))
    assert followed == ["document", "document", "recorded"]
