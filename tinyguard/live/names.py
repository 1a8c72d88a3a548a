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
from tinyguard.live.frames import variables
from tinyguard.live.loaders import Loaders
from tinyguard.live.recorder import Recorder
from tinyguard.splits import LOADER_NAME, split_in_name, split_of_variable

NAMED = (nn.Module, Optimizer, DataLoader, LRScheduler)


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
            if name.startswith("_") or not is_named(value):
                if isinstance(value, Dataset):
                    self._loaders.dataset_built(value, (self._place(name, execution), ()))
                continue
            number = self._recorder.numbers.of(unwrapped(value))
            if self._known.get(name) != number:
                self._known[name] = number
                self._learn(name, value)
                place = self._place(name, execution)
                self._recorder.emit(NameBound, (place, ()), name=name, object=number)

    def look_for(self, dataset: Any) -> None:
        """A loader is built on this data set: what is it called? One of the user's own class: where was it bound?"""
        execution = self._recorder.places.cells.current
        names = [name for name, value in list(self._namespace().items()) if value is dataset and name[0] != "_"]
        for frame in self._recorder.places.frames():
            names += [name for name, value in variables(frame).items() if value is dataset and name != "self"]
        if names:
            self._learn(names[0], dataset)
        place = self._place(names[0], execution) if names else self._recorder.here()[0]
        self._loaders.dataset_built(dataset, (place, ()))

    def held(self) -> dict[str, Any]:
        """The names of the notebook and what they mean now."""
        return dict(self._namespace())

    def look_around(self) -> None:
        """The same for the functions of the user's that are running."""
        for frame in self._recorder.places.frames():
            if frame.f_code.co_name != "<module>":
                self._look_in(frame)

    def parameters(self) -> dict[int, str]:
        """What the user calls the parameters of the models at hand, by their id: "model.0.weight"."""
        models: dict[str, nn.Module] = {}
        for frame in self._recorder.places.frames():
            owner = variables(frame).get("self")
            held = {f"self.{name}": value for name, value in vars(owner).items()} if hasattr(owner, "__dict__") else {}
            for name, value in {**variables(frame), **held}.items():
                if isinstance(value, nn.Module) and name != "self":
                    models.setdefault(name, value)
        for name, value in list(self._namespace().items()):
            if isinstance(value, nn.Module) and not name.startswith("_"):
                models.setdefault(name, value)
        found: dict[int, str] = {}
        for name, model in models.items():
            for inner, parameter in model.named_parameters():
                found.setdefault(id(parameter), f"{name}.{inner}")
        return found

    def _look_in(self, frame: FrameType) -> None:
        for name, value in variables(frame).items():
            if name != "self" and is_named(value):
                number = self._recorder.numbers.of(unwrapped(value))
                if (name, number) not in self._local:
                    self._local.add((name, number))
                    self._learn(name, value)
                    self._recorder.emit(NameBound, name=name, object=number, local=True)

    def _learn(self, name: str, value: Any) -> None:
        """A name tells the split of a loader that nothing else tells."""
        if isinstance(value, (DataLoader, Dataset)):
            split = split_in_name(name, LOADER_NAME) or split_of_variable(name)
            if split is not None:
                self._loaders.named(value, split, f"its name `{name}`")

    def _place(self, name: str, execution: Execution | None) -> Place:
        """The last line of the cell, as far as it has run, that binds the name."""
        path = self._recorder.places.cells.path
        if execution is None:
            return Place(path)
        running = self._recorder.places.line_in_cell()
        lines = [line for line in binding_lines(execution.source).get(name, ()) if running is None or line <= running]
        return Place(path, execution.number, lines[-1] if lines else 0)


def unwrapped(value: Any) -> Any:
    """What does the work in a loader or optimizer that accelerate has prepared."""
    inner = vars(value).get("base_dataloader" if isinstance(value, DataLoader) else "optimizer")
    return inner if isinstance(value, (DataLoader, Optimizer)) and is_named(inner) else value


def is_named(value: Any) -> bool:
    """A thing of torch that events speak of; a data set of the user's own class is told of with its loader."""
    if isinstance(value, Dataset):
        return type(value).__module__.partition(".")[0] in ("torch", "torchvision")
    return isinstance(value, NAMED) and not type(value).__module__.startswith("torchvision.transforms")


def binding_lines(source: str) -> dict[str, list[int]]:
    """The lines that bind each name, anywhere in the source of a cell, from top to bottom."""
    found: dict[str, list[int]] = {}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, []).append(node.lineno)
    return {name: sorted(lines) for name, lines in found.items()}
