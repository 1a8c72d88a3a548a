"""Files become cells; what cannot be read says why, and never raises."""

from __future__ import annotations

import ast
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyguard.notebook.cells import Notebook
from tinyguard.notebook.reader import read


def code(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": [], **more}


def document(*cells: Any, **more: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more}


def reading(value: Any, path: str = "a.ipynb") -> Notebook:
    """The notebook read from these bytes, or from this document."""
    return read(path, value if isinstance(value, bytes) else json.dumps(value).encode())


def only_reason(value: Any, path: str = "a.ipynb") -> str:
    notebook = reading(value, path)
    assert notebook.cells == ()
    (skipped,) = notebook.skipped
    assert (skipped.path, skipped.cell) == (path, None)
    return skipped.reason


# --- what a notebook holds


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_version_of_nbformat_4_is_read(minor: int, tmp_path: Path) -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell("x = 1\nx", execution_count=3, metadata={"tags": ["slow"]}),
    ]
    if minor < 5:
        for cell in cells:
            del cell["id"]
    written = nbformat.v4.new_notebook(cells=cells, nbformat_minor=minor)
    nbformat.write(written, tmp_path / "a.ipynb")
    notebook = read(str(tmp_path / "a.ipynb"))
    assert notebook.skipped == ()
    title, cell = notebook.cells
    assert (title.number, title.code, title.source, title.tree) == (1, False, "# Title", None)
    assert (cell.number, cell.code, cell.source, cell.count, cell.tags) == (2, True, "x = 1\nx", 3, ("slow",))
    assert cell.id == cells[1].get("id")
    assert [node.lineno for node in cell.tree.body] == [1, 2]


def test_nbformat_3_becomes_the_shape_of_4(tmp_path: Path) -> None:
    v3 = nbformat.v3
    cells = [
        v3.new_heading_cell("Title"),
        v3.new_code_cell(
            "x = 1\nx",
            prompt_number=7,
            outputs=[
                v3.new_output("stream", output_text="loss 1.0\n", stream="stderr"),
                v3.new_output("pyout", output_text="1", prompt_number=7, output_html="<b>1</b>"),
                v3.new_output("display_data", output_png="aGk="),
                v3.new_output("pyerr", ename="ValueError", evalue="no", traceback=["a", "b"]),
            ],
        ),
    ]
    written = v3.new_notebook(worksheets=[v3.new_worksheet(cells=cells)])
    path = tmp_path / "old.ipynb"
    path.write_text(v3.writes_json(written))
    notebook = read(str(path))
    assert notebook.skipped == ()
    title, cell = notebook.cells
    assert (title.code, title.source) == (False, "Title")
    assert (cell.number, cell.source, cell.count) == (2, "x = 1\nx", 7)
    stream, result, image, error = cell.outputs
    assert (stream["output_type"], stream["name"], "".join(stream["text"])) == ("stream", "stderr", "loss 1.0\n")
    assert (result["output_type"], sorted(result["data"])) == ("execute_result", ["text/html", "text/plain"])
    assert (image["output_type"], list(image["data"])) == ("display_data", ["image/png"])
    assert (error["output_type"], error["ename"], error["traceback"]) == ("error", "ValueError", ["a", "b"])


