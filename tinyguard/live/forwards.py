"""Live witness: the calls of modules, for as long as somebody listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tinyguard.live.patches import Patches

Before = Callable[[nn.Module, Any], None]  # a module and its inputs
After = Callable[[nn.Module, Any, Any], None]  # ... and its output; None when it has raised

PATCHES = Patches()  # one for all guards: their windows open and close in any order
_listeners: list[tuple[Before, After]] = []


def listen(before: Before, after: After) -> Callable[[], None]:
    """Calls both around the forward pass of every module. Returns what ends it.

    Something stands in the place of `nn.Module.__call__` meanwhile, and not a global hook of torch: a compiled model is
    compiled anew whenever those come or go.
    """
    global _listeners
    listener = before, after
    if not _listeners:
        PATCHES.replace(nn.Module, "__call__", _call)
    _listeners = [*_listeners, listener]

    def end() -> None:
        global _listeners
        _listeners = [one for one in _listeners if one is not listener]
        if not _listeners:
            PATCHES.remove()

    return end


def _call(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return original(module, *args, **kwargs)
        listeners = _listeners
        inputs = (*args, *kwargs.values())
        for before, _ in listeners:
            before(module, inputs)
        output = None
        try:
            output = original(module, *args, **kwargs)
            return output
        finally:
            for listener in listeners:
                if listener in _listeners:  # still
                    listener[1](module, inputs, output)

    return call
