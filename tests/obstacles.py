"""Real obstacles to writing: a disk that fills, a folder that nobody may write to."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"

PRELUDE = f"""
import resource, sys
sys.path.insert(0, {str(NOTEBOOKS)!r})
def disk_fills(*, room):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
"""


def printed(code: str, *arguments: object) -> str:
    """What `code` prints in another process, where it can import the modules of the notebooks and call `disk_fills`.

    After `disk_fills(room=...)` no file can grow over that many bytes. A limit of the process, which needs no privilege
    and no disk of its own: the last write takes a part, the next one fails.
    """
    command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


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