def test_outputs_stay_as_they_are_stored() -> None:
    outputs = [{"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]}]
    assert reading(document(code("x", outputs=outputs))).cells[0].outputs == (outputs[0],)


@pytest.mark.parametrize(
    ("stored", "count"),
    [(1, 1), (0, None), (None, None), (-1, None), ("3", None), (True, None), (2.0, None), (10**30, None), ([], None)],
)
def test_only_a_count_that_a_kernel_gives_is_a_count(stored: Any, count: int | None) -> None:
    assert reading(document(code("x", execution_count=stored))).cells[0].count == count


def test_source_may_be_one_text_or_lines_with_any_line_ends() -> None:
    for source in ("a\nb", ["a\n", "b"], "a\r\nb", ["a\r\n", "b"], "a\rb"):
        (cell,) = reading(document(code(source))).cells
        assert cell.source == "a\nb"
        assert [node.lineno for node in cell.tree.body] == [1, 2]


def test_an_id_that_two_cells_have_is_no_id() -> None:
    cells = reading(document(code("a", id="x"), code("b", id="x"), code("c", id="y"), code("d", id=7))).cells
    assert [cell.id for cell in cells] == ["x", None, "y", None]


def test_a_cell_that_does_not_parse_costs_that_cell() -> None:
    notebook = reading(document(code("x = 1"), code("!ls\nprint x"), code("y = x")))
    assert [cell.tree is not None for cell in notebook.cells] == [True, False, True]
    (skipped,) = notebook.skipped
    assert (skipped.cell, skipped.line) == (2, 2)
    assert skipped.reason.startswith("does not parse: Python 2 syntax")


def test_warnings_about_the_code_are_not_printed(recwarn: pytest.WarningsRecorder) -> None:
    assert reading(document(code("x = '\\d'\ny = 1 is 1"))).skipped == ()
    assert list(recwarn) == []


def test_reading_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    source = f"!touch {trace}\nopen({str(trace)!r}, 'w')\nimport antigravity"
    assert reading(document(code(source))).skipped == ()
    assert not trace.exists()
    assert "antigravity" not in sys.modules


# --- languages


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        None,
        [],
        {"language_info": {"name": "python"}},
        {"language_info": {"name": "ipython"}, "kernelspec": {"name": "ir"}},
        {"language_info": None, "kernelspec": None},
        {"language_info": {"name": 3}, "kernelspec": {"name": ["x"]}},
        {"kernelspec": {"name": "python3"}},
        {"kernelspec": {"name": "conda-env-julia-py", "display_name": "Julia"}},
        {"kernelspec": {"name": "irene", "language": "python"}},
        {"kernelspec": {"name": "mx"}},
    ],
)
def test_what_says_nothing_else_is_python(metadata: Any) -> None:
    notebook = reading(document(code("x = 1"), metadata=metadata))
    assert (len(notebook.cells), notebook.skipped) == (1, ())


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"language_info": {"name": "R"}}, "R"),
        ({"language_info": {"name": "julia"}, "kernelspec": {"name": "python3"}}, "julia"),
        ({"kernelspec": {"language": "julia", "name": "x"}}, "julia"),
        ({"kernelspec": {"name": "ir"}}, "ir"),
        ({"kernelspec": {"name": "julia-1.10"}}, "julia-1.10"),
        ({"kernelspec": {"name": "xcpp17"}}, "xcpp17"),
        ({"kernelspec": {"name": ".net-csharp"}}, ".net-csharp"),
        ({"language": "Julia"}, "Julia"),
    ],
)
def test_a_notebook_of_another_language_is_skipped(metadata: Any, language: str) -> None:
    reason = only_reason(document(code("x <- 1"), metadata=metadata))
    assert reason == f"is written in {language}; tinyguard reads Python"


def test_a_cell_of_another_language_is_no_code() -> None:
    shell = code("ls -la", metadata={"vscode": {"languageId": "shellscript"}})
    notebook = reading(document(shell, code("x = 1", metadata={"vscode": {"languageId": "python"}})))
    assert notebook.skipped == ()
    assert [cell.code for cell in notebook.cells] == [False, True]


