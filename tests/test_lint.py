"""The static pipeline: a notebook goes in, findings come out, and a fault of ours never becomes a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyguard.classes import class_count
from tinyguard.events import CellExecuted, DatasetBuilt, Event, PassEnded, RunEnded, Samples
from tinyguard.finding import Finding, Place, Related, Severity
from tinyguard.lint import lint, proven_by_counts, recorded_only
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.reader import read
from tinyguard.rule import Rule
from tinyguard.story import Story


def script(folder: Path, *sources: str, name: str = "a.py") -> Notebook:
    path = folder / name
    path.write_text("".join(f"# %%\n{source}\n" for source in sources), encoding="utf-8")
    return read(str(path))


class Told(Rule):
    """Tells the cells in the order of the events, and the end."""

    code = "TNY598"
    severity = Severity.WARNING
    on = (CellExecuted, RunEnded)

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        yield self.finding(type(event).__name__, event.place, remedy="none")


class Failing(Rule):
    """Fails."""

    code = "TNY599"
    severity = Severity.WARNING
    on = (RunEnded,)

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        yield from ()
        raise LookupError("something\nstrange")


def test_findings_come_in_the_order_of_the_document(tmp_path: Path) -> None:
    result = lint(script(tmp_path, "x = 1", "y = 2"), [Told()])
    assert [(one.message, one.place.cell) for one in result.findings] == [
        ("RunEnded", None),
        ("CellExecuted", 1),
        ("CellExecuted", 2),
    ]
    assert result.partly == ()


def test_a_fault_in_a_rule_costs_that_rule_and_is_told(tmp_path: Path) -> None:
    notebook = script(tmp_path, "x = 1")
    result = lint(notebook, [Failing(), Told()])
    assert [one.code for one in result.findings] == ["TNY598", "TNY598"]
    (partly,) = result.partly
    assert partly.path == notebook.path
    assert partly.reason.startswith("partly analysed: internal fault in TNY599: LookupError at test_lint.py:")
    assert partly.reason.endswith(": something strange; please report it")


def test_a_comment_is_not_called_unused_when_the_analysis_is_partial(tmp_path: Path) -> None:
    from tinyguard.rules.suppression_unused import SuppressionUnused

    notebook = script(tmp_path, "x = 1  # tinyguard: ignore[TNY001] what for")
    assert [one.code for one in lint(notebook, [SuppressionUnused()]).findings] == ["TNY001"]
    assert lint(notebook, [SuppressionUnused(), Failing()]).findings == ()


def test_rules_are_asked_for_when_something_has_happened_that_they_can_speak_of(tmp_path: Path) -> None:
    asked: list[str] = []

    def rules(name: str) -> list[Rule]:
        asked.append(name)
        return []

    for name, source in {
        "quiet.py": "import os\nx = [1]\nfor y in x:\n    print(open(os.path.join('a', 'b')))",
        "a model.py": "import torch\nmodel = torch.nn.Linear(2, 3)",
        "a comment.py": "x = 1  # tinyguard: ignore",
    }.items():
        lint(script(tmp_path, source, name=name), lambda name=name: rules(name))  # type: ignore[misc]
    assert asked == ["a model.py", "a comment.py"]


def test_suppressed_findings_are_counted(tmp_path: Path) -> None:
    from tinyguard.rules.suppression_malformed import SuppressionMalformed

    notebook = script(tmp_path, "x = 1  # tinyguard: disable", "y = 1\n# tinyguard: ignore-notebook a draft")
    result = lint(notebook, [SuppressionMalformed(), Told()])
    assert [one.code for one in result.findings] == ["TNY002"]
    assert result.suppressed == 3


COUNTED = Notebook(
    path="a.ipynb", cells=tuple(Cell(number=number, count=count) for number, count in enumerate([3, 1, 2, None, 6], 1))
)


def stale(*cells: int) -> Finding:
    places = [Place("a.ipynb", cell, 1) for cell in cells]
    related = tuple(Related("built here", place) for place in places[1:])
    return Finding(code="TNY501", severity=Severity.ERROR, message="m", place=places[0], related=related)


@pytest.mark.parametrize(
    ("cells", "proven"),
    [((1, 2), True), ((1, 3), True), ((1,), True), ((5, 1), False), ((1, 4), False), ((4,), False), ((9,), False)],
)
def test_counts_prove_what_no_unrecorded_run_can_have_come_between(cells: tuple[int, ...], proven: bool) -> None:
    assert proven_by_counts(stale(*cells), COUNTED) is proven
    changed = recorded_only(stale(*cells), COUNTED)
    assert changed.order == "recorded"
    assert changed.severity is (Severity.ERROR if proven else Severity.NOTE)


def test_modules_beside_the_notebook_have_no_counts() -> None:
    finding = stale(1, 2).replace(related=(Related("built here", Place("helpers.py", None, 3)),))
    assert proven_by_counts(finding, COUNTED)


def samples(classes: int | None) -> Samples:
    return Samples(classes=classes)


def test_the_data_in_use_tell_the_number_of_classes() -> None:
    place = Place("a.ipynb", 1, 1)
    built = [DatasetBuilt(place=place, dataset=n, samples=samples(n)) for n in (10, 200)]
    used = PassEnded(place=place, loader=1, samples=samples(200))
    unknown = PassEnded(place=place, loader=1, samples=samples(None))
    assert class_count([*built, used, unknown]) == 200
    assert class_count(built) is None
    assert class_count([built[0], unknown]) == 10
    assert class_count([]) is None
