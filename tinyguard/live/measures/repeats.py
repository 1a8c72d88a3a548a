"""Live witness: batches that a training draws again and again, though the loader has others."""

from __future__ import annotations

import gc
import itertools
import linecache
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.data import IterableDataset, RandomSampler, SequentialSampler, WeightedRandomSampler

from tinyguard.live.batches import fingerprint, inputs_of, varied
from tinyguard.live.cells import Execution
from tinyguard.live.loaders import Pass
from tinyguard.measured.data import BatchesRepeated, InputsRepeated, SamplesLeftOut

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

TIMES = 3  # the same again: twice may be a look at a batch before the training
MOST_LOADERS = 1000  # that are remembered; who builds so many builds each anew
MOST_PASSES = 16  # of a loader in each run of a cell whose first batch is read


class Begun:
    """How the passes over one loader have begun."""

    def __init__(self, loader: Any) -> None:
        sampler = getattr(loader, "sampler", None)
        plain = loader.batch_size is not None
        self.sequential = plain and type(sampler) is SequentialSampler
        self.shuffle = plain and type(sampler) is RandomSampler
        self.batch_size = loader.batch_size
        # (weights, samples) of a sampler that can draw the first few samples only
        self.weights = _weights(sampler, loader.dataset) if plain and type(sampler) is WeightedRandomSampler else None
        self.batches = 0 if isinstance(loader.dataset, IterableDataset) else _length(loader)
        self.cell: Execution | None = None
        self.passes = 0
        self.passed: Pass | None = None
        self.first: tuple[object, ...] | None = None  # the fingerprint of the first batch of that pass
        self.trained = False  # since it was drawn
        self.alone = 1  # passes in a row that gave this first batch and no other
        self.alike = 1  # whole passes in a row that began with it
        self.told: set[str] = set()


class Given:
    """What a model got last."""

    def __init__(self) -> None:
        self.content: tuple[object, ...] | None = None
        self.times = 0  # steps in a row
        self.steps = 0  # backward passes before


class Repeats:
    """Compares the first batches of the passes over each loader, and the inputs of the first steps."""

    def __init__(self) -> None:
        self._begun: dict[int, Begun] = {}  # by loader
        self._steps = 0  # backward passes
        self._given: dict[int, Given] = {}  # by model

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._cells = witness.cells
        witness.loaders.on_start.append(self._start)
        witness.loaders.on_pass.append(self._end)
        witness.modules.on_enter.append(self._enter)
        witness.optimizers.on_backward.append(self._backward)

    def _start(self, loader: Any, passed: Pass) -> None:
        begun = self._begun.get(passed.loader)
        if begun is None:
            if len(self._begun) >= MOST_LOADERS:
                self._begun.clear()
            begun = self._begun[passed.loader] = Begun(loader)
        if begun.cell is not self._cells.current:
            begun.cell, begun.passes, begun.passed, begun.first = self._cells.current, 0, None, None
        begun.passes += 1
        passed.readers.append(self._drawn)

    def _drawn(self, passed: Pass, batch: Any) -> bool:
        """The first batch of a pass; no other is read."""
        begun = self._begun.get(passed.loader)
        if begun is not None and begun.weights is not None:
            weights, size = begun.weights
            begun.weights = None
            where = passed.where or self._recorder.here()
            self._recorder.emit(
                SamplesLeftOut, where, loader=passed.loader, samples=passed.samples, weights=weights, size=size
            )
        if begun is not None and begun.batches >= 2 and begun.passes <= MOST_PASSES:
            self._compare(begun, passed, batch)
        return False

    def _compare(self, begun: Begun, passed: Pass, batch: Any) -> None:
        inputs, content = inputs_of(batch), fingerprint(batch)
        # Made-up data is often all the same: only an order that is known tells then that the samples are the same.
        same = content is not None and content == begun.first and inputs is not None and varied(inputs)
        before, trained = begun.passed, begun.trained
        begun.passed, begun.first, begun.trained = passed, content, False
        if before is None or not trained:
            begun.alone = begun.alike = 1
            return
        begun.alone = begun.alone + 1 if before.batches == 1 and (same or begun.sequential) else 1
        begun.alike = begun.alike + 1 if before.whole and same else 1
        if begun.alone >= TIMES:
            self._tell(begun, passed, "first", begun.alone)
        elif begun.alike >= TIMES and begun.shuffle:
            self._tell(begun, passed, "order", begun.alike)

    def _enter(self, running: list[nn.Module], inputs: Any) -> None:
        """A model is called: with what it got in the step before?"""
        if len(running) != 1 or not running[0].training or not torch.is_grad_enabled():
            return
        number = self._recorder.numbers.of(running[0])
        content = fingerprint(inputs)
        given = self._given.get(number)
        if given is None:
            if len(self._given) >= MOST_LOADERS:
                self._given.clear()
            given = self._given[number] = Given()
        if content is None or content != given.content:
            given.content, given.times, given.steps = content, 1, self._steps
        elif self._steps > given.steps:
            given.times, given.steps = given.times + 1, self._steps
            if given.times == TIMES:
                self._recorder.emit(InputsRepeated, model=number, times=given.times)

    def _backward(self, _loss: Any, loaders: tuple[int, ...]) -> None:
        self._steps += 1
        for loader in loaders:
            begun = self._begun.get(loader)
            if begun is not None:
                begun.trained = True

    def _end(self, passed: Pass) -> None:
        """Who draws from an iterator at its end and is an itertools.cycle goes on with what it has kept."""
        begun = self._begun.get(passed.loader)
        if begun is None or begun.passes > 1 or not (passed.whole and passed.backward):
            return
        loses = begun.shuffle or passed.samples.augmentation
        if not loses or begun.batches < 2 or not self._recorder.affordable:
            return
        iterator = passed.iterator()
        if self._mentions_cycle() and any(type(holder) is itertools.cycle for holder in gc.get_referrers(iterator)):
            self._tell(begun, passed, "replay", 1)

    def _mentions_cycle(self) -> bool:
        """The program has the word: to look for who holds an object takes a tenth of a second."""
        sources = [execution.source for execution in self._cells.executions.values()]
        files = {frame.f_code.co_filename for frame in self._recorder.places.frames()}
        return any("cycle" in text for text in sources) or any(
            "cycle" in line for file in files for line in linecache.getlines(file)
        )

    def _tell(self, begun: Begun, passed: Pass, how: str, times: int) -> None:
        if how not in begun.told:
            begun.told.add(how)
            self._recorder.emit(
                BatchesRepeated,
                passed.where or self._recorder.here(),
                loader=passed.loader,
                samples=passed.samples,
                how=how,
                times=times,
                batches=begun.batches,
                batch_size=begun.batch_size,
                shuffle=begun.shuffle,
            )


def _weights(sampler: WeightedRandomSampler, dataset: Any) -> tuple[int, int] | None:
    weights, size = len(sampler.weights), _length(dataset)
    return (weights, size) if 2 * weights <= size else None


def _length(loader: Any) -> int:
    try:
        return len(loader)
    except TypeError:
        return 0  # nobody knows
