"""What a planted hazard is, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mutable import Draft


class Mutant(NamedTuple):
    draft: Draft
    cell: int | None  # index of the cell where a finding is expected; None: of the whole notebook
    what: str


Mutation = Callable[[Draft], Iterator[Mutant]]


class Hazard(NamedTuple):
    name: str
    codes: tuple[str, ...]  # any of these is the hazard found
    mutation: Mutation


HAZARDS: list[Hazard] = []


def plants(*codes: str) -> Callable[[Mutation], Mutation]:
    def register(mutation: Mutation) -> Mutation:
        HAZARDS.append(Hazard(mutation.__name__, codes, mutation))
        return mutation

    return register
