"""Real obstacles to writing: other processes, a disk that fills, a folder that nobody may write to."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"

PRELUDE = f"""
import resource, sys
sys.path.insert(0, {str(NOTEBOOKS)!r})
def disk_fills(*, room):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
"""


@contextlib.contextmanager
def started(code: str, *arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Another process, which ends with the block at the latest.

    It can import the modules of the notebooks. After `disk_fills(room=...)` no file of its can grow over that many
    bytes: a limit of the process, which needs no privilege and no disk of its own. The last write takes a part, the
    next one fails.
    """
    command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(code: str, *arguments: object) -> str:
    """What `code` prints in another process."""
    with started(code, *arguments) as process:
        out = process.communicate()[0]
        assert process.returncode == 0
    return out


@contextlib.contextmanager
def unwritable(folder: Path) -> Iterator[Path]:
    """A new folder that this thread, and those that it starts, cannot write to, though it be root's."""
    folder.mkdir(mode=0o555)
    with _without_privilege():
        yield folder


CAP_DAC_OVERRIDE = 1 << 1  # linux/capability.h: root may write where nobody may
VERSION_3 = 0x20080522


@contextlib.contextmanager
def _without_privilege() -> Iterator[None]:
    if os.geteuid() != 0 or sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)  # of this thread
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the upper halves of each
    assert libc.capget(header, before) == 0
    without = type(before)(*before)
    without[0] &= ~CAP_DAC_OVERRIDE
    assert libc.capset(header, without) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
