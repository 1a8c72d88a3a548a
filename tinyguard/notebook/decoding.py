"""The JSON of a notebook -> its document, by whichever of two decoders costs less; both give the same.

`msgspec` reads what we ask for in a fifth of the time that `json` takes, as it leaves the recorded outputs undecoded.
Importing it costs as much as `json` takes for some 16 MB, so it is imported when a run has that much to read.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Sequence
from typing import Any

MSGSPEC_PAYS_FROM = 16_000_000  # bytes; its import takes 25 ms, and it saves 1.5 ms a MB
_CHUNK = 1 << 14  # bytes: a text of that size needs no new memory

_bytes_read = 0  # in this run


def quickly(data: bytes) -> dict[str, Any] | None:
    """The document with `Undecoded` outputs; None: let `json` read it, or say what is wrong with it.

    What `msgspec` accepts `json` accepts, once the text is known to be UTF-8 (numbers of more than 4,300 digits where
    nobody looks excepted).
    """
    global _bytes_read
    _bytes_read += len(data)
    if _bytes_read < MSGSPEC_PAYS_FROM:
        return None
    from tinyguard.notebook import typed

    try:
        return typed.decode(data) if is_utf8(data) else None  # type: ignore[return-value]
    except (ValueError, RecursionError):
        return None


def is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    start = 0
    try:
        while start < len(data):
            final = start + _CHUNK >= len(data)
            start += codecs.utf_8_decode(data[start : start + _CHUNK], "strict", final)[1]
    except UnicodeDecodeError:
        return False
    return True


class Undecoded(Sequence[dict[str, Any]]):
    """The outputs of one cell as the file has them, decoded when somebody looks at them."""

    __slots__ = ("_outputs", "_raw")

    def __init__(self, raw: Any) -> None:
        self._raw = raw  # a msgspec.Raw; None once it is decoded
        self._outputs: tuple[dict[str, Any], ...] = ()

    def _decoded(self) -> tuple[dict[str, Any], ...]:
        if self._raw is not None:
            from tinyguard.notebook import typed

            raw, self._raw = self._raw, None
            try:
                self._outputs = outputs_in(typed.decode_outputs(raw))
            except (ValueError, RecursionError):
                self._outputs = outputs_in(_by_json(bytes(raw)))
        return self._outputs

    def printed(self) -> Sequence[dict[str, Any]]:
        """The outputs with nothing but what they say as text, and less work done for it."""
        if self._raw is not None:
            from tinyguard.notebook import typed

            try:
                return outputs_in(typed.decode_printed(self._raw))
            except (ValueError, RecursionError):
                pass
        return self._decoded()

    def __len__(self) -> int:
        return len(self._decoded())

    def __getitem__(self, index: Any) -> Any:
        return self._decoded()[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._decoded())

    def __eq__(self, other: object) -> bool:
        return self._decoded() == (other._decoded() if isinstance(other, Undecoded) else other)

    def __hash__(self) -> int:
        return hash(self._decoded())

    def __repr__(self) -> str:
        return repr(self._decoded())


def printed(outputs: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """These outputs; of their data at least the plain text."""
    return outputs.printed() if isinstance(outputs, Undecoded) else outputs


def outputs_of(value: Any) -> Sequence[dict[str, Any]]:
    """The outputs of a cell; `value` is what either decoder made of them."""
    if not value or isinstance(value, list | dict | str | int | float):
        return outputs_in(value)
    return Undecoded(value) if len(memoryview(value)) > len("[]") else ()


def outputs_in(value: Any) -> tuple[dict[str, Any], ...]:
    """What is an output among the elements of a list."""
    if not value or not isinstance(value, list):
        return ()
    return tuple([one for one in value if isinstance(one, dict) and isinstance(one.get("output_type"), str)])


def _by_json(raw: bytes) -> Any:
    """What msgspec refuses and json takes: half a character; None where json does not take it, either."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
