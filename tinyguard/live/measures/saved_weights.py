"""Live witness: weights that were put aside by reference, and are taken back after the model has changed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tinyguard.live.recorder import Where
from tinyguard.measured.models import WeightsNotKept

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST = 256  # state dicts that are remembered


class Taken:
    """A state dict: known by the first of its tensors, so that a copy of the dict is the same."""

    def __init__(self, first: Tensor, model: nn.Module, where: Where, steps: int) -> None:
        self.first = weakref.ref(first)
        self.model = weakref.ref(model)
        self.where = where
        self.steps = steps


class SavedWeights:
    """Sees `state_dict()`, `load_state_dict()` and `torch.save`."""

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._work = witness.work
        self._taken: dict[int, Taken] = {}  # by id of the first tensor
        witness.patch(nn.Module, "state_dict", self._state_dict)
        witness.patch(nn.Module, "load_state_dict", self._load_state_dict)
        witness.patch(torch, "save", self._save)

    # --- taken --------------------------------------------------------------------------------------------------------

    def _state_dict(self, original: Callable[..., Any]) -> Callable[..., Any]:
        took = self._recorder.observer(self._took)

        def state_dict(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            if not args and not kwargs:  # else a parent asks for what is to go into its own
                took(module, result)
            return result

        return state_dict

    def _took(self, module: nn.Module, state: Any) -> None:
        first = _first(state)
        if first is None or isinstance(first, nn.Parameter):
            return
        if len(self._taken) >= MOST:
            self._taken = {key: taken for key, taken in self._taken.items() if taken.first() is not None}
        if len(self._taken) < MOST:
            steps = self._work.on(module).steps
            self._taken[id(first)] = Taken(first, module, self._recorder.here(), steps)

    # --- and taken back -----------------------------------------------------------------------------------------------

    def _load_state_dict(self, original: Callable[..., Any]) -> Callable[..., Any]:
        loading = self._recorder.observer(self._loading)

        def load_state_dict(module: nn.Module, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            loading(module, state_dict)
            return original(module, state_dict, *args, **kwargs)

        return load_state_dict

    def _loading(self, module: nn.Module, state: Any) -> None:
        taken = self._known(state)
        if taken is not None and taken.model() is module:
            self._tell(taken, module, state, "load_state_dict")

    def _save(self, original: Callable[..., Any]) -> Callable[..., Any]:
        saving = self._recorder.observer(self._saving)

        def save(obj: Any, *args: Any, **kwargs: Any) -> Any:
            saving(obj)
            return original(obj, *args, **kwargs)

        return save

    def _saving(self, saved: Any) -> None:
        inner = list(saved.values())[:16] if isinstance(saved, Mapping) else []
        for state in (saved, *inner):
            taken = self._known(state)
            model = taken.model() if taken is not None else None
            if taken is not None and model is not None and taken.steps:
                self._tell(taken, model, state, "torch.save")

    def _known(self, state: Any) -> Taken | None:
        first = _first(state)
        taken = self._taken.get(id(first)) if first is not None else None
        return taken if taken is not None and taken.first() is first else None

    def _tell(self, taken: Taken, model: nn.Module, state: Mapping[str, Any], how: str) -> None:
        steps = self._work.on(model).steps - taken.steps
        if steps > 0 and _is_the_model(state, model):
            self._recorder.emit(
                WeightsNotKept,
                model=self._recorder.numbers.of(model),
                taken=taken.where[0],
                steps=steps,
                steps_before=taken.steps,
                how=how,
            )


def _first(state: Any) -> Tensor | None:
    first = next(iter(state.values()), None) if isinstance(state, Mapping) else None
    return first if isinstance(first, Tensor) else None


def _is_the_model(state: Mapping[str, Any], model: nn.Module) -> bool:
    """All weights in it lie where the model's own do: writing one into the other changes nothing."""
    own = [(state.get(name), parameter) for name, parameter in model.named_parameters() if parameter.numel()]
    return bool(own) and all(
        isinstance(value, Tensor) and value.data_ptr() == parameter.data_ptr() != 0 for value, parameter in own
    )
