"""Live witness: two optimizers of the same parameters, and whether one undoes what the other does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tinyguard.events import Parameters
from tinyguard.live.measures.readings import capturing
from tinyguard.live.measures.updates import elements, is_dense
from tinyguard.measured.training import GradientsOpposed

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

TURNS = 4  # changes from one optimizer to the other and back that are looked at
MOST_OPTIMIZERS = 16
MOST_SHARED = 16  # parameters that are compared


class Turn(NamedTuple):
    """The gradients that an optimizer has just stepped with: the first elements of each, by the parameter's number."""

    optimizer: int
    passes: int  # backward passes before it
    gradients: dict[int, Tensor]


class Opposition:
    """Compares the gradients of steps that follow each other, each with a backward pass of its own; while the window is
    open."""

    def __init__(self) -> None:
        self._held: dict[int, frozenset[int]] = {}  # optimizer -> numbers of its parameters
        self._last: Turn | None = None
        self._passes = 0
        self._cosines: dict[tuple[int, int], list[float]] = {}

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._attention = witness.attention
        stepping = self._recorder.observer(self._stepping)
        hook = register_optimizer_step_pre_hook(lambda *args: stepping(*args))
        witness.undo_with(hook.remove)
        witness.optimizers.on_backward.append(self._backward)
        witness.attention.on_close.append(self._forget)

    def _forget(self) -> None:
        self._last = None

    def _backward(self, _tensors: Any, _loaders: tuple[int, ...]) -> None:
        self._passes += 1

    def _stepping(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        if not self._attention.open:
            return
        number = self._recorder.numbers.of(optimizer)
        tensors = {
            self._recorder.numbers.of(tensor): tensor for group in optimizer.param_groups for tensor in group["params"]
        }
        if number in self._held or len(self._held) < MOST_OPTIMIZERS:
            self._held[number] = frozenset(tensors)
        others = [held for other, held in self._held.items() if other != number]
        shared = [key for key in tensors if any(key in held for held in others)][:MOST_SHARED]
        if not shared or not self._recorder.affordable or capturing(tensors[shared[0]]):
            return
        last, self._last = self._last, Turn(number, self._passes, _gradients(tensors, shared))
        if last is not None and last.optimizer != number and last.passes < self._passes:
            self._compare(last, self._last)

    def _compare(self, one: Turn, other: Turn) -> None:
        low, high = sorted((one.optimizer, other.optimizer))
        known = self._cosines.setdefault((low, high), [])
        common = one.gradients.keys() & other.gradients.keys()
        if len(known) >= TURNS or not common:
            return
        pairs = [(one.gradients[key], other.gradients[key]) for key in sorted(common)]
        if any(mine.shape != theirs.shape or mine.device != theirs.device for mine, theirs in pairs):
            return
        with torch.no_grad():
            mine, theirs = (torch.cat([pair[side].float() for pair in pairs]) for side in (0, 1))
            known.append(float(torch.nn.functional.cosine_similarity(mine, theirs, dim=0)))
        if len(known) == TURNS:
            self._recorder.emit(
                GradientsOpposed,
                optimizer=high,
                other=low,
                shared=Parameters(self._held[low] & self._held[high]),
                cosines=tuple(known),
            )


def _gradients(tensors: dict[int, Tensor], shared: list[int]) -> dict[int, Tensor]:
    """Copies of the first elements; what is not dense, or has no gradient, is left out."""
    found = {}
    for key in shared:
        gradient = tensors[key].grad
        if gradient is not None and is_dense(gradient):
            found[key] = elements(gradient).clone()
    return found
