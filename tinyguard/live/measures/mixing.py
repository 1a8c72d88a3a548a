"""Live witness: layers that run along the samples of a batch, where they should run along something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import RandomSampler, SubsetRandomSampler, WeightedRandomSampler

from tinyguard.finding import Place
from tinyguard.live.forwards import listen
from tinyguard.live.loaders import Pass
from tinyguard.live.modules import tensors_in
from tinyguard.live.recorder import Where
from tinyguard.measured.models import SamplesMixed

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

RANDOM = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
SOFTMAX = ("softmax", "log_softmax", "softmin")
MOST = 100  # places that are told, and loaders that are remembered
MOST_PARAMETERS = 2000  # of a model whose shapes are looked at


class Loader(NamedTuple):
    """What is known of one."""

    batch_size: int
    random: bool  # what stands next to a sample is chance


class Root(NamedTuple):
    """The forward pass of a whole model on a batch of a loader."""

    model: nn.Module
    samples: int
    loader: int
    random: bool
    suspects: list[tuple[Where, str, str, tuple[int, ...]]]  # where, how, the layer, the shape of what it was given


class Mixing:
    """Compares dimensions with the number of samples, while the window of attention is open.

    Nothing is run a second time to see whether an output changes with its neighbours: a forward of the user's may
    count, print or draw random numbers. So the number of samples must be of one dimension only: that of a full batch of
    the loader, as it was drawn and as the model gets it, with no other dimension a multiple of it, no parameter of that
    size, and an output with a row for each. Where the order of the samples may have a meaning, nothing is told.
    """

    def __init__(self) -> None:
        self._loaders: dict[int, Loader] = {}
        self._drawn: dict[int, int] = {}  # loader -> samples in its last batch
        self._stack: list[nn.Module] = []
        self._root: Root | None = None
        self._told: set[Place] = set()
        self._end: Callable[[], None] | None = None

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._attention = witness.attention
        self._behind = witness.loaders.behind
        witness.loaders.on_start.append(self._start)
        witness.losses.on_activation.append(self._activated)
        witness.attention.on_open.append(self._watch)
        witness.attention.on_close.append(self._rest)
        witness.undo_with(self._rest)

    def _start(self, loader: Any, passed: Pass) -> None:
        if isinstance(loader.batch_size, int) and (passed.loader in self._loaders or len(self._loaders) < MOST):
            self._loaders[passed.loader] = Loader(loader.batch_size, type(loader.sampler) in RANDOM)
            passed.readers.append(self._batch)

    def _batch(self, passed: Pass, batch: Any) -> bool:
        if self._attention.open:
            size = self._loaders[passed.loader].batch_size
            tensors = list(tensors_in(batch))
            alike = bool(tensors) and all(_samples(tensor, size) for tensor in tensors)
            self._drawn[passed.loader] = size if alike else 0
        return True

    # --- forward passes -----------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._end is None and len(self._told) < MOST:
            self._end = listen(self._recorder.observer(self._entered), self._recorder.observer(self._left))

    def _rest(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None
        self._stack.clear()
        self._root = None

    def _entered(self, module: nn.Module, inputs: Any) -> None:
        if not self._stack:
            self._root = self._begun(module, inputs)
        self._stack.append(module)
        if self._root is not None:
            self._look(self._root, module, inputs)

    def _begun(self, module: nn.Module, inputs: Any) -> Root | None:
        loaders = self._behind(inputs)
        first = next(tensors_in(inputs), None)
        if len(loaders) != 1 or first is None or first.dim() < 2:
            return None
        number, samples = loaders[0], self._drawn.get(loaders[0], 0)
        if samples < 2 or not _samples(first, samples):
            return None
        return Root(module, samples, number, self._loaders[number].random, [])

    def _look(self, root: Root, module: nn.Module, inputs: Any) -> None:
        given = next(tensors_in(inputs), None)
        if given is None:
            return
        how = ""
        if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
            sequences = root.random and not module.batch_first and given.dim() == 3
            if sequences and _samples(given, root.samples):
                how = "recurrence" if isinstance(module, nn.RNNBase) else "attention"
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            own = module.running_mean is None and not module.training and not root.model.training
            how = "batch norm" if own and not torch.is_grad_enabled() else ""
        if how:
            self._suspect(root, how, type(module).__name__, given)

    def _activated(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        root, given = self._root, args[0] if args else None
        if root is None or name not in SOFTMAX or not isinstance(given, Tensor) or given.dim() < 2 or not root.random:
            return
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        if dim in (0, -given.dim()) and _samples(given, root.samples) and not _has_size(root.model, root.samples):
            self._suspect(root, "softmax", name, given)

    def _suspect(self, root: Root, how: str, layer: str, given: Tensor) -> None:
        where = self._recorder.here()
        if where[0] not in self._told and len(root.suspects) < MOST:
            root.suspects.append((where, how, layer, tuple(given.shape)))

    def _left(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        while self._stack and self._stack.pop() is not module:
            pass
        if self._stack:
            return
        root, self._root = self._root, None
        result = next(tensors_in(output), None)
        if root is None or result is None or not result.dim() or result.shape[0] != root.samples:
            return
        for where, how, layer, shape in root.suspects:
            if where[0] not in self._told:
                self._told.add(where[0])
                self._recorder.emit(
                    SamplesMixed,
                    where,
                    model=self._recorder.numbers.of(root.model),
                    samples=root.samples,
                    loader=root.loader,
                    how=how,
                    layer=layer,
                    shape=shape,
                    training=root.model.training,
                )


def _samples(tensor: Tensor, count: int) -> bool:
    """The first dimension counts the samples, and no other can."""
    return tensor.dim() > 0 and tensor.shape[0] == count and all(size % count for size in tensor.shape[1:] if size)


def _has_size(model: nn.Module, size: int) -> bool:
    """Some parameter or buffer has a dimension of this size: what it gives need not be of samples."""
    every = [*model.parameters(), *model.buffers()]
    return len(every) > MOST_PARAMETERS or any(size in tensor.shape for tensor in every)
