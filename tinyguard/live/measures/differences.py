"""Live witness: differences of predictions and targets, and whether their shapes make them one of all pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tinyguard.finding import Place
from tinyguard.live.batches import readable
from tinyguard.live.graph import Graph
from tinyguard.live.loaders import Pass
from tinyguard.live.modules import tensors_in
from tinyguard.live.recorder import Use
from tinyguard.measured.training import AllPairsCompared

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

# These broadcast, with a warning; other losses raise.
CRITERIA = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
SUBTRACTING: tuple[tuple[Any, str], ...] = (
    *((Tensor, name) for name in ("__sub__", "sub", "subtract")),
    *((torch, name) for name in ("sub", "subtract")),
)
MOST_PLACES = 200  # lines that are told of in one session


class Differences:
    """Looks at the shapes that regression losses are given, and at differences with the targets of a loader's batch;
    while the window is open."""

    def __init__(self) -> None:
        self._told: set[Place] = set()
        self._shapes: dict[int, tuple[int, ...]] = {}  # of the last batch's target, by loader

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._loaders = witness.loaders
        self._attention = witness.attention
        witness.losses.before_loss.append(self._given)
        witness.loaders.on_start.append(self._start)
        for owner, name in SUBTRACTING:
            witness.patch(owner, name, self._subtracting)

    def _subtracting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        look = self._recorder.observer(self._subtracted)
        attention = self._attention

        def subtract(*args: Any, **kwargs: Any) -> Any:
            if attention.open and not torch.compiler.is_compiling() and len(args) == 2:
                one, other = args
                if isinstance(one, Tensor) and isinstance(other, Tensor) and one.dim() + other.dim() == 3:
                    look(one, other)
            return original(*args, **kwargs)

        return subtract

    def _given(self, criterion: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if criterion in CRITERIA and all_pairs(given, target):
            self._tell(criterion, given, target)

    def _start(self, _loader: Any, passed: Pass) -> None:
        if passed.loader in self._shapes or len(self._shapes) < MOST_PLACES:
            passed.readers.append(self._read)

    def _read(self, passed: Pass, batch: Any) -> bool:
        if self._attention.open:
            *inputs, target = [*tensors_in(batch)] or [None]
            self._shapes[passed.loader] = tuple(target.shape) if inputs and target is not None else ()
        return True

    def _subtracted(self, one: Tensor, other: Tensor) -> None:
        if not all_pairs(one, other) or one.requires_grad == other.requires_grad:
            return
        prediction, target = (one, other) if one.requires_grad else (other, one)
        if self._loaders.target_samples(target) is not None:
            self._tell("", prediction, target)
        elif target.device.type != "cpu" and target.is_floating_point():  # moved there, it has another address
            self._tell("", prediction, target, of_its_batch=True)

    def _tell(self, criterion: str, prediction: Tensor, target: Tensor, *, of_its_batch: bool = False) -> None:
        where = self._recorder.here()
        if not prediction.requires_grad or where[0] in self._told or len(self._told) >= MOST_PLACES:
            return
        uses = [tag for tag in Graph(prediction.grad_fn).tags if isinstance(tag, Use)]
        shapes = {self._shapes.get(loader) for use in uses for loader in use.loaders}
        if not uses or (of_its_batch and shapes != {tuple(target.shape)}):
            return
        self._told.add(where[0])
        self._recorder.emit(
            AllPairsCompared,
            where,
            criterion=criterion,
            prediction=tuple(prediction.shape),
            target=tuple(target.shape),
            models=tuple({use.event.model: use.event for use in uses}.values()),
        )


def all_pairs(one: Any, other: Any) -> bool:
    """The shapes are (N, 1) and (N,), in whichever order, and N is more than 1: broadcast, they make (N, N)."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor) or not readable(one) or not readable(other):
        return False
    flat, column = sorted((one, other), key=lambda tensor: tensor.dim())
    return flat.dim() == 1 and tuple(column.shape) == (len(flat), 1) and len(flat) > 1
