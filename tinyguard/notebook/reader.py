"""Bytes -> a notebook: every cell with its position, or the reason why it is left out. Bad content never raises."""

from __future__ import annotations

import json
import warnings
from typing import Any

from tinyguard.notebook import decoding
from tinyguard.notebook.cells import Cell, Notebook, Skipped
from tinyguard.notebook.syntax import parse

_PYTHONS = ("python", "ipython", "pyspark", "pypy", "micropython", "sage")
_FOREIGN_KERNELS = (  # the names that their kernels are installed under, up to a version
    "almond bash csharp cling deno evcxr fsharp go gophernotes haskell ihaskell ijava ijulia ir iruby java javascript "
    "julia kotlin lua matlab net node octave perl powershell r ruby rust sas scala spark sparkkernel sparkr spylon sql "
    "stata swift tslab typescript wolframlanguage xcpp xr xsql zsh"
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
        content = _bytes(path) if data is None else data
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code: invalid escapes and the like
            notebook = _parsed(path, content)
        return notebook if data is None else notebook.replace(text=_decoded(content, path))
    except _UnreadableError as error:
        return Notebook(path=path, cells=(), skipped=(Skipped(path=path, reason=error.reason, line=error.line),))


def typed(source: str, number: int | None = None, count: int | None = None) -> Cell:
    """A code cell as a kernel was given it; one that does not parse has no tree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python tells the user of them when the cell runs
        parsed = parse(source)
    return Cell(
        number=number,
        source=source,
        code=parsed.code,
        count=count,
        tree=parsed.tree,
        binds=parsed.binds,
        written_to=parsed.written_to,
    )


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
    except (OSError, ValueError) as error:
        from tinyguard.notebook.files import unreadable

        raise _UnreadableError(unreadable(path, error)) from None


def _decoded(data: bytes, path: str) -> str:
    if not _named_script(path) and (not data or data.isspace()):
        raise _UnreadableError("is empty; a notebook is a JSON object with a list of cells")
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"coding" in data[:200] and not path.endswith(".ipynb"):
        from tinyguard.notebook.script import declared_encoding

        encoding = declared_encoding(data) or encoding
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        reason = f"is not {error.encoding}: {error.reason} at byte {error.start}; save it as UTF-8"
        raise _UnreadableError(reason, data.count(b"\n", 0, error.start) + 1) from None
    except (LookupError, ValueError):
        raise _UnreadableError(f"declares an encoding that does not fit, {encoding!r}; save it as UTF-8") from None


def _parsed(path: str, data: bytes) -> Notebook:
    if path.endswith(".ipynb") and (document := decoding.quickly(data)) is not None:
        return _notebook(path, document)
    text = _decoded(data, path)
    if _named_script(path) or (not path.endswith(".ipynb") and not text.lstrip().startswith(("{", "["))):
        from tinyguard.notebook import script

        return script.read(path, text)
    return _notebook(path, _document(text))


def _named_script(path: str) -> bool:
    return path.endswith((".py", ".pyw", ".ipy"))


def _notebook(path: str, document: dict[str, Any]) -> Notebook:
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
        from tinyguard.notebook.nbformat3 import upgraded

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
            return None if name.lower().startswith(_PYTHONS) else name
    name = kernel.get("name")
    return name if isinstance(name, str) and _stem(name) in _FOREIGN_KERNELS.split() else None


def _stem(kernel: str) -> str:
    """The name of a kernel without its version: "julia-1.10" is julia, "xcpp17" is xcpp."""
    return kernel.lower().lstrip(".").partition("-")[0].rstrip("0123456789._")


def _cell(raw: Any, number: int, path: str, skipped: list[Skipped]) -> Cell:
    """One cell; what is wrong with it goes to `skipped`, and leaves an empty cell of unknown effect."""
    source = raw.get("source") if isinstance(raw, dict) else None
    if isinstance(source, list):
        source = _joined(source)
    if not isinstance(source, str) or not isinstance(raw.get("cell_type"), str):
        skipped.append(Skipped(path=path, cell=number, reason=_malformation(raw)))
        return Cell(number=number, code=False, binds=("*",))
    if "\r" in source:
        source = source.replace("\r\n", "\n").replace("\r", "\n")
    identity, metadata = raw.get("id"), _dict(raw.get("metadata"))
    identity = identity if isinstance(identity, str) else None
    tags = _tags(metadata) if "tags" in metadata else ()
    if raw["cell_type"] != "code" or _other_language(raw, metadata):
        return Cell(number=number, source=source, code=False, id=identity, tags=tags)
    parsed = parse(source)
    if parsed.fault:
        line, message = parsed.fault
        skipped.append(Skipped(path=path, cell=number, line=line, reason=f"does not parse: {message}"))
    return Cell(
        number=number,
        source=source,
        code=parsed.code,
        id=identity,
        count=_count(raw.get("execution_count")),
        tree=parsed.tree,
        outputs=decoding.outputs_of(raw.get("outputs")),
        tags=tags,
        binds=parsed.binds,
        written_to=parsed.written_to,
    )


def _joined(lines: list[Any]) -> str | None:
    """The text of a cell that is stored by lines; None when some are no text."""
    try:
        return "".join(lines)
    except TypeError:
        return None


def _malformation(raw: Any) -> str:
    """Why this is no cell."""
    if not isinstance(raw, dict):
        return f"is {_kind(raw)}; a cell is an object with `cell_type` and `source`"
    if not isinstance(raw.get("cell_type"), str):
        return f"has {_kind(raw.get('cell_type'))} for its `cell_type`; it should be code, markdown or raw"
    return f"has {_kind(raw.get('source'))} for its `source`; it should be a text or a list of lines"


def _other_language(raw: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """A single cell may be in another language: in nbformat 3, and in editors that hold several kernels."""
    name = raw.get("language")
    if "vscode" in metadata:
        name = _dict(metadata["vscode"]).get("languageId") or name
    return isinstance(name, str) and not name.lower().startswith(_PYTHONS)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 < value < _LARGEST_COUNT else None


def _tags(metadata: dict[str, Any]) -> tuple[str, ...]:
    tags = metadata["tags"]
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _kind(value: object) -> str:
    """What JSON calls it."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
