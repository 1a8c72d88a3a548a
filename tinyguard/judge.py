"""Events -> findings: the rules read the story. The same for both witnesses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tinyguard.events import Event
from tinyguard.finding import Finding, Related, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story

OnFault = Callable[[str, Exception], None]  # who failed, with what


def judge(events: Iterable[Event], rules: Iterable[Rule], on_fault: OnFault | None = None) -> list[Finding]:
    """What the rules say of the events, in the order in which they say it.

    A rule that fails is reported to `on_fault` and asked no more; without `on_fault` its exception passes.
    """
    story, found = Story(), list[Finding]()
    wanted = Routes(rules)
    for event in events:
        story.remember(event)
        for rule in tuple(wanted[type(event)]):
            try:
                found += rule.check(event, story)
            except Exception as error:
                if on_fault is None:
                    raise
                on_fault(rule.code, error)
                wanted.drop(rule)
    return found


class Routes(dict[type[Event], list[Rule]]):
    """The rules that want to see each kind of event, looked up once a kind."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)

    def __missing__(self, kind: type[Event]) -> list[Rule]:
        self[kind] = [rule for rule in self._rules if issubclass(kind, rule.on)]
        return self[kind]

    def drop(self, rule: Rule) -> None:
        self._rules = tuple(other for other in self._rules if other is not rule)
        self.clear()


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: the first with its key, so what both orders show counts as the document's."""
    first: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        first.setdefault(finding.key(), finding)
    return list(first.values())


def with_causes(findings: Sequence[Finding]) -> list[Finding]:
    """Symptoms with the proven causes behind them, the worst first: a symptom is never the end."""
    causes = sorted(
        (finding for finding in findings if not is_symptom(finding) and finding.severity > Severity.NOTE),
        key=lambda finding: -finding.severity,
    )
    if not causes:
        return list(findings)
    ranked = tuple(
        Related(f"proven cause {rank}: {cause.code} {cause.message}", cause.place)
        for rank, cause in enumerate(causes, 1)
    )
    codes = list(dict.fromkeys(cause.code for cause in causes))
    return [
        finding.replace(related=(*finding.related, *ranked), evidence={**finding.evidence, "causes": codes})
        if is_symptom(finding)
        else finding
        for finding in findings
    ]


def is_symptom(finding: Finding) -> bool:
    """Learning progress: what a run looks like, not why."""
    return finding.code.startswith("TNY7")
