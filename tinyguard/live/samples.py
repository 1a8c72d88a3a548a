"""Live witness: a data set -> what is known of its samples: kind, split, size, classes, random transforms."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from tinyguard.datasets import data_set, data_set_at
from tinyguard.events import Samples
from tinyguard.live.numbers import Numbers
from tinyguard.measured.data import Normalisation
from tinyguard.splits import (
    FOLDERS,
    PART,
    SPLIT_ARGUMENTS,
    SPLIT_WORDS,
    is_random_transform,
    split_of_path,
)

DEEPEST = 6  # data sets that are wrapped in each other
MOST_LABELS = 200_000  # that are looked through
TRANSFORMS = ("transform", "transforms", "tfms", "augmentation", "augment")


Named = Mapping[int, tuple[str, str]]  # number of a data set or loader -> the split that its name tells, the evidence


def samples_of(dataset: Any, numbers: Numbers, named: Named, depth: int = DEEPEST) -> Samples:
    """What the object's attributes tell, and its name where nothing else does. Nothing of it is called but `len`."""
    return told_by_name(_samples_of(dataset, numbers, named, depth), named.get(numbers.of(dataset)))


def told_by_name(samples: Samples, name: tuple[str, str] | None) -> Samples:
    if name is None or not (samples.split is None or samples.evidence == PART):
        return samples
    return samples.replace(split=name[0], evidence=name[1])  # type: ignore[no-any-return]


def _samples_of(dataset: Any, numbers: Numbers, named: Named, depth: int) -> Samples:
    if isinstance(dataset, Subset) and depth:
        whole = samples_of(dataset.dataset, numbers, named, depth - 1)
        evidence = PART if whole.split == "train" else whole.evidence
        return whole.replace(size=_length(dataset), classes=None, evidence=evidence)  # type: ignore[no-any-return]
    if isinstance(dataset, ConcatDataset) and depth:
        return _joined([samples_of(part, numbers, named, depth - 1) for part in dataset.datasets])
    kind = type(dataset).__name__
    if isinstance(dataset, TensorDataset):
        sources = frozenset(map(numbers.of, (dataset, *dataset.tensors)))
        return Samples(kind=kind, size=_length(dataset), sources=sources)
    root = _root(dataset)
    split, evidence = _split(dataset, kind, root)
    inner = inner_dataset(dataset)
    if split is None and inner is not None and depth:
        return samples_of(inner, numbers, named, depth - 1).replace(size=_length(dataset))  # type: ignore[no-any-return]
    known = data_set(kind) or data_set_at(root)
    names, count = getattr(dataset, "classes", None), getattr(dataset, "num_classes", None)
    classes = len(names) if isinstance(names, (list, tuple)) else count if isinstance(count, int) else None
    return Samples(
        kind=kind,
        split=split,
        evidence=evidence,
        size=_length(dataset),
        classes=classes if classes is not None else known.classes if known else None,
        root=root,
        augmentation=tuple(dict.fromkeys(_random_transforms(dataset))),
        class_order="sorted" if kind in FOLDERS else None,
        sources=frozenset((numbers.of(dataset),)),
    )


def class_numbers(dataset: Any) -> int | None:
    """How many class numbers a data set of tensors holds, as its last column; None: they are not 0, 1, 2 ..."""
    if not isinstance(dataset, TensorDataset) or not dataset.tensors:
        return None
    column = dataset.tensors[-1]
    if column.dim() != 1 or column.dtype != torch.int64 or column.device.type != "cpu":
        return None
    if not 0 < len(column) <= MOST_LABELS or int(column.min()) != 0:
        return None
    count = int(column.max()) + 1
    return count if count <= len(column) and len(column.unique()) == count else None


def _split(dataset: Any, kind: str, root: str | None) -> tuple[str | None, str]:
    if kind in FOLDERS and root is not None:
        split = split_of_path(root)
        return split, f"folder {root.rstrip('/').rpartition('/')[2]!r}" if split else ""
    for name in ("train", "is_train", "training"):
        flag = vars(dataset).get(name) if hasattr(dataset, "__dict__") else None
        if isinstance(flag, bool):
            return ("train" if flag else "test"), f"train={flag}"
    for name in (*SPLIT_ARGUMENTS, "_split"):
        value = getattr(dataset, name, None)
        if isinstance(value, str) and value.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[value.lower()], f"{name.lstrip('_')}={value!r}"
    return None, ""


