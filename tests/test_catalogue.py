"""The catalogue as a whole: whoever adds a rule learns here what is missing."""

from __future__ import annotations

import itertools
import re

import pytest
from examples import expectations, parse

from tinyguard.events import CellExecuted, Escaped, NameBound, RunEnded
from tinyguard.finding import Place
from tinyguard.judge import judge
from tinyguard.lint import UNEVENTFUL
from tinyguard.rule import Rule, catalogue, lintable

RULES = catalogue()


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> Rule:
    return RULES[request.param]


def test_codes_are_well_formed(rule: Rule) -> None:
    assert re.fullmatch(r"TNY\d{3}", rule.code)


def test_names_are_taken_once() -> None:
    names = [rule.name() for rule in RULES.values()]
    assert len(names) == len(set(names))


def test_a_rule_is_named_for_its_hazard(rule: Rule) -> None:
    """The class is the name of the file in the other spelling; neither speaks of the remedy."""
    words = rule.name().split("-")
    assert type(rule).__name__.lower() == "".join(words)
    assert not {"no", "check", "missing-check"} & set(words)


def test_a_rule_has_documentation(rule: Rule) -> None:
    summary, _, rest = (rule.__doc__ or "").strip().partition("\n")
    assert 10 < len(summary) <= 110
    assert summary.endswith(".")
    assert rest.strip(), "one line tells the hazard; say also why it hurts and how it comes about"


def test_a_rule_wants_events(rule: Rule) -> None:
    assert rule.on or rule.code.startswith("TNY0"), "only what tinyguard says of its own comments comes from no event"


def test_the_linter_does_without_the_rules_that_only_a_run_can_break() -> None:
    """`tinyguard.rules.ONLY_LIVE` names them."""
    needs_a_run = {code for code, rule in RULES.items() if rule.only_live}
    assert RULES.keys() - lintable().keys() == needs_a_run


def test_no_rule_speaks_of_what_is_uneventful() -> None:
    """A notebook in which nothing else happens is not shown to any rule."""
    place = Place("a.ipynb", 1, 1)
    events = [
        CellExecuted(count=1, order=1, place=place),
        NameBound(name="x", object=1, place=place),
        Escaped(objects=(1,), place=place),
        RunEnded(complete=True, place=place),
    ]
    assert {type(event) for event in events} == UNEVENTFUL
    for subset in itertools.product([True, False], repeat=len(events)):
        assert judge(itertools.compress(events, subset), RULES.values()) == []


def test_a_rule_has_examples_that_parse(rule: Rule) -> None:
    assert len(rule.bad) >= 1
    assert len(rule.good) >= 2
    for text in (*rule.bad, *rule.good):
        for part in parse(text).stretches:
            if part.code:
                compile("\n".join(part.lines[1:]), f"{rule.code}:{part.where}", "exec", dont_inherit=True)


def test_bad_examples_expect_their_rule_and_good_ones_nothing(rule: Rule) -> None:
    for text in rule.bad:
        example = parse(text)
        told = expectations(example, "lint") | expectations(example, "live")
        assert rule.code in {code for code, _, _ in told}
        assert {code for code, _, _ in told} <= RULES.keys()
    for text in rule.good:
        assert not expectations(parse(text), "lint") | expectations(parse(text), "live")


def test_examples_are_all_different(rule: Rule) -> None:
    """A `replace` that found nothing to replace leaves a good example equal to a bad one."""
    texts = [re.sub(r"\s*# TNY.*", "", text) for text in (*rule.bad, *rule.good)]
    assert len(texts) == len(set(texts))
