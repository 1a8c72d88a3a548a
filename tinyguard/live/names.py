"""Live witness: the names of the kernel and of running functions -> NameBound."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset

from tinyguard.events import NameBound
from tinyguard.finding import Place
from tinyguard.live.cells import Execution
from tinyguard.live.loaders import Loaders
from tinyguard.live.recorder import Recorder
from tinyguard.splits import LOADER_NAME, split_in_name, split_of_variable

NAMED = (nn.Module, Optimizer, DataLoader, LRScheduler, Dataset)


class Names:
    """What the user calls things."""

    def __init__(self, recorder: Recorder, loaders: Loaders, namespace: Callable[[], Mapping[str, Any]]) -> None:
        self._recorder = recorder
        self._loaders = loaders
        self._namespace = namespace
        self._known: dict[str, int] = {}
        self._local: set[tuple[str, int]] = set()

    def look(self, execution: Execution | None) -> None:
        """Tells what names of the notebook mean now, where that has changed."""
        for name, value in list(self._namespace().items()):
            if not isinstance(value, NAMED) or name.startswith("_"):
                continue
            number = self._recorder.numbers.of(value)
            if self._known.get(name) != number:
                self._known[name] = number
                self._learn(name, value)
                place = self._place(name, execution)
                self._recorder.emit(NameBound, (place, ()), name=name, object=number)

    def look_around(self) -> None:
        """The same for the functions of the user's that are running."""
        for frame in self._recorder.places.frames():
            if frame.f_code.co_name != "<module>":
                self._look_in(frame)

    def _look_in(self, frame: FrameType) -> None:
        for name, value in list(frame.f_locals.items()):
            if isinstance(value, NAMED) and name != "self":
                number = self._recorder.numbers.of(value)
                if (name, number) not in self._local:
                    self._local.add((name, number))
                    self._learn(name, value)
                    self._recorder.emit(NameBound, name=name, object=number, local=True)

    def _learn(self, name: str, value: Any) -> None:
        """A name tells the split of a loader that nothing else tells."""
        if isinstance(value, DataLoader):
            split = split_in_name(name, LOADER_NAME) or split_of_variable(name)
            if split is not None:
                self._loaders.named(value, split, f"its name `{name}`")

    def _place(self, name: str, execution: Execution | None) -> Place:
        """The last line of the cell that binds the name."""
        path = self._recorder.places.cells.path
        if execution is None:
            return Place(path)
        return Place(path, execution.number, binding_lines(execution.source).get(name, 0))


def binding_lines(source: str) -> dict[str, int]:
    """The line of the last assignment to each name, anywhere in the source of a cell."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    stores = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {node.id: node.lineno for node in sorted(stores, key=lambda node: node.lineno)}
