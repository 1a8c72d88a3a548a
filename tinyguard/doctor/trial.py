"""A copy of a model and a batch of our own: what forward passes, losses and gradients are tried on."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinyguard.doctor.drawing import Batch, own, reason
from tinyguard.doctor.undisturbed import SEED, seeded
from tinyguard.live.modules import DROPOUT, tensors_in

IGNORED = -100  # the class number that cross entropy leaves out
WRAPPERS = ("DataParallel", "DistributedDataParallel")
HOOKS = (
    "_forward_hooks _forward_pre_hooks _backward_hooks _backward_pre_hooks _state_dict_hooks "
    "_forward_hooks_with_kwargs _forward_pre_hooks_with_kwargs _forward_hooks_always_called"
).split()


class NoTrialError(Exception):
    """Its text says why the model cannot be tried."""


class Given(NamedTuple):
    """How the batch goes into the model."""

    words: str  # "", or "flattened"
    arguments: Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]


class Trial:
    """A model that may be run, trained and thrown away.

    `model` is a copy; hooks that its user put on it are left out. `inputs` and `targets` lie on its device.
    """

    def __init__(self, model: nn.Module, batch: Batch, criteria: Mapping[str, Callable[..., Any]]) -> None:
        self._model = model
        self.model = apart(model)
        self.device = next(self.model.parameters()).device
        content = own(batch.content, self.device)
        self.content = content
        moved = Batch(content, batch.samples, batch.size)
        self.inputs, self.targets = moved.inputs, moved.targets
        self.samples = batch.samples
        self.given, first = self._fitting()
        self.output = main_output(first)
        self.criterion: Any = None
        self.criterion_name = ""
        self._loss = self._fitting_loss(first, criteria)

    def renew(self) -> nn.Module:
        """Another copy of the user's model takes the place of the one that was tried."""
        self.model = apart(self._model)
        return self.model

    def run(self, inputs: Any = None, *, training: bool, seed: int = SEED, dropout: bool = True) -> Any:
        """A forward pass in this mode. `inputs` stand in the place of the batch's."""
        self.model.train(training)
        if not dropout:
            _without_dropout(self.model)
        seeded(seed)
        return self._call(self.given, self.inputs if inputs is None else inputs)

    def outputs(self, inputs: Any = None, *, training: bool = False, seed: int = SEED) -> Tensor:
        return main_output(self.run(inputs, training=training, seed=seed))

    def loss(self, result: Any, targets: Any = None) -> Tensor:
        """Of what `run` gave. Raises NoTrialError when no criterion fits."""
        if self._loss is None:
            raise NoTrialError("no criterion was found that fits its outputs and targets")
        return self._loss(result, self.targets if targets is None else targets)

    @property
    def takes_logits(self) -> bool:
        """The criterion is cross entropy."""
        return isinstance(self.criterion, nn.CrossEntropyLoss) or self.criterion is functional.cross_entropy

    @property
    def takes_log_probabilities(self) -> bool:
        return isinstance(self.criterion, nn.NLLLoss) or self.criterion is functional.nll_loss

    def _call(self, given: Given, inputs: Any) -> Any:
        arguments, named = given.arguments(inputs)
        return self.model(*own_but_graph(arguments), **own_but_graph(named))

    def _fitting(self) -> tuple[Given, Any]:
        """The first way to call the model that it accepts. Raises NoTrialError."""
        self.model.eval()
        first = None
        for given in self._ways():
            try:
                with torch.no_grad():
                    result = self._call(given, self.inputs)
                main_output(result)
            except Exception as error:
                first = first or error
            else:
                return given, result
        assert first is not None
        raise NoTrialError(f"its forward does not take a batch: {reason(first)}")

    def _ways(self) -> Iterator[Given]:
        if isinstance(self.inputs, dict):
            names = _argument_names(self.model)
            yield Given("", lambda inputs: ((), {k: v for k, v in inputs.items() if names is None or k in names}))
            yield Given("", lambda inputs: ((inputs,), {}))
            return
        yield Given("", lambda inputs: ((inputs,), {}))
        if isinstance(self.content, (tuple, list)) and len(self.content) > 2:
            between = self.content[1:-1]
            yield Given("", lambda inputs: ((inputs, *between), {}))
        if isinstance(self.inputs, Tensor) and self.inputs.dim() > 2:
            yield Given("flattened", lambda inputs: ((inputs.flatten(1),), {}))
        if isinstance(self.inputs, Tensor) and self.inputs.dtype in (torch.float64, torch.uint8):
            yield Given("as float32", lambda inputs: ((inputs.float(),), {}))

    def _fitting_loss(
        self, result: Any, criteria: Mapping[str, Callable[..., Any]]
    ) -> Callable[[Any, Any], Tensor] | None:
        """What makes a loss of the result and the targets; None: nothing fits."""
        if _own_loss(result) is not None:
            self.criterion_name = "its own loss"
            return lambda result, _targets: _own_loss(result)
        output = main_output(result)
        for name, criterion in criteria.items():
            try:
                ours = copy.deepcopy(criterion).to(self.device) if isinstance(criterion, nn.Module) else criterion
            except Exception:
                continue
            for form in _FORMS:
                if _is_loss(ours, form, output, self.targets):
                    self.criterion, self.criterion_name = ours, name
                    return _of(ours, form)
        if criteria or not are_classes(output, self.targets):
            return None
        self.criterion, self.criterion_name = functional.cross_entropy, "cross_entropy"
        return _of(functional.cross_entropy, _as_they_are)


