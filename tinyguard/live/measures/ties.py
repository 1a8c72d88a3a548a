"""Live witness: layers that share one parameter, and no longer do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tinyguard.measured.models import TieBroken

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_MODELS = 100
MOST_PARAMETERS = 2000  # of one model


Tie = dict[str, int]  # the names of one parameter, each with the number of the layer that it is of


class Ties:
    """Remembers by name what is shared when a model is built or first used, and looks again in each window of attention
    and after `load_state_dict`."""

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._flush = witness.modules.flush
        self._ties: dict[int, list[Tie]] = {}  # by model
        self._looked: set[int] = set()
        self._cells = witness.cells
        self._cell = witness.cells.current
        witness.modules.on_built.append(self._look)
        witness.modules.on_root.append(self._used)
        witness.attention.on_open.append(self._looked.clear)
        witness.patch(nn.Module, "load_state_dict", self._load_state_dict)

    def _load_state_dict(self, original: Callable[..., Any]) -> Callable[..., Any]:
        before, after = self._recorder.observer(self._loading), self._recorder.observer(self._loaded)

        def load_state_dict(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            before(module)
            result = original(module, *args, **kwargs)
            after(module)
            return result

        return load_state_dict

    def _loading(self, module: nn.Module) -> None:
        self._flush()
        self._look(module)

    def _loaded(self, module: nn.Module) -> None:
        self._compare(module, how="load_state_dict")

    def _used(self, root: nn.Module) -> None:
        number = self._recorder.numbers.of(root)
        if self._cells.current is not self._cell:  # the window can stay open from one cell to the next
            self._cell = self._cells.current
            self._looked.clear()
        if number not in self._looked:
            self._looked.add(number)
            self._compare(root, how="")
            self._look(root)

    def _look(self, module: nn.Module) -> None:
        """What it shares now is to stay shared."""
        number = self._recorder.numbers.of(module)
        names: dict[int, list[str]] = {}
        for name, parameter in _named(module).items():
            names.setdefault(id(parameter), []).append(name)
        ties = [self._owners(module, several) for several in names.values() if len(several) > 1]
        if ties and (number in self._ties or len(self._ties) < MOST_MODELS):
            self._ties[number] = ties

    def _owners(self, module: nn.Module, names: Iterable[str]) -> Tie:
        layers = {name: module.get_submodule(name.rpartition(".")[0]) for name in names}
        return {name: self._recorder.numbers.of(layer) for name, layer in layers.items()}

    def _compare(self, module: nn.Module, *, how: str) -> None:
        ties = self._ties.get(self._recorder.numbers.of(module))
        if not ties:
            return
        now = _named(module)
        for tie in list(ties):
            # Loaded with assign=True, they may be two parameters that share their memory.
            sides = {id(now[name]) if how else now[name].data_ptr(): now[name] for name in tie if name in now}
            if len(sides) < 2:
                continue
            ties.remove(tie)
            if self._owners(module, (name for name in tie if name in now)) != tie:
                continue  # another layer, not another parameter of it
            parameters = list(sides.values())
            alike = len({parameter.shape for parameter in parameters}) == 1
            if alike and all(p.requires_grad for p in parameters) and (how or not self._untied(parameters)):
                self._recorder.emit(
                    TieBroken,
                    model=self._recorder.numbers.of(module),
                    names=tuple(tie),
                    sides=tuple(self._recorder.leaves([parameter]) for parameter in parameters),
                    how=how,
                    one_memory=len({parameter.data_ptr() for parameter in parameters}) == 1,
                )

    def _untied(self, parameters: list[Tensor]) -> bool:
        """Somebody made a copy, so that from now on they may differ; or nobody can tell without waiting."""
        first, *others = parameters
        if any(parameter.device.type != "cpu" for parameter in parameters) and not self._recorder.affordable:
            return True
        return all(other.device == first.device and torch.equal(first, other) for other in others)


def _named(module: nn.Module) -> dict[str, nn.Parameter]:
    """Every name of every parameter."""
    named = dict(module.named_parameters(remove_duplicate=False))
    return named if len(named) <= MOST_PARAMETERS else {}
