"""Lines of cells are found again in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyguard.notebook.positions import file_line, file_position
from tinyguard.notebook.reader import read

MARK = "MARK"


def cell(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source, **more}


def text_of(*cells: Any, indent: int | None = 1) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=indent)


def place(text: str, mark: str = MARK) -> tuple[int, int]:
    """The line and column of the last `mark` in the file."""
    offset = text.rindex(mark)
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def test_the_usual_layout_has_a_line_of_the_file_for_each_line(tmp_path: Path) -> None:
    written = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Title\n\ntext"),
            nbformat.v4.new_code_cell("a = 1\nb = 2\n\nc = MARK\n"),
            nbformat.v4.new_code_cell(""),
        ]
    )
    path = tmp_path / "a.ipynb"
    nbformat.write(written, path)
    notebook = read(str(path))
    assert file_position(notebook, 2, 4, 5) == place(path.read_text())
    assert [file_line(notebook, 2, line) for line in (1, 2, 3, 4)] == list(
        range(place(path.read_text())[0] - 3, place(path.read_text())[0] + 1)
    )


def test_an_output_that_looks_like_the_source_is_none() -> None:
    lines = ["a\n", "x = MARK\n"]
    look_alike = {
        "output_type": "stream",
        "name": "source",
        "text": lines,
        "source": ["MARK"],
        "cells": [{"source": "x"}],
    }
    text = text_of(cell(lines, outputs=[look_alike]))
    assert text.count(MARK) == 3
    assert file_position(read("-", text.encode()), 1, 2, 5) == place(text)


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("a\nb = MARK\nc", 2, 5),
        (["a\nb = MARK\n", "c"], 2, 5),
        (["a\n", "b ", "= ", "MARK\n", "c"], 2, 5),
        (["a\r\n", "b = MARK"], 2, 5),
        ("a\r\nb = MARK", 2, 5),
        (['x = "\\n\té😀"; MARK'], 1, 14),
        ("\u2028\x0c\nMARK", 2, 1),
    ],
)
def test_positions_are_exact_in_any_layout(source: Any, line: int, column: int) -> None:
    for ascii_only in (True, False):
        for indent in (None, 1, "\t"):
            document = {"cells": [cell("y"), cell(source)], "metadata": {}}
            text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
            assert file_position(read("-", text.encode()), 2, line, column) == place(text)


def test_nbformat_3_keeps_its_sources_elsewhere() -> None:
    cells = [{"cell_type": "markdown", "source": ["a\n", "b"]}, {"cell_type": "code", "input": ["x\n", "MARK"]}]
    document = {"worksheets": [{"cells": cells[:1]}, {"cells": cells[1:], "metadata": {}}], "nbformat": 3}
    text = json.dumps(document, indent=1)
    assert file_position(read("-", text.encode()), 2, 2) == place(text)


def test_a_scripts_lines_count_from_its_cell() -> None:
    notebook = read("-", b"import a\n# %%\nx = 1\ny = 2\n")
    assert file_position(notebook, 2, 2, 3) == (4, 3)
    assert file_position(read("a.py", b"x\ny\n"), None, 2, 1) == (2, 1)


def test_what_has_no_place_is_the_nearest_that_has_one(tmp_path: Path) -> None:
    text = text_of(cell([]), cell(["a\n", "b"]))
    notebook = read("-", text.encode())
    assert file_line(notebook, 1, 1) == 3  # the cell itself
    assert file_line(notebook, 2, 0) == place(text, '"a')[0]  # the cell as a whole
    assert file_line(notebook, 2, 9) == place(text, '"b')[0]
    assert file_line(notebook, 9, 1) == 1
    assert file_line(notebook, None, 0) == 1
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    lost = read(str(path))
    path.write_text('{"cells": [')
    assert file_line(lost, 2, 1) == 1
    lost = read(str(path))
    path.unlink()
    assert file_line(lost, 2, 1) == 1


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.text(st.sampled_from('ab"\\/\té😀\x01 '), max_size=8), min_size=1, max_size=4), st.booleans(), st.data()
)
def test_every_character_is_found(lines: list[str], whole: bool, data: st.DataObject) -> None:
    line = data.draw(st.integers(0, len(lines) - 1))
    lines = [*lines[:line], lines[line] + MARK, *lines[line + 1 :]]
    source: Any = "\n".join(lines) if whole else "\n".join(lines).splitlines(keepends=True)
    text = json.dumps({"cells": [cell(source)]}, indent=data.draw(st.sampled_from([None, 1])))
    assert file_position(read("-", text.encode()), 1, line + 1, lines[line].rindex(MARK) + 1) == place(text)