# --- bad input


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty; a notebook is a JSON object with a list of cells"),
        (b" \r\n", "is empty; a notebook is a JSON object with a list of cells"),
        (b"hello", "is not JSON (line 1, column 1: Expecting value); a notebook is a JSON object"),
        (b'{\n "cells": [,]}', "is not JSON (line 2, column 12: Expecting value); a notebook is a JSON object"),
        (b'{"cells": [\n {"source"', "ends too early (line 2, column 11): the file was cut off; save it again"),
        (b'{"cells": [\n "half a', "ends too early (line 2, column 2): the file was cut off; save it again"),
        (b"\0\0\0\0", "is not JSON (line 1, column 1: Expecting value); a notebook is a JSON object"),
        (b"[1]", "is JSON but no notebook: it holds a list; a notebook is an object with `cells`"),
        (b"3", "is JSON but no notebook: it holds a number; a notebook is an object with `cells`"),
        (b'{"a": 1}', "is JSON but no notebook: it has no list `cells`"),
        (b'{"worksheets": 3}', "is JSON but no notebook: it has no list `cells`"),
        (b'{"cells": {}}', "is no notebook: `cells` is an object; it should be a list"),
        (b'{"cells": null}', "is no notebook: `cells` is nothing; it should be a list"),
        (b'{"cells": []}', "has no cells: there is nothing to analyse"),
        (b'{"worksheets": [3, {}]}', "has no cells: there is nothing to analyse"),
        (b'{"cells": ["\xff"]}', "is not utf-8: invalid start byte at byte 12; save it as UTF-8"),
        (b'"\xed\xa0\x80"', "is not utf-8: invalid continuation byte at byte 1; save it as UTF-8"),
        (b"[" * 100_000, "is nested too deeply to be a notebook"),
        (b'{"cells":' * 100_000, "is nested too deeply to be a notebook"),
    ],
)
def test_a_file_that_is_no_notebook_says_why(content: bytes, reason: str) -> None:
    assert only_reason(content) == reason


def test_a_number_too_long_for_python_is_explained() -> None:
    assert only_reason(b'{"cells": ' + b"9" * 5_000 + b"}").startswith("is not JSON that can be read: ")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (3, "is a number; a cell is an object with `cell_type` and `source`"),
        (None, "is nothing; a cell is an object with `cell_type` and `source`"),
        ({}, "has nothing for its `cell_type`; it should be code, markdown or raw"),
        ({"cell_type": 3, "source": ""}, "has a number for its `cell_type`; it should be code, markdown or raw"),
        (code(3), "has a number for its `source`; it should be a text or a list of lines"),
        (code(None), "has nothing for its `source`; it should be a text or a list of lines"),
        (code({"a": 1}), "has an object for its `source`; it should be a text or a list of lines"),
        (code(["a", 3]), "has a list for its `source`; it should be a text or a list of lines"),
        ({"cell_type": "code"}, "has nothing for its `source`; it should be a text or a list of lines"),
        (code("x = 'a\0b'"), "does not parse: source code string cannot contain null bytes"),
        (code("x = '\ud800'"), "does not parse: half a character (a lone surrogate)"),
        (code("x = " + "[" * 100_000), "does not parse: too many nested parentheses"),
    ],
)
def test_a_malformed_cell_costs_that_cell(raw: Any, reason: str) -> None:
    notebook = reading(document(code("x = 1"), raw, code("y = 1")))
    assert [cell.number for cell in notebook.cells] == [1, 2, 3]
    assert [cell.tree is not None for cell in notebook.cells] == [True, False, True]
    assert notebook.cells[1].binds == ("*",)  # nobody knows what it would have bound
    assert [(skipped.cell, skipped.reason) for skipped in notebook.skipped] == [(2, reason)]


