"""Bytes -> a notebook: every cell with its position, or the reason why it is left out. Bad content never raises."""

from __future__ import annotations

import json
import os
import re
import warnings
from typing import Any

from tinyguard.notebook import script
from tinyguard.notebook.cells import Cell, Notebook, Skipped
from tinyguard.notebook.nbformat3 import upgraded
from tinyguard.notebook.syntax import parse

_PYTHON = re.compile(r"i?python|pyspark|sage|pypy|micropython", re.IGNORECASE)
_FOREIGN_KERNEL = re.compile(
    r"(?:ir|julia|bash|zsh|javascript|typescript|tslab|deno|node|scala|almond|spylon|spark-?r|sparkkernel|i?ruby|octave"
    r"|matlab|xcpp|xeus-(?!python)|cling|gophernotes|go|rust|evcxr|sas|stata|i?haskell|java|ijava|kotlin|\.net|sql|xsql"
    r"|perl|iperl|lua|ilua|fsharp|csharp|powershell|r|rust|swift|wolfram|maxima)(?![a-z])(?!.*python)",
    re.IGNORECASE,
)
_LARGEST_COUNT = 10**9  # a larger one was never given by a kernel


class _UnreadableError(Exception):
    """The file is no notebook; says why."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def read(path: str, data: bytes | None = None) -> Notebook:
    """The notebook or script at `path`, or the one in `data`, which then came from standard input or an editor.

    A file that is neither `.ipynb` nor `.py` is what its content looks like. What cannot be analysed is in `skipped`,
    with its reason.
    """
    try:
        text = _decoded(_bytes(path) if data is None else data, path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code: invalid escapes and the like
            notebook = script.read(path, text) if _is_script(path, text) else _notebook(path, text)
    except _UnreadableError as error:
        return Notebook(path=path, cells=(), skipped=(Skipped(path=path, reason=error.reason, line=error.line),))
    return notebook if data is None else notebook.replace(text=text)


def text_of(path: str) -> str | None:
    """What the file says now; None when it cannot be read."""
    try:
        return _decoded(_bytes(path), path)
    except _UnreadableError:
        return None


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except IsADirectoryError:
        raise _UnreadableError("is a folder; name a notebook or a script") from None
    except FileNotFoundError:
        if os.path.islink(path):
            raise _UnreadableError(f"is a broken link to {os.readlink(path)}; restore its target") from None
        raise _UnreadableError("does not exist") from None
    except PermissionError:
        raise _UnreadableError("may not be read: permission denied") from None
    except (OSError, ValueError) as error:
        raise _UnreadableError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _decoded(data: bytes, path: str) -> str:
    if not data.strip(b" \t\r\n"):
        raise _UnreadableError("is empty; a notebook is a JSON object with a list of cells")
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif not path.endswith(".ipynb") and (declared := script.ENCODING.match(data)):
        encoding = declared[1].decode("ascii")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"is not {error.encoding}: {error.reason} at byte {error.start}; save it as UTF-8"
        raise _UnreadableError(reason, data.count(b"\n", 0, error.start) + 1) from None
    except LookupError:
        raise _UnreadableError(f"declares an encoding that does not exist, {encoding!r}; save it as UTF-8", 1) from None
    return text.removeprefix("\ufeff")


def _is_script(path: str, text: str) -> bool:
    suffix = os.path.splitext(path)[1].lower()
    return suffix in (".py", ".pyw", ".ipy") or (suffix != ".ipynb" and not text.lstrip().startswith(("{", "[")))


def _notebook(path: str, text: str) -> Notebook:
    document = _document(text)
    if language := _foreign_language(document.get("metadata")):
        raise _UnreadableError(f"is written in {language}; tinyguard reads Python")
    raw_cells = _raw_cells(document)
    cells: list[Cell] = []
    skipped: list[Skipped] = []
    ids: set[str] = set()
    for number, raw in enumerate(raw_cells, start=1):
        cell = _cell(raw, number, path, skipped)
        if cell.id in ids:  # an id that two cells have points to neither
            cell = cell.replace(id=None)
        elif cell.id is not None:
            ids.add(cell.id)
        cells.append(cell)
    return Notebook(path=path, cells=tuple(cells), skipped=tuple(skipped))


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise _UnreadableError(
                f"ends too early ({at}): the file was cut off; save it again", error.lineno
            ) from None
        raise _UnreadableError(f"is not JSON ({at}: {error.msg}); a notebook is a JSON object", error.lineno) from None
    except RecursionError:
        raise _UnreadableError("is nested too deeply to be a notebook") from None
    except ValueError as error:  # a number of more than 4,300 digits
        raise _UnreadableError(f"is not JSON that can be read: {error}") from None
    if not isinstance(document, dict):
        raise _UnreadableError(
            f"is JSON but no notebook: it holds {_kind(document)}; a notebook is an object with `cells`"
        )
    return document


def _raw_cells(document: dict[str, Any]) -> list[Any]:
    """The cells in the shape of nbformat 4."""
    if "cells" not in document and isinstance(document.get("worksheets"), list):
        cells: object = upgraded(document["worksheets"])
    elif "cells" in document:
        cells = document["cells"]
    else:
        raise _UnreadableError("is JSON but no notebook: it has no list `cells`")
    if not isinstance(cells, list):
        raise _UnreadableError(f"is no notebook: `cells` is {_kind(cells)}; it should be a list")
    if not cells:
        raise _UnreadableError("has no cells: there is nothing to analyse")
    return cells


def _foreign_language(metadata: object) -> str | None:
    """The language of the notebook when it is not Python; what says nothing is Python."""
    info, kernel = _dict(_dict(metadata).get("language_info")), _dict(_dict(metadata).get("kernelspec"))
    for name in (info.get("name"), kernel.get("language"), _dict(metadata).get("language")):
        if isinstance(name, str) and name:
            return None if _PYTHON.match(name) else name
    name = kernel.get("name")
    return name if isinstance(name, str) and _FOREIGN_KERNEL.match(name) else None


def _cell(raw: Any, number: int, path: str, skipped: list[Skipped]) -> Cell:
    """One cell; what is wrong with it goes to `skipped`, and leaves an empty cell in its place."""

    def left_out(reason: str, line: int | None = None) -> None:
        skipped.append(Skipped(path=path, cell=number, line=line, reason=reason))

    if not isinstance(raw, dict):
        left_out(f"is {_kind(raw)}; a cell is an object with `cell_type` and `source`")
        return Cell(number=number, code=False)
    kind, source, metadata = raw.get("cell_type"), raw.get("source"), _dict(raw.get("metadata"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(kind, str):
        left_out(f"has {_kind(kind)} for its `cell_type`; it should be a text: code, markdown or raw")
        return Cell(number=number, code=False)
    if not isinstance(source, str):
        if kind == "code":
            left_out(f"has {_kind(raw.get('source'))} for its `source`; it should be a text or a list of lines")
        return Cell(number=number, code=False)
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    identity = raw.get("id")
    cell: dict[str, Any] = {
        "number": number,
        "source": source,
        "id": identity if isinstance(identity, str) else None,
        "tags": tuple(tag for tag in _list(metadata.get("tags")) if isinstance(tag, str)),
    }
    if kind != "code" or _other_language(raw, metadata):
        return Cell(**cell, code=False)
    parsed = parse(source)
    if parsed.fault:
        left_out(f"does not parse: {parsed.fault.message}", parsed.fault.line)
    return Cell(
        **cell,
        code=parsed.code,
        count=_count(raw.get("execution_count")),
        tree=parsed.tree,
        outputs=tuple(output for output in _list(raw.get("outputs")) if _is_output(output)),
        binds=parsed.binds,
        written_to=parsed.written_to,
    )


def _other_language(raw: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """A single cell may be in another language: in nbformat 3, and in editors that hold several kernels."""
    name = _dict(metadata.get("vscode")).get("languageId") or raw.get("language")
    return isinstance(name, str) and not _PYTHON.match(name)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 < value < _LARGEST_COUNT else None


def _is_output(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("output_type"), str)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _kind(value: object) -> str:
    """What JSON calls it."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
