"""Live witness: who sets a seed."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from typing import Any

import torch

from tinyguard.events import SeedSet
from tinyguard.live.patches import Patches
from tinyguard.live.recorder import Recorder


class Seeds:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._inner = 0  # torch.manual_seed seeds all devices

    def attach(self, patches: Patches) -> None:
        numpy = sys.modules.get("numpy.random")
        for owner, name, library in (
            (torch, "manual_seed", "torch"),
            (torch.cuda, "manual_seed_all", "torch"),
            (torch.cuda, "manual_seed", "torch"),
            (random, "seed", "random"),
            (numpy, "seed", "numpy"),
        ):
            if owner is not None:
                patches.replace(owner, name, self._seed(library))

    def _seed(self, library: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        told = self._recorder.observer(self._told)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def seed(*args: Any, **kwargs: Any) -> Any:
                self._inner += 1
                try:
                    result = original(*args, **kwargs)
                finally:
                    self._inner -= 1
                if not self._inner:
                    told(library, next(iter((*args, *kwargs.values())), None))
                return result

            return seed

        return make

    def _told(self, library: str, value: Any) -> None:
        if self._asked_for():
            self._recorder.emit(SeedSet, library=library, value=value if isinstance(value, int) else None)

    def _asked_for(self) -> bool:
        """By a line of the user's, or a helper that is called so; data sets and workers seed for themselves."""
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(OURS):
            frame = frame.f_back
        return frame.f_code.co_name in HELPERS or self._recorder.places.is_theirs(frame.f_code.co_filename)


OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HELPERS = frozenset({"seed_everything", "set_seed", "set_determinism"})
