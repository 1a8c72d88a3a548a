"""Where journals lie and how they begin: the folder `.tinyguard`, one file for each kernel session, its first line."""

from __future__ import annotations

import json
import os
from typing import Any

from tinyguard import __version__
from tinyguard.journal.errors import JournalError
from tinyguard.record import Record

FORMAT = 1  # of the lines; another one when a line changes its meaning
FOLDER, ENDING = ".tinyguard", ".jsonl"
ROOTS = (FOLDER, "pyproject.toml", ".git")  # what the root of a project has
FIRST_KEY = "tinyguard_journal"
MOST_FIRST_LINE = 1 << 16  # bytes


class Header(Record):
    """The first line of a journal."""

    version: str  # of the tinyguard that writes it
    notebook: str | None  # its absolute path; None: not known
    kernel: str
    started: str  # ISO 8601
    pid: int = 0
    host: str = ""


def journal_folder(start: str) -> str:
    """The folder for the journals of a notebook, script or folder: in the nearest folder above that is a project's.

    Where there is none, it is beside the notebook. Nothing is created.
    """
    start = os.path.abspath(start)
    own = start if os.path.isdir(start) else os.path.dirname(start)
    folder = own
    while not any(os.path.exists(os.path.join(folder, name)) for name in ROOTS):
        parent = os.path.dirname(folder)
        if parent == folder:
            folder = own
            break
        folder = parent
    return os.path.join(folder, FOLDER)


def journals(folder: str) -> list[str]:
    """The paths of its journals, the newest first; none when there is no such folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [os.path.join(folder, name) for name in sorted(names, reverse=True) if name.endswith(ENDING)]


def first_line(header: Header) -> bytes:
    fields = dict(zip(header._fields, header.values(), strict=True))
    return json.dumps({FIRST_KEY: FORMAT, **fields}, separators=(",", ":")).encode("ascii") + b"\n"


def header_of(path: str) -> Header:
    """Raises JournalError: there is no such file, it is no journal, or one of another version."""
    try:
        with open(path, "rb") as file:
            line = file.readline(MOST_FIRST_LINE)
    except FileNotFoundError:
        raise JournalError(f"{path}: no such file") from None
    except IsADirectoryError:
        newest = journals(path) or journals(os.path.join(path, FOLDER))
        hint = f"; its newest journal is {newest[0]}" if newest else "; name a journal, a file in .tinyguard"
        raise JournalError(f"{path}: is a folder{hint}") from None
    except (OSError, ValueError) as error:
        raise JournalError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return _header(path, line)


def _header(path: str, line: bytes) -> Header:
    if not line:
        raise JournalError(f"{path}: is empty: no journal was begun in it")
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or FIRST_KEY not in found:
        raise JournalError(f'{path}: is no journal of tinyguard: "{FIRST_KEY}" is not in its first line')
    version = found.pop(FIRST_KEY)
    if type(version) is not int or version != FORMAT:
        raise JournalError(
            f"{path}: is a journal of format {version!r}, written by tinyguard {found.get('version', '?')}; "
            f"this is tinyguard {__version__}, which reads format {FORMAT}"
        )
    from tinyguard.journal.errors import EncodingError
    from tinyguard.journal.fields import codec

    try:
        header: Header = codec(Header).decode(found)
    except EncodingError as error:
        raise JournalError(f"{path} line 1{error}") from None
    return header
