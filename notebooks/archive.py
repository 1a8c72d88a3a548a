"""The published archive of TinyImageNet: how it is known, and what its download and its extraction have in common."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FOLDER = "tiny-imagenet-200"
ARCHIVE = "tiny-imagenet-200.zip"
URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
SIZE = 248_100_043  # bytes
MD5 = "90528d7ca1a48142e341f4ef8d21d0de"

BLOCK = 1 << 20  # bytes read or written at once
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DataError(RuntimeError):
    """What is wrong with the data on the disk, and what to do."""


class Archive(NamedTuple):
    """Where an archive is, and how to know it: size in bytes, md5 in hexadecimal digits."""

    url: str
    size: int
    md5: str


PUBLISHED = Archive(URL, SIZE, MD5)


def verify(path: str, archive: Archive = PUBLISHED) -> None:
    """Raises DataError if the file is another than `archive` describes."""
    if difference := deviation(path, archive):
        raise DataError(
            f"{path} {difference}: it is damaged or another archive. Delete it and download it again; "
            f"a re-packed archive can be used when you extract it yourself and let TINY_IMAGENET name the folder."
        )


def deviation(path: str, archive: Archive) -> str:
    """In what the file differs from `archive`, or nothing."""
    try:
        size = os.path.getsize(path)
        if size != archive.size:
            return f"has {size:,} bytes instead of {archive.size:,}"
        with open(path, "rb") as file:
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if md5 == archive.md5 else f"has the md5 {md5} instead of {archive.md5}"


@contextlib.contextmanager
def alone_in(folder: str) -> Iterator[bool]:
    """Waits until no other process downloads or extracts in `folder`; False where files cannot be locked.

    The lock is the operating system's and ends with the process, however that ends.
    """
    with writing(folder):
        os.makedirs(folder, exist_ok=True)
        file = open(os.path.join(folder, FOLDER + ".lock"), "w")  # noqa: SIM115
    with file:
        alone = fcntl is not None
        if alone:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"another process downloads or extracts in {folder}: waiting for it", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # some network file systems
                alone = False
        yield alone


@contextlib.contextmanager
def writing(place: str, needed: int = 0) -> Iterator[None]:
    """Explains why the disk did not take what was to be written; `needed` bytes in all."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise DataError(f"{place} cannot be written ({error.strerror}): choose another data_dir.") from error
        free = shutil.disk_usage(place if os.path.isdir(place) else os.path.dirname(place) or ".").free
        raise DataError(
            f"{place} cannot be written to the end ({error.strerror}): {needed:,} bytes are needed, {free:,} are free. "
            f"Make room or choose another data_dir, then call again."
        ) from error


def write_all(file: io.FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:  # the last write before a disk is full takes a part only
        rest = rest[file.write(rest) :]


def make_sure_of_room(folder: str, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"{needed:,} bytes are needed in {folder}, {free:,} are free: make room or choose another data_dir."
        )
