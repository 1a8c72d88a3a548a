"""Live witness: what is put in the place of torch's functions, and how all of it is taken away again."""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any

MISSING = object()
Make = Callable[[Callable[..., Any]], Callable[..., Any]]


class StandIn:
    """In the place of a function of a module. Pickled, as the attribute of a model, it is the original."""

    def __init__(
        self, owner: ModuleType, name: str, original: Callable[..., Any], observed: Callable[..., Any]
    ) -> None:
        functools.update_wrapper(self, original)
        self.__module__, self.__qualname__ = owner.__name__, name
        self._original = original
        self._observed = observed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._observed(*args, **kwargs)

    def forget(self) -> None:
        """Only passes calls on from now on: whoever took hold of it must not keep the guard alive."""
        self._observed = self._original

    def __reduce__(self) -> Any:
        return pkgutil.resolve_name, (f"{self.__module__}:{self.__qualname__}",)

    def __deepcopy__(self, _memo: Any) -> Any:
        return self


class Method:
    """In the place of a method."""

    def __init__(self, original: Callable[..., Any], observed: Callable[..., Any]) -> None:
        calls = self._calls = [observed]

        @functools.wraps(original)
        def standing_in(*args: Any, **kwargs: Any) -> Any:
            return calls[0](*args, **kwargs) if calls else original(*args, **kwargs)

        self.function = standing_in

    def forget(self) -> None:
        self._calls.clear()


class Patch:
    """One function in the place of another.

    Whoever replaced ours in the meantime keeps what they put there: it goes on calling ours, which from then on only
    passes the call on.
    """

    def __init__(self, owner: Any, name: str, make: Make) -> None:
        original = getattr(owner, name)
        self._owner, self._name = owner, name
        self._own = vars(owner).get(name, MISSING)
        self.of_module = isinstance(owner, ModuleType)
        if isinstance(owner, ModuleType):
            self._stands: StandIn | Method = StandIn(owner, name, original, make(original))
            self._ours: Any = self._stands
        else:
            self._stands = method = Method(original, make(original))
            self._ours = method.function
        setattr(owner, name, self._ours)

    def hide(self) -> bool:
        """Puts the original back, if ours is still there. Returns whether it was."""
        if vars(self._owner).get(self._name) is not self._ours:
            return False
        if self._own is MISSING:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self._own)
        return True

    def show(self) -> None:
        """Undoes `hide`, unless somebody has put something else there."""
        if vars(self._owner).get(self._name, MISSING) is self._own:
            setattr(self._owner, self._name, self._ours)

    def remove(self) -> None:
        self._stands.forget()
        self.hide()


class Patches:
    """Functions that stand in the place of others, and hooks, until `remove`."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []
        self._undo: list[Callable[[], None]] = []
        self._hidden: list[Patch] = []
        self._depth = 0  # of `hidden`

    def replace(self, owner: Any, name: str, make: Make) -> Callable[[], None]:
        """`owner.name` becomes `make(original)`, which must pass every call on to the original. Nothing happens when
        the owner has no such attribute: torch's insides differ between versions. Returns what undoes it."""
        if getattr(owner, name, None) is None:
            return lambda: None
        patch = Patch(owner, name, make)
        self._patches.append(patch)

        def undo() -> None:
            if patch in self._patches:
                self._patches.remove(patch)
                patch.remove()

        return undo

    def undo_with(self, undo: Callable[[], None]) -> None:
        """Something else to be taken away in `remove`: the handle of a hook."""
        self._undo.append(undo)

    def hide(self, *, functions: bool = True) -> None:
        """Puts every original back until as many calls of `show`: a program is about to be read instead of run.

        `functions`: also those of modules.
        """
        self._depth += 1
        hidden = [patch for patch in reversed(self._patches) if (functions or not patch.of_module) and patch.hide()]
        self._hidden += hidden

    def show(self) -> None:
        if self._depth == 1:
            hidden, self._hidden = self._hidden, []
            for patch in reversed(hidden):
                if patch in self._patches:
                    patch.show()
        self._depth = max(self._depth - 1, 0)

    def remove(self) -> None:
        while self._undo:
            self._undo.pop()()
        while self._patches:
            self._patches.pop().remove()
