"""Rules judge events: hand-made ones, by rules made for the purpose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tinyguard.events import Event, OptimizerBuilt, OptimizerStepped, Parameters, RunEnded
from tinyguard.finding import Finding, Place, Related, Severity
from tinyguard.judge import distinct, judge, with_causes
from tinyguard.rule import Rule
from tinyguard.story import Story

EVENTS = [
    OptimizerBuilt(place=Place("a.ipynb", 1, 1), optimizer=1, parameters=Parameters(), kind="SGD"),
    OptimizerStepped(place=Place("a.ipynb", 2, 1), optimizer=1, parameters=Parameters()),
    OptimizerStepped(place=Place("a.ipynb", 2, 2), optimizer=1, parameters=Parameters()),
    RunEnded(place=Place("a.ipynb"), complete=True),
]


class Stepped(Rule):
    """Tells every step."""

    code = "TNY598"
    severity = Severity.ERROR
    on = (OptimizerStepped,)

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        assert isinstance(event, OptimizerStepped)
        built = story.built(event.optimizer)
        assert isinstance(built, OptimizerBuilt)
        yield self.finding(f"{built.kind} steps", event.place, remedy="none", related=(("built here", built.place),))


class Anything(Rule):
    """Wants every event."""

    code = "TNY599"
    severity = Severity.NOTE
    on = (Event,)

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        yield self.finding(type(event).__name__, event.place, remedy="none", events=len(story.events))


class Failing(Rule):
    """Fails at the first step, after it has spoken."""

    code = "TNY597"
    severity = Severity.ERROR
    on = (OptimizerStepped,)

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        yield self.finding("before the fault", event.place, remedy="none")
        raise LookupError("oh")


def test_a_rule_sees_its_events_and_the_story_up_to_them() -> None:
    told = judge(EVENTS, [Stepped()])
    assert [(one.message, one.place.line) for one in told] == [("SGD steps", 1), ("SGD steps", 2)]
    assert told[0].related[0].place == Place("a.ipynb", 1, 1)


def test_a_rule_may_want_all_events() -> None:
    told = judge(EVENTS, [Anything()])
    assert [one.message for one in told] == ["OptimizerBuilt", "OptimizerStepped", "OptimizerStepped", "RunEnded"]
    assert [one.evidence["events"] for one in told] == [1, 2, 3, 4]  # the story remembers the event already


def test_a_rule_that_fails_is_asked_no_more_and_the_others_go_on() -> None:
    faults: list[tuple[str, Exception]] = []
    told = judge(EVENTS, [Failing(), Stepped()], lambda who, error: faults.append((who, error)))
    assert [(who, str(error)) for who, error in faults] == [("TNY597", "oh")]
    assert [one.code for one in told] == ["TNY597", "TNY598", "TNY598"]


def test_without_a_listener_the_fault_passes() -> None:
    with pytest.raises(LookupError):
        judge(EVENTS, [Failing()])


def finding(code: str, line: int, severity: Severity = Severity.ERROR, message: str = "m") -> Finding:
    return Finding(code=code, severity=severity, message=message, place=Place("a.ipynb", 1, line))


def test_the_first_of_equal_findings_stays_in_its_place() -> None:
    one, two, again = finding("TNY501", 1, message="one"), finding("TNY501", 2), finding("TNY501", 1, message="again")
    assert distinct([one, two, again]) == [one, two]


def test_a_symptom_names_the_proven_causes_the_worst_first() -> None:
    symptom = finding("TNY701", 9, Severity.WARNING)
    others = [
        finding("TNY601", 1, Severity.WARNING, "few epochs"),
        finding("TNY502", 2, Severity.ERROR, "shared optimizer"),
        finding("TNY107", 3, Severity.NOTE, "only a note"),
        finding("TNY605", 3, Severity.WARNING, "no seed, which harms no learning"),
    ]
    told = with_causes([*others, symptom])
    assert told[:4] == others
    assert [related.message for related in told[4].related] == [
        "proven cause: TNY502 shared optimizer",
        "proven cause: TNY601 few epochs",
    ]
    assert told[4].related[0].place == Place("a.ipynb", 1, 2)
    assert told[4].evidence == {"causes": ["TNY502", "TNY601"]}


def test_the_cause_of_a_symptom_touches_its_cell_or_stands_above() -> None:
    def in_cell(cell: int, code: str, *related: int) -> Finding:
        places = tuple(Related("here", Place("a.ipynb", other, 1)) for other in related)
        return finding(code, 1, message=f"in {cell}").replace(place=Place("a.ipynb", cell, 1), related=places)

    symptom = in_cell(5, "TNY701")
    others = [
        in_cell(1, "TNY301"),
        in_cell(4, "TNY301"),
        in_cell(5, "TNY502"),
        in_cell(3, "TNY502"),
        in_cell(7, "TNY401"),
        in_cell(2, "TNY207"),
        in_cell(8, "TNY201", 5),
    ]
    assert [related.message for related in with_causes([symptom, *others])[0].related] == [
        "proven cause: TNY502 in 5",
        "proven cause: TNY201 in 8",
        "also proven: TNY207 in 2",
        "also proven: TNY301 in 4",
    ]


def test_a_symptom_without_a_proven_cause_is_told_as_it_is() -> None:
    told = [finding("TNY605", 3, Severity.NOTE), finding("TNY701", 9)]
    assert with_causes(told) == told
