"""Every example of every rule, linted: a bad one gives its findings on their lines, a good one gives nothing."""

from __future__ import annotations

import pytest
from examples import WITNESSES, disagreements, expectations, lint_example, parse

from tinyguard.finding import Severity
from tinyguard.rule import catalogue

# What an example leaves out for brevity: no example sets a seed, and notes are advice.
QUIET = {code for code, rule in catalogue().items() if rule.severity is Severity.NOTE} | {"TNY605"}

BAD = {f"{code}-bad-{index}": text for code, rule in catalogue().items() for index, text in enumerate(rule.bad)}
GOOD = {f"{code}-good-{index}": text for code, rule in catalogue().items() for index, text in enumerate(rule.good)}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_example_gives_its_findings_on_their_lines(name: str) -> None:
    example = parse(BAD[name])
    own, expected = name[:6], expectations(example)
    assert any(code == own for code, _, _ in expected | expectations(example, "live"))
    told = {spot for spot in lint_example(example) if spot[0] == own or spot[0] not in QUIET}
    assert told == {spot for spot in expected if spot[0] == own or spot[0] not in QUIET}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_example_gives_nothing(name: str) -> None:
    own = name[:6]
    assert {spot for spot in lint_example(parse(GOOD[name])) if spot[0] == own or spot[0] not in QUIET} == set()


@pytest.mark.parametrize("name", BAD | GOOD)
def test_all_witnesses_see_the_same_events(name: str) -> None:
    assert disagreements(parse((BAD | GOOD)[name]), WITNESSES) == []
