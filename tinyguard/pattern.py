"""Regular expressions that are compiled when they are first used: a notebook needs few of them, the start-up none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import AnyStr


class _Lazy:
    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        # Asked once for each method: from then on it is found in the instance.
        method = getattr(re.compile(self._source, self._flags), name)
        self.__dict__[name] = method
        return method


def pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` would return, but for the time that it takes at import.

    >>> pattern(r"epochs?").findall("3 epochs")
    ['epochs']
    """
    return _Lazy(source, flags)  # type: ignore[return-value]
