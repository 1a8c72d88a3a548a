"""Static witness: how a name of a library gets what its call does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyguard.program.machine import KNOWN, Call, Machine
from tinyguard.program.pretend.values import Tensor
from tinyguard.program.values import Unknown

Handler = Callable[[Machine, Call], Any]


def known(*paths: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for path in paths:
            KNOWN[path] = handler
        return handler

    return register


def data(machine: Machine, call: Call) -> Any:
    """Reads its arguments, keeps none of them, gives data."""
    for value in call.args:
        if isinstance(value, Tensor):
            machine.note_measure(value.loaders)
    return Unknown(("call", call.path) if not call.args and not call.kwargs else None)


def first_argument(machine: Machine, call: Call) -> Any:
    """Gives back what it is given: torch.compile, tqdm, copy.copy."""
    return call.args[0] if call.args else next(iter(call.kwargs.values()), Unknown())


def is_class_name(name: str) -> bool:
    return name[:1].isupper()
