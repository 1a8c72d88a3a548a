"""Live witness: loaders that draw from a data set which the notebook has replaced since they were built."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from tinyguard.events import Definition, LoaderBuilt, ObjectStale
from tinyguard.finding import Place
from tinyguard.live.cells import Execution
from tinyguard.live.loaders import Pass
from tinyguard.live.names import binding_lines

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_LOADERS = 1000  # that are remembered
MOST_NUMBERS = 1_000_000  # in a tensor that is compared


class Built:
    """A loader when it was built: what its data set was called, and which cell had bound that name."""

    def __init__(self, event: LoaderBuilt, count: int, name: str, binder: Execution) -> None:
        self.event = event
        self.count = count
        self.name = name
        self.binder = binder


class Replaced:
    """At the first pass over a loader in each cell: does the name of its data set still mean that data set?"""

    def __init__(self) -> None:
        self._built: dict[int, Built] = {}
        self._in_use: set[int] = set()  # data sets that some loader was built on
        self._cell: Execution | None = None
        self._seen: set[int] = set()  # loaders that were looked at in this cell
        self._told: set[int] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._cells = witness.cells
        self._namespace = witness.namespace
        witness.loaders.on_built.append(self._remember)
        witness.loaders.on_start.append(self._start)

    def _remember(self, loader: Any, event: LoaderBuilt) -> None:
        self._in_use |= {self._recorder.numbers.of(data) for data in _all_behind(loader.dataset)}
        if not self._recorder.affordable:
            return
        cell, names = self._cells.current, _called(loader.dataset, self._namespace())
        binder = self._binder(names[0]) if len(names) == 1 else None
        if cell is None or cell.count is None or binder is None or event.place.cell is None:
            return
        if len(self._built) >= MOST_LOADERS:
            self._built.clear()
        self._built[event.loader] = Built(event, cell.count, names[0], binder)

    def _start(self, loader: Any, passed: Pass) -> None:
        cell = self._cells.current
        if cell is not self._cell:
            self._cell = cell
            self._seen.clear()
        built = self._built.get(passed.loader)
        if built is None or passed.loader in self._seen or passed.loader in self._told or cell is None:
            return
        self._seen.add(passed.loader)
        names = self._namespace()
        now, binder = names.get(built.name), self._binder(built.name)
        called = _called(loader, names)
        if (
            now is loader.dataset
            or not isinstance(now, Dataset)
            or not called
            or _called(loader.dataset, names)  # somebody keeps it on purpose
            or binder is None
            or binder.count is None
            or cell.count is None
            or self._recorder.numbers.of(now) in self._in_use  # another loader's, of the same name
            or not (_run_again(built, binder, loader.dataset, now) or _made_from(now, loader.dataset))
        ):
            return
        self._told.add(passed.loader)
        used, _ = self._recorder.here()
        lines = binding_lines(binder.source).get(built.name, [0])
        self._recorder.emit(
            ObjectStale,
            (built.event.place, built.event.via),
            name=called[0],
            count=built.count,
            source=built.name,
            rerun=Definition(place=Place(self._cells.path, binder.number, lines[-1]), count=binder.count),
            used=used,
            used_count=cell.count,
        )

    def _binder(self, name: str) -> Execution | None:
        """The last cell that binds the name at its top level."""
        for execution in reversed(self._cells.executions.values()):
            if name in execution.source and name in binding_lines(execution.source):
                return execution
        return None


def _called(thing: Any, names: Mapping[str, Any]) -> list[str]:
    return [name for name, value in list(names.items()) if value is thing and not name.startswith("_")]


def _all_behind(dataset: Any) -> list[Any]:
    """The data set, and those that it is a part of or made of."""
    if isinstance(dataset, Subset):
        return [dataset, *_all_behind(dataset.dataset)]
    if isinstance(dataset, ConcatDataset):
        return [dataset, *(inner for part in dataset.datasets for inner in _all_behind(part))]
    held = vars(dataset).values() if hasattr(dataset, "__dict__") else ()
    return [dataset, *(value for value in held if isinstance(value, Dataset))]


def _run_again(built: Built, binder: Execution, old: Any, new: Any) -> bool:
    """The cell that had bound the name has bound it anew, and not to the same again."""
    if binder is built.binder or binder.number != built.binder.number:
        return False
    if isinstance(old, TensorDataset) and isinstance(new, TensorDataset):
        return _differ(old, new)
    return _tree(binder.source) != _tree(built.binder.source)


def _made_from(new: Any, old: Any) -> bool:
    """Two data sets of tensors that share one, the labels say, and differ in another: the same samples, changed."""
    if not (isinstance(old, TensorDataset) and isinstance(new, TensorDataset)):
        return False
    shared = any(one is two for one in old.tensors for two in new.tensors)
    return shared and len(old) == len(new) and _differ(old, new)


def _differ(old: TensorDataset, new: TensorDataset) -> bool:
    """Certainly other numbers."""
    if len(old.tensors) != len(new.tensors):
        return False
    for one, two in zip(old.tensors, new.tensors, strict=True):
        if one is two:
            continue
        if one.shape != two.shape:
            return True
        if one.device == two.device and one.numel() <= MOST_NUMBERS and not torch.equal(one, two):
            return True
    return False


def _tree(source: str) -> str:
    """The program without its comments."""
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError):
        return source
