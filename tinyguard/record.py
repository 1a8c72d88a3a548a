"""Frozen records of plain values, the one form in which anything passes between stages.

`dataclasses` would do the same; importing it and building our records with it takes longer than everything else that
the command does before it reads its first notebook (`tests/benchmarks/start_up.py` compares the two).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Record:
    """Base of all records: annotated names are the fields, class attributes their defaults.

    Fields are given by keyword, compared by value, and never change.

    >>> class Point(Record):
    ...     x: int
    ...     y: int = 0
    >>> Point(x=1)
    Point(x=1, y=0)
    >>> Point(x=1) == Point(x=1, y=0)
    True

    Raises TypeError when a field is missing or unknown, AttributeError when one is assigned.
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _known: ClassVar[frozenset[str]] = frozenset()
    _required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        own = [name for name in cls.__annotations__ if not name.startswith("_")]
        cls._fields = (*(name for name in cls._fields if name not in own), *own)
        cls._known = frozenset(cls._fields)
        cls._required = frozenset(name for name in cls._fields if not hasattr(cls, name))

    def __init__(self, **fields: Any) -> None:
        if not (self._required.issubset(fields) and self._known.issuperset(fields)):
            missing = sorted(self._required - fields.keys())
            unknown = sorted(fields.keys() - self._known)
            raise TypeError(f"{type(self).__name__}: missing fields {missing}, unknown fields {unknown}")
        self.__dict__.update(fields)

    @classmethod
    def unchecked(cls, fields: dict[str, Any]) -> Self:
        """A record of these fields, without a look at their names: for those that are made by the thousand."""
        record = cls.__new__(cls)
        record.__dict__.update(fields)
        return record

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be assigned: records are frozen")

    def values(self) -> tuple[Any, ...]:
        """The values of all fields, in the order of their declaration."""
        return tuple(getattr(self, name) for name in self._fields)

    def replace(self, **changes: Any) -> Any:
        """A copy with other values for some fields."""
        return type(self)(**{**dict(zip(self._fields, self.values(), strict=True)), **changes})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(other) is type(self) and self.values() == other.values()

    def __hash__(self) -> int:
        return hash(self.values())

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({fields})"
