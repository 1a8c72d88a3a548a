"""Live witness: torch.compile, TorchScript, fx, pickle: where a program is read instead of run, the guard hides."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import fx
from torch.optim import Optimizer

from tinyguard.live import forwards
from tinyguard.live.patches import Patches
from tinyguard.live.recorder import Recorder

# What reads a program, or runs it on tensors that stand for others.
READERS: tuple[tuple[Any, str], ...] = (
    (torch, "compile"),
    (torch.jit, "script"),
    (torch.jit, "trace"),
    (torch.jit, "trace_module"),
    (fx.Tracer, "trace"),
    (torch.export, "export"),
    # A function is pickled by its name, if that still means the same function.
    (torch, "save"),
    (pickle, "dump"),
    (pickle, "dumps"),
    # The first optimizer imports the compiler, which takes note of what torch's functions are.
    (Optimizer, "__init__"),
)

OUR_FRAMES = 2  # between the user's call and the original


class Compiling:
    """Hides every patch while a compiler reads, so that it finds torch as it is.

    TorchScript cannot read functions of ours, and fx would write them into its graph. In the meantime nothing is
    observed: the tensors are no data.

    Functions of modules stay in their place when torch.compile reads: each call of what is compiled looks whether they
    are those that it was compiled with, and what finds others is compiled anew. So who had compiled a loss before the
    guard came, or goes on when it is off, pays for it once.
    """

    def __init__(self, recorder: Recorder, patches: Patches) -> None:
        self._recorder = recorder
        self._patches = patches
        self._listened = False

    def attach(self) -> None:
        for owner, name in READERS:
            self._patches.replace(owner, name, self._hiding)
        self._patches.undo_with(self._unlisten)
        self._listen()

    def _hiding(self, original: Callable[..., Any]) -> Callable[..., Any]:
        scripts = original is torch.jit.script

        def reading(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return original(*args, **kwargs)
            if scripts and len(args) < 3:  # it looks for names in the frame that calls it
                kwargs["_frames_up"] = kwargs.get("_frames_up", 0) + OUR_FRAMES
            self._hide(functions=True)
            try:
                return original(*args, **kwargs)
            finally:
                self._listen()
                self._end()

        return reading

    def _begin(self, _args: Any = None) -> None:
        self._hide(functions=False)

    def _hide(self, *, functions: bool) -> None:
        self._recorder.pause()
        for patches in (self._patches, forwards.PATCHES):
            patches.hide(functions=functions)

    def _end(self, _args: Any = None) -> None:
        for patches in (self._patches, forwards.PATCHES):
            patches.show()
        self._recorder.go_on()

    def _listen(self) -> None:
        """Asks torch's compiler, once it is there, to say when it compiles; `torch._dynamo.reset` forgets who asked."""
        handler = _handler()
        if handler is not None and not self._listened:
            self._listened = True
            sys.modules["torch._dynamo.trace_rules"].get_torch_obj_rule_map()  # of the originals
        if handler is not None and self._begin not in handler.start_callbacks:
            handler.register_start_callback(self._begin)
            handler.register_end_callback(self._end)

    def _unlisten(self) -> None:
        handler = _handler()
        if handler is not None and self._begin in handler.start_callbacks:
            handler.remove_start_callback(self._begin)
            handler.remove_end_callback(self._end)


def _handler() -> Any:
    return getattr(sys.modules.get("torch._dynamo.callback"), "callback_handler", None)
