"""A notebook -> its findings: the static pipeline on one screen. Nothing of the notebook is ever executed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from tinyguard.classes import class_count
from tinyguard.events import (
    CellExecuted,
    CellPassedOver,
    CountsUnsorted,
    Escaped,
    Event,
    MetricReported,
    NameBound,
    RunEnded,
)
from tinyguard.finding import Finding, Place, Severity
from tinyguard.notebook.cells import Notebook, Skipped
from tinyguard.record import Record

if TYPE_CHECKING:
    from tinyguard.judge import OnFault
    from tinyguard.program.witness import Witnessed
    from tinyguard.rule import Rule

T = TypeVar("T")
NOTHING: Sequence[Event] = ()
UNEVENTFUL = frozenset((CellExecuted, NameBound, Escaped, RunEnded))  # of these alone no rule speaks


class LintResult(Record):
    """What is to be said about one notebook."""

    findings: tuple[Finding, ...] = ()  # in the order of the document
    partly: tuple[Skipped, ...] = ()  # why not all of it was analysed; empty: all of it was
    suppressed: int = 0  # findings silenced by comments


def lint(notebook: Notebook, rules: Iterable[Rule] | Callable[[], Iterable[Rule]] | None = None) -> LintResult:
    """The findings of these rules (None: of all that need no run). Never raises: a fault of ours makes the analysis a
    partial one.

    A function is asked for the rules when something has happened that a rule can speak of: importing them, and what
    deals with them, takes longer than all that is done with a notebook that does not train.
    """
    partly: list[Skipped] = []

    def on_fault(who: str, error: Exception) -> None:
        partly.append(Skipped(path=notebook.path, reason=fault(who, error)))

    seen = witnessed(notebook, partly, on_fault)
    document = events(notebook, seen, on_fault)
    recorded = NOTHING
    if any(map(_says_more_in_another_order, document)):
        recorded = recorded_events(notebook, seen, on_fault)
    quiet = all(type(event) in UNEVENTFUL for event in (*document, *recorded)) and not notebook.has_comments
    if quiet and (rules is None or callable(rules)):
        return LintResult(partly=tuple(dict.fromkeys(partly)))
    from tinyguard.judge import judge
    from tinyguard.rule import lintable

    rules = tuple(lintable().values() if rules is None else rules() if callable(rules) else rules)
    found = [
        *judge(document, rules, on_fault),
        *(recorded_only(finding, notebook) for finding in judge(recorded, rules, on_fault)),
    ]
    return concluded(notebook, found, rules, partly, on_fault, complete=not partly and not notebook.skipped)


def concluded(
    notebook: Notebook,
    found: Iterable[Finding],
    rules: tuple[Rule, ...],
    partly: Sequence[Skipped],
    on_fault: OnFault,
    *,
    complete: bool,
) -> LintResult:
    """What is told of all that was found: each thing once, with its causes, less what comments silence."""
    from tinyguard.judge import distinct, with_causes
    from tinyguard.rule import catalogue
    from tinyguard.suppress import Suppressed, suppress

    once = distinct(found)
    left = attempt(
        "suppress",
        lambda: suppress(notebook, once, ran=rules, complete=complete, known=catalogue),
        Suppressed(findings=tuple(once)),
        on_fault,
    )
    return LintResult(
        findings=tuple(sorted(with_causes(left.findings), key=position(notebook))),
        partly=tuple(dict.fromkeys(partly)),
        suppressed=left.silenced,
    )


def witnessed(notebook: Notebook, partly: list[Skipped], on_fault: OnFault) -> Witnessed:
    """What Restart & Run All would do."""
    from tinyguard.program.witness import Witnessed, witness

    seen = attempt("witness", lambda: witness(notebook), Witnessed(events=(), complete=True), on_fault)
    if not seen.complete and seen.reason:
        partly.append(Skipped(path=notebook.path, reason=f"partly analysed: {seen.reason}"))
    return seen


def events(notebook: Notebook, seen: Witnessed, on_fault: OnFault) -> Sequence[Event]:
    """What was seen, and what the file records: states of the kernel, and outputs."""
    from tinyguard.program.names.executions import state_events

    unbound = seen.unbound if seen.complete and not notebook.skipped else None
    states = attempt("executions", lambda: state_events(notebook, unbound), NOTHING, on_fault)
    reported = attempt("outputs", lambda: reported_events(notebook, class_count(seen.events)), NOTHING, on_fault)
    # Outputs are the last thing that a reader looks at; rules of absence speak at the RunEnded behind them.
    end = next((index for index, event in enumerate(seen.events) if isinstance(event, RunEnded)), len(seen.events))
    return (*seen.events[:end], *states, *reported, *seen.events[end:])


def reported_events(notebook: Notebook, classes: int | None) -> Sequence[Event]:
    """What the recorded outputs report."""
    if not any(cell.outputs for cell in notebook.cells):
        return ()
    from tinyguard.program.outputs import metrics

    return metrics(notebook, classes)


def _says_more_in_another_order(event: Event) -> bool:
    """Something of torch is at work, or a name was not bound where it is read: another order may tell another story."""
    return not (type(event) in UNEVENTFUL or isinstance(event, (MetricReported, CountsUnsorted, CellPassedOver)))


def recorded_events(notebook: Notebook, seen: Witnessed, on_fault: OnFault) -> Sequence[Event]:
    """What was done in the order that the execution counts prove; nothing when it tells what was seen already."""
    from tinyguard.program.names.executions import recorded_order
    from tinyguard.program.witness import tells_the_same, witness

    order = attempt("executions", lambda: recorded_order(notebook), None, on_fault)
    if order is None or attempt("witness", lambda: tells_the_same(notebook, order, seen), False, on_fault):
        return ()
    return attempt("witness", lambda: witness(notebook, order="recorded").events, NOTHING, on_fault)


def attempt(who: str, call: Callable[[], T], otherwise: T, on_fault: OnFault) -> T:
    """What `call` returns; `otherwise` when it fails, which is a fault of ours."""
    try:
        return call()
    except Exception as error:
        on_fault(who, error)
        return otherwise


def recorded_only(finding: Finding, notebook: Notebook) -> Finding:
    """A finding as the recorded order alone supports it: a note, unless the counts prove it."""
    proven = proven_by_counts(finding, notebook)
    severity = finding.severity if proven else Severity.NOTE
    changed: Finding = finding.replace(order="recorded", severity=severity)
    return changed


def proven_by_counts(finding: Finding, notebook: Notebook) -> bool:
    """Whether no run is missing between the cells that the finding rests on.

    Only the last run of a cell has a count. Where every count between the first and the last of these cells is there,
    nothing else can have happened in between; a missing one is a run that nobody recorded.
    """
    counts = {cell.number: cell.count for cell in notebook.cells}
    places = (finding.place, *(related.place for related in finding.related))
    rests_on = [counts.get(place.cell) for place in places if place.path == notebook.path]
    known = [count for count in rests_on if count is not None]
    if not known or len(known) < len(rests_on):
        return False
    return set(range(min(known), max(known) + 1)) <= set(counts.values())


def position(notebook: Notebook) -> Callable[[Finding], tuple[bool, str, int, int, int, str]]:
    """Sorts by place: the notebook first, then the modules beside it."""

    def key(finding: Finding) -> tuple[bool, str, int, int, int, str]:
        place: Place = finding.place
        return (place.path != notebook.path, place.path, place.cell or 0, place.line, place.column, finding.code)

    return key


def fault(who: str, error: Exception) -> str:
    """What to say of a fault of ours: which part, what, and where in our source."""
    import os

    where = ""
    trace = error.__traceback__
    while trace is not None:
        where = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    text = " ".join(str(error).split())[:200]
    what = f"{type(error).__name__}{where}" + (f": {text}" if text else "")
    return f"partly analysed: internal fault in {who}: {what}; please report it"
