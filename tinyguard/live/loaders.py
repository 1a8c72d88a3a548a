"""Live witness: torch.utils.data: loaders, the batches that are drawn from them, and passes over them."""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils.data import ConcatDataset, DataLoader, Dataset, RandomSampler, SequentialSampler, Subset, TensorDataset
from torch.utils.data.dataloader import _BaseDataLoaderIter

from tinyguard.events import BatchDrawn, DatasetBuilt, LoaderBuilt, ModelUse, PassEnded, Samples
from tinyguard.finding import Place
from tinyguard.live.attention import Attention
from tinyguard.live.modules import tensors_in
from tinyguard.live.patches import Patches
from tinyguard.live.recorder import Recorder, Use, Where
from tinyguard.live.samples import class_numbers, samples_of, told_by_name

FULL_PASSES = 2  # of each loader in each loop and run of a cell: what later ones say has been said
MOST_LOOPS = 200  # in each run of a cell


class Address(NamedTuple):
    """Where a tensor of a batch lies; once that memory is freed, anything can lie there."""

    target: bool
    storage: StorageWeakRef


Addresses = Mapping[int, Address]  # of the tensors of one batch


class Pass:
    """One pass over a loader, while it lasts."""

    def __init__(self, loader: int, samples: Samples) -> None:
        self.loader = loader
        self.samples = samples
        self.where: Where | None = None  # the loop
        self.models: dict[int, ModelUse] = {}
        self.stepped: list[int] = []
        self.backward = False
        self.measured = False
        self.told = True  # its end is an event
        self.loop = False  # a `for` draws, whose end is the end of the pass
        self.batches = 0  # drawn so far
        self.whole = False  # it went to the end, and was not broken off
        self.asked_at = self.drawn_at = 0.0  # the last batch, on the clock of perf_counter
        self.waited_s = 0.0  # for the last batch, while no device had anything else to do
        self.iterator: Callable[[], Any] = lambda: None  # what draws, as long as it lives
        self.readers: list[Reader] = []  # of its batches; most have soon read enough


Reader = Callable[[Pass, Any], bool]  # the pass, and the batch that was drawn -> whether it wants the next one, too


