"""Live witness: objects -> numbers. `id` alone is used again when an object is gone."""

from __future__ import annotations

import itertools
import weakref
from typing import Any


class Numbers:
    """A number for every model, optimizer, loader, parameter: the same as long as the object lives, never given twice.

    Objects are not kept alive. What cannot be weakly referenced gets a new number each time.
    """

    def __init__(self) -> None:
        self._next = itertools.count(1)
        self._known: dict[int, tuple[weakref.ref[Any], int]] = {}

    def of(self, thing: Any) -> int:
        key = id(thing)
        known = self._known.get(key)
        if known is not None and known[0]() is thing:
            return known[1]
        number = next(self._next)
        try:
            reference = weakref.ref(thing, lambda gone: self._forget(key, gone))
        except TypeError:
            return number
        self._known[key] = (reference, number)
        return number

    def known(self, thing: Any) -> int | None:
        """The number of an object that has one."""
        entry = self._known.get(id(thing))
        return entry[1] if entry is not None and entry[0]() is thing else None

    def _forget(self, key: int, gone: weakref.ref[Any]) -> None:
        entry = self._known.get(key)
        if entry is not None and entry[0] is gone:  # else the id belongs to a younger object by now
            del self._known[key]

    def __len__(self) -> int:
        return len(self._known)
