"""Live witness: the labels of a pass over a loader, in the order drawn: class by class, or all the same?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler, Subset, TensorDataset

from tinyguard.live.batches import at_hand, inputs_of, labels_of, varied
from tinyguard.live.loaders import Pass
from tinyguard.live.measures.targets import CLASS_NUMBERS, asked_of
from tinyguard.measured.data import LabelsAlike

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

STRETCH = 8  # samples of a class in a row; of two classes, shuffled, one in 128 stretches is as long
SURE = 16  # of each of the first three classes: enough to tell before the pass is over
MOST_LABELS = 200_000  # of a data set that are looked through
MOST_SAMPLES = 4096  # in a batch that is read


class Order:
    """The labels of one pass so far. `open`: each label has come in one stretch, and there is more to be read."""

    def __init__(self, passed: Pass) -> None:
        self.passed = passed
        self.open = True
        self.seen = 0
        self.single = 0
        self.stretches: list[int] = []  # lengths, the last one still growing
        self.labels: list[int] = []  # of each stretch
        self.latest: tuple[int, int] | None = None  # the least and the greatest label of the last batch
        self.used: bool | None = None
        self.parts, self.whole_size = 0, 0
        self.ahead: Ahead | None = None  # what is to come, when it will come class by class

    def read(self, labels: list[int]) -> None:
        self.seen += len(labels)
        self.latest = (min(labels), max(labels))
        self.single += len(set(labels)) == 1
        for label in labels:
            if self.labels and label == self.labels[-1]:
                self.stretches[-1] += 1
            elif label in self.labels or (self.stretches and self.stretches[-1] < STRETCH):
                self.open = False
                return
            else:
                self.labels.append(label)
                self.stretches.append(1)

    @property
    def proven(self) -> bool:
        return len(self.stretches) > 2 and min(self.stretches) >= SURE


class Ahead(NamedTuple):
    """The labels of a pass in the order of the data set, read off the labels that it holds: class by class."""

    column: Tensor
    distinct: int
    samples: int
    batches: int
    single: int  # batches with one label only

    def begins_with(self, order: Order) -> bool:
        seen = int(self.column[: order.seen].unique_consecutive().numel())
        return int(self.column[0]) == order.labels[0] and seen == len(order.labels)


def part_of(dataset: Any) -> tuple[int, int]:
    """How many subsets there are around a data set, and how many samples that has."""
    parts = 0
    while isinstance(dataset, Subset):
        dataset, parts = dataset.dataset, parts + 1
    try:
        return parts, len(dataset) if parts else 0
    except TypeError:
        return parts, 0  # a data set need not know


def ahead(loader: Any) -> Ahead | None:
    """None: the pass is in another order, nobody can tell, or the classes are mixed."""
    if loader.batch_size is None or type(loader.sampler) is not SequentialSampler:
        return None
    dataset = loader.dataset
    column = dataset.tensors[-1] if isinstance(dataset, TensorDataset) else getattr(dataset, "targets", None)
    if isinstance(column, list) and 0 < len(column) <= MOST_LABELS and isinstance(column[0], int):
        column = torch.as_tensor(column, device="cpu")
    if (
        not isinstance(column, Tensor)
        or not at_hand(column)
        or column.dim() != 1
        or column.is_floating_point()
        or not 0 < len(column) <= MOST_LABELS
    ):
        return None
    labels, counts = column.unique_consecutive(return_counts=True)
    distinct = len(labels)
    if distinct < 2 or distinct != len(labels.unique()) or int(counts.min()) < STRETCH or len(column) != len(dataset):
        return None
    batches = column.split(loader.batch_size)
    single = sum(int(batch[0]) == int(batch[-1]) for batch in batches)  # no class comes back
    return Ahead(column.clone(), distinct, len(column), len(batches), single)


class Labels:
    """Reads the labels of each batch until they are seen to be mixed: in most passes, in the first one."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}  # by loader
        self._told: set[int] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._loaders = witness.loaders
        self._loaders.on_start.append(self._start)
        self._loaders.on_pass.append(self._end)
        witness.losses.before_loss.append(self._use)

    def _start(self, loader: Any, passed: Pass) -> None:
        self._orders.pop(passed.loader, None)
        if passed.told and passed.loader not in self._told:
            order = self._orders[passed.loader] = Order(passed)
            order.parts, order.whole_size = part_of(loader.dataset)
            order.ahead = ahead(loader) if self._recorder.affordable else None
            passed.readers.append(self._read)

    def _read(self, passed: Pass, batch: Any) -> bool:
        order = self._orders.get(passed.loader)
        if order is None or not order.open or order.passed is not passed:
            return False
        labels = labels_of(batch)
        if labels is None or not 0 < labels.numel() <= MOST_SAMPLES or (not order.seen and _made_up(batch)):
            order.open = False
            return False
        order.read(labels.long().tolist())
        if order.ahead is not None and not order.ahead.begins_with(order):
            order.ahead = None  # the data set gives other labels than it holds
        if order.open and order.used and (order.proven or order.ahead is not None):
            self._tell(order)
        return order.open

    def _use(self, criterion: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Whether the labels that a loss is given are those of the batch."""
        passed = self._loaders.latest
        order = self._orders.get(passed.loader) if passed is not None else None
        if order is None or not order.open or criterion not in CLASS_NUMBERS or order.used is False:
            return
        asked = asked_of(criterion, args, kwargs)
        if asked is None or not (asked.target.device.type == "cpu" or self._recorder.affordable):
            return
        order.used = _extremes(asked.target) == order.latest

    def _end(self, passed: Pass) -> None:
        order = self._orders.get(passed.loader)
        if order is None or order.passed is not passed:
            return
        del self._orders[passed.loader]
        if order.open and passed.whole and order.stretches and min(order.stretches) >= STRETCH:
            self._tell(order)

    def _tell(self, order: Order) -> None:
        order.open = False
        self._told.add(order.passed.loader)
        self._recorder.emit(
            LabelsAlike,
            order.passed.where,
            loader=order.passed.loader,
            samples=order.passed.samples,
            distinct=order.ahead.distinct if order.ahead else len(order.labels),
            label=order.labels[0],
            seen=order.ahead.samples if order.ahead else order.seen,
            batches=order.ahead.batches if order.ahead else order.passed.batches,
            single=order.ahead.single if order.ahead else order.single,
            whole=order.passed.whole,
            used=order.used,
            parts=order.parts,
            whole_size=order.whole_size,
        )


def _made_up(batch: Any) -> bool:
    """Its inputs are all the same: a stand-in for data, whose labels mean nothing."""
    inputs = inputs_of(batch)
    return inputs is not None and len(inputs) > 1 and not varied(inputs)


def _extremes(target: Tensor) -> tuple[int, int] | None:
    return (int(target.min()), int(target.max())) if target.numel() else None