@pytest.mark.parametrize(
    "odd",
    [
        {"outputs": None},
        {"outputs": 3},
        {"outputs": [3, None, {}, {"output_type": 3}]},
        {"metadata": None},
        {"metadata": {"tags": 3}},
        {"metadata": {"tags": [3, None]}},
        {"metadata": {"vscode": []}},
        {"id": {}},
        {"execution_count": {}},
    ],
)
def test_odd_fields_beside_the_source_cost_nothing(odd: dict[str, Any]) -> None:
    notebook = reading(document(code("x = 1", **odd)))
    assert notebook.skipped == ()
    (cell,) = notebook.cells
    assert (ast.unparse(cell.tree), cell.outputs, cell.tags, cell.id) == ("x = 1", (), (), None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_and_line_ends_make_no_difference(encoding: str) -> None:
    text = json.dumps(document(code(["x = 'é'\n", "y"])), indent=1, ensure_ascii=False).replace("\n", "\r\n")
    notebook = reading(text.encode(encoding))
    assert notebook.skipped == ()
    assert notebook.cells[0].source == "x = 'é'\ny"


def test_missing_files_folders_and_broken_links_say_so(tmp_path: Path) -> None:
    link = tmp_path / "link.ipynb"
    link.symlink_to("gone.ipynb")
    reasons = {
        "gone.ipynb": "does not exist; name a notebook, a script or a folder",
        "link.ipynb": "is a broken link to gone.ipynb; restore its target",
        ".": "is a folder; name a notebook or a script",
        "nul\0.ipynb": "is no path: it holds a null character",
        "a" * 300: "cannot be read: File name too long",
    }
    for name, reason in reasons.items():
        (skipped,) = read(os.path.join(tmp_path, name)).skipped
        assert skipped.reason == reason


@pytest.mark.slow
@pytest.mark.parametrize("text", ["A" * 200_000_000, ["epoch 1: loss 0.123\n"] * 8_000_000])
def test_two_hundred_megabytes_of_outputs_are_read(text: Any) -> None:
    data = json.dumps(document(code("x = 1", outputs=[{"output_type": "stream", "text": text}]))).encode()
    started = time.process_time()
    (cell,) = reading(data).cells
    assert time.process_time() - started < 20
    assert len(cell.outputs[0]["text"]) == len(text)


# --- standard input, scripts


def test_content_tells_what_comes_from_standard_input() -> None:
    assert reading(document(code("x = 1")), "-").script is False
    assert reading(b"x = 1", "-").script is True
    assert reading(b"{1: 2}", "a.py").script is True
    assert only_reason(b"", "-").startswith("is empty")


def test_the_text_is_kept_only_when_no_file_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(document(code("x = 1"))))
    assert read(str(path)).text == ""
    assert read("-", path.read_bytes()).text == path.read_text()


# --- anything at all


_scraps = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["code", "%%time\nx", "!ls"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


def _sample() -> dict[str, Any]:
    outputs = [{"output_type": "stream", "name": "stdout", "text": ["a\n"]}]
    metadata = {"kernelspec": {"name": "python3", "language": "python"}, "language_info": {"name": "python"}}
    old = {"cell_type": "code", "input": ["x"], "prompt_number": 1, "outputs": [{"output_type": "pyout", "text": "1"}]}
    cells = [
        {"cell_type": "markdown", "metadata": {"tags": ["a"]}, "source": ["# Title"], "id": "a"},
        code(["%time x = 1\n", "!ls"], outputs=outputs, id="b", execution_count=1),
    ]
    return random.choice([document(*cells, metadata=metadata), {"worksheets": [{"cells": [old]}], "metadata": {}}])


@settings(deadline=None, max_examples=300)
@given(st.randoms(use_true_random=False), st.lists(_scraps, min_size=1, max_size=3))
def test_a_mutated_notebook_never_raises(chance: random.Random, scraps: list[Any]) -> None:
    mutated = {"root": _sample()}
    for scrap in scraps:
        container, key = chance.choice(_places(mutated))
        if chance.random() < 0.3:
            del container[key]
        else:
            container[key] = scrap
        mutated.setdefault("root", None)
    notebook = reading(mutated["root"])
    assert notebook.cells or notebook.skipped


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_bytes_never_raise(data: st.DataObject) -> None:
    whole = json.dumps(document(code("x = '\ud800é'\n!ls"))).encode()
    start, end = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=2)))
    damaged = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
    for path in ("a.ipynb", "a.py", "-"):
        notebook = reading(damaged, path)
        assert notebook.cells or notebook.skipped


@settings(deadline=None, max_examples=500)
@given(st.text(st.sampled_from("%!?=x '\"([\\\n#:;,/")))
def test_any_source_keeps_its_lines(source: str) -> None:
    notebook = reading(document(code(source)))
    tree = notebook.cells[0].tree
    assert (tree is None) == (bool(notebook.skipped) or not notebook.cells[0].code)
    for node in ast.walk(tree) if tree else ():
        assert 1 <= getattr(node, "end_lineno", 1) <= source.count("\n") + 1
