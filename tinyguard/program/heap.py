"""Static witness: what a pretend run has written, how to take it back, and how two ways are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tinyguard.events import Parameters, Samples
from tinyguard.program.pretend.values import Dataset, Leaves, Loader, Model, Optimizer, Scheduler, Tensor, Transform
from tinyguard.program.values import CONSTANT, MISSING, Dict, Instance, List, Names, Object, Parts, Tuple, Unknown

Fields = dict[Any, Any]
Writes = dict[tuple[int, Any], tuple[Fields, Any, Any]]  # (id of the dict, key) -> dict, key, last value


class Heap:
    """Every write of a pretend run goes through here and can be taken back."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._trail: list[tuple[Fields, Any, Any]] = []
        self._number = number
        self.structure = 0  # grows when what a model consists of may have changed
        self.outside = 0  # grows with every write to anything but a frame's names

    def write(self, fields: Fields, key: Any, value: Any) -> None:
        """Set `fields[key]`; `value` MISSING removes it."""
        old = fields.get(key, MISSING)
        if old is value:
            return
        self._trail.append((fields, key, old))
        if value is MISSING:
            fields.pop(key, None)
        else:
            fields[key] = value
        if type(fields) is Names:
            return
        self.outside += 1
        if (
            isinstance(fields, Parts)
            and fields.seen
            and key != "training"
            and (key in _TELLING or isinstance(value, _PARTS) or isinstance(old, _PARTS) or type(key) is int)
        ):
            self.structure += 1

    def forget(self) -> None:
        self._trail.clear()

    def mark(self) -> int:
        return len(self._trail)

    def take_back(self, mark: int) -> Writes:
        """Undo every write since `mark`; what they amounted to."""
        writes: Writes = {}
        parts = False
        while len(self._trail) > mark:
            fields, key, old = self._trail.pop()
            parts = parts or (isinstance(fields, Parts) and fields.seen and key != "training")
            writes.setdefault((id(fields), key), (fields, key, fields.get(key, MISSING)))
            if old is MISSING:
                fields.pop(key, None)
            else:
                fields[key] = old
        if parts:
            self.structure += 1
        return writes

    def apply(self, writes: Writes) -> None:
        for fields, key, value in writes.values():
            self.write(fields, key, value)

    def join(self, left: Writes, right: Writes) -> None:
        """Write what holds whichever of two ways was taken."""
        memo: dict[Any, Any] = {}
        for place in {**left, **right}:
            fields, key, _ = left.get(place) or right[place]
            before = fields.get(key, MISSING)
            one = left[place][2] if place in left else before
            other = right[place][2] if place in right else before
            if type(key) is int and type(fields) is Parts:  # a parameter that was never frozen is not frozen
                one, other = (False if way is MISSING else way for way in (one, other))
            self.write(fields, key, self.joined(one, other, memo))

    def trail(self, mark: int) -> list[tuple[Fields, Any, Any]]:
        """Every write since `mark`, with what was there before it."""
        return self._trail[mark:]

    def changes(self, mark: int) -> Iterator[tuple[Any, Any]]:
        """What was there before each write since `mark`, and what is there now."""
        for fields, key, old in self._trail[mark:]:
            yield old, fields.get(key, MISSING)

    def widen(self, mark: int) -> None:
        """Between two laps: numbers that the first lap changed are no longer known."""
        for fields, key, old in self._trail[mark:]:
            new = fields.get(key, MISSING)
            if type(old) in _NUMBERS and type(new) in _NUMBERS and old != new:
                self.write(fields, key, Unknown())

    def loosen(self, mark: int) -> None:
        """After a loop of unknown length: lists and networks that it has added to may have any number of parts."""
        for fields, key, _ in self._trail[mark:]:
            if key == "items" and fields.get("exact") is True:
                self.write(fields, "exact", False)
            elif "training" in fields and isinstance(key, str) and key.isdigit():
                self.write(fields, "abridged", True)

    def joined(self, one: Any, other: Any, memo: dict[Any, Any]) -> Any:
        """One value for "whichever of the two it was"."""
        if one is other or one is MISSING or one is None:
            return other if one is not other else one
        if other is MISSING or other is None:
            return one
        pair = (id(one), id(other))
        if pair not in memo:
            memo[pair] = self._join(one, other, memo, pair)
        return memo[pair]

    def _join(self, one: Any, other: Any, memo: dict[Any, Any], pair: tuple[int, int]) -> Any:
        if isinstance(one, CONSTANT) and isinstance(other, CONSTANT):
            return one if type(one) is type(other) and one == other else Unknown()
        if type(one) is not type(other):
            return _mixed(one, other)
        match one:
            case Parameters():
                return one if one == other else Parameters(one.leaves | other.leaves, False)
            case Samples():
                return _joined_samples(one, other)
            case Tensor():
                return joined_tensors(one, other)
            case Leaves():
                return Leaves(self.joined(one.parameters, other.parameters, memo))
            case tuple():
                return self._joined_items(one, other, memo)
            case Tuple() if len(one.items) == len(other.items):
                return Tuple(tuple(self.joined(a, b, memo) for a, b in zip(one.items, other.items, strict=True)))
            case Transform():
                return Transform(
                    tuple(name for name in one.augmentation if name in other.augmentation),
                    known=one.known and other.known,
                )
            case List() | Dict() | Model() | Optimizer() | Scheduler() | Dataset() | Loader():
                return self._joined_objects(one, other, memo, pair)
            case Instance() if one.cls is other.cls:
                return self._joined_objects(one, other, memo, pair)
            case Unknown():
                return Unknown(graph=one.graph or other.graph)
            case frozenset():
                return one | other
        return Unknown(graph=True)

    def _joined_objects(self, one: Any, other: Any, memo: dict[Any, Any], pair: tuple[int, int]) -> Any:
        """A fresh object of the same kind; its fields are joined with the same memo, so that what belongs together
        (a scheduler and its optimizer) stays together."""
        twin = object.__new__(type(one))
        for name in _slots(type(one)):
            if hasattr(one, name):
                setattr(twin, name, getattr(one, name))
        twin.number = self._number()
        twin.fields = type(one.fields)()
        memo[pair] = twin
        for key in {**one.fields, **other.fields}:
            twin.fields[key] = self.joined(one.fields.get(key, MISSING), other.fields.get(key, MISSING), memo)
        if isinstance(one, List) and len(one.items) != len(other.items):
            twin.fields["exact"] = False
        if isinstance(one, Dict):
            twin.state = {"exact": one.exact and other.exact and one.fields.keys() == other.fields.keys()}
            twin.read = one.read
        if isinstance(one, Model):
            ways = (*one.fields.get("either", (one,)), *other.fields.get("either", (other,)))
            twin.fields["either"] = tuple(dict.fromkeys(ways))[:MOST_WAYS]
            if one.cls is not other.cls:
                twin.cls = None
        return twin

    def _joined_items(self, one: tuple[Any, ...], other: tuple[Any, ...], memo: dict[Any, Any]) -> tuple[Any, ...]:
        short, long = sorted((one, other), key=len)
        return (*(self.joined(a, b, memo) for a, b in zip(short, long, strict=False)), *long[len(short) :])


