"""Two passes in eval mode over the same batch, tried on a copy -> an answer: are they alike, and if not, which line?"""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tinyguard.doctor.answers import Answer, ok, wrong
from tinyguard.doctor.influence import ROUNDING
from tinyguard.doctor.trial import Trial

SEEDS = (1, 2)
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep


def of_eval_mode(trial: Trial) -> Answer:
    question = "two passes in eval mode agree"
    with torch.no_grad(), _Drawn() as drawn:
        first, second = (trial.outputs(seed=seed).float() for seed in SEEDS)
    if first.shape == second.shape:
        difference = float((first - second).abs().max()) if first.numel() else 0.0
        if difference <= ROUNDING * float(first.abs().max() if first.numel() else 0.0):
            return ok(question, "the same batch gives the same output twice")
        told = f"the same batch gives outputs that differ by up to {difference:.3g}"
    else:
        told = f"the same batch gives outputs of shape {tuple(first.shape)} and {tuple(second.shape)}"
    if drawn.operation:
        told = f"{told}: {drawn.operation} draws at random, called from {drawn.where}"
    return wrong(question, told, "unless it is to sample: F.dropout needs training=self.training")


class _Drawn(TorchDispatchMode):  # type: ignore[misc]
    """Remembers the first operation that draws random numbers, and the user's line that called it."""

    def __init__(self) -> None:
        super().__init__()
        self.operation = ""
        self.where = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not self.operation and torch.Tag.nondeterministic_seeded in func.tags:
            self.operation = func.name().partition("::")[2].partition(".")[0]
            self.where = _place(sys._getframe(1))
        return func(*args, **(kwargs or {}))


def _place(frame: FrameType | None) -> str:
    """The innermost line outside of torch."""
    while frame is not None and frame.f_code.co_filename.startswith(_TORCH):
        frame = frame.f_back
    if frame is None:
        return "an unknown place"
    name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)
    path = frame.f_code.co_filename
    of = f" of {os.path.basename(path)}" if os.path.isfile(path) else ""
    return f"line {frame.f_lineno}{of}, in `{name}`"
