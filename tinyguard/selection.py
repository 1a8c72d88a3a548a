"""Codes, prefixes and names -> the rules that run and the findings that are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinyguard.errors import UsageError, did_you_mean
from tinyguard.finding import Finding, Severity
from tinyguard.record import Record
from tinyguard.rule import Rule


class Selection(Record):
    """The rules that run, and which of their findings are shown."""

    rules: tuple[Rule, ...]
    asked_for: frozenset[str] = frozenset()  # codes selected by code, prefix or name
    notes: bool = False  # notes and suspicions are shown without being asked for
    suspicions: frozenset[str] = frozenset()  # codes of the rules that only suspect

    def shows(self, finding: Finding) -> bool:
        """Notes and suspicions wait until they are asked for."""
        quiet = finding.severity is Severity.NOTE or finding.code in self.suspicions
        return not quiet or self.notes or finding.code in self.asked_for


def codes_of(selectors: Iterable[str], rules: Mapping[str, Rule], *, source: str) -> frozenset[str]:
    """The codes that "TNY501", "TNY5" or "optimizer-shared" stand for.

    `source` opens the error about one that stands for nothing: "--select".
    """
    found: set[str] = set()
    for selector in selectors:
        codes = matching(selector, rules)
        if not codes:
            names = [*rules, *(rule.name() for rule in rules.values())]
            hint = did_you_mean(selector, names) or "; `tinyguard rules` lists them"
            raise UsageError(f'{source}: no rule has the code, prefix or name "{selector}"{hint}')
        found |= codes
    return frozenset(found)


def matching(selector: str, rules: Mapping[str, Rule]) -> frozenset[str]:
    """The codes that one selector stands for; none when it is unknown."""
    upper = selector.upper()
    if upper.startswith("TNY"):
        return frozenset(code for code in rules if code.startswith(upper))
    return frozenset(code for code, rule in rules.items() if rule.name() == selector.lower())


def selection(
    rules: Mapping[str, Rule],
    *,
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] = (),
    notes: bool = False,
    source: str = "--select or --ignore",
) -> Selection:
    """Everything when `select` is None; what is ignored is never selected."""
    asked_for = codes_of(select, rules, source=source) if select is not None else frozenset()
    ignored = codes_of(ignore, rules, source=source)
    wanted = [code for code in rules if (select is None or code in asked_for) and code not in ignored]
    return Selection(
        rules=tuple(rules[code] for code in wanted),
        asked_for=asked_for,
        notes=notes,
        suspicions=frozenset(code for code in wanted if rules[code].suspicion),
    )
