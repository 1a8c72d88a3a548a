"""Live witness: gradients that are clipped, and whether a scaler's scale was in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import GeneratorType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.nn import utils
from torch.nn.utils import clip_grad
from torch.optim import Optimizer

from tinyguard.live.recorder import Where
from tinyguard.measured.training import ClippedWhileScaled

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

FUNCTIONS = ("clip_grad_norm_", "clip_grad_value_")
# Of the limit to the scale. A scale begins at 65536, and limits are 0.01 to 100; who multiplies the limit by the scale
# knows what is in the gradients.
FAR = 100.0


class Clip(NamedTuple):
    """One call, since the last step."""

    by: str
    where: Where
    limit: float
    parameters: set[int]  # numbers; filled while the function goes through them


class Clipping:
    """Remembers what was clipped, and asks when a scaler steps; while the window is open.

    `scaler.step()` divides by the scale unless `scaler.unscale_()` was called: then what was clipped before it, since
    the last step, was clipped with the scale in it.
    """

    def __init__(self) -> None:
        self._clips: list[Clip] = []
        self._unscaled: set[int] = set()  # numbers of optimizers

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._attention = witness.attention
        for owner in (clip_grad, utils):
            for name in FUNCTIONS:
                witness.patch(owner, name, self._clip(name))
        witness.patch(GradScaler, "unscale_", self._unscale)
        witness.patch(GradScaler, "step", self._step)
        witness.optimizers.on_step.append(self._stepped)
        witness.attention.on_close.append(self._forget)

    def _forget(self) -> None:
        self._clips.clear()
        self._unscaled.clear()

    def _clip(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        clipped = self._recorder.observer(self._clipped)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
                if not self._attention.open or torch.compiler.is_compiling():
                    return original(parameters, *args, **kwargs)
                limit = args[0] if args else kwargs.get("max_norm", kwargs.get("clip_value"))
                seen: set[int] = set()
                clipped(name, limit, seen)
                return original(self._seen(parameters, seen), *args, **kwargs)

            return clip

        return make

    def _clipped(self, name: str, limit: Any, seen: set[int]) -> None:
        if isinstance(limit, (int, float)) and limit > 0:
            self._clips = [*self._clips[-15:], Clip(name, self._recorder.here(), float(limit), seen)]

    def _seen(self, parameters: Any, seen: set[int]) -> Any:
        """The same parameters; which they are is written down, those of a generator while it is gone through."""
        if isinstance(parameters, GeneratorType):
            return self._passing(parameters, seen)
        for parameter in (parameters,) if isinstance(parameters, Tensor) else list_of(parameters):
            seen.add(self._recorder.numbers.of(parameter))
        return parameters

    def _passing(self, parameters: Iterable[Any], seen: set[int]) -> Iterator[Any]:
        for parameter in parameters:
            seen.add(self._recorder.numbers.of(parameter))
            yield parameter

    def _unscale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        unscaled = self._recorder.observer(self._was_unscaled)

        def unscale_(scaler: Any, optimizer: Any) -> Any:
            if self._attention.open:
                unscaled(optimizer)
            return original(scaler, optimizer)

        return unscale_

    def _was_unscaled(self, optimizer: Any) -> None:
        self._unscaled.add(self._recorder.numbers.of(optimizer))

    def _step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        begins = self._recorder.observer(self._begins)
        over = self._recorder.observer(self._over)

        def step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            if self._attention.open:
                begins(scaler, optimizer)
            result = original(scaler, optimizer, *args, **kwargs)
            over(optimizer)
            return result

        return step

    def _begins(self, scaler: Any, optimizer: Any) -> None:
        number = self._recorder.numbers.of(optimizer)
        if not self._clips or number in self._unscaled or not isinstance(optimizer, Optimizer):
            return
        if not scaler.is_enabled():
            return
        mine = {self._recorder.numbers.of(tensor) for group in optimizer.param_groups for tensor in group["params"]}
        clips = [clip for clip in self._clips if not clip.parameters.isdisjoint(mine)]
        scale = scaler.get_scale() if clips else 1.0
        for clip in clips:
            if clip.limit * FAR <= scale:
                self._recorder.emit(
                    ClippedWhileScaled,
                    clip.where,
                    optimizer=number,
                    by=clip.by,
                    limit=clip.limit,
                    scale=scale,
                    step=self._recorder.here()[0],
                )

    def _over(self, optimizer: Any) -> None:
        """The scaler has stepped, or left the step out."""
        self._clips.clear()
        self._unscaled.discard(self._recorder.numbers.of(optimizer))

    def _stepped(self, _optimizer: Optimizer) -> None:
        self._clips.clear()


def list_of(parameters: Any) -> list[Any]:
    """What can be gone through more than once; anything else is left alone."""
    return list(parameters) if isinstance(parameters, (list, tuple, dict, set, torch.nn.ParameterList)) else []
