"""Files and folders that are whole or not there: what has the name is complete, whatever happened while it was written.

They are written in a folder `.unfinished-<name>-...` beside the place where they belong, and renamed at the end. A
process that was killed leaves that folder; the next one that writes the same removes it. A lock of the operating
system, which ends with the process however that ends, tells whether somebody is still at work there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def written_whole(path: str) -> Iterator[IO[bytes]]:
    """A file to write to, which becomes `path` when the block ends well and is gone when it does not.

    Makes the folder. Raises OSError; the file that was there before stays as it was then.
    """
    with _workplace(path) as unfinished:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)


@contextmanager
def filled_whole(path: str) -> Iterator[str]:
    """A new folder to fill, which becomes the folder `path` when the block ends well and is gone when it does not.

    Raises OSError. When `path` has come into being meanwhile, another process was faster, and its folder stays.
    """
    with _workplace(path) as unfinished:
        os.mkdir(unfinished)
        yield unfinished
        try:
            os.replace(unfinished, path)
        except OSError:
            if not os.path.isdir(path):
                raise


def remove_leftovers(path: str) -> None:
    """Remove what processes that are no more left of their tries to write `path`; nothing where that is not certain."""
    folder, name = os.path.split(os.path.abspath(path))
    with contextlib.suppress(OSError):
        for entry in os.listdir(folder):
            if entry.startswith(_prefix(name)):
                leftover = os.path.join(folder, entry)
                lock = _locked(leftover, wait=False)
                if lock is not None:
                    shutil.rmtree(leftover, ignore_errors=True)
                    os.close(lock)


def refusal(error: BaseException) -> str:
    """What the operating system said ("No space left on device"), though a library put it into other words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


def _prefix(name: str) -> str:
    return f".unfinished-{name}-"


@contextmanager
def _workplace(path: str) -> Iterator[str]:
    """A path of the same name, in a folder beside `path` that is gone at the end."""
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    remove_leftovers(path)
    place, lock = _locked_folder(folder, _prefix(name))
    try:
        yield os.path.join(place, name)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _locked_folder(folder: str, prefix: str) -> tuple[str, int | None]:
    while True:
        place = tempfile.mkdtemp(prefix=prefix, dir=folder)
        lock = _locked(place, wait=True)
        if os.path.isdir(place):
            return place, lock
        if lock is not None:  # in the moment without a lock it was taken for a leftover
            os.close(lock)


def _locked(folder: str, *, wait: bool) -> int | None:
    """A handle that locks the folder until it is closed; None where that cannot be, or another one locks it."""
    if fcntl is None:
        return None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # some network file systems have no locks
        os.close(handle)
        return None
    return handle