MOST_WAYS = 8  # models that one of unknown identity may be
_PARTS = (Model, Leaves, Unknown)  # what an attribute may be, or have been, for a model's parameters to change
_TELLING = frozenset({"leaf", "uses_mode", "pretrained", "incomplete"})
_NUMBERS = {int, float, *(cls for cls in int.__subclasses__() if cls.__name__ == "Int")}
_SLOTS: dict[type, tuple[str, ...]] = {}


def _slots(cls: type) -> tuple[str, ...]:
    if cls not in _SLOTS:
        _SLOTS[cls] = tuple(name for base in cls.__mro__ for name in getattr(base, "__slots__", ()))
    return _SLOTS[cls]


def _mixed(one: Any, other: Any) -> Any:
    """Two values of different types: an object that may be absent stays, anything else is unknown."""
    for a, b in ((one, other), (other, one)):
        if isinstance(a, Tensor) and isinstance(b, (*CONSTANT, Unknown)):
            return a.with_(complete=a.complete and not getattr(b, "graph", False), known=False, activation=None)
        if isinstance(a, Object) and isinstance(b, Unknown) and not b.graph:
            return Unknown(graph=True)
    return Unknown(graph=not (isinstance(one, CONSTANT) and isinstance(other, CONSTANT)))


def joined_tensors(one: Tensor, other: Tensor) -> Tensor:
    same = one.activation == other.activation
    return Tensor(
        one.reaches | other.reaches,
        complete=one.complete and other.complete and one.reaches == other.reaches,
        models=merged(one.models, other.models),
        loaders=merged(one.loaders, other.loaders),
        activation=one.activation if same else None,
        known=one.known and other.known and same,
        width=one.width if one.width == other.width else None,
        loss=one.loss or other.loss,
        role=one.role if one.role == other.role else "",
        grad=one.grad or other.grad,
        graphs=merged(one.graphs, other.graphs),
        layer=one.layer if one.layer == other.layer else "",
        length=one.length if one.length == other.length else None,
    )


def merged(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Both, each object once; what is merged (loaders, graphs, uses of models) is compared by identity."""
    if not other or one is other:
        return one
    if not one:
        return other
    known = {id(item) for item in one}
    new = [item for item in other if id(item) not in known]
    return (*one, *new) if new else one


def _joined_samples(one: Samples, other: Samples) -> Samples:
    changes = {}
    for name, a, b in zip(Samples._fields, one.values(), other.values(), strict=True):
        if a == b:
            changes[name] = a
    changes.setdefault("augmentation", ())
    changes["sources"] = one.sources | other.sources
    return Samples(**changes)
