"""A loader -> one batch as it would give it, without asking the loader: nothing of it moves on."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, SequentialSampler, SubsetRandomSampler

from tinyguard.doctor.undisturbed import SEED

MOST_SAMPLES = 128  # of a batch, to be drawn
USUAL = 32  # samples of a batch whose size its sampler keeps to itself
DEEPEST = 6  # data sets within each other


class NoBatchError(Exception):
    """Its text says why none can be drawn."""


class Batch:
    """Samples as the loader's `collate_fn` joins them; every tensor is our own."""

    def __init__(self, content: Any, samples: int, size: int | None) -> None:
        self.content = content
        self.samples = samples  # that were drawn
        self.size = size  # of a batch of the loader; None: only its sampler knows

    @property
    def inputs(self) -> Any:
        """What the model may be given: all but the targets."""
        if isinstance(self.content, dict):
            return self.content
        if isinstance(self.content, (tuple, list)) and len(self.content) > 1:
            return self.content[0]
        return self.content[0] if isinstance(self.content, (tuple, list)) and len(self.content) == 1 else self.content

    @property
    def targets(self) -> Any:
        """The last of several; None: there is only one."""
        if isinstance(self.content, dict):
            return next((self.content[name] for name in TARGETS if name in self.content), None)
        return self.content[-1] if isinstance(self.content, (tuple, list)) and len(self.content) > 1 else None


TARGETS = ("labels", "label", "targets", "target", "y")


def draw(loader: DataLoader[Any], *, seconds: float) -> Batch:
    """A batch of the loader's data set. Raises NoBatchError.

    A shuffled loader gives samples from all over its data set, any other its first ones. What `__getitem__` writes
    to attributes of its data set goes to a shallow copy.
    """
    dataset = loader.dataset
    if isinstance(dataset, IterableDataset):
        raise NoBatchError("an IterableDataset can be read only once, by the training")
    try:
        indices, size = _indices(loader)
        apart = set_apart(dataset)
        if loader.batch_sampler is None:  # each item is a batch
            content = loader.collate_fn(own(apart[indices[0]]))
            return Batch(own(content), len(_first(content)), None)
        items, began = [], perf_counter()
        for index in indices:
            items.append(own(apart[index]))
            if len(items) > 1 and perf_counter() - began > seconds:
                break
        return Batch(own(loader.collate_fn(items)), len(items), size)
    except NoBatchError:
        raise
    except Exception as error:
        raise NoBatchError(reason(error)) from None


def _indices(loader: Any) -> tuple[list[Any], int | None]:
    """Which samples to draw, and how many the loader draws at once."""
    try:
        count = len(loader.dataset)
    except (TypeError, NotImplementedError):
        raise NoBatchError("its data set does not know its length") from None
    if not count:
        raise NoBatchError("its data set is empty")
    size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None)
    size = size if isinstance(size, int) and size > 0 else None
    wanted = min(size or USUAL, MOST_SAMPLES)
    if type(loader.sampler) is SubsetRandomSampler:
        every = [int(index) for index in loader.sampler.indices]
        return _spread(every, wanted), size
    if type(loader.sampler) is SequentialSampler and loader.batch_sampler is not None:
        return list(range(min(wanted, count))), size
    return _spread(range(count), wanted), size


def _spread(every: Sequence[Any], wanted: int) -> list[Any]:
    """So many from all over, the same each time, none twice: at even distances they could all be of one class."""
    return random.Random(SEED).sample(every, min(wanted, len(every)))


def _first(content: Any) -> Any:
    first = content[0] if isinstance(content, (tuple, list)) else content
    return first if hasattr(first, "__len__") else ()


def set_apart(dataset: Any, depth: int = DEEPEST) -> Any:
    """The data set and those in it as shallow copies: their attributes are the same objects, under names of our own."""
    if not depth or not isinstance(dataset, Dataset) or not hasattr(dataset, "__dict__"):
        return dataset
    try:
        apart = object.__new__(type(dataset))
    except TypeError:
        return dataset
    for name, value in vars(dataset).items():
        if isinstance(value, list) and value and all(isinstance(item, Dataset) for item in value):
            value = [set_apart(item, depth - 1) for item in value]
        apart.__dict__[name] = set_apart(value, depth - 1)
    return apart


def own(value: Any, device: torch.device | None = None) -> Any:
    """The same with every tensor copied, and moved to the device: whoever writes into it writes to no one else's."""
    if isinstance(value, Tensor):
        return value.detach().clone() if device is None else value.detach().to(device, copy=True)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(own(item, device) for item in value))
    if type(value) in (tuple, list):
        return type(value)(own(item, device) for item in value)
    if isinstance(value, dict):
        return {key: own(item, device) for key, item in value.items()}
    if isinstance(value, (str, bytes, int, float, type(None))):
        return value
    copied = copy.deepcopy(value)
    return copied.to(device) if device is not None and hasattr(copied, "to") else copied


def reason(error: BaseException) -> str:
    """An error of the user's code, as one can quote it."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:200]}" if words else type(error).__name__
