"""Comments that ask for silence: which findings they silence, and what is said of those that silence nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tinyguard.finding import Finding, Place, Severity
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.rule import Rule, catalogue, lintable
from tinyguard.suppress import Suppressed, suppress

PATH = "a.ipynb"
KNOWN = {code: rule for code, rule in catalogue().items() if code in ("TNY001", "TNY002")} | {
    code: type(name, (Rule,), {"code": code, "severity": Severity.ERROR, "on": (), "__module__": f"rules.{name}"})()
    for code, name in (("TNY501", "optimizer_shared"), ("TNY502", "optimizer_stale"), ("TNY301", "eval_mode"))
}


def finding(line: int, code: str = "TNY501", cell: int | None = 1, path: str = PATH) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message="m", place=Place(path, cell, line))


def applied(*sources: str, findings: list[Finding], complete: bool = True, rules: str = "TNY") -> Suppressed:
    cells = tuple(Cell(number=n, source=text, tree=ast.parse(text)) for n, text in enumerate(sources, 1))
    ran = [rule for code, rule in KNOWN.items() if code.startswith((rules, "TNY0"))]
    return suppress(Notebook(path=PATH, cells=cells), findings, ran=ran, complete=complete, known=lambda: KNOWN)


def left(result: Suppressed) -> list[tuple[str, int | None, int]]:
    return [(finding.code, finding.place.cell, finding.place.line) for finding in result.findings]


@pytest.mark.parametrize(
    "comment",
    [
        "tinyguard: ignore[TNY501] on purpose",
        "tinyguard: ignore[TNY501]",
        "tinyguard:ignore [ tny501 ] spaces and letters do not matter",
        "tinyguard: ignore[TNY5]",
        "tinyguard: ignore[optimizer-shared]",
        "tinyguard: ignore[TNY301, TNY501]",
        "tinyguard: ignore",
        "tinyguard: ignore everything, it is a demonstration",
        "noqa: E501  # tinyguard: ignore[TNY501] behind another comment",
    ],
)
def test_a_comment_on_the_line_silences_it(comment: str) -> None:
    result = applied(f"x = 1\nstep()  # {comment}\nstep()", findings=[finding(2), finding(3)])
    assert left(result) == [("TNY501", 1, 3)]
    assert result.silenced == 1


def test_another_code_is_not_silenced() -> None:
    result = applied("step()  # tinyguard: ignore[TNY501]", findings=[finding(1), finding(1, "TNY301")])
    assert left(result) == [("TNY301", 1, 1)]


def test_any_line_of_the_statement_will_do() -> None:
    source = "train(\n    model,\n    loader,  # tinyguard: ignore[TNY501]\n)\nstep()"
    result = applied(source, findings=[finding(1), finding(2), finding(5)])
    assert left(result) == [("TNY501", 1, 5)]


def test_a_comment_on_the_head_of_a_loop_does_not_silence_its_body() -> None:
    source = "for x in loader:  # tinyguard: ignore[TNY501]\n    step(x)\nelse:\n    step(1)"
    result = applied(source, findings=[finding(1), finding(2)])
    assert left(result) == [("TNY501", 1, 2)]


def test_alone_on_the_first_line_it_silences_the_cell() -> None:
    sources = ("\n# tinyguard: ignore[TNY501] shared on purpose\nstep()\nstep()", "step()")
    result = applied(*sources, findings=[finding(3), finding(4), finding(0), finding(1, cell=2)])
    assert left(result) == [("TNY501", 2, 1)]
    assert result.silenced == 3


def test_for_the_notebook_it_may_stand_in_any_cell() -> None:
    sources = ("step()", "x = 1\n# tinyguard: ignore-notebook[TNY501] a demonstration")
    result = applied(*sources, findings=[finding(1), finding(0, cell=None), finding(1, "TNY301")])
    assert left(result) == [("TNY301", 1, 1)]


def test_a_comment_in_a_string_is_none() -> None:
    source = "text = '# tinyguard: ignore[TNY501]'\ntext = '''\n# tinyguard: ignore\n'''\nf'# tinyguard: ignore {text}'"
    result = applied(source, findings=[finding(1), finding(3), finding(5)])
    assert left(result) == [("TNY501", 1, 1), ("TNY501", 1, 3), ("TNY501", 1, 5)]


def test_what_silences_nothing_is_told() -> None:
    (note,) = applied("x = 'ü'  # tinyguard: ignore[TNY501] old", findings=[]).findings
    assert (note.code, note.severity, note.message) == (
        "TNY001",
        Severity.NOTE,
        "`ignore[TNY501]` silences nothing",
    )
    assert note.place == Place(PATH, 1, 1, 10, 1, 41)


def test_alone_above_a_statement_it_silences_nothing_and_the_note_says_where_it_belongs() -> None:
    result = applied("x = 1\n# tinyguard: ignore[TNY501]\nstep()", findings=[finding(3)])
    assert left(result) == [("TNY501", 1, 3), ("TNY001", 1, 2)]
    assert result.findings[1].remedy == "put it on the line of the finding, or alone on the first line of the cell"


def test_nobody_knows_that_it_is_unused_when_the_rule_did_not_run_or_not_to_the_end() -> None:
    source = "step()  # tinyguard: ignore[TNY501]"
    assert not applied(source, findings=[], rules="TNY3").findings
    assert not applied(source, findings=[], complete=False).findings
    assert not applied("step()  # tinyguard: ignore", findings=[], rules="TNY3").findings


@pytest.mark.parametrize(
    ("comment", "complaint"),
    [
        ("ignore[TNY999]", 'no rule has the code, prefix or name "TNY999"'),
        ("ignore[TNY501, optimiser]", 'no rule has the code, prefix or name "optimiser"'),
        ("ignore[]", "the brackets name no code; `ignore` without brackets means all"),
        ("ignore[TNY501", 'the bracket after "ignore" is not closed'),
        ("ignore TNY501", "codes go into brackets: `ignore[TNY501]`"),
        ("ignore TNY501, TNY301", "codes go into brackets: `ignore[TNY501]`"),
        (
            "disable[TNY501]",
            '"disable" is not understood; write `ignore[CODE] reason` or `ignore-notebook[CODE] reason`',
        ),
        ("ignore-notebook[TNY501]", "`ignore-notebook` wants a line of its own"),
    ],
)
def test_what_is_not_understood_is_told_and_silences_nothing(comment: str, complaint: str) -> None:
    result = applied(f"step()  # tinyguard: {comment}", findings=[finding(1)])
    assert left(result) == [("TNY501", 1, 1), ("TNY002", 1, 1)]
    assert result.findings[1].message == f"this comment silences nothing: {complaint}"


def test_a_module_beside_the_notebook_has_its_own_comments(tmp_path: Path) -> None:
    module = str(tmp_path / "helpers.py")
    Path(module).write_text("def train():\n    step()  # tinyguard: ignore[TNY501]\n    step()\n")
    findings = [finding(2, cell=None, path=module), finding(3, cell=None, path=module)]
    assert left(applied("train()", findings=findings)) == [("TNY501", None, 3)]


def test_a_comment_for_the_notebook_is_not_for_the_modules_beside_it(tmp_path: Path) -> None:
    elsewhere = finding(1, cell=None, path=str(tmp_path / "helpers.py"))
    assert left(applied("# tinyguard: ignore-notebook", findings=[elsewhere, finding(1)])) == [("TNY501", None, 1)]


def test_a_cell_that_does_not_parse_has_no_comments() -> None:
    cell = Cell(number=1, source="step(  # tinyguard: ignore[TNY501]")
    result = suppress(Notebook(path=PATH, cells=(cell,)), [finding(1)], ran=[], complete=True, known=lambda: KNOWN)
    assert left(result) == [("TNY501", 1, 1)]


def test_a_comment_for_the_guard_is_not_called_unused_by_the_linter() -> None:
    cell = Cell(number=1, source="f()  # tinyguard: ignore[TNY706]", tree=ast.parse("f()"))
    ran = list(lintable().values())
    assert suppress(Notebook(path=PATH, cells=(cell,)), [], ran=ran, complete=True, known=catalogue).findings == ()
