"""What a rule is, and the catalogue of all rules."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from tinyguard.events import Event, Measured
from tinyguard.finding import Finding, Place, Related, Severity
from tinyguard.story import Story


class Rule:
    """One hazard: its documentation (the docstring), its examples, its check.

    `bad` and `good` are notebooks in percent format. A bad one carries its expectation on the line where the finding
    stands: `optimizer.step()  # TNY301`; `# TNY301 lint` or `# TNY301 live` when only one witness can see it.
    """

    code: str
    severity: Severity
    on: tuple[type[Event], ...]  # the events that `check` wants to see; the story holds all the others
    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()  # the facts of the project's founding document: "C4"
    suspicion: bool = False  # True: off unless selected by its code or by --notes
    interrupts: bool = True  # False: nothing goes wrong in this run, so that only lint and `%tinyguard check` tell it
    needs_whole_program: bool = False  # True: told of a program's text only, since a later cell may excuse it

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        """The findings that this event proves. `story` already remembers it. Pure: no printing, no state in self."""
        raise NotImplementedError

    @property
    def only_live(self) -> bool:
        """Only a run can prove it: it waits for nothing but what is measured."""
        return bool(self.on) and all(issubclass(kind, Measured) for kind in self.on)

    @classmethod
    def name(cls) -> str:
        """The hazard in kebab case, from the name of its file: "optimizer-shared"."""
        return cls.__module__.rpartition(".")[2].replace("_", "-")

    @classmethod
    def summary(cls) -> str:
        """The first line of its documentation."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def finding(
        self,
        message: str,
        place: Place,
        *,
        remedy: str,
        cause: str = "",
        related: tuple[tuple[str, Place | None], ...] = (),
        severity: Severity | None = None,
        **evidence: Any,
    ) -> Finding:
        """A finding of this rule; related places that are not known are left out."""
        return Finding(
            code=self.code,
            severity=self.severity if severity is None else severity,
            message=message,
            place=place,
            cause=cause,
            remedy=remedy,
            related=tuple(Related(text, where) for text, where in related if where is not None),
            evidence=evidence,
        )


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule by its code, in order of codes: all subclasses of Rule in the modules of `tinyguard.rules`."""
    return _rules_of(_module_names())


@cache
def lintable() -> Mapping[str, Rule]:
    """The rules that a program can break without being run; the others are not even imported."""
    only_live = importlib.import_module("tinyguard.rules").ONLY_LIVE
    return _rules_of(name for name in _module_names() if name not in only_live)


def _module_names() -> list[str]:
    # Not pkgutil: it imports `inspect`, which takes as long as a third of the rules.
    files = os.listdir(os.path.join(os.path.dirname(__file__), "rules"))
    return sorted(name.removesuffix(".py") for name in files if name.endswith(".py") and name != "__init__.py")


def _rules_of(modules: Iterable[str]) -> Mapping[str, Rule]:
    rules: dict[str, Rule] = {}
    for name in modules:
        module = importlib.import_module(f"tinyguard.rules.{name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__:
                if value.code in rules:
                    first = type(rules[value.code]).__module__
                    raise ValueError(f"{value.__module__}: the code {value.code} is taken by {first}")
                rules[value.code] = value()
    return dict(sorted(rules.items()))
