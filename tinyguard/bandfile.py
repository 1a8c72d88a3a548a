"""Bands in TOML: the table that ships, those of a user, and one saved after a healthy run.

[bands.residual]
points = { 1 = [0.01, 0.02], 10 = [0.10, 0.15] }  # epoch = [lowest, highest accuracy], fractions of 1
data-set = "TinyImageNet"                         # the rest is for the reader, and may be left out
metric = "test accuracy"
epochs = 50
batch-size = 64
source = "who says so"
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from tinyguard.bands import Band, BandPoint, named
from tinyguard.errors import ConfigurationError, UsageError, did_you_mean
from tinyguard.files import write_whole

KEYS = ("points", "data-set", "metric", "epochs", "batch-size", "source")
TEXTS = ("data-set", "metric", "source")
COUNTS = ("epochs", "batch-size")


@cache
def shipped() -> tuple[Band, ...]:
    """The bands that come with tinyguard."""
    return read(os.path.join(os.path.dirname(__file__), "data", "bands.toml"))


def band_to_expect(wanted: str, known: Iterable[Band] = ()) -> Band:
    """What `expect NAME|FILE` means: the only band of a file, or that of a name among those known and shipped.

    Raises UsageError when there is none, ConfigurationError when the file cannot be followed.
    """
    if not wanted.endswith(".toml") and os.sep not in wanted:
        return named(wanted, (*known, *shipped()))
    found = read(wanted)
    if len(found) != 1:
        names = ", ".join(band.name for band in found)
        raise UsageError(f"expect: {wanted} holds {len(found)} bands ({names}); one is wanted")
    return found[0]


def read(path: str, *, only: bool = False) -> tuple[Band, ...]:
    """The bands of a file, which may be a pyproject.toml; with `only` they are all that it may hold.

    Raises ConfigurationError when it cannot be read, is not TOML, or has none.
    """
    table = _tables(path)
    if only and (others := [key for key in table if key != "bands"]):
        elsewhere = "only [bands.NAME] stand here, the rest in [tool.tinyguard] of pyproject.toml"
        raise ConfigurationError(f'{path}: has no key "{others[0]}"; {elsewhere}')
    header = ""
    if isinstance(tool := table.get("tool"), dict) and "bands" not in table:
        table, header = tool.get("tinyguard", {}), "tool.tinyguard."
    try:
        found = bands_of(table["bands"], header=header)
    except (KeyError, TypeError):
        raise ConfigurationError(f"{path}: has no table [{header}bands.NAME]") from None
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return found


def bands_of(tables: Mapping[str, Any], *, header: str = "") -> tuple[Band, ...]:
    """The bands of a table of tables. Raises ValueError, with a text that names table and key, for what is no band."""
    if not isinstance(tables, dict) or not tables:
        raise ValueError(f"{header}bands wants tables, [{header}bands.NAME]")
    return tuple(_band(name, table, header=header) for name, table in tables.items())


def save(band: Band, path: str) -> None:
    """Writes the band into a file, beside the bands of other names that the file has already.

    Raises UsageError when the file holds anything else, or cannot be written.
    """
    others: tuple[Band, ...] = ()
    if os.path.exists(path):
        if set(_tables(path)) != {"bands"}:
            raise UsageError(f"{path}: holds other things than bands; choose another file, or write the band by hand")
        others = tuple(other for other in read(path) if other.name != band.name)
    write_whole(path, "\n".join(as_toml(each) for each in (*others, band)))


def as_toml(band: Band) -> str:
    points = ", ".join(f"{point.epoch} = [{float(point.low)!r}, {float(point.high)!r}]" for point in band.points)
    lines = [f"[bands.{_text(band.name)}]"]
    lines += [f"{key} = {_text(value)}" for key in TEXTS if (value := getattr(band, _field(key)))]
    lines += [f"{key} = {value}" for key in COUNTS if (value := getattr(band, _field(key)))]
    return "\n".join([*lines, f"points = {{ {points} }}"]) + "\n"


def _tables(path: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(path, "rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: is not TOML: {error}") from None


def _band(name: str, table: Any, *, header: str) -> Band:
    title = f"[{header}bands.{name}]"
    if not isinstance(table, dict) or "points" not in table:
        raise ValueError(f"{title} wants points, such as points = {{ 1 = [0.01, 0.02], 10 = [0.08, 0.12] }}")
    for key, value in table.items():
        if key not in KEYS:
            raise ValueError(f'{title} has no key "{key}"{did_you_mean(key, KEYS)}')
        if key in TEXTS and not isinstance(value, str):
            raise ValueError(f"{title} {key} wants a text, not {value!r}")
        if key in COUNTS and not (type(value) is int and value > 0):
            raise ValueError(f"{title} {key} wants a number from 1, not {value!r}")
    fields = {_field(key): value for key, value in table.items() if key != "points"}
    return Band(name=name, points=_points(table["points"], title=title), **fields)


def _points(table: Any, *, title: str) -> tuple[BandPoint, ...]:
    if not isinstance(table, dict) or not table:
        raise ValueError(f"{title} points wants a table, such as {{ 1 = [0.01, 0.02], 10 = [0.08, 0.12] }}")
    points = []
    for epoch, edges in table.items():
        if not (epoch.isascii() and epoch.isdecimal() and int(epoch) > 0):
            raise ValueError(f'{title} points: "{epoch}" is no epoch; they count from 1')
        match edges:
            case [float() | int() as low, float() | int() as high] if 0 <= low <= high <= 1:
                points.append(BandPoint(int(epoch), float(low), float(high)))
            case _:
                wanted = "[lowest, highest] as fractions of 1, such as [0.08, 0.12]"
                raise ValueError(f"{title} points: epoch {epoch} wants {wanted}, not {edges!r}")
    return tuple(sorted(points))


def _field(key: str) -> str:
    return key.replace("-", "_")


def _text(text: str) -> str:
    """A string of TOML: JSON's, but for DEL, which TOML wants escaped, and halves of surrogate pairs, which it bars."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
