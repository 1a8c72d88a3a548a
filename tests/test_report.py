"""Hand-made findings, and the exact text that each format makes of them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tinyguard import report
from tinyguard.finding import Finding, Place, Related, Severity
from tinyguard.notebook.cells import Cell, Notebook, Skipped
from tinyguard.notebook.reader import read
from tinyguard.report.concise import Concise
from tinyguard.report.frame import frame
from tinyguard.report.full import Full
from tinyguard.report.json import Json
from tinyguard.report.sources import Sources
from tinyguard.report.summary import Summary

PATH = "nb/a.ipynb"
SCHEMA = json.loads((Path(report.__file__).parent / "schema.json").read_text())


def notebook(*sources: str, path: str = PATH, script: bool = False) -> Notebook:
    cells = tuple(
        Cell(number=number, source=text, tree=ast.parse(""), count=number + 10, id=f"id{number}")
        for number, text in enumerate(sources, 1)
    )
    return Notebook(path=path, cells=cells, script=script)


def finding(place: Place, **fields: Any) -> Finding:
    defaults = {"code": "TNY501", "severity": Severity.ERROR, "message": "`optimizer` is older than `model`"}
    return Finding(**{**defaults, **fields}, place=place)


STALE = finding(
    Place(PATH, 2, 2, 5, 2, 21),
    cause="It still holds the old parameters.",
    remedy="build it again\nafter the model",
    related=(
        Related("`optimizer` was built here", Place(PATH, 1, 1, 1, 1, 10)),
        Related("the notebook as a whole", Place(PATH)),
    ),
    evidence={"models": (1, 2), "ratio": float("nan"), "leaves": frozenset({2, 1}), "nested": {1: None}},
)
BOOK = notebook("optimizer = SGD(model.parameters())", "for x in loader:\n    optimizer.step()  # go")


def test_full_shows_the_source_the_related_places_the_cause_and_the_remedy() -> None:
    assert (
        Full().notebook(BOOK, [STALE])
        == """\
error[TNY501] `optimizer` is older than `model`
  --> nb/a.ipynb cell 2 [In 12] line 2:5
 2 |     optimizer.step()  # go
   |     ^^^^^^^^^^^^^^^^
  ::: nb/a.ipynb cell 1 [In 11] line 1:1: `optimizer` was built here
 1 | optimizer = SGD(model.parameters())
   | ---------
  ::: nb/a.ipynb: the notebook as a whole
  cause: It still holds the old parameters.
  remedy: build it again
          after the model

"""
    )


def test_full_says_when_only_the_recorded_order_shows_it() -> None:
    text = Full().notebook(BOOK, [finding(Place(PATH, 1, 0), order="recorded", severity=Severity.NOTE)])
    assert (
        text
        == """\
note[TNY501] `optimizer` is older than `model`
  --> nb/a.ipynb cell 1 [In 11]
  order: seen only in the order that the execution counts prove

