"""Live witness: the histories that a notebook holds: dicts of losses and accuracies, a number an epoch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

_KEY = re.compile(r"loss|acc", re.IGNORECASE)
MOST_NUMBERS = 10_000  # of one list
MOST_KEYS = 64  # of one dict

History = dict[str, tuple[float, ...]]


class Histories:
    """Which histories are new in the namespace, or longer than when they were last looked at."""

    def __init__(self, namespace: Callable[[], Mapping[str, Any]]) -> None:
        self._namespace = namespace
        self._known: dict[int, History] = {}  # by id of the dict, as it was

    def grown(self) -> list[tuple[History, dict[str, int]]]:
        """The histories that tell something new, and how many numbers of each list were known."""
        now: dict[int, History] = {}
        found: list[tuple[History, dict[str, int]]] = []
        for thing in _dicts(self._namespace()):
            history = {} if id(thing) in now else _history(thing)
            if not history:
                continue
            now[id(thing)] = history
            before = self._known.get(id(thing), {})
            known = {key: _common(before.get(key, ()), values) for key, values in history.items()}
            if any(known[key] < len(values) for key, values in history.items()):
                found.append((history, known))
        self._known = now
        return found


def _dicts(namespace: Mapping[str, Any]) -> Iterator[dict[Any, Any]]:
    """The dicts that have names, and those in them: a history for each model."""
    for name, value in list(namespace.items()):
        if not name.startswith("_") and isinstance(value, dict) and len(value) <= MOST_KEYS:
            yield value
            yield from (inner for inner in list(value.values()) if isinstance(inner, dict) and len(inner) <= MOST_KEYS)


def _history(thing: dict[Any, Any]) -> History:
    found: History = {}
    for key, values in list(thing.items()):
        if isinstance(key, str) and isinstance(values, list) and 0 < len(values) <= MOST_NUMBERS and _KEY.search(key):
            numbers = tuple(map(_number, values))
            if None not in numbers:
                found[key] = numbers  # type: ignore[assignment]
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, Tensor):
        return float(value.detach()) if value.numel() == 1 and value.device.type == "cpu" else None
    of_numpy = type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0
    return float(value) if of_numpy else None


def _common(before: tuple[float, ...], now: tuple[float, ...]) -> int:
    """How many numbers were there before; 0 when the list is another one."""
    same = len(before) <= len(now) and all(one == two or one != one for one, two in zip(before, now, strict=False))
    return len(before) if same else 0
