"""Two decoders, one notebook: whatever the bytes are, both say the same of them."""

from __future__ import annotations

import ast
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyguard.notebook import decoding
from tinyguard.notebook.cells import Notebook
from tinyguard.notebook.reader import read
from tinyguard.program.outputs import metrics

OUTPUTS = [
    {"output_type": "stream", "name": "stdout", "text": ["loss 1.0\n", "acc 0.5 \u00e9\U0001f600"]},
    {"output_type": "error", "ename": "NameError", "evalue": "name 'x' is not defined", "traceback": []},
    {"output_type": 3},
    "no output",
]
CODE = {"cell_type": "code", "metadata": {"tags": ["a", 1]}, "source": "x = 1", "execution_count": 3}
CELLS = [
    {**CODE, "outputs": OUTPUTS, "id": "one"},
    {**CODE, "outputs": [], "id": "one", "source": ["%time y = 2\r\n", "x"]},
    {**CODE, "outputs": [{}], "metadata": {"vscode": {"languageId": "julia"}}},
    {**CODE, "source": "f(", "execution_count": 10**30},
    {"cell_type": "markdown", "source": "# T\u00eftle", "metadata": {}, "id": None},
]


def document(*cells: Any, **more: Any) -> bytes:
    return json.dumps({"nbformat": 4, "metadata": {}, "cells": list(cells), **more}).encode()


NBFORMAT_3 = {
    "nbformat": 3,
    "worksheets": [
        {
            "cells": [
                {
                    "cell_type": "code",
                    "input": "x = 1",
                    "language": "python",
                    "prompt_number": 2,
                    "outputs": [{"output_type": "pyout", "text": "1", "prompt_number": 2}],
                }
            ]
        }
    ],
}
WHOLE = document(*CELLS)
STORED: dict[str, bytes] = {
    **{f"nbformat 4.{minor}": document(*CELLS, nbformat_minor=minor) for minor in range(6)},
    "nbformat 3": json.dumps(NBFORMAT_3).encode(),
    "unescaped": json.dumps(json.loads(WHOLE), ensure_ascii=False, indent=1).encode(),
    "byte order mark": b"\xef\xbb\xbf" + WHOLE,
    "utf-16": WHOLE.decode().encode("utf-16"),
    "CRLF": json.dumps(json.loads(WHOLE), indent=1).replace("\n", "\r\n").encode(),
    "half a character in a source": document({**CODE, "source": "x = '\ud800'"}),
    "half a character in an output": document(
        {**CODE, "outputs": [{"output_type": "stream", "text": "loss \udc00 1"}]}
    ),
    "NaN in metadata": document(*CELLS, metadata={"x": float("nan")}),
    "duplicate keys": WHOLE[:-1] + b', "cells": [{"cell_type": "code", "source": "a", "source": "b", "outputs": []}]}',
    "key with an escape": WHOLE.replace(b'"cells"', b'"c\\u0065lls"').replace(b'"outputs"', b'"o\\u0075tputs"'),
    "outputs of other kinds": document(
        *({**CODE, "outputs": value} for value in (None, 1, 0.5, "a", {}, {"a": 1}, True))
    ),
    "control character in an output": WHOLE.replace(b"loss", b"lo\x01ss"),
    "not UTF-8 in an output": WHOLE.replace(b"loss", b"lo\xffss"),
    "cut off": WHOLE[:-40],
    "something behind it": WHOLE + b"x",
    "empty": b"",
    "no object": b"[1]",
    "no cells": document(),
    "no list of cells": b'{"metadata": {}}',
    "cells that are none": document(1, "a", None, [], {}, {"cell_type": "code"}, {"cell_type": 1, "source": ""}),
    "cells is an object": b'{"cells": {}}',
    "worksheets is a number": b'{"worksheets": 1}',
    "metadata is a list": document(*CELLS, metadata=[]),
    "metadata of a cell is a text": document({**CODE, "metadata": "a"}),
    "another language": document(*CELLS, metadata={"language_info": {"name": "julia"}}),
    "another kernel": document(*CELLS, metadata={"kernelspec": {"name": "ir"}}),
    "nested deeply": document({**CODE, "outputs": []}).replace(b"[]", b"[" * 100_000 + b"]" * 100_000),
}


def shown(notebook: Notebook) -> object:
    """Everything that a notebook holds, as plain values."""
    cells = [
        {**vars(cell), "tree": cell.tree and ast.dump(cell.tree), "outputs": list(cell.outputs)}
        for cell in notebook.cells
    ]
    return json.dumps(cells), notebook.skipped, notebook.text, notebook.script


@pytest.fixture(autouse=True)
def _counted_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_bytes_read", 0)


def by_both(data: bytes) -> tuple[Notebook, Notebook]:
    """The notebook of a file with this content, by `json` and by `msgspec`."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "a.ipynb")
        path.write_bytes(data)
        patch.setattr(decoding, "MSGSPEC_PAYS_FROM", float("inf"))
        by_json = read(str(path))
        patch.setattr(decoding, "MSGSPEC_PAYS_FROM", 0)
        return by_json, read(str(path))


@pytest.mark.parametrize("name", STORED)
def test_both_decoders_say_the_same(name: str) -> None:
    by_json, by_msgspec = by_both(STORED[name])
    assert shown(by_json) == shown(by_msgspec)


def test_outputs_stay_undecoded_until_somebody_looks() -> None:
    by_json, by_msgspec = by_both(STORED["unescaped"])
    lazy = by_msgspec.cells[0].outputs
    assert isinstance(lazy, decoding.Undecoded)
    assert len(lazy) == 2
    assert lazy == by_json.cells[0].outputs == (OUTPUTS[0], OUTPUTS[1])
    assert not isinstance(by_json.cells[0].outputs, decoding.Undecoded)


def test_what_is_printed_is_read_without_the_pictures() -> None:
    data = {"text/plain": ["acc: 0.5"], "image/png": "aGk="}
    shown = {"output_type": "display_data", "data": data, "metadata": {}}
    by_json, by_msgspec = by_both(document({**CODE, "outputs": [*OUTPUTS, shown]}, {**CODE, "outputs": [shown]}))
    assert decoding.printed(by_json.cells[1].outputs) == (shown,)
    (without,) = decoding.printed(by_msgspec.cells[1].outputs)
    assert without == {"output_type": "display_data", "data": {"text/plain": ["acc: 0.5"]}}
    assert metrics(by_json) == metrics(by_msgspec)
    assert [metric.value for metric in metrics(by_msgspec)] == [1.0, 0.5, 0.5, 0.5]


def test_what_an_editor_sends_is_kept_as_text() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "MSGSPEC_PAYS_FROM", 0)
        assert read("a.ipynb", STORED["unescaped"]).text == STORED["unescaped"].decode()


def test_msgspec_is_imported_when_a_run_has_enough_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MSGSPEC_PAYS_FROM", 2 * len(WHOLE))
    first, second = (read("a.ipynb", WHOLE) for _ in range(2))
    assert not isinstance(first.cells[0].outputs, decoding.Undecoded)
    assert isinstance(second.cells[0].outputs, decoding.Undecoded)


@given(st.integers(0, 10**6), st.binary(max_size=4), st.integers(0, 3), st.sampled_from(["nbformat 4.5", "unescaped"]))
def test_a_disturbed_file_is_the_same_to_both(at: int, put: bytes, taken: int, name: str) -> None:
    data = STORED[name]
    at %= len(data)
    by_json, by_msgspec = by_both(data[:at] + put + data[at + taken :])
    assert shown(by_json) == shown(by_msgspec)
