"""Live witness: the numbers that data sets give to their classes, in training and in evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import Subset

from tinyguard.live.loaders import Pass
from tinyguard.measured.data import ClassesReordered

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_LOADERS = 100  # that are remembered
MOST_CLASSES = 20_000
DEEPEST = 6  # subsets of subsets

Numbers = dict[str, int]


class Numbering:
    """Compares `class_to_idx` of the data that a model is evaluated on with that of what it was trained on."""

    def __init__(self) -> None:
        self._numbers: dict[int, Numbers] = {}  # by loader
        self._trained: dict[int, int] = {}  # model -> the loader that it was trained on last
        self._told: set[tuple[int, int]] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        witness.loaders.on_start.append(self._start)
        witness.loaders.on_pass.append(self._over)

    def _start(self, loader: Any, passed: Pass) -> None:
        if passed.loader not in self._numbers and len(self._numbers) < MOST_LOADERS:
            self._numbers[passed.loader] = class_numbers(loader.dataset)

    def _over(self, passed: Pass) -> None:
        if passed.stepped:
            self._trained.update(dict.fromkeys(passed.models, passed.loader))
        if passed.backward or not passed.measured or len(passed.models) != 1 or len(self._trained) > MOST_LOADERS:
            return
        trained = self._trained.get(next(iter(passed.models)))
        here, there = self._numbers.get(passed.loader), self._numbers.get(trained or 0)
        if trained is None or not here or not there or here.keys() != there.keys():
            return
        moved = [name for name, number in here.items() if there[name] != number]
        if not moved or (passed.loader, trained) in self._told:
            return
        self._told.add((passed.loader, trained))
        self._recorder.emit(
            ClassesReordered,
            passed.where,
            loader=passed.loader,
            trained=trained,
            name=moved[0],
            number=here[moved[0]],
            trained_number=there[moved[0]],
            moved=len(moved),
            classes=len(here),
        )


def class_numbers(dataset: Any) -> Numbers:
    """Of torchvision's `class_to_idx`, whoever wrote the data set; empty: it has none."""
    depth = DEEPEST
    while isinstance(dataset, Subset) and depth:
        dataset, depth = dataset.dataset, depth - 1
    numbers = vars(dataset).get("class_to_idx") if hasattr(dataset, "__dict__") else None
    if not isinstance(numbers, dict) or not 1 < len(numbers) <= MOST_CLASSES:
        return {}
    plain = all(isinstance(name, str) and type(number) is int for name, number in numbers.items())
    return dict(numbers) if plain and set(numbers.values()) == set(range(len(numbers))) else {}
