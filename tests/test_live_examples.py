"""Every example of every rule, executed with the guard on: it sees what the linter sees, on the same lines."""

from __future__ import annotations

import re

import pytest
from examples import disagreements, expectations, parse, spot, static_events
from test_rules import BAD, GOOD, QUIET

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("IPython")

from live_examples import executed

from tinyguard.events import KernelRestarted, NameRead
from tinyguard.finding import Severity
from tinyguard.rule import catalogue

pytestmark = pytest.mark.slow

# Examples that cannot be executed: their data would have to be downloaded, their modules are nowhere.
DOWNLOADS = re.compile(r"datasets\.(CIFAR|MNIST|FashionMNIST|SVHN|STL10)\w*\(|=\(?(datasets|torchvision)\b|get_data")
MODULES = re.compile(r"^(?:from|import) (somewhere|corpora|network|layers|engine)\b", re.MULTILINE)

# What no run can prove: names that differ between two orders.
STATIC = (NameRead, KernelRestarted)
LINT_ONLY = {
    code
    for code, rule in catalogue().items()
    if rule.severity is Severity.NOTE
    or code < "TNY2"
    or all(issubclass(kind, STATIC) for kind in rule.on)
    or not rule.interrupts
}
ELSEWHERE = {
    "TNY902-bad-0": "takes 25 s; tests/test_data_measures.py runs the like of it",
    "TNY902-bad-1": "takes 25 s",
    **{
        f"TNY513-{name}": "needs two processes; tests/test_guard_ranks.py runs it"
        for name in ("bad-0", "bad-1", "good-0", "good-1", "good-2")
    },
    "TNY705-bad-0": "its band is chosen by a magic; tests/test_live_metrics.py does it",
}
# Events that one witness alone sees, where a mark on the line would be wrong for other examples.
OTHERWISE = {
    "TNY602-bad-0": "nothing is drawn from its loader: the linter goes through the loop once",
    "TNY509-good-1": "a name is bound twice before anything happens: the guard sees the second",
}


def is_executable(name: str) -> bool:
    text = (BAD | GOOD)[name]
    missing = [module for module in MODULES.findall(text) if f"file: {module}.py" not in text]
    if name in ELSEWHERE:
        return False
    return not (DOWNLOADS.search(text) or missing or name.startswith("TNY1"))


NOTES = {"TNY401-bad-5", "TNY605-bad-2"}  # their finding is advice, which a guard keeps to itself

LATER = {"TNY207-good-3"}  # what excuses it is an output of a later cell

EXECUTABLE = [name for name in BAD | GOOD if is_executable(name)]


def told(name: str) -> set[tuple[str, int | str | None, int]]:
    own = name[:6]
    found = executed(parse((BAD | GOOD)[name])).findings
    spots = {spot(finding.code, finding.place) for finding in found}
    return {one for one in spots if one[0] == own or one[0] not in QUIET}


def test_most_examples_are_executed() -> None:
    assert len(EXECUTABLE) > 0.75 * len(BAD | GOOD)


@pytest.mark.parametrize("name", sorted({*EXECUTABLE} - OTHERWISE.keys()))
def test_both_witnesses_see_the_same_events(name: str) -> None:
    witnesses = {"lint": static_events, "live": lambda example: executed(example).events}
    assert disagreements(parse((BAD | GOOD)[name]), witnesses) == []


@pytest.mark.parametrize(
    "name", [name for name in EXECUTABLE if name in BAD.keys() - NOTES and name[:6] not in LINT_ONLY]
)
def test_the_guard_reports_a_bad_example_on_its_lines(name: str) -> None:
    expected = expectations(parse(BAD[name]), "live")
    assert told(name) == {one for one in expected if one[0] not in LINT_ONLY}


@pytest.mark.parametrize("name", [name for name in EXECUTABLE if name in GOOD.keys() - LATER])
def test_the_guard_is_silent_about_a_good_example(name: str) -> None:
    assert told(name) == set()
