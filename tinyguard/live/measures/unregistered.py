"""Live witness: layers and parameters of a model in a plain list or dict, where torch does not find them."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import nn

from tinyguard.finding import Place
from tinyguard.measured.models import ParametersHidden

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

DEEPEST = 2  # levels of modules below the whole model that are searched
MOST_ITEMS = 64  # of one list
MOST_MODULES = 200
MOST_TOLD = 50


class Unregistered:
    """Looks through the attributes of each model at its forward passes, once in each window of attention."""

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._told: set[tuple[int, str]] = set()
        self._looked: set[int] = set()
        witness.modules.on_root.append(self._look)
        witness.attention.on_open.append(self._looked.clear)

    def _look(self, root: nn.Module) -> None:
        number = self._recorder.numbers.of(root)
        if number in self._looked or len(self._told) >= MOST_TOLD:
            return
        self._looked.add(number)
        registered = {id(parameter) for parameter in root.parameters()}
        for path, owner in _modules(root, "", DEEPEST):
            for name, value in list(vars(owner).items()):
                if name in OF_TORCH or not isinstance(value, (list, tuple, dict)):
                    continue
                hidden = [leaf for leaf in _parameters(value, root.training) if id(leaf) not in registered]
                attribute = f"{path}{name}"
                if hidden and (number, attribute) not in self._told:
                    self._told.add((number, attribute))
                    self._tell(root, owner, attribute, value, hidden)

    def _tell(self, root: nn.Module, owner: nn.Module, attribute: str, value: Any, hidden: list[nn.Parameter]) -> None:
        name = attribute.rpartition(".")[2]
        self._recorder.emit(
            ParametersHidden,
            (self._assigned(type(owner), name) or self._recorder.here()[0], ()),
            model=self._recorder.numbers.of(root),
            registered=self._recorder.leaves(root.parameters()),
            attribute=attribute,
            container=type(value).__name__,
            parameters=self._recorder.leaves(hidden),
            numbers=sum(leaf.numel() for leaf in hidden),
        )

    def _assigned(self, cls: type, attribute: str) -> Place | None:
        """The line of the class that gives the attribute its value."""
        for base in cls.__mro__:
            code = getattr(vars(base).get("__init__"), "__code__", None)
            if code is None or not self._recorder.places.is_theirs(code.co_filename):
                continue
            line = _assigning_line(code.co_filename, base.__name__, attribute)
            if line is not None:
                return self._recorder.places.place_in(code.co_filename, line)
        return None


OF_TORCH = frozenset(vars(nn.Module()))


def _modules(module: nn.Module, path: str, depth: int) -> Iterator[tuple[str, nn.Module]]:
    yield path, module
    for name, child in list(module.named_children())[:MOST_MODULES] if depth else ():
        yield from _modules(child, f"{path}{name}.", depth - 1)


def _parameters(value: Any, training: bool, depth: int = 2) -> Iterator[nn.Parameter]:
    """The trainable ones. Layers that somebody has put in eval mode while the model trains were left out on purpose."""
    if isinstance(value, nn.Parameter):
        if value.requires_grad:
            yield value
    elif isinstance(value, nn.Module):
        if value.training or not training:
            yield from (parameter for parameter in value.parameters() if parameter.requires_grad)
    elif depth and isinstance(value, (list, tuple)):
        for item in value[:MOST_ITEMS]:
            yield from _parameters(item, training, depth - 1)
    elif depth and type(value) is dict:
        for item in list(value.values())[:MOST_ITEMS]:
            yield from _parameters(item, training, depth - 1)


def _assigning_line(filename: str, cls: str, attribute: str) -> int | None:
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return None
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == cls]
    lines = [
        target.lineno
        for node in classes
        for target in ast.walk(node)
        if isinstance(target, ast.Attribute) and target.attr == attribute and isinstance(target.ctx, ast.Store)
    ]
    return min(lines, default=None)
