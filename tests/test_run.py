"""What a run is given, and what it shows of the text that the cells print."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tinyguard.errors import UsageError
from tinyguard.notebook.reader import read
from tinyguard.run.epochs import Epochs
from tinyguard.run.lines import Text, last_state, readable
from tinyguard.run.parameters import assigned, injection, values_of

PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def code(source: str, *tags: str, **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source, **more}
    return {**cell, "metadata": {"tags": list(tags)}} if tags else cell


def notebook(path: Path, *cells: str | dict[str, Any], **changes: Any) -> Path:
    numbered = [
        {"id": f"cell-{number}", **(code(cell) if isinstance(cell, str) else cell)}
        for number, cell in enumerate(cells, start=1)
    ]
    document = {"cells": numbered, "metadata": PYTHON, "nbformat": 4, "nbformat_minor": 5, **changes}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


# --- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("x=5", "5"),
        ("x=-5", "-5"),
        ("x=3e-4", "0.0003"),
        ("x=True", "True"),
        ("x=None", "None"),
        ("x=[1, 'a']", "[1, 'a']"),
        ("x={'lr': (0.1,)}", "{'lr': (0.1,)}"),
        ("x=Adam", "'Adam'"),
        ("x='5'", "'5'"),
        ("x=", "''"),
        ("x=a=b", "'a=b'"),
        ("x=__import__('os')", "\"__import__('os')\""),
        ("x=nan", "'nan'"),
        ("x={[]: 1}", "'{[]: 1}'"),
        ("x=ä\n\udcff", "'ä\\n\\udcff'"),
        ("x=" + "[" * 100_000, repr("[" * 100_000)),
    ],
)
def test_a_parameter_is_a_literal_or_else_a_string(given: str, value: str) -> None:
    assert values_of([given]) == {"x": value}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x"], '-p: wants NAME=VALUE, as in -p num_epochs=5; "x" is none'),
        (["=1"], '"=1" is none'),
        (["a.b=1"], '"a.b=1" is none'),
        (["x=1", "x=1"], '-p: "x" is given twice'),
        (["x=1e999"], "-p x: 1e999 is beyond what Python can write as a number"),
        (["x=[-1e999]"], "is beyond"),
    ],
)
def test_a_malformed_parameter_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        values_of(words)
    assert message in str(caught.value)


def test_the_names_of_the_parameters_cell_are_those_it_binds_at_its_top_level(tmp_path: Path) -> None:
    source = (
        "a, (b, *c) = 1, (2, 3)\nd: int = 1\nif a:\n    e = [f for f in c]\ndef g():\n    h = 1\n%time i = 1\nj.k = 1"
    )
    tree = read(str(notebook(tmp_path / "a.ipynb", source))).cells[0].tree
    assert tree is not None
    assert assigned(tree) == {"a", "b", "c", "d", "e", "i"}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["lr = 1"], '-p: a.ipynb has no code cell with the tag "parameters"'),
        ([code("lr = ", "parameters")], "-p: the parameters cell of a.ipynb, cell 1, does not parse"),
        (
            ["", code("x = 1", "parameters")],
            '"lr" is not assigned in the parameters cell of a.ipynb, cell 2; known are',
        ),
        ([code("lrs = 1\ny = 2", "parameters")], '; did you mean "lrs"?'),
    ],
)
def test_a_parameter_must_be_assigned_in_the_parameters_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[str | dict[str, Any]], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path / "a.ipynb", *cells)
    with pytest.raises(UsageError) as caught:
        injection(read("a.ipynb"), {"lr": "1"})
    assert message in str(caught.value)


# --- the text of a kernel --------------------------------------------------------------------------------------------


def test_a_line_is_what_a_terminal_shows_of_it_in_the_end() -> None:
    assert last_state("loss\r") == "loss"
    assert last_state("\r 1%\r 50%\r100%") == "100%"
    assert last_state("abcdef\rxy") == "xycdef"


def test_text_in_pieces_is_the_same_text() -> None:
    whole = "a\r\n\r 1/3\r 2/3\nabc\rx\r\ry\n\n\rend\r."
    for size in range(1, len(whole)):
        text = Text()
        for start in range(0, len(whole), size):
            text.add(whole[start : start + size])
        assert str(text) == "a\n 2/3\nybc\n\n.nd"


def test_a_line_that_is_written_over_takes_no_more_room_than_one() -> None:
    text = Text()
    for step in range(100_000):
        text.add(f"\r{step}/100000")
    assert str(text) == "99999/100000"
    assert len(text._lines.open) < 100


def test_what_a_terminal_would_obey_is_spelled_out_and_colours_are_left_out() -> None:
    assert readable("\x1b[1;31mred\x1b[0m\tä\n\x1b[2J\x07\u202e") == "red\tä\n\\x1b[2J\\x07\\u202e"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Epoch 3/50", "epoch 3/50"),
        ("epoch [3/50], loss 0.1", "epoch 3/50"),
        ("Epoch 3 of 50", "epoch 3/50"),
        ("Epoch: 03 / 50\n", "epoch 3/50"),
        ("EPOCH (3/50)\nEpoch 4/50\n", "epoch 4/50"),
        ("\r 45%|####5     | 45/100 [00:01<00:02, 30.1it/s]", "45/100"),
        ("\r 45%|████▌     | 27.0k/60.0k [00:01<00:02]", "27.0k/60.0k"),
        ("\r 1%| | 1/100 [00:00<?]\r 2%| | 2/100 [00:00<?]", "2/100"),
        ("Epoch 2/50: 45%|####5     | 45/100 [00:01<00:02, 30.1it/s]", "epoch 2/50  45/100"),
        ("Epochs:   4%|4         | 2/50 [00:01<00:02]", "epoch 2/50"),
        ("Epoch 2/50\n100%|##########| 9/9 [00:01<00:00]\nEpoch 3/50\n", "epoch 3/50"),
        ("epoch 12/7 of 2024", ""),
        ("epochs: 50, loss 3/50, 45%|, 45/100", ""),
        ("", ""),
    ],
)
def test_the_progress_of_training_is_recognised(text: str, told: str) -> None:
    for size in (1, 7, 1000):
        seen = Epochs()
        for start in range(0, len(text), size):
            seen.read(text[start : start + size])
        assert str(seen) == told


def test_recognition_of_progress_takes_time_in_proportion_to_the_text() -> None:
    began = time.monotonic()
    for text in ("1%|" * 100_000, "epoch " * 100_000, " " * 1_000_000, "9" * 1_000_000, "epoch 1" + " " * 100_000):
        Epochs().read(text)
    assert time.monotonic() - began < 2
