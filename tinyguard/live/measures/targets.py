"""Live witness: the labels that a loss is given, and whether its input has a place for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from tinyguard.finding import Place
from tinyguard.live.batches import readable
from tinyguard.live.graph import Graph
from tinyguard.live.recorder import Use
from tinyguard.measured.data import LabelsOutOfRange

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

CLASS_NUMBERS = frozenset({"cross_entropy", "nll_loss"})
BINARY = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
IGNORED = -100  # what torch leaves out unless it is told another label
WHOLE = frozenset({torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64})
WEIGHT, IGNORE_INDEX = 2, 4  # positions of arguments
ROUNDING = 1e-3  # by which a soft label may pass 0 or 1: a mask that was resized
MOST_PLACES = 200  # lines with a loss that are told of in one session


class Asked(NamedTuple):
    """What a loss was asked: its tensors, and the labels that it leaves out."""

    given: Tensor
    target: Tensor
    classes: int | None  # None: numbers from 0 to 1
    ignored: int | None


class Targets:
    """Reads labels before the loss does: on a GPU nobody can look any more when the device has asserted.

    Away from the CPU, where a look waits, only while affordable.
    """

    def __init__(self) -> None:
        self._told: set[Place] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._loaders = witness.loaders
        witness.losses.before_loss.append(self._look)

    def _look(self, criterion: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        asked = asked_of(criterion, args, kwargs)
        if asked is None or (asked.target.device.type != "cpu" and not self._recorder.affordable):
            return
        with torch.no_grad():
            labels = asked.target.detach().flatten()
            kept = labels if asked.ignored is None else labels[labels != asked.ignored]
            if not kept.numel():
                return
            low, high = kept.min().item(), kept.max().item()
            least, most = (-ROUNDING, 1 + ROUNDING) if asked.classes is None else (0, asked.classes - 1)
            if least <= low and high <= most:
                return
            out = kept[(kept < least) | (kept > most)]
            only = out[0].item() if bool((out == out[0]).all()) else None
        self._tell(criterion, asked, low=low, high=high, outside=out.numel(), labels=kept.numel(), only=only)

    def _tell(self, criterion: str, asked: Asked, **numbers: Any) -> None:
        where = self._recorder.here()
        if where[0] in self._told or len(self._told) >= MOST_PLACES:
            return
        self._told.add(where[0])
        uses = [tag for tag in Graph(asked.given.grad_fn).tags if isinstance(tag, Use)]
        loaders = {number for use in uses for number in use.loaders} or set(self._loaders.drawing)
        self._recorder.emit(
            LabelsOutOfRange,
            where,
            criterion=criterion,
            classes=asked.classes,
            models=tuple({use.event.model: use.event for use in uses}.values()),
            loader=loaders.pop() if len(loaders) == 1 else None,
            **numbers,
        )


def asked_of(criterion: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked | None:
    """What was asked of this loss; None when its labels may be anything."""
    given = args[0] if args else kwargs.get("input")
    target = args[1] if len(args) > 1 else kwargs.get("target")
    if not isinstance(given, Tensor) or not isinstance(target, Tensor) or not readable(target) or not given.dim():
        return None
    if criterion in CLASS_NUMBERS and target.dtype in WHOLE:
        ignored = args[IGNORE_INDEX] if len(args) > IGNORE_INDEX else kwargs.get("ignore_index", IGNORED)
        return Asked(given, target, given.shape[1 if given.dim() > 1 else 0], ignored)
    # Each element alone, or weighted: whoever marks elements to be left out multiplies them by 0 afterwards.
    weight = args[WEIGHT] if len(args) > WEIGHT else kwargs.get("weight")
    apart = any(isinstance(value, str) and value == "none" for value in (*args, kwargs.get("reduction")))
    if criterion in BINARY and target.is_floating_point() and weight is None and not apart:
        return Asked(given, target, None, None)
    return None
