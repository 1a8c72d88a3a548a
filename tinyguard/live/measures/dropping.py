"""Live witness: dropout as a function, called without `training` by a model in eval mode."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from tinyguard.finding import Place
from tinyguard.live.forwards import listen
from tinyguard.live.frames import variables
from tinyguard.measured.models import DropoutLeftOn

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d")  # that drop unless they are told not to
GIVEN = 3  # arguments, of which the third is `training`
USUAL = 0.5  # what they drop unless they are told otherwise
MOST = 100  # places that are told, and kinds of modules that are looked at
FAR = 3  # functions, one called by the other


class Dropping:
    """Looks at the module that calls, while the window of attention is open.

    No second pass is made to see whether two agree: a forward of the user's may count, print or draw random numbers,
    and the guard must not change the run. Who gives `training=True` means it, as for Monte Carlo dropout.

    Functions of torch are left alone until a module in eval mode is called whose code names one: `nn.Dropout` calls it,
    too, and a model that was compiled with it would be compiled anew.
    """

    def __init__(self) -> None:
        self._told: set[Place] = set()
        self._kinds: weakref.WeakSet[type] = weakref.WeakSet()  # of modules, that were looked at
        self._patched = False
        self._end: Callable[[], None] | None = None

    def attach(self, witness: Witness) -> None:
        self._witness = witness
        self._recorder = witness.recorder
        self._attention = witness.attention
        witness.attention.on_open.append(self._watch)
        witness.attention.on_close.append(self._rest)
        witness.undo_with(self._rest)

    def _watch(self) -> None:
        if self._end is None and not self._patched and len(self._kinds) < MOST:
            self._end = listen(self._recorder.observer(self._entered), _nothing)

    def _rest(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def _entered(self, module: nn.Module, _inputs: Any) -> None:
        if module.training or type(module) in self._kinds:
            return
        self._kinds.add(type(module))
        if any(names_dropout(method) for method in _methods(type(module))):
            self._patched = True
            self._rest()
            for name in FUNCTIONS:
                self._witness.patch(functional, name, self._observing(name))

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


def names_dropout(function: Any, far: int = FAR) -> bool:
    """The code of the function, or of one that it calls by its name, may call dropout of torch.nn.functional."""
    if not isinstance(function, FunctionType) or function.__module__.partition(".")[0] == "torch":
        return False
    names = set(_names(function.__code__))
    meant = [function.__globals__.get(name) for name in names]
    owners = (torch, nn, functional)
    if any(value is owner for value in meant for owner in owners) and not names.isdisjoint(FUNCTIONS):
        return True
    if any(value is getattr(functional, name) for value in meant for name in FUNCTIONS):
        return True
    return far > 0 and any(names_dropout(value, far - 1) for value in meant if value is not function)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _methods(kind: type) -> Iterator[Any]:
    for cls in kind.__mro__:
        if cls is nn.Module:
            return
        yield from vars(cls).values()


def _nothing(*_: Any) -> None:
    """Nothing is asked when a module is left."""
