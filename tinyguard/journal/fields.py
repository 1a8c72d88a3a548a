"""The annotation of a field -> how its values are written; nothing here knows a single record."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from tinyguard.journal.anything import decode_anything, decode_float, encode_anything, encode_float, to_json, wants
from tinyguard.journal.errors import EncodingError
from tinyguard.record import Record


class Codec(NamedTuple):
    """How values of one annotation are written."""

    of: tuple[type, ...]  # the values' types
    written: tuple[type, ...]  # the types that json gives for them
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]  # raises EncodingError, whose text begins with ":" or with the way to the value


@cache
def codec(kind: Any) -> Codec:
    """How values with this annotation are written. Raises TypeError when nobody knows."""
    origin, of = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind in (Any, Hashable):
        return Codec((object,), _JSON, encode_anything, decode_anything)
    if origin in (Union, types.UnionType):
        return _union(kind, [codec(one) for one in of])
    if origin is tuple and len(of) == 2 and of[1] is Ellipsis:
        return _items(tuple, codec(of[0]))
    if origin is tuple:
        return _pair(kind, [codec(one) for one in of])
    if kind == frozenset[int]:
        return Codec((frozenset,), (list,), _stretches, _unstretched)
    if origin is frozenset:
        return _items(frozenset, codec(of[0]))
    if origin is Mapping and of[0] is str:
        return _mapping(codec(of[1]))
    if isinstance(kind, type) and issubclass(kind, Record):
        return _record(kind)
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enumeration(kind)
    raise TypeError(f"a journal cannot hold values of {kind}")


# --- single values ---------------------------------------------------------------------------------------------------


def _scalar(kind: type, what: str) -> Codec:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise wants(what, value)
        return value

    return Codec((kind,), (kind,), _as_it_is, decode)


def _as_it_is(value: Any) -> Any:
    return value


_NONE = type(None)
_JSON: tuple[type, ...] = (_NONE, bool, int, float, str, list, dict)
_SCALARS: Mapping[Any, Codec] = {
    bool: _scalar(bool, "true or false"),
    int: _scalar(int, "an integer"),
    str: _scalar(str, "a string"),
    _NONE: _scalar(_NONE, "null"),
    float: Codec((float, int), (float, int, str), encode_float, decode_float),
}


def _enumeration(kind: type[Enum]) -> Codec:
    def decode(value: Any) -> Any:
        if not isinstance(value, str) or value not in kind.__members__:
            raise wants(f"one of {', '.join(kind.__members__)}", value)
        return kind[value]

    return Codec((kind,), (str,), lambda value: value.name, decode)


def _union(kind: Any, members: list[Codec]) -> Codec:
    """Which member a value is for is seen by its type, in Python and in JSON."""
    by_written: dict[type, Codec] = {}
    for member in members:
        for written in member.written:
            by_written.setdefault(written, member)
    by_type = {one: member for member in reversed(members) for one in member.of}

    def encode(value: Any) -> Any:
        member = by_type.get(type(value))
        if member is None:
            member = next((one for one in members if isinstance(value, one.of)), None)
        if member is None:
            raise TypeError(f"{value!r} is no {kind}")
        return member.encode(value)

    def decode(value: Any) -> Any:
        member = by_written.get(type(value))
        if member is None:
            raise wants(" or ".join(dict.fromkeys(written.__name__ for written in by_written)), value)
        return member.decode(value)

    return Codec(tuple(by_type), tuple(by_written), encode, decode)


# --- several values --------------------------------------------------------------------------------------------------


def _items(kind: type, item: Codec) -> Codec:
    def encode(value: Any) -> list[Any]:
        written = [item.encode(one) for one in value]
        return sorted(written, key=to_json) if kind is frozenset else written

    def decode(value: Any) -> Any:
        return kind([_decoded(item, one, f"[{index}]") for index, one in enumerate(_list(value))])

    return Codec((kind,), (list,), encode, decode)


def _pair(kind: Any, items: list[Codec]) -> Codec:
    def encode(value: Any) -> list[Any]:
        return [item.encode(one) for item, one in zip(items, value, strict=True)]

    def decode(value: Any) -> Any:
        if len(_list(value)) != len(items):
            raise wants(f"{len(items)} items", value)
        return tuple(_decoded(item, one, f"[{at}]") for at, (item, one) in enumerate(zip(items, value, strict=True)))

    return Codec((tuple,), (list,), encode, decode)


def _mapping(item: Codec) -> Codec:
    def decode(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise wants("an object", value)
        return {key: _decoded(item, one, f"[{key!r}]") for key, one in value.items()}

    def encode(value: Mapping[str, Any]) -> dict[str, Any]:
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"its keys are not all strings: {value!r}")
        return {key: item.encode(one) for key, one in value.items()}

    return Codec((dict, Mapping), (dict,), encode, decode)


def _stretches(numbers: frozenset[int]) -> list[Any]:
    """The numbers in order; where three or more follow each other, the first and the last of them.

    >>> _stretches(frozenset({1, 2, 5, 7, 8, 9}))
    [1, 2, 5, [7, 9]]
    """
    ordered = sorted(numbers)
    ends = [0, *(index for index, (one, next) in enumerate(pairwise(ordered), 1) if next != one + 1), len(ordered)]
    found: list[Any] = []
    for start, end in pairwise(ends):
        found += ordered[start:end] if end - start < 3 else [[ordered[start], ordered[end - 1]]]
    return found


MOST_LEAVES = 10_000_000  # of one stretch: a changed line must not fill the memory


def _unstretched(value: Any) -> frozenset[int]:
    found: list[int] = []
    for one in _list(value):
        match one:
            case int() if type(one) is int:
                found.append(one)
            case [int(first), int(last)] if first <= last < first + MOST_LEAVES:
                found += range(first, last + 1)
            case _:
                raise wants("integers and [first, last]", one)
    return frozenset(found)


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise wants("an array", value)
    return value


def _decoded(item: Codec, value: Any, where: str) -> Any:
    try:
        return item.decode(value)
    except EncodingError as error:
        raise EncodingError(f"{where}{error}") from None


# --- records and named tuples ----------------------------------------------------------------------------------------


_REQUIRED = object()  # in place of a default


def _record(kind: type[Record]) -> Codec:
    hints = get_type_hints(kind)
    codecs = {name: codec(hints[name]) for name in kind._fields}
    fields = {name: (item.encode, getattr(kind, name, _REQUIRED)) for name, item in codecs.items()}

    def encode(record: Any) -> dict[str, Any]:
        if type(record) is not kind:
            raise TypeError(f"{record!r} is no {kind.__name__}")
        written = {}
        for name, value in record.__dict__.items():  # what was given: the rest has its default
            encode_value, default = fields[name]
            if value is not default and value != default:
                written[name] = encode_value(value)
        return written

    def decode(value: Any) -> Record:
        if type(value) is not dict:
            raise wants("an object", value)
        unknown, missing = value.keys() - kind._known, kind._required - value.keys()
        if unknown or missing:
            wrong = [*(f'unknown field "{name}"' for name in sorted(unknown))]
            wrong += [f'the field "{name}" is missing' for name in sorted(missing)]
            raise EncodingError(f": {', '.join(wrong)}")
        return kind.unchecked({name: _decoded(codecs[name], one, f".{name}") for name, one in value.items()})

    return Codec((kind,), (dict,), encode, decode)


def _named_tuple(kind: Any) -> Codec:
    hints = get_type_hints(kind)
    items = [codec(hints[name]) for name in kind._fields]
    defaults = [kind._field_defaults.get(name, _REQUIRED) for name in kind._fields]
    required = defaults.count(_REQUIRED)

    @lru_cache(maxsize=256)  # the same places and parameters come at every step
    def encode(value: Any) -> list[Any]:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        length = len(value)
        while length > required and type(value[length - 1]) is type(defaults[length - 1]):
            if value[length - 1] != defaults[length - 1]:
                break
            length -= 1
        return [item.encode(one) for item, one in zip(items[:length], value[:length], strict=True)]

    def decode(value: Any) -> Any:
        if not required <= len(_list(value)) <= len(items):
            raise wants(f"{required} to {len(items)} items for {', '.join(kind._fields)}", value)
        return kind(
            *(_decoded(item, one, f".{name}") for name, item, one in zip(kind._fields, items, value, strict=False))
        )

    return Codec((kind,), (list,), encode, decode)
