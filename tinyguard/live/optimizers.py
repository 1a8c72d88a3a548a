"""Live witness: torch.optim and torch.autograd: optimizers, schedulers, backward passes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer, lr_scheduler
from torch.optim.optimizer import register_optimizer_step_post_hook

from tinyguard.events import (
    BackwardRan,
    GradientsCleared,
    GradientsSet,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    SchedulerBuilt,
    SchedulerStepped,
)
from tinyguard.live.attention import Attention
from tinyguard.live.graph import Graph, a_leaf, root_of
from tinyguard.live.kept import Kept
from tinyguard.live.loaders import Loaders
from tinyguard.live.losses import Loss
from tinyguard.live.modules import Modules
from tinyguard.live.patches import Patches
from tinyguard.live.recorder import Recorder, Use

FIRST_STEPS = 4  # of each optimizer in each run of a cell, also while the window is closed: one may step once an epoch
SCHEDULER_STEPS = 20  # of each in each run of a cell, also while the window is closed: most step once an epoch
UNASKED = 6  # backward passes between two whose signature is read: no two or three losses in turn escape for long
SIMPLE = (int, float, bool, str)


class Optimizers:
    """Observes gradients and who uses them."""

    def __init__(self, recorder: Recorder, attention: Attention, modules: Modules, loaders: Loaders) -> None:
        self._recorder = recorder
        self._attention = attention
        self._modules = modules
        self._loaders = loaders
        self._reached: set[int] = set()  # leaves that got gradients from a backward pass and have not lost them since
        self._kept = Kept(recorder)
        self._scheduler_steps: dict[int, int] = {}  # told in this run of a cell
        self._steps: dict[int, int] = {}  # of each optimizer that were told in this run of a cell
        self._building = 0  # depth of constructors of schedulers, which step once
        self.steps = 0  # of all optimizers in this run of a cell
        self.stepping = 0  # the number of the optimizer that has just stepped
        self._circumstances: tuple[object, ...] = ()  # of the last backward pass whose signature was read
        self._unasked = 0  # backward passes since
        self.before_backward: list[Callable[[], None]] = []  # while the window is open
        self.on_backward: list[Callable[[Any, tuple[int, ...]], None]] = []  # losses, loaders; always
        self.on_step: list[Callable[[Optimizer], None]] = []  # always

    def attach(self, patches: Patches) -> None:
        patches.replace(Optimizer, "__init__", self._init)
        patches.replace(Optimizer, "zero_grad", self._zero_grad)
        patches.replace(torch.autograd, "backward", self._backward)
        patches.replace(torch.autograd, "grad", self._grad)
        hook = register_optimizer_step_post_hook(_ignoring_result(self._recorder.observer(self._stepped)))
        patches.undo_with(hook.remove)
        for cls in {value for value in vars(lr_scheduler).values() if isinstance(value, type)}:
            if issubclass(cls, lr_scheduler.LRScheduler):
                for name, make in (("__init__", self._scheduler_init), ("step", self._scheduler_step)):
                    if name in vars(cls):
                        patches.replace(cls, name, make)

    def begin(self) -> None:
        """A cell begins."""
        self.steps = 0
        self._kept.forget()
        self._steps.clear()
        self._scheduler_steps.clear()

    # --- optimizers ---------------------------------------------------------------------------------------------------

    def _init(self, original: Callable[..., None]) -> Callable[..., None]:
        built = self._recorder.observer(self._built)

        def init(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            built(optimizer)

        return init

    def _built(self, optimizer: Optimizer) -> None:
        self._modules.flush()
        lr = optimizer.defaults.get("lr")
        self._recorder.emit(
            OptimizerBuilt,
            self._recorder.here(of=optimizer),
            optimizer=self._recorder.numbers.of(optimizer),
            parameters=self.parameters(optimizer),
            kind=type(optimizer).__name__,
            lr=float(lr) if isinstance(lr, (int, float, Tensor)) else None,
            settings={
                name: value for name, value in optimizer.defaults.items() if name != "lr" and isinstance(value, SIMPLE)
            },
        )
        self._attention.look()

    def parameters(self, optimizer: Optimizer) -> Parameters:
        return self._recorder.leaves(tensor for group in optimizer.param_groups for tensor in group["params"])

    def _zero_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        cleared = self._recorder.observer(self._cleared)

        def zero_grad(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(optimizer, *args, **kwargs)
            if self._attention.open:
                cleared(optimizer)
            return result

        return zero_grad

    def _cleared(self, optimizer: Optimizer) -> None:
        self._modules.flush()
        self.cleared(self.parameters(optimizer), "optimizer.zero_grad()")

    def cleared(self, parameters: Parameters, by: str) -> None:
        self._reached -= parameters.leaves
        self._recorder.emit(GradientsCleared, parameters=parameters, by=by)

    def _stepped(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        number = self.stepping = self._recorder.numbers.of(optimizer)
        self.steps += 1
        self._loaders.stepped(number)
        told = self._steps.get(number, 0)
        if self._attention.open or told < FIRST_STEPS:
            self._steps[number] = told + 1
            self._tell_step(optimizer, number)
        self._attention.stepped(number)
        for act in self.on_step:
            act(optimizer)

    def _tell_step(self, optimizer: Optimizer, number: int) -> None:
        self._modules.flush()
        where = self._recorder.here(of=optimizer)
        after_gap = not self._attention.open or self._attention.after_gap(number)
        by_hand = [
            tensor
            for group in optimizer.param_groups
            for tensor in group["params"]
            if tensor.grad is not None and self._recorder.numbers.of(tensor) not in self._reached
        ]
        if by_hand and not after_gap:
            self._recorder.emit(GradientsSet, where, parameters=self._recorder.leaves(by_hand))
        self._recorder.emit(
            OptimizerStepped, where, optimizer=number, parameters=self.parameters(optimizer), after_gap=after_gap
        )

    # --- gradients ----------------------------------------------------------------------------------------------------

    def _backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        begun = self._recorder.observer(self._begun)

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            begun(tensors, kwargs.get("inputs"))
            return original(tensors, *args, **kwargs)

        return backward

    def _begun(self, tensors: Any, inputs: Any) -> None:
        if not self._attention.open and not self._is_new(tensors):
            self._loaders.trained()
            self._attention.lap()
            self._attention.later("backward", self._repeat_backward)
            for tell in self.on_backward:
                tell(tensors, self._loaders.drawing)
            return
        self._modules.flush()
        for act in self.before_backward:
            act()
        roots = [root for tensor in _each(tensors) if (root := root_of(tensor)) is not None]
        graphs = [Graph(root) for root in roots]
        leaves = [leaf for graph in graphs for leaf in graph.leaves]
        if inputs is not None:
            wanted = {id(tensor) for tensor in _each(inputs)}
            leaves = [leaf for leaf in leaves if id(leaf) in wanted]
        self._cleared_by_hand(leaves)
        found = [thing for graph in graphs for thing in graph.tags]
        uses = list({thing.event.model: thing for thing in reversed(found) if isinstance(thing, Use)}.values())
        loss = next((thing for thing in found if isinstance(thing, Loss)), None)
        loaders = {loader for use in uses for loader in use.loaders} or set(self._loaders.drawing)
        loaders_of_batch = sorted(loaders)
        loader = loaders_of_batch[0] if len(loaders) == 1 else None
        where = self._recorder.here()
        self._kept.look(tensors, where[0])
        self._attention.fresh(self._signature(tensors))
        reaches = self._recorder.leaves(leaves, complete=all(graph.complete for graph in graphs))
        self._reached |= reaches.leaves
        self._recorder.emit(
            BackwardRan,
            where,
            reaches=reaches,
            models=tuple(use.event for use in uses),
            loader=loader,
            samples=self._loaders.known_samples(loader) if loader is not None else None,
            loss=loss.where[0] if loss is not None else None,
            criterion=loss.criterion if loss is not None else "",
        )
        self._loaders.backward((loader,) if loader is not None else ())
        self._modules.uses.clear()
        self._attention.lap()
        for tell in self.on_backward:
            tell(tensors, tuple(loaders_of_batch))

    def _is_new(self, tensors: Any) -> bool:
        """Something else is trained than before. While passes and modes stay as they are, not every step is asked."""
        circumstances = self._loaders.drawing, self._modules.changes
        if circumstances == self._circumstances and self._unasked < UNASKED:
            self._unasked += 1
            return False
        self._circumstances, self._unasked = circumstances, 0
        return self._attention.fresh(self._signature(tensors))

    def _signature(self, tensors: Any) -> Hashable:
        """Says when something else is trained, on something else, or in another mode."""
        leaf = a_leaf(tensors.grad_fn) if isinstance(tensors, Tensor) and tensors.grad_fn is not None else None
        number = self._recorder.numbers.of(leaf) if leaf is not None else None
        return number, self._loaders.drawing, self._modules.last_modes

    def _repeat_backward(self) -> None:
        self._recorder.repeat(BackwardRan)

    def _cleared_by_hand(self, leaves: list[Tensor]) -> None:
        """Gradients that were there and are not any more, though nobody called zero_grad()."""
        numbers = self._recorder.numbers
        gone = [
            leaf for leaf in leaves if numbers.of(leaf) in self._reached and (leaf.grad is None or not leaf.grad.any())
        ]
        if gone:
            self.cleared(self._recorder.leaves(gone), ".grad = None")

    def _grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        asked = self._recorder.observer(self._asked)

        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(outputs, inputs, *args, **kwargs)
            asked(inputs)
            return result

        return grad

    def _asked(self, inputs: Any) -> None:
        if self._attention.open:
            leaves = [tensor for tensor in _each(inputs) if isinstance(tensor, Tensor) and tensor.is_leaf]
            self._recorder.emit(GradientsSet, parameters=self._recorder.leaves(leaves))

    # --- schedulers ---------------------------------------------------------------------------------------------------

    def _scheduler_init(self, original: Callable[..., None]) -> Callable[..., None]:
        built = self._recorder.observer(self._scheduler_built)

        def init(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            self._building += 1
            try:
                original(scheduler, *args, **kwargs)
            finally:
                self._building -= 1
            built(scheduler)

        return init

    def _scheduler_built(self, scheduler: Any) -> None:
        if not self._building:
            self._recorder.emit(
                SchedulerBuilt,
                self._recorder.here(of=scheduler),
                scheduler=self._recorder.numbers.of(scheduler),
                optimizer=self._optimizer_of(scheduler),
                kind=type(scheduler).__name__,
            )

    def _scheduler_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        stepped = self._recorder.observer(self._scheduler_stepped)

        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            self._building += 1
            try:
                result = original(scheduler, *args, **kwargs)
            finally:
                self._building -= 1
            if not self._building:
                stepped(scheduler)
            return result

        return step

    def _scheduler_stepped(self, scheduler: Any) -> None:
        number = self._recorder.numbers.of(scheduler)
        told = self._scheduler_steps.get(number, 0)
        if self._attention.open or told < SCHEDULER_STEPS:
            self._scheduler_steps[number] = told + 1
            self._recorder.emit(
                SchedulerStepped,
                self._recorder.here(of=scheduler),
                scheduler=number,
                optimizer=self._optimizer_of(scheduler),
            )

    def _optimizer_of(self, scheduler: Any) -> int | None:
        optimizer = getattr(scheduler, "optimizer", None)
        return self._recorder.numbers.of(optimizer) if isinstance(optimizer, Optimizer) else None


def _each(tensors: Any) -> Iterable[Any]:
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _ignoring_result(function: Callable[..., None]) -> Callable[..., None]:
    def hook(*args: Any) -> None:
        function(*args)

    return hook
