"""Plain values of any type <-> what JSON has, exactly: an object names the type that JSON lacks: `{"tuple": [...]}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from tinyguard.journal.errors import EncodingError

_quickly = msgspec.json.Encoder().encode


def to_json(value: Any) -> bytes:
    try:
        return _quickly(value)
    except (TypeError, ValueError, OverflowError):  # lone surrogates, subclasses of int, integers of many digits
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def wants(what: str, value: object) -> EncodingError:
    text = repr(value)
    return EncodingError(f": wants {what}, not {text if len(text) < 60 else text[:60] + '...'}")


_NOT_IN_JSON = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def encode_float(value: float) -> float | str:
    return value if value - value == 0 else str(float(value))


def decode_float(value: Any) -> Any:
    if type(value) in (float, int):  # an integer is what Python takes for a float, too
        return value
    if isinstance(value, str) and value in _NOT_IN_JSON:
        return _NOT_IN_JSON[value]
    raise wants("a number", value)


_SETS: Mapping[str, type] = {"frozenset": frozenset, "set": set}


def encode_anything(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            written = encode_float(value)
            return {"float": written} if isinstance(written, str) else written
        case list():
            return [encode_anything(one) for one in value]
        case tuple():
            return {"tuple": [encode_anything(one) for one in value]}
        case frozenset() | set():
            name = "frozenset" if isinstance(value, frozenset) else "set"
            return {name: sorted((encode_anything(one) for one in value), key=to_json)}
        case Mapping():
            return {"dict": [[encode_anything(key), encode_anything(one)] for key, one in value.items()]}
        case complex():
            return {"complex": [encode_float(value.real), encode_float(value.imag)]}
        case bytes():
            return {"bytes": value.hex()}
    if value is ...:
        return {"ellipsis": True}
    raise TypeError(f"a journal holds plain values only, not {value!r:.60}")


def decode_anything(value: Any) -> Any:
    if type(value) is list:
        return [decode_anything(one) for one in value]
    if type(value) is not dict:
        return value
    match value:
        case {"float": str(word), **rest} if word in _NOT_IN_JSON and not rest:
            return _NOT_IN_JSON[word]
        case {"tuple": list(items), **rest} if not rest:
            return tuple(decode_anything(one) for one in items)
        case {"dict": list(items), **rest} if not rest and all(type(one) is list and len(one) == 2 for one in items):
            return _built(dict, [(decode_anything(key), decode_anything(one)) for key, one in items])
        case {"complex": [real, imaginary], **rest} if not rest:
            return complex(decode_float(real), decode_float(imaginary))
        case {"bytes": str(text), **rest} if not rest:
            return _bytes(text)
        case {"ellipsis": True, **rest} if not rest:
            return ...
    for name, kind in _SETS.items():
        if list(value) == [name] and type(value[name]) is list:
            return _built(kind, [decode_anything(one) for one in value[name]])
    raise wants("a plain value", value)


def _built(kind: type, items: list[Any]) -> Any:
    try:
        return kind(items)
    except TypeError:
        raise wants(f"what a {kind.__name__} can hold", items) from None


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise wants("hexadecimal digits", text) from None
