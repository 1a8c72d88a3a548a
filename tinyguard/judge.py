"""Events -> findings: the rules read the story. The same for both witnesses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from tinyguard.events import Event, OptimizerStepped
from tinyguard.finding import Finding, Related, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story

OnFault = Callable[[str, Exception], None]  # who failed, with what


def judge(events: Iterable[Event], rules: Iterable[Rule], on_fault: OnFault | None = None) -> list[Finding]:
    """What the rules say of the events, in the order in which they say it. For `on_fault` see `Judge`."""
    judging, found = Judge(rules, on_fault), list[Finding]()
    for event in events:
        found += judging.see(event)
    return found


class Judge:
    """The rules, reading a story while it is told.

    A rule that fails is reported to `on_fault` and asked no more; without `on_fault` its exception passes.
    """

    def __init__(self, rules: Iterable[Rule], on_fault: OnFault | None = None) -> None:
        self.story = Story()
        self._wanted = routes(tuple(rules))
        self._on_fault = on_fault

    def see(self, event: Event) -> list[Finding]:
        """What the rules say now that this has happened."""
        self.story.remember(event)
        found: list[Finding] = []
        if isinstance(event, OptimizerStepped) and event.after_gap:
            return found  # there is nothing to judge it by
        for rule in self._wanted[type(event)]:
            try:
                found += rule.check(event, self.story)
            except Exception as error:
                if self._on_fault is None:
                    raise
                self._on_fault(rule.code, error)
                self._wanted = self._wanted.without(rule)
        return found


class Routes(dict[type[Event], tuple[Rule, ...]]):
    """The rules that want to see each kind of event, looked up once a kind."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules

    def __missing__(self, kind: type[Event]) -> tuple[Rule, ...]:
        self[kind] = tuple(rule for rule in self._rules if issubclass(kind, rule.on))
        return self[kind]

    def without(self, rule: Rule) -> Routes:
        return Routes(tuple(other for other in self._rules if other is not rule))


routes = lru_cache(maxsize=8)(Routes)  # most notebooks of a run are judged by the same rules


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: the first with its key, so what both orders show counts as the document's."""
    first: dict[tuple[object, ...], Finding] = {}
    for finding in findings:
        first.setdefault(finding.key(), finding)
    return list(first.values())


def with_causes(findings: Sequence[Finding]) -> list[Finding]:
    """Symptoms with the proven causes behind them: a symptom is never the end."""
    return [with_causes_of(finding, findings) if is_symptom(finding) else finding for finding in findings]


def with_causes_of(symptom: Finding, findings: Sequence[Finding]) -> Finding:
    """The symptom with what can have led to it, ranked: what touches its cell first, then what explains it alone.

    What does not touch its cell may be about another training: it is named as proven, not as the cause, and not at all
    when it stands below. Of one code the nearest is named.
    """
    here = (symptom.place.path, symptom.place.cell)

    def touches(cause: Finding) -> bool:
        places = (cause.place, *(related.place for related in cause.related))
        return any((place.path, place.cell) == here for place in places)

    def rank(cause: Finding) -> tuple[bool, bool, int, int]:
        explains = cause.code in FORBIDS_LEARNING
        return (not touches(cause), not explains, -cause.severity, -(cause.place.cell or 0))

    nearest: dict[str, Finding] = {}
    for cause in sorted(filter(can_spoil_learning, findings), key=rank):
        if touches(cause) or (cause.place.cell or 0) <= (symptom.place.cell or 0):
            nearest.setdefault(cause.code, cause)
    causes = list(nearest.values())[:MAX_CAUSES]
    if not causes:
        return symptom
    related = tuple(
        Related(f"{'proven cause' if touches(cause) else 'also proven'}: {cause.code} {cause.message}", cause.place)
        for cause in causes
    )
    changed: Finding = symptom.replace(
        related=(*symptom.related, *related),
        evidence={**symptom.evidence, "causes": [cause.code for cause in causes]},
    )
    return changed


MAX_CAUSES = 5  # named under a symptom; whoever has mended these runs the notebook again

# With these accuracy stays at chance whatever else is right: no step reaches the weights, or every label is one class.
FORBIDS_LEARNING = {"TNY207", "TNY501", "TNY502", "TNY504", "TNY505", "TNY507"}

# What harms something else than learning: memory, repeatability, a fair comparison, the next run.
BESIDE_LEARNING = {"TNY101", "TNY104", "TNY105", "TNY403", "TNY404", "TNY604", "TNY605", "TNY801"}


def can_spoil_learning(finding: Finding) -> bool:
    """Whether a proven hazard can be why a model does not learn."""
    proven = finding.severity > Severity.NOTE and not is_symptom(finding)
    return proven and finding.code not in BESIDE_LEARNING


def is_symptom(finding: Finding) -> bool:
    """Learning progress: what a run looks like, not why."""
    return finding.code.startswith("TNY7")
