"""Live witness: torch.nn.Module: births, modes, parameters, and the forward passes of whole models."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks

from tinyguard.events import ModelBuilt, ModelUse, ModeSet, Parameters
from tinyguard.live.graph import tag
from tinyguard.live.patches import Patches
from tinyguard.live.recorder import Recorder, Use, Where

DROPOUT = nn.modules.dropout._DropoutNd
NORMALISATION = nn.modules.batchnorm._NormBase
RECURRENT = nn.RNNBase


class Modules:
    """Observes modules. `batches` tells which loaders a tensor comes from."""

    def __init__(self, recorder: Recorder, batches: Callable[[Any], tuple[int, ...]]) -> None:
        self._recorder = recorder
        self._batches = batches
        self._pending: list[tuple[Callable[[], nn.Module | None], Where, bool]] = []
        self._running: list[nn.Module] = []  # modules whose forward runs, the root first
        self._setting = 0  # depth of train(), which calls itself for every child
        self.criterion: nn.Module | None = None  # the loss layer that is running
        self.criteria: dict[int, Where] = {}  # where loss layers were built, by number
        self.uses: list[Use] = []  # forward passes since the last backward
        self.on_cleared: list[Callable[[Parameters, str], None]] = []
        self.on_use: list[Callable[[Use], None]] = []
        self.on_root: list[Callable[[nn.Module], None]] = []  # whole models, after each forward pass
        self._handles: list[Any] = []

    def attach(self, patches: Patches) -> None:
        patches.replace(nn.Module, "__init__", self._init)
        patches.replace(nn.Module, "train", self._train)
        patches.replace(nn.Module, "zero_grad", self._zero_grad)
        patches.undo_with(self.rest)

    # --- births -------------------------------------------------------------------------------------------------------

    def _init(self, original: Callable[..., None]) -> Callable[..., None]:
        born = self._recorder.observer(self._born)

        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            original(module, *args, **kwargs)
            born(module)

        return init

    def _born(self, module: nn.Module) -> None:
        # A layer that a forward pass builds is gone when it is over; any other must not live longer for our sake.
        reference = (lambda: module) if self._running else weakref.ref(module)
        self._pending.append((reference, self._recorder.here(of=module), bool(self._running)))

    def flush(self) -> None:
        """Tells of the models that were built: when the next thing happens their constructors are through."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        born = [(module, where, inner) for reference, where, inner in pending if (module := reference()) is not None]
        parts = {id(part) for module, _, _ in born for part in _modules(module) if part is not module}
        lines = {where[0] for _, where, _ in born}
        for module, where, in_forward in born:
            in_constructor = not lines.isdisjoint(where[1])
            if next(module.parameters(), None) is None and not is_criterion(module):
                continue
            if id(module) in parts and in_constructor:
                continue
            number = self._recorder.numbers.of(module)
            if is_criterion(module):
                self.criteria[number] = where
                continue
            if type(module).__module__.startswith("torchvision.transforms"):
                continue
            self._recorder.emit(
                ModelBuilt,
                where,
                model=number,
                parameters=self.parameters(module),
                kind=type(module).__name__,
                mode_matters=mode_matters(module),
                in_forward=in_forward,
            )

    def parameters(self, module: nn.Module) -> Parameters:
        return self._recorder.leaves(module.parameters())

    # --- modes --------------------------------------------------------------------------------------------------------

    def _train(self, original: Callable[..., Any]) -> Callable[..., Any]:
        mode_set = self._recorder.observer(self._mode_set)

        def train(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            self._setting += 1
            try:
                result = original(module, *args, **kwargs)
            finally:
                self._setting -= 1
            if not self._setting:
                mode_set(module)
            return result

        return train

    def _mode_set(self, module: nn.Module) -> None:
        self.flush()
        number = self._recorder.numbers
        parts = tuple(number.of(part) for part in _modules(module) if part is not module)
        self._recorder.emit(ModeSet, model=number.of(module), training=module.training, models=parts)

    def _zero_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        cleared = self._recorder.observer(self._cleared)

        def zero_grad(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            cleared(module)
            return result

        return zero_grad

    def _cleared(self, module: nn.Module) -> None:
        for act in self.on_cleared:
            act(self.parameters(module), "zero_grad()")

    # --- forward passes -----------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Hooks into every forward pass, for as long as the window is open."""
        if not self._handles:
            before, after = self._recorder.observer(self._entered), self._recorder.observer(self._left)
            self._handles = [
                hooks.register_module_forward_pre_hook(_outside_compiler(before)),
                hooks.register_module_forward_hook(_outside_compiler(after), always_call=True),
            ]

    def rest(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.begin()

    def begin(self) -> None:
        """Nothing runs: a forward that was broken off is over."""
        self._running.clear()
        self.criterion = None

    def _entered(self, module: nn.Module, _inputs: Any) -> None:
        if is_criterion(module):
            self.criterion = module
        self._running.append(module)

    def _left(self, module: nn.Module, inputs: Any, output: Any) -> None:
        while self._running and self._running.pop() is not module:
            pass
        if self.criterion is module:
            self.criterion = None
        if self._running or is_criterion(module):
            return
        self.flush()
        use = Use(self.use(module, output), self._batches(inputs))
        self.uses.append(use)
        del self.uses[:-MOST_USES]
        for tensor in tensors_in(output):
            tag(tensor, use)
        for act in self.on_use:
            act(use)
        for look in self.on_root:
            look(module)

    def use(self, module: nn.Module, output: Any) -> ModelUse:
        width = output.shape[1] if isinstance(output, Tensor) and output.dim() == 2 else None
        return ModelUse(
            model=self._recorder.numbers.of(module),
            training=module.training,
            mode_matters=mode_matters(module),
            parameters=self.parameters(module),
            outputs=width,
            grad=torch.is_grad_enabled(),
        )


MOST_USES = 64  # forward passes that are remembered until the next backward


def _outside_compiler(hook: Callable[..., None]) -> Callable[..., None]:
    """Touching the state of Python in a compiled model would force a compilation at every call."""

    @functools.wraps(hook)
    def outside(*args: Any) -> None:
        if not torch.compiler.is_compiling():
            hook(*args)

    return outside


def is_criterion(module: nn.Module) -> bool:
    """A loss of torch.nn, which has no parameters."""
    return isinstance(module, nn.modules.loss._Loss)


def mode_matters(module: nn.Module) -> bool:
    """Has dropout or batch norm, which differ between the modes."""
    return any(
        (isinstance(part, DROPOUT) and part.p > 0)
        or isinstance(part, NORMALISATION)
        or (isinstance(part, RECURRENT) and part.dropout > 0)
        or (isinstance(part, nn.MultiheadAttention) and part.dropout > 0)
        for part in _modules(module)
    )


def _modules(module: nn.Module) -> Iterator[nn.Module]:
    # A module whose constructor has not called that of nn.Module has no modules yet.
    return module.modules() if "_modules" in vars(module) else iter((module,))


def tensors_in(value: Any, depth: int = 2) -> Iterator[Tensor]:
    """The tensors of an output: itself, or those in tuples, lists, dicts and data classes of it."""
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, (tuple, list)):
        for item in value[:16]:
            yield from tensors_in(item, depth - 1)
    elif depth and isinstance(value, dict):
        for item in list(value.values())[:16]:
            yield from tensors_in(item, depth - 1)