class Loaders:
    """Observes loaders. The storage of a batch's tensors tells which loader a tensor comes from."""

    def __init__(self, recorder: Recorder, attention: Attention) -> None:
        self._recorder = recorder
        self._attention = attention
        self._passes: dict[int, Pass] = {}  # by id of the iterator
        self.drawing: tuple[int, ...] = ()  # the loaders that are being drawn from
        self._gone: dict[int, weakref.ref[Any]] = {}
        self._addresses: dict[int, Addresses] = {}  # loader -> of its last batch
        self._samples: dict[int, Samples] = {}
        self._batches: dict[int, int] = {}  # loader -> in one pass
        self._idle, self._asked_at = True, 0.0
        self._vision = False  # torchvision is observed
        self._building = 0  # depth of constructors of data sets
        self._told: dict[tuple[int, Place], int] = {}  # passes told of each loader and loop in this run of a cell
        self._names: dict[int, tuple[str, str]] = {}  # number -> split that its name tells, and the evidence
        self._datasets: set[int] = set()  # that were told of
        self.latest: Pass | None = None  # of the batch that was drawn last
        self.on_dataset: list[Callable[[Any], None]] = []
        self.on_look: list[Callable[[], None]] = []  # when a pass begins that is looked at
        self.on_built: list[Callable[[Any, LoaderBuilt], None]] = []
        self.on_start: list[Callable[[Any, Pass], None]] = []  # a loader, and its pass that begins: who reads it?
        self.on_pass: list[Callable[[Pass], None]] = []

    def attach(self, patches: Patches) -> None:
        patches.replace(DataLoader, "__init__", self._init)
        patches.replace(DataLoader, "__iter__", self._iter)
        patches.replace(_BaseDataLoaderIter, "__next__", self._next)
        self._patches = patches
        for cls in (TensorDataset, Subset, ConcatDataset):
            patches.replace(cls, "__init__", self._dataset_init)

    def begin(self) -> None:
        """A cell begins: its passes are told anew."""
        self._told.clear()
        vision = sys.modules.get("torchvision.datasets")
        if vision is not None and not self._vision:
            self._vision = True
            for cls in {value for value in vars(vision).values() if isinstance(value, type)}:
                if "__init__" in vars(cls) and issubclass(cls, Dataset):
                    self._patches.replace(cls, "__init__", self._dataset_init)

    def _dataset_init(self, original: Callable[..., None]) -> Callable[..., None]:
        built = self._recorder.observer(self._dataset_built)

        def init(dataset: Any, *args: Any, **kwargs: Any) -> None:
            self._building += 1
            try:
                original(dataset, *args, **kwargs)
            finally:
                self._building -= 1
            if not self._building:
                built(dataset)

        return init

    def _dataset_built(self, dataset: Any) -> None:
        self.dataset_built(dataset, self._recorder.here(of=dataset))

    def dataset_built(self, dataset: Any, where: Where) -> None:
        number = self._recorder.numbers.of(dataset)
        if number not in self._datasets:
            self._datasets.add(number)
            samples = samples_of(dataset, self._recorder.numbers, self._names)
            self._recorder.emit(DatasetBuilt, where, dataset=number, samples=samples)

    # --- loaders ------------------------------------------------------------------------------------------------------

    def _init(self, original: Callable[..., None]) -> Callable[..., None]:
        built = self._recorder.observer(self._built)

        def init(loader: Any, *args: Any, **kwargs: Any) -> None:
            original(loader, *args, **kwargs)
            built(loader)

        return init

    def _built(self, loader: Any) -> None:
        for act in self.on_dataset:
            act(loader.dataset)
        sampler = getattr(loader, "sampler", None)
        plain = type(sampler) in (RandomSampler, SequentialSampler)
        stream = not plain and type(sampler).__name__ == "_InfiniteConstantSampler"
        self._recorder.emit(
            LoaderBuilt,
            self._recorder.here(of=loader),
            loader=self._recorder.numbers.of(loader),
            samples=self.samples(loader).replace(labels=class_numbers(loader.dataset)),
            dataset=self._recorder.numbers.of(loader.dataset),
            shuffle=type(sampler) is RandomSampler if plain else None if stream else False,
            sampler=not plain and not stream,
            batch_size=loader.batch_size,
            drop_last=loader.drop_last,
        )
        event = self._recorder.last[LoaderBuilt]
        assert isinstance(event, LoaderBuilt)
        for told in self.on_built:
            told(loader, event)

    def samples(self, loader: Any) -> Samples:
        """What is known of the loader's samples; a name tells the split when nothing else does."""
        number = self._recorder.numbers.of(loader)
        samples = samples_of(loader.dataset, self._recorder.numbers, self._names)
        samples = told_by_name(samples, self._names.get(number))
        self._samples[number] = samples
        return samples

    def named(self, thing: Any, split: str, evidence: str) -> None:
        """The name of a loader or data set tells the split."""
        self._names.setdefault(self._recorder.numbers.of(thing), (split, evidence))

    # --- batches ------------------------------------------------------------------------------------------------------

    def _iter(self, original: Callable[..., Any]) -> Callable[..., Any]:
        started = self._recorder.observer(self._started)

        def iterate(loader: Any) -> Any:
            iterator = original(loader)
            started(loader, iterator)
            return iterator

        return iterate

    def _started(self, loader: Any, iterator: Any) -> None:
        key, number = id(iterator), self._recorder.numbers.of(loader)
        if key in self._passes:
            self._over(key)  # persistent workers: one iterator for all passes
        passed = Pass(number, self.samples(loader))
        try:
            self._batches[number] = len(loader)
        except (TypeError, NotImplementedError):
            self._batches.pop(number, None)  # a stream
        passed.iterator = weakref.ref(iterator)
        key_of_loop = (number, self._recorder.here()[0])
        told = self._told.get(key_of_loop, 0)
        if told < FULL_PASSES and len(self._told) < MOST_LOOPS:
            self._told[key_of_loop] = told + 1
            self._attention.look()
            for look in self.on_look:
                look()
        else:
            passed.told = False
        self._passes[key] = passed
        self.drawing = tuple(passed.loader for passed in self._passes.values())
        for act in self.on_start:
            act(loader, passed)
        dropped = self._recorder.observer(self._over)
        self._gone[key] = weakref.ref(iterator, lambda _: dropped(key))

    def _next(self, original: Callable[..., Any]) -> Callable[..., Any]:
        asked = self._recorder.observer(self._asked)
        drawn = self._recorder.observer(self._drawn)
        over = self._recorder.observer(self._ended)

        def draw(iterator: Any) -> Any:
            if torch.cuda.is_initialized():
                asked()
            self._asked_at = perf_counter()
            try:
                batch = original(iterator)
            except StopIteration:
                over(id(iterator))
                raise
            drawn(id(iterator), batch)
            return batch

        return draw

    def _asked(self) -> None:
        self._idle = device_idle()

    def _drawn(self, key: int, batch: Any) -> None:
        passed = self._passes.get(key)
        if passed is None:
            return
        if self._attention.open:
            passed.where = self._recorder.here()
            passed.loop = self._recorder.places.in_loop()
            self._recorder.emit(BatchDrawn, passed.where, loader=passed.loader, samples=passed.samples)
            self._addresses[passed.loader] = addresses(batch)
        passed.batches += 1
        now = perf_counter()
        passed.asked_at, passed.drawn_at = self._asked_at, now
        passed.waited_s = now - self._asked_at if self._idle else 0.0
        self.latest = passed
        if passed.readers:
            passed.readers = [read for read in passed.readers if read(passed, batch)]
        self._attention.lap()

    def _ended(self, key: int) -> None:
        passed = self._passes.get(key)
        if passed is not None:
            passed.whole = True
            self._addresses.pop(passed.loader, None)  # the memory of its last batch is soon another's
        self._over(key)

    def _over(self, key: int) -> None:
        passed = self._passes.pop(key, None)
        self._gone.pop(key, None)
        self.drawing = tuple(passed.loader for passed in self._passes.values())
        if passed is None:
            return
        for act in self.on_pass:
            act(passed)
        if passed.told and passed.loop and passed.where is not None:
            self._recorder.emit(
                PassEnded,
                passed.where,
                loader=passed.loader,
                samples=passed.samples,
                models=tuple(passed.models.values()),
                backward=passed.backward,
                stepped=tuple(passed.stepped),
                measured=passed.measured,
            )

    # --- what becomes of the batches ----------------------------------------------------------------------------------

    def behind(self, inputs: Any) -> tuple[int, ...]:
        """The loaders that these tensors come from.

        Moved or converted, a tensor has another address; then the one loader that is being drawn from is meant, and
        none when there are several.
        """
        found = {
            loader
            for tensor in tensors_in(inputs)
            for loader, known in self._addresses.items()
            if address(tensor, known) is not None
        }
        if not found:
            found = {passed.loader for passed in self._passes.values()}
        return tuple(found) if len(found) == 1 else ()

    def target_samples(self, target: Any) -> Samples | None:
        """The samples that labels come from."""
        if not isinstance(target, Tensor):
            return None
        for loader, known in self._addresses.items():
            if (found := address(target, known)) is not None and found.target:
                return self._samples.get(loader)
        return None

    def used(self, use: Use) -> None:
        """A model's forward pass ran on batches of these loaders."""
        for passed in self._of(use.loaders):
            passed.models[use.event.model] = use.event

    def measured(self, loaders: tuple[int, ...]) -> None:
        """A loss was computed on batches of these loaders."""
        for passed in self._of(loaders):
            passed.measured = True

    def compared(self) -> None:
        """Predictions were made or compared: of the batch that a model has just seen."""
        for passed in self._passes.values():
            passed.measured = passed.measured or bool(passed.models)

    def backward(self, loaders: tuple[int, ...]) -> None:
        for passed in self._of(loaders):
            passed.backward = True

    def trained(self) -> None:
        """A backward pass ran, and nobody looked at what it was of."""
        for passed in self._passes.values():
            passed.backward = True

    def stepped(self, optimizer: int) -> None:
        for passed in self._passes.values():
            if passed.backward and optimizer not in passed.stepped:
                passed.stepped.append(optimizer)

    def batches(self, loader: int) -> int | None:
        """How many batches a pass over the loader has; None when it cannot tell."""
        return self._batches.get(loader)

    def known_samples(self, loader: int) -> Samples | None:
        return self._samples.get(loader)

    def passing(self, loader: int) -> Pass | None:
        """The pass over this loader that has begun and is not over."""
        return next((passed for passed in self._passes.values() if passed.loader == loader), None)

    def _of(self, loaders: tuple[int, ...]) -> list[Pass]:
        return [passed for passed in self._passes.values() if passed.loader in loaders]

    def leave(self) -> None:
        """The cell is over, and with it the loops that were broken off. Who calls `next` may go on in another cell."""
        for key in [key for key, passed in self._passes.items() if passed.loop]:
            self._over(key)


def device_idle() -> bool:
    """No work is queued for the GPU, so that waiting for a batch is time lost. Does not wait itself."""
    if torch.cuda.is_current_stream_capturing():
        return True
    return bool(torch.cuda.current_stream().query())


def addresses(batch: Any) -> Addresses:
    """Where the tensors of a batch lie, and which of them are its targets: the last of several."""
    tensors = [tensor for tensor in itertools.islice(tensors_in(batch), 16) if tensor.layout is torch.strided]
    return {
        tensor.data_ptr(): Address(len(tensors) > 1 and tensor is tensors[-1], StorageWeakRef(tensor.untyped_storage()))
        for tensor in tensors
    }


def address(tensor: Tensor, known: Addresses) -> Address | None:
    """The tensor of the batch that this one is, or begins with; None when it is none of them."""
    if not known or tensor.layout is not torch.strided:
        return None
    found = known.get(tensor.data_ptr())
    return found if found is not None and not found.storage.expired() else None
