"""Live witness: loaders on parts of one data set, and the samples that two of them share."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import (
    ConcatDataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
)

from tinyguard.live.loaders import Pass
from tinyguard.measured.data import SamplesShared

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_SAMPLES = 1_000_000  # of a data set whose parts are compared: a byte each is kept
MOST_LOADERS = 24  # that are compared with each other; the oldest are forgotten


class Parts:
    """Compares which samples of one data set each loader gives, by their numbers: nothing is read."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[Hashable, Tensor]] = {}  # loader -> the whole, and which samples of it

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        witness.loaders.on_start.append(self._start)

    def _start(self, loader: Any, passed: Pass) -> None:
        number = passed.loader
        if number in self._parts:
            return
        try:
            found = self._part(loader)
        except TypeError:
            return  # a data set need not know how long it is
        if found is None:
            return
        whole, mine = found
        for other, (other_whole, theirs) in self._parts.items():
            if other_whole == whole and len(theirs) == len(mine):
                shared = int((mine & theirs).sum())
                if shared:
                    self._recorder.emit(
                        SamplesShared,
                        loader=number,
                        other=other,
                        shared=shared,
                        size=int(mine.sum()),
                        other_size=int(theirs.sum()),
                        how="indices",
                    )
        self._parts[number] = found
        if len(self._parts) > MOST_LOADERS:
            del self._parts[next(iter(self._parts))]

    def _part(self, loader: Any) -> tuple[Hashable, Tensor] | None:
        """The data set that the loader's samples are of, and which of them. None: nobody can tell."""
        if loader.batch_size is None or isinstance(loader.dataset, IterableDataset):
            return None
        sampler, dataset = loader.sampler, loader.dataset
        if type(sampler) is SubsetRandomSampler:
            indices = _indices(sampler.indices)
        elif type(sampler) in (SequentialSampler, RandomSampler) and len(dataset) <= MOST_SAMPLES:
            indices = torch.arange(len(dataset), device="cpu")
        else:
            return None
        while isinstance(dataset, Subset) and indices is not None:
            inner = _indices(dataset.indices)
            indices = inner[indices] if inner is not None else None
            dataset = dataset.dataset
        if indices is None or isinstance(dataset, ConcatDataset):
            return None
        whole, length, first = self._whole(dataset)
        if length > MOST_SAMPLES or not len(indices):
            return None
        mine = torch.zeros(length, dtype=torch.bool, device="cpu")
        mine[indices + first] = True
        return whole, mine

    def _whole(self, dataset: Any) -> tuple[Hashable, int, int]:
        """What the data set is, or is cut from; how many samples that has; and which of them is the first one here."""
        numbers = self._recorder.numbers
        if isinstance(dataset, TensorDataset):
            rows = dataset.tensors[0]
            base = rows._base if rows._base is not None else rows
            if _is_cut(rows, base):
                return numbers.of(base), len(base), rows.storage_offset() // rows.stride(0)
            return numbers.of(rows), len(rows), 0
        if type(dataset).__module__.startswith("torchvision.datasets"):
            # Two objects that were built alike have the same samples in the same order.
            plain = {name: value for name, value in vars(dataset).items() if isinstance(value, (str, int, bool))}
            if plain.get("root"):
                return (type(dataset).__name__, *sorted(plain.items())), len(dataset), 0
        return numbers.of(dataset), len(dataset), 0


def _indices(indices: Any) -> Tensor | None:
    if len(indices) > MOST_SAMPLES:
        return None
    try:
        return torch.as_tensor(indices, dtype=torch.long, device="cpu").reshape(-1)
    except (TypeError, ValueError, RuntimeError):
        return None


def _is_cut(rows: Tensor, base: Tensor) -> bool:
    """The rows are a slice of the other tensor's."""
    return bool(
        base.dim() > 0
        and rows.shape[1:] == base.shape[1:]
        and rows.is_contiguous()
        and base.is_contiguous()
        and base.storage_offset() == 0
        and rows.stride(0) > 0
    )
