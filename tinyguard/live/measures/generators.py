"""Live witness: generators of random numbers that a data set holds, when workers of a loader read it."""

from __future__ import annotations

import dis
import random
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import ConcatDataset, Subset

from tinyguard.live.loaders import Pass
from tinyguard.live.samples import CHAINS, TRANSFORMS
from tinyguard.measured.data import GeneratorCopied

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

DEEPEST = 6  # data sets and transforms within each other
BIRTH = frozenset({"__init__", "__new__", "__setstate__", "__getstate__"})


class Generators:
    """Looks, at the first pass of a loader with workers, for a generator that they will all have the same copy of."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        witness.loaders.on_start.append(self._start)

    def _start(self, loader: Any, passed: Pass) -> None:
        workers = getattr(loader, "num_workers", 0)
        if not workers or passed.loader in self._seen:
            return
        self._seen.add(passed.loader)
        if loader.worker_init_fn is not None:
            return  # it may set each copy apart
        for holder in holders(loader.dataset):
            for name, value in list(vars(holder).items()):
                method = using_method(type(holder), name) if is_generator(value) else None
                if method is not None:
                    self._recorder.emit(
                        GeneratorCopied,
                        loader=passed.loader,
                        samples=passed.samples,
                        attribute=f"self.{name}",
                        kind=f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}",
                        method=method,
                        workers=workers,
                        persistent=bool(loader.persistent_workers),
                    )
                    return


def is_generator(value: Any) -> bool:
    numpy = sys.modules.get("numpy.random")
    ours = (random.Random, torch.Generator)
    return isinstance(value, (*ours, numpy.Generator, numpy.RandomState) if numpy is not None else ours)


def holders(dataset: Any, depth: int = DEEPEST) -> Iterator[Any]:
    """The data set, those in it, and their transforms: all that may hold a generator."""
    if not depth or not hasattr(dataset, "__dict__"):
        return
    yield dataset
    inner: list[Any] = list(dataset.datasets) if isinstance(dataset, ConcatDataset) else []
    inner += [dataset.dataset] if isinstance(dataset, Subset) else []
    inner += [value for name in TRANSFORMS if (value := vars(dataset).get(name)) is not None]
    if type(dataset).__name__ in CHAINS:
        parts = getattr(dataset, "transforms", ())
        inner += parts if isinstance(parts, (list, tuple)) else ()
    for part in inner[:32]:
        yield from holders(part, depth - 1)


def using_method(cls: type, name: str) -> str | None:
    """The method that reads this attribute while samples are made. None: none does, or one of them sets it anew, or
    knows in which worker it is."""
    found = None
    for base in cls.__mro__:
        for method, function in vars(base).items():
            if not isinstance(function, FunctionType) or method in BIRTH:
                continue
            if "get_worker_info" in function.__code__.co_names:
                return None
            for instruction in dis.get_instructions(function.__code__):
                if instruction.argval == name and instruction.opname == "STORE_ATTR":
                    return None
                if instruction.argval == name and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                    found = found or f"{base.__name__}.{method}"
    return found