def _root(dataset: Any) -> str | None:
    root = getattr(dataset, "root", None)
    return os.fspath(root) if isinstance(root, (str, os.PathLike)) else None


def inner_dataset(dataset: Any) -> Any:
    """The one data set that this one is made of."""
    from torch.utils.data import Dataset

    inner = [value for value in vars(dataset).values() if isinstance(value, Dataset)] if _has_dict(dataset) else []
    return inner[0] if len(inner) == 1 else None


def _has_dict(thing: Any) -> bool:
    return hasattr(thing, "__dict__")


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None  # a stream


def _joined(parts: list[Samples]) -> Samples:
    """Several as one: what they agree on."""
    if not parts:
        return Samples()
    first = parts[0]
    same = all(part.split == first.split for part in parts)
    sizes = [part.size for part in parts if part.size is not None]
    return first.replace(  # type: ignore[no-any-return]
        split=first.split if same else None,
        evidence=first.evidence if same else "",
        size=sum(sizes) if len(sizes) == len(parts) else None,
        sources=frozenset(number for part in parts for number in part.sources),
    )


def _random_transforms(dataset: Any) -> Iterator[str]:
    if not _has_dict(dataset):
        return
    # torchvision's data sets apply `transform`; only where there is none, the pair of both that is in `transforms`.
    given = [vars(dataset)[name] for name in TRANSFORMS if vars(dataset).get(name) is not None]
    if given and not isinstance(given[0], str):
        yield from _random_in(given[0], 4)


def normalisations(dataset: Any, depth: int = DEEPEST) -> tuple[Normalisation, ...] | None:
    """The `Normalize` in a data set's transforms, one after the other. None: the transforms cannot be read."""
    while isinstance(dataset, Subset) and depth:
        dataset, depth = dataset.dataset, depth - 1
    if not _has_dict(dataset) or isinstance(dataset, (ConcatDataset, TensorDataset)):
        return None
    chains = [value for name in TRANSFORMS if (value := vars(dataset).get(name)) is not None]
    if inner_dataset(dataset) is not None:
        return None  # nobody knows which of the two transforms are used
    pair = [chain for chain in chains if type(chain).__name__ == "StandardTransform"]
    chains = [chain for chain in chains if chain not in pair]  # torchvision's form of the same
    if len(chains) != 1 or type(chains[0]).__name__ not in CHAINS:
        return None
    return tuple(_normalisations_in(chains[0]))


CHAINS = frozenset({"Compose", "Sequential"})  # of transforms, each of which is applied


def _normalisations_in(chain: Any) -> Iterator[Normalisation]:
    parts = getattr(chain, "transforms", chain)
    for part in parts if isinstance(parts, (list, tuple, nn.Sequential)) else ():
        if type(part).__name__ in CHAINS:
            yield from _normalisations_in(part)
        elif type(part).__name__ == "Normalize":
            mean, std = _numbers(getattr(part, "mean", None)), _numbers(getattr(part, "std", None))
            if mean and std:
                yield Normalisation(mean, std)


def _numbers(values: Any) -> tuple[float, ...]:
    values = values.tolist() if hasattr(values, "tolist") else values
    values = values if isinstance(values, (list, tuple)) else (values,)
    return tuple(map(float, values)) if all(isinstance(value, (int, float)) for value in values) else ()


def _random_in(transform: Any, depth: int) -> Iterator[str]:
    if not depth:
        return
    name = type(transform).__name__
    if is_random_transform(name) and getattr(transform, "p", 1) != 0:
        yield name
    parts = getattr(transform, "transforms", None)
    for part in parts if isinstance(parts, (list, tuple)) else (getattr(transform, "transform", None),):
        if part is not None:
            yield from _random_in(part, depth - 1)
