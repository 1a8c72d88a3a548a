"""Live witness: torch.nn.Module: births, modes, parameters, and the forward passes of whole models."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from tinyguard.events import DimensionGuessed, ModelBuilt, ModelUse, ModeSet, Parameters
from tinyguard.finding import Place
from tinyguard.live.attention import Attention
from tinyguard.live.forwards import listen
from tinyguard.live.graph import tag, tag_first
from tinyguard.live.patches import Patches
from tinyguard.live.recorder import Recorder, Use, Where

DROPOUT = nn.modules.dropout._DropoutNd
NORMALISATION = nn.modules.batchnorm._NormBase
RECURRENT = nn.RNNBase
ACTIVATIONS = (nn.Softmax, nn.Softmin, nn.Softmax2d, nn.LogSoftmax, nn.Sigmoid, nn.LogSigmoid)


class Modules:
    """Observes modules. `batches` tells which loaders a tensor comes from."""

    def __init__(self, recorder: Recorder, attention: Attention, batches: Callable[[Any], tuple[int, ...]]) -> None:
        self._recorder = recorder
        self._attention = attention
        self._modes: dict[int, bool] = {}  # of each model, as train() and eval() left them
        self.changes = 0  # of modes so far, and modules that were built
        self._batches = batches
        self._pending: list[tuple[Callable[[], nn.Module | None], Where, bool]] = []
        self._running: list[nn.Module] = []  # modules whose forward runs, the root first
        self._born_here: set[int] = set()  # numbers of modules whose construction was seen
        self._loaded: set[int] = set()  # ... into which weights were loaded
        self._activations: dict[int, Place] = {}  # where layers of activation were built
        self.sizes: dict[int, int] = {}  # of each model whose forward pass was seen: how many numbers it learns
        self._setting = 0  # depth of train(), which calls itself for every child
        self.criterion: nn.Module | None = None  # the loss layer that is running
        self.criteria: dict[int, Where] = {}  # where loss layers were built, by number
        self.uses: list[Use] = []  # forward passes since the last backward
        self.on_cleared: list[Callable[[Parameters, str], None]] = []
        self.on_use: list[Callable[[Use], None]] = []
        # The modules whose forward begins, the root first, and the inputs of the innermost; while the window is open.
        self.on_enter: list[Callable[[list[nn.Module], Any], None]] = []
        # Every module after its forward, with what it was given and gives; while the window is open.
        self.on_leave: list[Callable[[nn.Module, Any, Any], None]] = []
        self.on_built: list[Callable[[nn.Module], None]] = []
        self.on_root: list[Callable[[nn.Module], None]] = []  # whole models, after each forward pass
        self._end: Callable[[], None] | None = None  # listens to forward passes no longer
        self._last: list[weakref.ref[nn.Module]] = []  # whose forward passes were seen last

    def attach(self, patches: Patches) -> None:
        patches.replace(nn.Module, "__init__", self._init)
        patches.replace(nn.Module, "train", self._train)
        patches.replace(nn.Module, "zero_grad", self._zero_grad)
        patches.replace(nn.Module, "load_state_dict", self._load)
        patches.undo_with(self.rest)

    # --- births -------------------------------------------------------------------------------------------------------

    def _init(self, original: Callable[..., None]) -> Callable[..., None]:
        born = self._recorder.observer(self._born)

        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            original(module, *args, **kwargs)
            born(module)

        return init

    def _born(self, module: nn.Module) -> None:
        self.changes += 1
        self._born_here.add(self._recorder.numbers.of(module))
        if isinstance(module, ACTIVATIONS):
            self._activations[self._recorder.numbers.of(module)] = self._recorder.here(of=module)[0]
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
            if isinstance(module, ACTIVATIONS) and getattr(module, "dim", 1) is None:
                self._recorder.emit(DimensionGuessed, where, function=type(module).__name__)
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
                pretrained=self.pretrained(module),
                mode_matters=mode_matters(module),
                in_forward=in_forward,
            )
            for look in self.on_built if not in_forward else ():
                look(module)

    def _load(self, original: Callable[..., Any]) -> Callable[..., Any]:
        loaded = self._recorder.observer(self._weights_loaded)

        def load_state_dict(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            loaded(module)
            return result

        return load_state_dict

    def _weights_loaded(self, module: nn.Module) -> None:
        self._loaded.update(map(self._recorder.numbers.of, _modules(module)))

    def pretrained(self, module: nn.Module) -> bool | None:
        """Weights were loaded into it or a part of it; False: none since it was built; None: nobody knows."""
        numbers = self._recorder.numbers
        if any(numbers.known(part) in self._loaded for part in _modules(module)):
            return True
        return False if numbers.known(module) in self._born_here else None

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
        self.changes += 1
        number, training = self._recorder.numbers.of(module), module.training
        if self._attention.open:
            self._tell_mode(module, self._recorder.here())
        elif self._modes.get(number) != training:
            where, reference = self._recorder.here(), weakref.ref(module)
            self._attention.later(("mode", number), lambda: self._tell_mode(reference(), where, training=training))
        self._modes[number] = training

    def _tell_mode(self, module: nn.Module | None, where: Where, *, training: bool | None = None) -> None:
        if module is not None:
            self.flush()
            number = self._recorder.numbers
            parts = tuple(number.of(part) for part in _modules(module) if part is not module)
            mode = module.training if training is None else training
            self._recorder.emit(ModeSet, where, model=number.of(module), training=mode, models=parts)

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
        """Listens to every forward pass, for as long as the window is open."""
        if self._end is None:
            before, after = self._recorder.observer(self._entered), self._recorder.observer(self._left)
            self._end = listen(before, after)

    def rest(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None
        self.begin()

    def begin(self) -> None:
        """Nothing runs: a forward that was broken off is over."""
        self._running.clear()
        self.criterion = None

    def _entered(self, module: nn.Module, inputs: Any) -> None:
        if is_criterion(module):
            self.criterion = module
        self._running.append(module)
        for act in self.on_enter:
            act(self._running, inputs)

    def _left(self, module: nn.Module, inputs: Any, output: Any) -> None:
        while self._running and self._running.pop() is not module:
            pass
        if self.criterion is module:
            self.criterion = None
        for leave in self.on_leave:
            leave(module, inputs, output)
        if isinstance(module, ACTIVATIONS) and isinstance(output, Tensor):
            tag_first(output, self._activations.get(self._recorder.numbers.of(module)))
        if self._running or is_criterion(module):
            return
        self.flush()
        use = Use(self.use(module, output), self._batches(inputs))
        self.uses.append(use)
        if use.event.grad:
            others = [reference for reference in self._last[-3:] if reference() not in (None, module)]
            self._last = [*others, weakref.ref(module)]
        del self.uses[:-MOST_USES]
        for tensor in tensors_in(output):
            tag(tensor, use)
        for act in self.on_use:
            act(use)
        for look in self.on_root:
            look(module)

    @property
    def last_modes(self) -> tuple[bool, ...]:
        """The modes of the models that were seen in training last."""
        return tuple(module.training for reference in self._last if (module := reference()) is not None)

    def use(self, module: nn.Module, output: Any) -> ModelUse:
        number = self._recorder.numbers.of(module)
        self.sizes[number] = sum(parameter.numel() for parameter in module.parameters())
        width = output.shape[1] if isinstance(output, Tensor) and output.dim() == 2 else None
        return ModelUse(
            model=number,
            training=module.training,
            mode_matters=mode_matters(module),
            parameters=self.parameters(module),
            pretrained=self.pretrained(module),
            outputs=width,
            grad=torch.is_grad_enabled(),
        )


MOST_USES = 64  # forward passes that are remembered until the next backward


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
