"""Live witness: dropout as a function, called without `training` by a model in eval mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from tinyguard.events import DropoutLeftOn
from tinyguard.finding import Place
from tinyguard.live.frames import variables

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d")  # that drop unless they are told not to
GIVEN = 3  # arguments, of which the third is `training`
USUAL = 0.5  # what they drop unless they are told otherwise
MOST = 100  # places that are told


class Dropping:
    """Looks at the module that calls, while the window of attention is open.

    No second pass is made to see whether two agree: a forward of the user's may count, print or draw random numbers,
    and the guard must not change the run. Who gives `training=True` means it, as for Monte Carlo dropout.
    """

    def __init__(self) -> None:
        self._told: set[Place] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._attention = witness.attention
        for name in FUNCTIONS:
            witness.patch(functional, name, self._observing(name))

    def _observing(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        called = self._recorder.observer(self._called)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def dropout(*args: Any, **kwargs: Any) -> Any:
                by_default = len(args) < GIVEN and "training" not in kwargs
                if by_default and self._attention.open and not torch.compiler.is_compiling():
                    called(name, args, kwargs)
                return original(*args, **kwargs)

            return dropout

        return make

    def _called(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        share = args[1] if len(args) > 1 else kwargs.get("p", USUAL)
        if not isinstance(share, (int, float)) or not share or len(self._told) >= MOST:
            return
        module = self._caller()
        if module is None or module.training:
            return
        where = self._recorder.here()
        if where[0] not in self._told:
            self._told.add(where[0])
            number, kind = self._recorder.numbers.of(module), type(module).__name__
            self._recorder.emit(DropoutLeftOn, where, model=number, kind=kind, function=name, share=float(share))

    def _caller(self) -> nn.Module | None:
        """The module whose method calls, or calls the function that does."""
        for frame in self._recorder.places.frames():
            code = frame.f_code
            if code.co_argcount:
                owner = variables(frame).get(code.co_varnames[0])
                if isinstance(owner, nn.Module) and "training" in vars(owner):
                    return owner
        return None
