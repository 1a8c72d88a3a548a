"""Live witness: what is hooked into torch and the kernel, and how all of it is taken away again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

MISSING = object()


class Patches:
    """Functions that stand in the place of others, and hooks, until `remove`.

    Whoever replaced one of ours in the meantime keeps what they put there: it goes on calling ours, which from then on
    only passes the call on.
    """

    def __init__(self) -> None:
        self.active = True
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """`owner.name` becomes `make(original)`, which must pass every call on to the original. Nothing happens when
        the owner has no such attribute: torch's insides differ between versions."""
        original = getattr(owner, name, None)
        if original is None:
            return
        own = vars(owner).get(name, MISSING)
        observed = [make(original)]

        @functools.wraps(original)
        def standing_in(*args: Any, **kwargs: Any) -> Any:
            return observed[0](*args, **kwargs) if self.active else original(*args, **kwargs)

        setattr(owner, name, standing_in)

        def undo() -> None:
            observed.clear()  # whoever took hold of the function must not keep the guard alive
            if vars(owner).get(name) is not standing_in:
                return
            if own is MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

        self._undo.append(undo)

    def undo_with(self, undo: Callable[[], None]) -> None:
        """Something else to be taken away in `remove`: the handle of a hook."""
        self._undo.append(undo)

    def remove(self) -> None:
        self.active = False
        while self._undo:
            self._undo.pop()()
