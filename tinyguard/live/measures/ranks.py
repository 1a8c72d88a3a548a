"""Live witness: the processes of a distributed training, each with a copy of the model that must stay the same."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn
from torch.optim import Optimizer
from torch.utils.data.distributed import DistributedSampler

from tinyguard.live.loaders import Pass
from tinyguard.live.measures.epochs import sampler_of
from tinyguard.live.recorder import Use, Where
from tinyguard.measured.training import RanksDiffer

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

COLLECTIVES = """
    all_reduce all_reduce_coalesced broadcast reduce reduce_scatter reduce_scatter_tensor all_gather all_gather_object
    all_gather_into_tensor broadcast_object_list send recv isend irecv batch_isend_irecv all_to_all all_to_all_single
""".split()
PARAMETERS, ELEMENTS = 4, 8  # of an optimizer, and of each of them, that are compared
EQUAL = 1e-4  # relative; copies that are kept the same are so to the last bit
PAUSE_S = 0.2  # between two looks for the numbers of the others
PATIENCE_S = 2.0  # for them, when the process group is about to go


class Apart:
    """The weights of this rank after a pass in which nothing was exchanged."""

    def __init__(self, steps: int, weights: list[float], fields: dict[str, Any], where: Where) -> None:
        self.steps = steps
        self.weights = weights
        self.fields = fields
        self.where = where


class Ranks:
    """Compares the weights of the ranks after a pass over a loader, when their gradients went past
    DistributedDataParallel, or nothing at all was exchanged.

    A few numbers of each rank are put into the store by which the ranks have found each other: no collective, for which
    all ranks would have to wait, and nothing at all in a training that exchanges its gradients.
    """

    def attach(self, witness: Witness) -> None:
        if not distributed.is_available():
            return
        self._recorder, self._loaders = witness.recorder, witness.loaders
        self._wrapped: dict[int, frozenset[int]] = {}  # by wrapper: its parameters
        self._through = self._exchanged = False  # since the last step, in this pass
        self._candidate: tuple[Use, int, Where] | None = None  # a forward pass beside the wrapper, since the last step
        self._bypass: tuple[Use, int, Where] | None = None
        self._shared: set[int] = set()  # loaders of which each rank gets its own part
        self._last: tuple[weakref.ref[Optimizer], Where] | None = None
        self._steps: dict[int, int] = {}
        self._apart: Apart | None = None
        self._next = 0.0
        self._over_with = False  # it was told, or the store is gone
        wrapper = nn.parallel.DistributedDataParallel
        witness.patch(wrapper, "__init__", self._init)
        witness.patch(wrapper, "forward", self._forward)
        for name in COLLECTIVES:
            witness.patch(distributed, name, self._exchange)
        witness.patch(distributed, "destroy_process_group", self._destroy)
        witness.loaders.on_start.append(self._started)
        witness.loaders.on_pass.append(self._passed)
        witness.modules.on_use.append(self._used)
        witness.optimizers.on_step.append(self._stepped)

    # --- what is exchanged --------------------------------------------------------------------------------------------

    def _init(self, original: Callable[..., None]) -> Callable[..., None]:
        built = self._recorder.observer(self._wrap)

        def init(wrapper: Any, *args: Any, **kwargs: Any) -> None:
            original(wrapper, *args, **kwargs)
            built(wrapper)

        return init

    def _forward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        ran = self._recorder.observer(self._ran)

        def forward(wrapper: Any, *args: Any, **kwargs: Any) -> Any:
            ran(wrapper)
            return original(wrapper, *args, **kwargs)

        return forward

    def _ran(self, wrapper: Any) -> None:
        self._wrap(wrapper)
        if torch.is_grad_enabled():
            self._through = self._exchanged = True

    def _wrap(self, wrapper: Any) -> None:
        number = self._recorder.numbers.of(wrapper)
        if number not in self._wrapped:
            self._wrapped[number] = self._recorder.leaves(wrapper.parameters()).leaves

    def _exchange(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def exchange(*args: Any, **kwargs: Any) -> Any:
            self._exchanged = True
            return original(*args, **kwargs)

        return exchange

    # --- forward passes and steps -------------------------------------------------------------------------------------

    def _used(self, use: Use) -> None:
        number, leaves = use.event.model, use.event.parameters.leaves
        if not use.event.grad or number in self._wrapped or world() < 2:
            return
        for wrapper, theirs in self._wrapped.items():
            if not leaves.isdisjoint(theirs):
                self._candidate = use, wrapper, self._recorder.here()

    def _stepped(self, optimizer: Optimizer) -> None:
        if world() < 2 or self._over_with:
            return
        number = self._recorder.numbers.of(optimizer)
        self._steps[number] = self._steps.get(number, 0) + 1
        if self._candidate is not None and not self._through:
            self._bypass = self._candidate
        self._candidate, self._through = None, False
        if self._last is None or self._last[0]() is not optimizer:
            self._last = weakref.ref(optimizer), self._recorder.here(of=optimizer)
        self._compare()

    # --- passes -------------------------------------------------------------------------------------------------------

    def _started(self, loader: Any, passed: Pass) -> None:
        sampler = sampler_of(loader)
        if isinstance(sampler, DistributedSampler) and sampler.num_replicas == world() > 1:
            self._shared.add(passed.loader)
            self._exchanged = False

    def _passed(self, passed: Pass) -> None:
        """What the ranks hold is put where the first can read it."""
        alone = passed.loader in self._shared and not self._exchanged
        optimizer = self._last[0]() if self._last is not None else None
        if self._over_with or not passed.stepped or optimizer is None or not (alone or self._bypass is not None):
            return
        weights = weights_of(optimizer)
        store = the_store()
        if not weights or store is None:
            return
        steps = self._steps[self._recorder.numbers.of(optimizer)]
        store.set(_key(steps, distributed.get_rank()), json.dumps(weights))
        if distributed.get_rank() == 0:
            use, wrapper, where = self._bypass or (None, None, self._last[1] if self._last is not None else None)
            fields = {
                "optimizer": self._recorder.numbers.of(optimizer),
                "wrapper": wrapper,
                "model": use.event.model if use is not None else None,
            }
            self._apart = Apart(steps, weights, fields, where or self._recorder.here())

    def _compare(self) -> bool:
        """Tells when another rank holds other weights. Returns whether all have been heard of."""
        apart = self._apart
        if apart is None or perf_counter() < self._next:
            return apart is None
        self._next = perf_counter() + PAUSE_S
        store = the_store()
        if store is None:
            return True
        others = range(1, world())
        if not store.check([_key(apart.steps, rank) for rank in others]):
            return False
        self._apart = None
        for rank in others:
            theirs = json.loads(store.get(_key(apart.steps, rank)))
            pairs = list(zip(apart.weights, theirs, strict=False))
            different = [(a, b) for a, b in pairs if abs(a - b) > EQUAL * max(abs(a), abs(b))]
            if len(theirs) == len(apart.weights) and 2 * len(different) > len(pairs):
                self._over_with = True
                own, other = max(different, key=lambda pair: abs(pair[0] - pair[1]))
                self._recorder.emit(
                    RanksDiffer, apart.where, **apart.fields, steps=apart.steps, ranks=world(), own=own, other=other
                )
                break
        return True

    def _destroy(self, original: Callable[..., Any]) -> Callable[..., Any]:
        wait = self._recorder.observer(self._wait)

        def destroy(*args: Any, **kwargs: Any) -> Any:
            wait()
            return original(*args, **kwargs)

        return destroy

    def _wait(self) -> None:
        until = perf_counter() + PATIENCE_S
        while not self._compare() and perf_counter() < until:
            sleep(PAUSE_S / 4)


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def the_store() -> Any:
    """Where the ranks have met; None: it cannot be had."""
    try:
        return distributed.distributed_c10d._get_default_store()
    except (AttributeError, ValueError, RuntimeError):
        return None


def weights_of(optimizer: Optimizer) -> list[float]:
    """A few numbers of what the optimizer trains; none of tensors that are spread over the ranks."""
    tensors = [tensor for group in optimizer.param_groups for tensor in group["params"] if tensor.requires_grad]
    if not all(type(tensor) in (Tensor, nn.Parameter) for tensor in tensors):
        return []
    with torch.no_grad():
        return [value for tensor in tensors[:PARAMETERS] for value in tensor.reshape(-1)[:ELEMENTS].float().tolist()]


def _key(steps: int, rank: int) -> str:
    return f"tinyguard/weights/{steps}/{rank}"
