"""Runs of cells in words: what rules about execution state say in their messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyguard.events import Definition
from tinyguard.finding import Place

MOST = 4  # names or cells that are listed one by one


def run(place: Place, count: int | None) -> str:
    """ "cell 4 (In[52])", "cell 4 (not run)"."""
    return f"cell {place.cell} (In[{count}])" if count is not None else f"cell {place.cell} (not run)"


def run_of(definition: Definition) -> str:
    return run(definition.place, definition.count)


def names(found: Sequence[str]) -> str:
    """The names as the user writes them: "`x`", "`x` and `y`"."""
    return listed([f"`{name}`" for name in found])


def cells(places: Iterable[Place]) -> str:
    """ "cell 3", "cells 3, 5 and 8"."""
    numbers = sorted({place.cell for place in places if place.cell is not None})
    return f"cell{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}"


def in_order(places: Iterable[Place]) -> str:
    """All of them, for somebody who is to run them: "cells 3, 5 and 8", "cells 5 and 3, in this order,"."""
    numbers = [place.cell for place in places if place.cell is not None]
    words = [str(number) for number in numbers]
    told = " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
    return f"cell{'s' if len(words) > 1 else ''} {told}" + (", in this order," if numbers != sorted(numbers) else "")


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c", "a, b, c, d and 9 more"."""
    if len(words) > MOST + 1:
        words = [*words[:MOST], f"{len(words) - MOST} more"]
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
