"""Every example of every rule, executed with the guard on: it sees what the linter sees, on the same lines."""

from __future__ import annotations

import pytest
from examples import disagreements, expectations, parse, spot, static_events
from test_rules import BAD, GOOD, QUIET

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("IPython")

from live_examples import NOT_EXECUTABLE, executed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [name for name in BAD | GOOD if name not in NOT_EXECUTABLE])
def test_both_witnesses_see_the_same_events(name: str) -> None:
    example = parse((BAD | GOOD)[name])
    assert disagreements(example, {"lint": static_events, "live": lambda example: executed(example).events}) == []


@pytest.mark.parametrize("name", [name for name in BAD if name not in NOT_EXECUTABLE])
def test_the_guard_reports_a_bad_example_on_its_lines(name: str) -> None:
    example, own = parse(BAD[name]), name[:6]
    told = {spot(finding.code, finding.place) for finding in executed(example).findings}
    expected = expectations(example, "live")
    assert {one for one in told if one[0] == own or one[0] not in QUIET} == {
        one for one in expected if one[0] == own or one[0] not in QUIET
    }


@pytest.mark.parametrize("name", [name for name in GOOD if name not in NOT_EXECUTABLE])
def test_the_guard_is_silent_about_a_good_example(name: str) -> None:
    own = name[:6]
    told = {spot(finding.code, finding.place) for finding in executed(parse(GOOD[name])).findings}
    assert {one for one in told if one[0] == own or one[0] not in QUIET} == set()
