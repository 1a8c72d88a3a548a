"""Live witness: the variables of a running function, looked at without keeping what they hold."""

from __future__ import annotations

import inspect
import sys
from types import FrameType
from typing import Any


def variables(frame: FrameType) -> dict[str, Any]:
    """The names of the frame and what they mean now, in a dict of the caller's own.

    Before Python 3.13 `f_locals` of a function is a snapshot that the frame keeps: `del model` in the function would
    free nothing any more. It is emptied, unless the function may have it in hand by `locals()`; what a cell or module
    gives is its real namespace.
    """
    found = frame.f_locals
    copy = dict(found)
    code = frame.f_code
    snapshot = code.co_flags & inspect.CO_OPTIMIZED and sys.version_info < (3, 13)
    if snapshot and "locals" not in code.co_names and "vars" not in code.co_names:
        found.clear()
    return copy
