"""Scripts become cells whose lines are those of the file."""

from __future__ import annotations

import pytest

from tinyguard.notebook.cells import Notebook
from tinyguard.notebook.reader import read
from tinyguard.notebook.script import is_percent


def script(text: str) -> Notebook:
    return read("a.py", text.encode())


def test_a_plain_script_is_one_cell_without_a_number() -> None:
    notebook = script("import torch\n\nx = 1\n")
    assert notebook.script
    (cell,) = notebook.cells
    assert (cell.number, cell.first_line, cell.count, cell.outputs) == (None, 1, None, ())
    assert [node.lineno for node in cell.tree.body] == [1, 3]


def test_an_empty_script_is_a_script_without_code() -> None:
    notebook = script("")
    assert notebook.skipped == ()
    assert [cell.source for cell in notebook.cells] == [""]


def test_a_percent_script_has_cells_that_know_their_lines() -> None:
    header, text_cell = "# ---\n# jupyter: {}\n# ---\n\n", "# %% [markdown]\n# # Title\n#\n# text\n\n"
    text = header + text_cell + '# %% first tags=["a", "b"]\nx = 1\n#%%\ny = 2\n'
    title, first, second = script(text).cells
    assert (title.number, title.code, title.source) == (1, False, "# Title\n\ntext\n\n")
    assert (first.number, first.first_line, first.tags, first.source) == (2, 11, ("a", "b"), "x = 1\n")
    assert (second.number, second.first_line, second.source) == (3, 13, "y = 2\n")
    assert second.tree.body[0].lineno == 1
    assert all(text.split("\n")[cell.first_line - 1] == cell.source.split("\n")[0] for cell in (first, second))


def test_code_before_the_first_marker_is_a_cell() -> None:
    cells = script("import torch\n# %%\nx = 1\n").cells
    assert [(cell.number, cell.first_line, cell.source) for cell in cells] == [
        (1, 1, "import torch\n"),
        (2, 3, "x = 1\n"),
    ]


@pytest.mark.parametrize(
    "marker", ["# %%", "#%%", "# %% name", "# %%%", "# In[3]:", "# In[ ]:", "# <codecell>", "# %%  "]
)
def test_markers_of_several_editors(marker: str) -> None:
    assert [cell.source for cell in script(f"x = 1\n{marker}\ny = 2").cells] == ["x = 1\n", "y = 2"]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n# %%time\ny = 2",
        "x = 1\n## %%\ny = 2",
        'bad = """\n# %%\nx = 1\n"""\n',
        "x = [\n# %%\n1]\n",
        "def f():\n    # %%\n    return 1\n",
        "x = 1  # %%\n",
    ],
)
def test_what_is_no_marker(text: str) -> None:
    assert not is_percent(text)
    assert [cell.number for cell in script(text).cells] == [None]
    assert script(text).skipped == ()


def test_line_ends_byte_order_mark_and_declared_encoding() -> None:
    assert [cell.source for cell in script("\ufeffx = 1\r\n# %%\r\ny = 2\r\n").cells] == ["x = 1\n", "y = 2\n"]
    latin = read("a.py", "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"))
    assert latin.cells[0].source.endswith("x = 'é'\n")
    (skipped,) = read("a.py", "x = 'é'\n".encode("latin-1")).skipped
    assert (skipped.reason, skipped.line) == ("is not utf-8: invalid continuation byte at byte 5; save it as UTF-8", 1)
    (skipped,) = read("a.py", b"# coding: klingon\nx").skipped
    assert skipped.reason == "declares an encoding that does not fit, 'klingon'; save it as UTF-8"


def test_magics_work_in_scripts_and_a_faulty_cell_costs_itself() -> None:
    notebook = script("# %%\n%matplotlib inline\nx = 1\n# %%\ny = = 2\n# %%\nz = 3\n")
    assert [cell.tree is not None for cell in notebook.cells] == [True, False, True]
    (skipped,) = notebook.skipped
    assert (skipped.cell, skipped.line, skipped.reason) == (2, 1, "does not parse: invalid syntax")
    (skipped,) = script("x = 1\nprint x\n").skipped
    assert (skipped.cell, skipped.line) == (None, 2)