"""
    )


def test_colours_only_where_they_are_wanted() -> None:
    assert "\x1b[" not in Full().notebook(BOOK, [STALE])
    text = Full(color=True).notebook(BOOK, [STALE])
    assert text.startswith("\x1b[1;31merror[TNY501]\x1b[0m \x1b[1m`optimizer` is older than `model`\x1b[0m\n")
    assert "\x1b[1;31m^^^^^^^^^^^^^^^^\x1b[0m" in text


def test_a_script_is_told_by_the_lines_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("# %%\nx = 1\n# %%\ny = 2\nstep()\n")
    script = read(str(path))
    stale = finding(Place(str(path), 2, 2, 1, 2, 7))
    assert Concise().notebook(script, [stale]) == f"{path}:5:1: TNY501 `optimizer` is older than `model`\n"
    assert f"  --> {path} line 5:1\n 5 | step()\n   | ^^^^^^\n" in Full().notebook(script, [stale])


def test_a_module_beside_the_notebook_is_shown_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "helpers.py"
    path.write_text("def train():\n\tstep()\n")
    stale = finding(Place(str(path), None, 2, 2, 2, 8))
    assert f"  --> {path} line 2:2\n 2 |     step()\n   |     ^^^^^^\n" in Full().notebook(BOOK, [stale])
    assert Concise().notebook(BOOK, [stale]) == f"{path}:2:2: TNY501 `optimizer` is older than `model`\n"
    gone = finding(Place("gone.py", None, 2, 2))
    assert "  --> gone.py line 2:2\n\n" in Full().notebook(BOOK, [gone])


def test_concise_is_one_line_a_finding() -> None:
    findings = [STALE, finding(Place(PATH, 1, 0)), finding(Place(PATH), message="two\nlines")]
    assert Concise().notebook(BOOK, findings).splitlines() == [
        "nb/a.ipynb:2:2:5: TNY501 `optimizer` is older than `model`",
        "nb/a.ipynb:1:1:1: TNY501 `optimizer` is older than `model`",
        "nb/a.ipynb: TNY501 two\\nlines",
    ]


EVIL = "x = '\x1b[2J\u202e' # \x07\ud800"


def test_text_of_a_notebook_does_not_command_the_terminal() -> None:
    evil = finding(Place("\x1b]0;\u2066.ipynb", 1, 1, 5, 1, 9), message=EVIL, cause=EVIL, remedy=EVIL)
    evil = evil.replace(related=(Related(EVIL, evil.place),))
    book = notebook(EVIL, path="\x1b]0;\u2066.ipynb")
    summary = Summary(skipped=(Skipped(path="\x1b", reason="\x9b31m"),))
    for format in (Full(), Concise()):
        text = format.notebook(book, [evil]) + "".join(format.end(summary))
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        assert "\\x1b[2J\\u202e' # \\x07\\ud800" in text
        text.encode("utf-8")


def test_json_says_everything_and_fits_its_schema() -> None:
    format = Json()
    assert format.notebook(BOOK, [STALE, finding(Place(PATH), severity=Severity.NOTE)]) == ""
    summary = Summary(files=1, cells=2, errors=1, notes=1, skipped=(Skipped(path="b", reason=EVIL, cell=1, line=2),))
    text, aside = format.end(summary)
    assert aside == ""
    assert text.isascii()
    document = json.loads(text, parse_constant=pytest.fail)
    jsonschema.validate(document, SCHEMA)
    first, second = document["findings"]
    assert first == {
        "code": "TNY501",
        "severity": "error",
        "message": "`optimizer` is older than `model`",
        "place": {
            "path": PATH,
            "cell": 2,
            "cell_id": "id2",
            "execution_count": 12,
            "line": 2,
            "column": 5,
            "end_line": 2,
            "end_column": 21,
            "file_line": 1,
        },
        "cause": "It still holds the old parameters.",
        "remedy": "build it again\nafter the model",
        "related": first["related"],
        "evidence": {"models": [1, 2], "ratio": "nan", "leaves": [1, 2], "nested": {"1": None}},
        "order": "document",
    }
    assert [related["message"] for related in first["related"]] == [related.message for related in STALE.related]
    assert second["place"]["file_line"] is None
    assert document["skipped"] == [{"path": "b", "cell": 1, "line": 2, "reason": EVIL}]
    assert document["summary"] == {
        "files": 1,
        "cells": 2,
        "errors": 1,
        "warnings": 0,
        "notes": 1,
        "hidden_notes": 0,
        "suppressed": 0,
        "skipped": 1,
        "line": "Checked 1 file, 2 cells: 1 error, 1 note. 1 skipped.",
    }


def test_json_knows_the_line_of_the_notebooks_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    cells = [{"cell_type": "code", "source": ["x = 1\n", "y = 2"], "outputs": [], "execution_count": 3, "metadata": {}}]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1))
    format = Json()
    format.notebook(read(str(path)), [finding(Place(str(path), 1, 2, 1))])
    (found,) = json.loads(format.end(Summary())[0])["findings"]
    line = path.read_text().splitlines()[found["place"]["file_line"] - 1]
    assert line.strip() == '"y = 2"'


def test_what_was_skipped_is_listed_with_its_reason() -> None:
    skipped = (
        Skipped(path="a.ipynb", reason="is empty"),
        Skipped(path="b.ipynb", cell=3, line=2, reason="does not parse"),
    )
    summary = Summary(files=1, cells=2, warnings=1, hidden_notes=2, suppressed=1, skipped=skipped)
    text = (
        "skipped a.ipynb: is empty\n"
        "skipped b.ipynb cell 3 line 2: does not parse\n"
        "Checked 1 file, 2 cells: 1 warning. 2 notes hidden (--notes shows them). 1 finding suppressed by comments. "
        "2 skipped.\n"
    )
    assert Full().end(summary) == (text, "")
    assert Concise().end(summary) == ("", text)


@pytest.mark.parametrize(
    ("line", "place", "shown"),
    [
        ("\tx = f(1)", (6, 10), ["     x = f(1)", "         ^^^^"]),
        ("図 = 学習(1)", (5, 10), [" 図 = 学習(1)", "      ^^^^^^^"]),
        ("x = 1", (9, None), [" x = 1", "      ^"]),
        ("x = 1", (1, None), [" x = 1", " ^^^^^"]),
        ("x" * 300, (200, 203), [" …" + "x" * 53 + "xxx" + "x" * 52 + "…", " " * 55 + "^^^"]),
        ("x" * 300, (1, None), [" " + "x" * 109 + "…", " " + "^" * 110]),
    ],
)
def test_carets_stand_under_what_they_mark(line: str, place: tuple[int, int | None], shown: list[str]) -> None:
    column, end_column = place
    where = Place(PATH, 1, 1, column, 1, end_column)
    assert [text.partition("|")[2] for text in frame(where, Sources(notebook(line)))] == shown


def test_a_place_over_several_lines_is_marked_to_the_end_of_its_first() -> None:
    where = Place(PATH, 1, 1, 5, 3, 2)
    assert frame(where, Sources(notebook("x = f(  \n  1,\n)"))) == [" 1 | x = f(", "   |     ^^"]


@given(some.text(), some.integers(-1, 4), some.integers(-1, 200), some.none() | some.integers(-1, 200))
def test_any_place_in_any_text_can_be_shown(text: str, line: int, column: int, end_column: int | None) -> None:
    where = Place(PATH, 1, line, column, line, end_column)
    for shown in frame(where, Sources(notebook(text))):
        assert shown.isprintable()
        assert len(shown) < 250
    assert Full().notebook(notebook(text), [finding(where)])
