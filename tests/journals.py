"""Journals for tests: written to a folder, by this process or by one of its own, and damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tinyguard.journal.writing import Journal
from tinyguard.record import Record

ROOT = Path(__file__).parent.parent


def journal(folder: Path, *records: Record, close: bool = True, **options: Any) -> str:
    """The path of a journal that holds these records."""
    faults: list[str] = []
    writer = Journal(os.fspath(folder), on_fault=faults.append, **options)
    for record in records:
        writer.write(record)
    if close:
        writer.close()
    else:
        writer.flush()
    assert faults == []
    return writer.path


def child(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that runs this program, with its standard output to be read."""
    prelude = (
        f"import sys, os, time\nsys.path[:0] = [{os.fspath(ROOT)!r}, {os.fspath(ROOT / 'tests')!r}]\n"
        "from tinyguard.journal.writing import Journal\nfrom stories import stepped, at\n"
        "from tinyguard.events import *\nfolder = sys.argv[1]\n"
    )
    command = [sys.executable, "-c", prelude + program, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def damaged(path: str, number: int, line: bytes) -> None:
    content = Path(path).read_bytes().split(b"\n")
    content[number - 1] = line
    Path(path).write_bytes(b"\n".join(content))
