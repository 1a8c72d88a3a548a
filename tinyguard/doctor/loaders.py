"""A loader -> answers: how much it gives, what its batches look like, which classes and files there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset

from tinyguard.datasets import data_set, data_set_at
from tinyguard.doctor.answers import Answer, ok, unknown, wrong
from tinyguard.doctor.drawing import Batch, NoBatchError
from tinyguard.doctor.files import files
from tinyguard.doctor.trial import IGNORED
from tinyguard.live.modules import tensors_in
from tinyguard.live.numbers import Numbers
from tinyguard.live.samples import samples_of
from tinyguard.panel.words import number
from tinyguard.report.text import plural

MOST_LABELS = 2_000_000  # of a data set, that are counted


class Labels:
    """The class numbers of a data set."""

    def __init__(self, low: int, high: int, distinct: int, *, whole: bool) -> None:
        self.low = low
        self.high = high
        self.distinct = distinct
        self.whole = whole  # of the whole data set, not of one batch

    @property
    def source(self) -> str:
        return "in the whole data set" if self.whole else "in the batch"


def labels_of(dataset: Any, batch: Batch | None) -> Labels | None:
    """None: its targets are no class numbers, or nobody can tell."""
    whole = _labels_of_all(dataset)
    targets = whole if whole is not None else batch.targets if batch is not None else None
    if targets is None or not _counts(targets):
        return None
    kept = targets[targets != IGNORED]
    if not kept.numel():
        return None
    return Labels(int(kept.min()), int(kept.max()), len(kept.unique()), whole=whole is not None)


def classes_named(dataset: Any) -> int | None:
    """The number of classes that the data set itself speaks of, or is known to have."""
    return samples_of(dataset, Numbers(), {}).classes


def examined(loader: DataLoader[Any], batch: Batch | NoBatchError, seconds: float) -> list[Answer]:
    """[D1] and [I4] for one loader."""
    dataset = loader.dataset
    answers = [_batches(loader)]
    if isinstance(batch, NoBatchError):
        answers.append(unknown("batch", f"no batch could be drawn: {batch}"))
        known = None
    else:
        answers += _batch(batch)
        known = batch
    answers += _classes(dataset, labels_of(dataset, known))
    answers.append(_samples(dataset))
    answers += files(dataset, seconds=seconds)
    return answers


def _batches(loader: DataLoader[Any]) -> Answer:
    try:
        count = len(loader)
    except (TypeError, NotImplementedError):
        return unknown("batches", "its data set does not know its length")
    size = f" of {loader.batch_size}" if loader.batch_size else ""
    if count == 0:
        return wrong(
            "batches",
            f"none: {_length(loader.dataset)} samples are fewer than one batch{size}, and drop_last=True drops it"
            if loader.drop_last and loader.dataset
            else "none: its data set is empty",
            "give it data, or a smaller batch size",
        )
    return ok("batches", f"{count:,}{size}")


def _batch(batch: Batch) -> list[Answer]:
    inputs, targets = batch.inputs, batch.targets
    tensors = list(tensors_in(inputs))
    drawn = f" ({batch.samples} samples were drawn)" if batch.size and batch.size > batch.samples else ""
    answers = [
        ok("shape of a batch", f"{_shapes(inputs)}{drawn}") if tensors else unknown("shape of a batch", _kind(inputs))
    ]
    answers += [_values(tensor) for tensor in tensors[:1] if tensor.is_floating_point() and tensor.numel()]
    if targets is None:
        return [*answers, unknown("targets", "its batches have no part that can be taken for targets")]
    answers.append(ok("shape of its targets", _shapes(targets)))
    if isinstance(targets, Tensor) and targets.numel():
        answers.append(_range(targets))
    return answers


def _values(inputs: Tensor) -> Answer:
    finite = torch.isfinite(inputs)
    if not bool(finite.all()):
        count = int((~finite).sum())
        return wrong(
            "values of a batch", f"{plural(count, 'value')} of {inputs.numel():,} not finite", "clean the data"
        )
    values = inputs.double()
    told = (
        f"{number(float(values.min()))} to {number(float(values.max()))}, mean {number(float(values.mean()))}, "
        f"standard deviation {number(float(values.std(correction=0)))}"
    )
    if float(values.std(correction=0)) == 0:
        return wrong("values of a batch", f"all are {number(float(values.flatten()[0]))}", "see how samples are made")
    return ok("values of a batch", told)


def _range(targets: Tensor) -> Answer:
    question = "range of its targets"
    low, high = targets.min().item(), targets.max().item()
    if isinstance(low, float) and not bool(torch.isfinite(targets).all()):
        return wrong(question, "not all of them are finite", "clean the data")
    told = " to ".join(number(end) if isinstance(end, float) else f"{end}" for end in (low, high))
    if _counts(targets) and low < 0 and bool(((targets < 0) & (targets != IGNORED)).any()):
        return wrong(question, f"{told}: a class number below 0", f"number the classes from 0; {IGNORED} is ignored")
    return ok(question, told)


def _classes(dataset: Any, labels: Labels | None) -> list[Answer]:
    named, question = classes_named(dataset), "classes"
    if labels is None:
        return [ok(question, f"{named}, as the data set says")] if named is not None else []
    seen = f"{labels.distinct} classes, {labels.low} to {labels.high}, {labels.source}"
    if labels.distinct == 1 and (named is None or named > 1):
        if labels.whole:
            return [wrong(question, f"one class only: every label is {labels.low}", "see how the data were chosen")]
        return [unknown(question, f"one class only in the batch: every label is {labels.low}", "are the data sorted?")]
    if named is None:
        gap = labels.whole and (labels.low > 0 or labels.high - labels.low + 1 > labels.distinct)
        if gap and labels.low > 0:
            return [wrong(question, f"{seen}: none is 0", "number the classes from 0")]
        return [ok(question, seen)]
    if labels.high >= named:
        return [
            wrong(question, f"{named}, as the data set says, but {seen}", f"number the classes from 0 to {named - 1}")
        ]
    if labels.whole and labels.distinct < named:
        return [unknown(question, f"{named}, as the data set says, of which {labels.distinct} occur", "was it cut?")]
    return [ok(question, f"{named}, as the data set says; {seen}")]


def _samples(dataset: Any) -> Answer:
    count = _length(dataset)
    if count is None:
        return unknown("samples", "the data set does not know its length")
    told = f"{count:,} in {type(dataset).__name__}"
    samples = samples_of(dataset, Numbers(), {})
    known = data_set(samples.kind) or data_set_at(samples.root)
    published = known.size(samples.split) if known is not None else None
    if known is not None and published is not None and count < published and not isinstance(dataset, Subset):
        told = f"{told}; the {samples.split} part of {known.name} has {published:,}"
        return unknown("samples", told, "unless it was cut on purpose, delete the data and download them again")
    return ok("samples", told)


def _labels_of_all(dataset: Any, depth: int = 6) -> Tensor | None:
    """The class numbers of all samples, from what the data set holds; nothing is read from a disk."""
    if isinstance(dataset, Subset) and depth:
        whole = _labels_of_all(dataset.dataset, depth - 1)
        if whole is None:
            return None
        try:
            return whole[torch.as_tensor(list(dataset.indices), dtype=torch.long)]
        except (IndexError, TypeError, ValueError, RuntimeError):
            return None
    if isinstance(dataset, ConcatDataset) and depth:
        parts = [_labels_of_all(part, depth - 1) for part in dataset.datasets]
        known = [part for part in parts if part is not None]
        return torch.cat(known) if known and len(known) == len(parts) else None
    if isinstance(dataset, TensorDataset):
        return dataset.tensors[-1].cpu() if len(dataset.tensors) > 1 and _counts(dataset.tensors[-1]) else None
    if getattr(dataset, "target_transform", None) is not None:
        return None
    # The names that torchvision uses; anywhere else they may be anything, and are not what `__getitem__` gives.
    ours = type(dataset).__module__.startswith("torchvision.")
    return _numbered(getattr(dataset, "targets", None), _length(dataset)) if ours else None


def _numbered(labels: Any, count: int | None) -> Tensor | None:
    if not isinstance(labels, (list, tuple, Tensor)) or len(labels) != count or len(labels) > MOST_LABELS:
        return None
    try:
        found = torch.as_tensor(labels).cpu()
    except (TypeError, ValueError, RuntimeError):
        return None
    return found if _counts(found) else None


def _counts(targets: Any) -> bool:
    """Class numbers, one for each sample."""
    if not isinstance(targets, Tensor) or targets.dim() != 1 or not targets.numel():
        return False
    return not (targets.is_floating_point() or targets.is_complex() or targets.dtype is torch.bool)


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None


def _shapes(value: Any) -> str:
    if isinstance(value, Tensor):
        return _shape(value)
    if isinstance(value, dict):
        return ", ".join(f"{name!s}: {_shape(part)}" for name, part in value.items() if isinstance(part, Tensor))
    return _joined(_shape(tensor) for tensor in tensors_in(value)) or _kind(value)


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))}) {str(tensor.dtype).removeprefix('torch.')}"


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
