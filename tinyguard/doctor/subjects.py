"""A namespace -> what can be examined in it: models, loaders, criteria, optimizers, by the names they have there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from tinyguard.live.measures.generators import holders, is_generator
from tinyguard.live.modules import is_criterion
from tinyguard.live.numbers import Numbers
from tinyguard.live.samples import samples_of
from tinyguard.splits import split_of_variable

MOST_INSIDE = 16  # things in a list or dict that is looked into
CRITERION = re.compile(r"^(criterion|crit|loss_?(fn|func|function))\w*$", re.IGNORECASE)


class Subjects:
    """Each thing once, by the first name that leads to it."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        named = [(name, value) for name, value in list(namespace.items()) if not name.startswith("_")]
        things = _once([*named, *(inner for name, value in named for inner in _inside(name, value))])
        modules = {name: value for name, value in things if isinstance(value, nn.Module) and _is_built(value)}
        self.models = _outermost({name: module for name, module in modules.items() if _learns(module)})
        self.loaders = {name: value for name, value in things if isinstance(value, DataLoader)}
        self.optimizers = {name: value for name, value in things if isinstance(value, Optimizer)}
        self.criteria: dict[str, Callable[..., Any]] = {
            n: module for n, module in modules.items() if is_criterion(module)
        }
        self.criteria |= {name: value for name, value in named if CRITERION.match(name) and callable(value)}
        self._values = [value for _, value in things]

    def split(self, name: str) -> str | None:
        """Of a loader: "train", "validation", "test"; None when nothing tells."""
        samples = samples_of(self.loaders[name].dataset, Numbers(), {})
        return samples.split or split_of_variable(re.sub(r"\W+", "_", name))

    def training_loaders(self) -> list[str]:
        """The loaders that models are trained on: those that say so, else those that no word speaks against."""
        splits = {name: self.split(name) for name in self.loaders}
        return [name for name, split in splits.items() if split == "train"] or [
            name for name, split in splits.items() if split is None
        ]

    def generators(self) -> list[Any]:
        """The generators of random numbers that samples may be made with."""
        found = [value for value in self._values if is_generator(value)]
        for loader in self.loaders.values():
            samplers = (loader.sampler, loader.batch_sampler)
            for holder in (loader, *samplers, *holders(loader.dataset)):
                found += [value for value in getattr(holder, "__dict__", {}).values() if is_generator(value)]
        return found


def _inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if type(value) is dict:
        for key, item in list(value.items())[:MOST_INSIDE]:
            if isinstance(key, (str, int)):
                yield f"{name}[{key!r}]", item
    elif type(value) in (list, tuple):
        for index, item in enumerate(value[:MOST_INSIDE]):
            yield f"{name}[{index}]", item


def _once(things: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    found: dict[int, tuple[str, Any]] = {}
    for name, value in things:
        found.setdefault(id(value), (name, value))
    return list(found.values())


def _is_built(module: nn.Module) -> bool:
    return "_modules" in vars(module)


def _learns(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _outermost(modules: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """Without those that are parts of others."""
    parts = {id(part) for module in modules.values() for part in module.modules() if part is not module}
    return {name: module for name, module in modules.items() if id(module) not in parts}
