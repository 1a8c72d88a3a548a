"""Live witness: torch.nn.functional: losses, and the activations in front of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tinyguard.events import Activation, DimensionGuessed, LossComputed, Samples
from tinyguard.finding import Place
from tinyguard.live.batches import readable
from tinyguard.live.graph import ACTIVATIONS, LAYERS, Graph, last_operation, tag, tags
from tinyguard.live.modules import Modules
from tinyguard.live.patches import Patches
from tinyguard.live.recorder import Recorder, Use, Where

LOSSES = (
    "cross_entropy nll_loss binary_cross_entropy binary_cross_entropy_with_logits mse_loss kl_div l1_loss "
    "smooth_l1_loss huber_loss gaussian_nll_loss poisson_nll_loss hinge_embedding_loss margin_ranking_loss "
    "multi_margin_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss cosine_embedding_loss ctc_loss "
    "multilabel_soft_margin_loss"
).split()


class Loss:
    """The tag of a loss in its graph."""

    __slots__ = ("criterion", "where")

    def __init__(self, criterion: str, where: Where) -> None:
        self.criterion = criterion
        self.where = where


class Losses:
    """Observes losses and activations, while `looking` says so."""

    def __init__(
        self,
        recorder: Recorder,
        modules: Modules,
        looking: Callable[[], bool],
        samples_of: Callable[[Any], Samples | None],
    ) -> None:
        self._recorder = recorder
        self._modules = modules
        self._looking = looking
        self._samples_of = samples_of
        self._inner = 0  # depth: some losses are computed by others
        self.on_measure: list[Callable[[], None]] = []
        self.on_equal: list[Callable[..., None]] = []  # two tensors that are compared; `looking`
        self.lengths: frozenset[int] = frozenset()  # compared tensors of so many numbers are told of at any time
        self.on_loss: list[Callable[[tuple[int, ...]], None]] = []
        # What a loss is about to be given, or has just failed on: its name and arguments.
        self.before_loss: list[Callable[[str, tuple[Any, ...], dict[str, Any]], None]] = []
        # An activation that was applied: its name and arguments.
        self.on_activation: list[Callable[[str, tuple[Any, ...], dict[str, Any]], None]] = []
        self.patches: Patches | None = None

    def attach(self, patches: Patches) -> None:
        for name in LOSSES:
            patches.replace(functional, name, self._loss(name))
        for owner, name in ACTIVATING:
            patches.replace(owner, name, self._activation(name))
        for owner, name in MEASURING:
            patches.replace(owner, name, self._measuring)
        for owner, name in COMPARING:
            patches.replace(owner, name, self._comparing)

    def _loss(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        computed = self._recorder.observer(self._computed)
        given = self._recorder.observer(self._given)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def loss(*args: Any, **kwargs: Any) -> Any:
                if torch.compiler.is_compiling():
                    return original(*args, **kwargs)
                if not self._looking():
                    try:
                        return original(*args, **kwargs)
                    except (IndexError, RuntimeError):
                        if _at_hand(args, kwargs):  # a GPU that has failed answers no question
                            given(name, args, kwargs)
                        raise
                if not self._inner:
                    given(name, args, kwargs)
                self._inner += 1
                try:
                    result = original(*args, **kwargs)
                finally:
                    self._inner -= 1
                if not self._inner:
                    computed(name, args, kwargs, result)
                return result

            return loss

        return make

    def _given(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for act in self.before_loss:
            act(name, args, kwargs)

    def _computed(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        given = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if not isinstance(given, Tensor) or not isinstance(result, Tensor):
            return
        self._modules.flush()
        where = self._recorder.here()
        node = last_operation(given)
        operation = node.name() if node is not None else ""
        activation = ACTIVATIONS.get(operation)
        graph = Graph(given.grad_fn)
        uses = [found for found in graph.tags if isinstance(found, Use)]
        soft = name == "cross_entropy" and isinstance(target, Tensor) and target.is_floating_point()
        samples = self._samples_of(target)
        built = self._modules.criterion
        self._recorder.emit(
            LossComputed,
            where,
            criterion=name,
            criterion_built=self._modules.criteria.get(self._recorder.numbers.of(built), (None,))[0] if built else None,
            activation=Activation(activation, place_in(node)) if activation and not soft else None,
            layer=LAYERS.get(operation, ""),
            input_known=node is not None and not soft,
            outputs=given.shape[1] if given.dim() >= 2 and not soft else None,
            classes=samples.classes if samples is not None and not soft else None,
            samples=samples,
            models=tuple({use.event.model: use.event for use in uses}.values()),
        )
        tag(result, Loss(name, where))
        for act in self.on_loss:
            act(tuple(number for use in uses for number in use.loaders))

    def _activation(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        applied = self._recorder.observer(self._applied)
        guessed = self._recorder.observer(self._guessed)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            functional_form = name in DIMENSIONED and getattr(original, "__module__", "") == functional.__name__

            def activation(*args: Any, **kwargs: Any) -> Any:
                if torch.compiler.is_compiling() or not self._looking():
                    return original(*args, **kwargs)
                result = original(*args, **kwargs)
                applied(result, name, args, kwargs)
                if functional_form and len(args) < 2 and kwargs.get("dim") is None:
                    guessed(name)
                return result

            return activation

        return make

    def _measuring(self, original: Callable[..., Any]) -> Callable[..., Any]:
        compared = self._recorder.observer(self._compared)

        def measuring(*args: Any, **kwargs: Any) -> Any:
            if not torch.compiler.is_compiling() and self._looking():
                compared(args)
            return original(*args, **kwargs)

        return measuring

    def _comparing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        compared = self._recorder.observer(self._compared)
        equal = self._recorder.observer(self._equal)

        def comparing(*args: Any, **kwargs: Any) -> Any:
            if not torch.compiler.is_compiling():
                looking = self._looking()
                if looking:
                    compared(args)
                if looking or (self.lengths and len(args) == 2 and _numel(args[0]) in self.lengths):
                    equal(args, looking)
            return original(*args, **kwargs)

        return comparing

    def _equal(self, args: tuple[Any, ...], looking: bool) -> None:
        if len(args) == 2 and all(map(readable, args)):
            for act in self.on_equal:
                act(args[0], args[1], looking=looking)

    def _compared(self, args: tuple[Any, ...]) -> None:
        """Predictions are made of an output, or compared with labels: the batch is measured."""
        if args and isinstance(args[0], Tensor) and args[0].dim():
            for act in self.on_measure:
                act()

    def _applied(self, result: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for act in self.on_activation:
            act(name, args, kwargs)
        if isinstance(result, Tensor) and result.grad_fn is not None and place_in(result.grad_fn) is None:
            tag(result, self._recorder.here()[0])

    def _guessed(self, name: str) -> None:
        self._recorder.emit(DimensionGuessed, function=name)


def _numel(thing: Any) -> int:
    return thing.numel() if type(thing) is Tensor else -1


def _at_hand(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    return all(tensor.device.type == "cpu" for tensor in tensors)


def place_in(node: Any) -> Place | None:
    """Where the operation of this node was called, if it was observed."""
    return next((found for found in tags(node) if isinstance(found, Place)), None)


DIMENSIONED = frozenset({"softmax", "log_softmax", "softmin"})
MEASURING: tuple[tuple[Any, str], ...] = tuple(
    (owner, name) for owner in (Tensor, torch) for name in ("argmax", "max", "topk")
)
COMPARING: tuple[tuple[Any, str], ...] = ((Tensor, "__eq__"), (Tensor, "eq"), (torch, "eq"))
ACTIVATING: tuple[tuple[Any, str], ...] = (
    *((functional, name) for name in ("softmax", "log_softmax", "softmin", "sigmoid", "logsigmoid")),
    *((torch, name) for name in ("softmax", "log_softmax", "sigmoid")),
    *((Tensor, name) for name in ("softmax", "log_softmax", "sigmoid")),
)
