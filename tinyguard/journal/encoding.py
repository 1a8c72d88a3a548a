"""A record <-> one line of JSON, exactly: what is read equals what was written, value by value and type by type.

    {"type": "OptimizerStepped", "place": ["a.ipynb", 4, 7], "optimizer": 11, "parameters": [[[1, 62]]], "at": 3.204}

The annotations of the fields say how each is written. A record becomes an object without the fields that have their
default; a named tuple an array without the defaults at its end. Numbered leaves are written in stretches, `[1, 62]` for
1 to 62; floats that JSON has no word for as "nan", "inf", "-inf". Where an annotation says `Any`, an object in JSON
names the type that JSON lacks: `{"tuple": [...]}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from tinyguard import __version__, events, finding
from tinyguard.errors import did_you_mean
from tinyguard.journal import notes
from tinyguard.journal.anything import to_json
from tinyguard.journal.errors import EncodingError
from tinyguard.journal.fields import codec
from tinyguard.measured import data, evaluation, models, training
from tinyguard.record import Record

TYPE, AT = "type", "at"  # keys of every line beside the fields, so no record may have fields of these names


def encode(record: Record, at: float | None = None) -> bytes:
    """The line as UTF-8, without its end; `at`: seconds since the session started. Raises EncodingError."""
    kind = type(record)
    if known_records().get(kind.__name__) is not kind:
        raise EncodingError(f"{kind.__name__}: a journal holds no such records")
    try:
        line = {TYPE: kind.__name__, **codec(kind).encode(record)}  # type: ignore[arg-type]
        if at is not None:
            line[AT] = round(at, 3)
        return to_json(line)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        raise EncodingError(f"{kind.__name__}: {error}") from None


def beginning(kind: type[Record]) -> bytes:
    """What every line of this kind begins with."""
    return to_json({TYPE: kind.__name__})[:-1]


def decode(line: str | bytes) -> Record:
    """The record of a line. Raises EncodingError, which tells what is wrong with it."""
    return decode_with_time(line)[0]


def decode_with_time(line: str | bytes) -> tuple[Record, float | None]:
    """The record of a line, and when it was written, in seconds since the session started."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise EncodingError("is not JSON: it was cut off or changed") from None
    if not isinstance(found, dict) or not isinstance(found.get(TYPE), str):
        raise EncodingError(f'has no "{TYPE}"')
    name, at = found.pop(TYPE), found.pop(AT, None)
    if not isinstance(at, int | float | None):
        raise EncodingError(f'"{AT}" is no number of seconds')
    kind = known_records().get(name)
    if kind is None:
        hint = did_you_mean(name, known_records())
        raise EncodingError(f'tinyguard {__version__} knows no "{name}"{hint}')
    try:
        return codec(kind).decode(found), at  # type: ignore[arg-type]
    except RecursionError:
        raise EncodingError(f"{name}: is nested too deeply") from None
    except EncodingError as error:
        raise EncodingError(f"{name}{error}") from None


@cache
def known_records() -> Mapping[str, type[Record]]:
    """By name, every kind of record that a line can be: all events, the finding, the journal's own notes."""
    modules = (events, data, evaluation, models, training)
    every = dict.fromkeys(kind for module in modules for kind in vars(module).values() if isinstance(kind, type))
    kinds = [kind for kind in every if issubclass(kind, events.Event) and kind is not events.Measured]
    own: list[type[Record]] = [
        kind for kind in vars(notes).values() if isinstance(kind, type) and kind.__module__ == notes.__name__
    ]
    known: dict[str, type[Record]] = {
        kind.__name__: kind for kind in (*kinds, finding.Finding, *own) if kind is not events.Event
    }
    for name, one in known.items():
        if {TYPE, AT} & set(one._fields):
            raise TypeError(f'{name}: a journal wants its fields "{TYPE}" and "{AT}" for itself')
    return known
