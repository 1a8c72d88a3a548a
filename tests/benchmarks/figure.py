"""One measured number, with the goal beside it."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number with the goal beside it; a goal of None is shown for comparison only."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    remark: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.value <= self.goal

    def __str__(self) -> str:
        verdict = {None: "", True: "yes", False: "NO"}[self.met]
        goal = "" if self.goal is None else f"<= {self.goal:g}"
        return f"{self.name:44}{self.value:11.2f} {self.unit:9}{goal:>9} {verdict:4}{self.remark}"
