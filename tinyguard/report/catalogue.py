"""The rules -> a table, Markdown, JSON; one rule -> its documentation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

from tinyguard.errors import UsageError, did_you_mean
from tinyguard.rule import Rule

FAMILIES = {
    "0": "tinyguard's own comments",
    "1": "execution state",
    "2": "data and loaders",
    "3": "model and mode",
    "4": "loss and gradient",
    "5": "optimizer and scheduler",
    "6": "run configuration",
    "7": "learning progress",
    "8": "evaluation and metrics",
    "9": "resources",
}


def table(rules: Iterable[Rule]) -> str:
    """One line a rule, under the name of its family."""
    lines: list[str] = []
    family = ""
    for rule in rules:
        if rule.code[3] != family:
            family = rule.code[3]
            lines += ["", f"TNY{family}xx {FAMILIES[family]}"]
        lines.append(f"  {rule.code}  {level(rule):<9}  {rule.name():<28}  {rule.summary()}")
    return "\n".join(lines[1:]) + "\n"


def markdown(rules: Iterable[Rule]) -> str:
    """The table of the README."""
    lines = ["| code | name | what it finds | level | serves |", "|---|---|---|---|---|"]
    for rule in rules:
        serves = ", ".join(rule.serves)
        summary = rule.summary().rstrip(".").replace("|", "\\|")
        lines.append(f"| {rule.code} | {rule.name()} | {summary} | {level(rule)} | {serves} |")
    return "\n".join(lines) + "\n"


def as_json(rules: Iterable[Rule]) -> str:
    import json

    described = [
        {
            "code": rule.code,
            "name": rule.name(),
            "summary": rule.summary(),
            "severity": rule.severity.label,
            "suspicion": rule.suspicion,
            "documentation": documentation(rule),
            "serves": list(rule.serves),
        }
        for rule in rules
    ]
    return json.dumps(described, indent=2) + "\n"


def explanation(wanted: str, rules: Mapping[str, Rule]) -> str:
    """All that is known of one rule, by its code or name. Raises UsageError when there is none."""
    rule = next((rule for rule in rules.values() if wanted.lower() in (rule.code.lower(), rule.name())), None)
    if rule is None:
        hint = did_you_mean(wanted, [*rules, *(rule.name() for rule in rules.values())])
        raise UsageError(f'explain: no rule has the code or name "{wanted}"{hint or "; `tinyguard rules` lists them"}')
    parts = [
        f"{rule.code} {rule.name()} ({level(rule)}; {FAMILIES[rule.code[3]]})",
        documentation(rule),
        *(f"Found here:\n\n{_indented(example)}" for example in rule.bad[:2]),
        *(f"Not here:\n\n{_indented(example)}" for example in rule.good[:1]),
        f"Silence it with `# tinyguard: ignore[{rule.code}] reason` on the line.",
    ]
    return "\n\n".join(parts) + "\n"


def level(rule: Rule) -> str:
    """Its severity; suspicions say that they are, for they must be asked for as notes must."""
    return "suspicion" if rule.suspicion else rule.severity.label


def documentation(rule: Rule) -> str:
    return inspect.cleandoc(rule.__doc__ or "")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.strip("\n").splitlines())