def _own_loss(result: Any) -> Any:
    """That some models compute themselves, when they are given labels."""
    loss = result.get("loss") if isinstance(result, dict) else getattr(result, "loss", None)
    return loss if isinstance(loss, Tensor) and loss.dim() == 0 else None


def _as_they_are(output: Tensor, targets: Any) -> tuple[Any, Any]:
    return output, targets


def _alike(output: Tensor, targets: Any) -> tuple[Any, Any]:
    """Binary classifiers and regressions: (batch, 1) against (batch,)."""
    return output, targets.to(output.dtype).reshape(output.shape)


def _by_token(output: Tensor, targets: Any) -> tuple[Any, Any]:
    """Language models: (batch, time, classes) against (batch, time)."""
    return output.flatten(0, -2), targets.flatten()


_FORMS = (_as_they_are, _alike, _by_token)
Form = Callable[[Tensor, Any], tuple[Any, Any]]


def _of(criterion: Callable[..., Any], form: Form) -> Callable[[Any, Any], Tensor]:
    return lambda result, targets: criterion(*form(main_output(result), targets)).mean()


def _is_loss(criterion: Callable[..., Any], form: Form, output: Tensor, targets: Any) -> bool:
    try:
        loss = criterion(*form(output, targets))
    except Exception:
        return False
    # (batch,) against (batch, 1) is a loss of all pairs.
    pairs = form is _as_they_are and isinstance(targets, Tensor) and output.numel() == targets.numel()
    return isinstance(loss, Tensor) and loss.is_floating_point() and not (pairs and output.shape != targets.shape)


def are_classes(output: Tensor, targets: Any) -> bool:
    """Scores (batch, classes), and a class number for each sample, all in range or ignored."""
    return (
        isinstance(targets, Tensor)
        and not (targets.is_floating_point() or targets.dtype is torch.bool)
        and targets.dim() == 1
        and output.dim() == 2
        and len(output) == len(targets)
        and output.shape[1] > 1
        and bool(((targets < output.shape[1]) & (targets >= 0) | (targets == IGNORED)).all())
    )


def apart(model: nn.Module) -> nn.Module:
    """A deep copy without its wrapper and without hooks of the user's. Raises NoTrialError."""
    model = getattr(model, "_orig_mod", model)  # torch.compile
    if type(model).__name__ in WRAPPERS:
        model = model.module
    if any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in model.parameters()):
        raise NoTrialError("it has lazy layers that no batch has been through yet")
    if next(model.parameters()).device.type == "meta":
        raise NoTrialError("its parameters have no values (device meta)")
    try:
        copied = copy.deepcopy(model)
    except Exception as error:
        raise NoTrialError(f"it cannot be copied: {reason(error)}") from None
    mine, theirs = _storages(copied), _storages(model)
    if copied is model or not mine.isdisjoint(theirs):
        raise NoTrialError("its copy shares tensors with it, so that running the copy would change the model")
    for module in copied.modules():
        for name in HOOKS:
            hooks = vars(module).get(name)
            for key in [key for key, hook in (hooks or {}).items() if not _is_torchs(hook)]:
                del hooks[key]
    return copied


def _without_dropout(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, DROPOUT):
            part.eval()


def _storages(model: nn.Module) -> set[int]:
    tensors = (*model.parameters(), *model.buffers())
    return {tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()}


def _is_torchs(hook: Any) -> bool:
    """A weight norm or the like, without which the model would be another; not a bool, a mark of a hook's kind."""
    return isinstance(hook, bool) or getattr(hook, "__module__", type(hook).__module__).startswith("torch.")


def main_output(result: Any) -> Tensor:
    """The tensor that a loss is made of: the logits, or the first one that has gradients to give."""
    for name in ("logits", "prediction_logits"):
        found = result.get(name) if isinstance(result, dict) else getattr(result, name, None)
        if isinstance(found, Tensor):
            return found
    for tensor in tensors_in(result):
        if tensor.is_floating_point() and tensor.dim():
            return tensor
    raise NoTrialError(f"its forward gives a {type(result).__name__} without a tensor of numbers")


def own_but_graph(value: Any) -> Any:
    """Copies that gradients flow through: a forward may write into what it is given."""
    if isinstance(value, Tensor):
        return value.clone()
    if type(value) in (tuple, list):
        return type(value)(map(own_but_graph, value))
    if type(value) is dict:
        return {key: own_but_graph(item) for key, item in value.items()}
    return value


def _argument_names(model: nn.Module) -> set[str] | None:
    """Of its forward; None: it takes any."""
    parameters = inspect.signature(model.forward).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return set(parameters)
