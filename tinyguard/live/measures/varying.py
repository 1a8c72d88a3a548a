"""Live witness: evaluations whose inputs are others each time, though the labels come in the same order."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from torch.utils.data import SequentialSampler, Subset

from tinyguard.live.batches import inputs_of, labels_of, row_hashes
from tinyguard.live.loaders import Pass
from tinyguard.measured.data import InputsVary

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_SAMPLES = 256  # of a pass that are compared
LEAST_SAMPLES = 32
MOST_LOADERS = 100  # that are remembered
NEARLY = 0.9  # of the inputs differ: a mask or a crop may leave one as it was
DEEPEST = 6  # subsets of subsets


class Drawn:
    """What an evaluation has drawn first."""

    def __init__(self, steps: int) -> None:
        self.inputs: list[int] = []
        self.labels: list[int] = []
        self.steps = steps  # of all optimizers before the pass


class Varying:
    """Compares the first two passes over a loader that does not shuffle, if something was trained in between.

    Passes right after one another are an average over several views of a picture.
    """

    def __init__(self) -> None:
        self._datasets: dict[int, weakref.ref[Any]] = {}  # by loader
        self._trained: dict[int, None] = {}  # loaders that something was trained on
        self._first: dict[int, Drawn | None] = {}  # by loader; None: there is nothing to compare any more
        self._now: dict[int, Drawn] = {}

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._loaders = witness.loaders
        self._work = witness.work
        self._loaders.on_start.append(self._start)
        self._loaders.on_pass.append(self._over)

    def _start(self, loader: Any, passed: Pass) -> None:
        number = passed.loader
        self._now.pop(number, None)
        if number not in self._datasets and len(self._datasets) < MOST_LOADERS:
            data = _inmost(loader.dataset)
            try:
                self._datasets[number] = weakref.ref(data)
            except TypeError:
                return
        plain = loader.batch_size is not None and type(loader.sampler) is SequentialSampler
        known = self._datasets.get(number)
        if plain and known is not None and self._first.get(number, ...) is not None and _transform(known()) is not None:
            self._now[number] = Drawn(self._work.all.steps)
            passed.readers.append(self._read)

    def _read(self, passed: Pass, batch: Any) -> bool:
        loader, drawn = passed.loader, self._now.get(passed.loader)
        if drawn is None or len(drawn.inputs) >= MOST_SAMPLES:
            return False
        inputs, labels = inputs_of(batch), labels_of(batch)
        if inputs is None or labels is None or len(inputs) != len(labels) or not inputs.numel():
            self._now.pop(loader)
            self._first[loader] = None
            return False
        drawn.inputs += row_hashes(inputs)
        drawn.labels += labels.long().tolist()
        return True

    def _over(self, passed: Pass) -> None:
        number, drawn = passed.loader, self._now.pop(passed.loader, None)
        if passed.backward or passed.stepped:
            self._first[number] = None
            self._trained[number] = None
        elif drawn is not None and passed.whole and passed.measured:
            first = self._first.setdefault(number, drawn)
            if first is not None and first is not drawn:
                self._first[number] = None
                self._compare(passed, first, drawn)

    def _compare(self, passed: Pass, first: Drawn, drawn: Drawn) -> None:
        if drawn.steps == first.steps or drawn.labels != first.labels or len(drawn.labels) < LEAST_SAMPLES:
            return
        changed = sum(one != two for one, two in zip(first.inputs, drawn.inputs, strict=True))
        transform = _transform(self._datasets[passed.loader]())
        trained = next((one for one in self._trained if _transform(self._data(one)) is transform), None)
        if changed < NEARLY * len(drawn.inputs) or len(set(drawn.labels)) < 2 or transform is None or trained is None:
            return
        self._recorder.emit(
            InputsVary,
            passed.where,
            loader=passed.loader,
            samples=passed.samples,
            trained=trained,
            transform=getattr(transform, "__qualname__", type(transform).__name__),
            compared=len(drawn.inputs),
        )

    def _data(self, loader: int) -> Any:
        known = self._datasets.get(loader)
        return known() if known is not None else None


def _inmost(dataset: Any) -> Any:
    depth = DEEPEST
    while isinstance(dataset, Subset) and depth:
        dataset, depth = dataset.dataset, depth - 1
    return dataset


def _transform(dataset: Any) -> Any:
    return vars(dataset).get("transform") if hasattr(dataset, "__dict__") else None
