"""The archive of TinyImageNet is extracted, unless it has what no data set has; wholly or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator

import progress
from archive import BLOCK, FOLDER, DataError, alone_in, make_sure_of_room, write_all, writing

CLUSTER = 4096  # bytes; a file takes a multiple of it on most disks, and most images are smaller
MAX_MEMBERS = 130_000  # the published archive has 120,000 images and some hundred other files
MAX_TOTAL = 1_500_000_000  # bytes when extracted, several times what the published archive needs
MAX_RATIO = 100  # extracted size over archive size: JPEG files hardly shrink, deflate reaches 1000 on zeros


def extract(path: str, folder: str) -> str:
    """Extracts the archive at `path` as `folder`/tiny-imagenet-200 unless that is there, and returns that folder.

    The folder appears when everything is in it. Raises DataError, and then leaves nothing, when the archive is
    damaged, has a member that a data set has no use for (absolute path, link, too much data...) or finds no room.
    """
    target = os.path.join(folder, FOLDER)
    with alone_in(folder) as alone:
        if _is_filled(target):
            return target
        prefix = FOLDER + ".extracting-"
        for name in os.listdir(folder) if alone else ():
            if name.startswith(prefix):  # of a run that was killed: a living one would have kept us waiting
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        with writing(folder):
            temporary = tempfile.mkdtemp(prefix=prefix, dir=folder)
        try:
            _unpack(path, temporary, folder)
            with contextlib.suppress(OSError):
                os.rmdir(target)  # an empty one, which would be in the way on Windows
            with writing(target):
                try:
                    os.rename(os.path.join(temporary, FOLDER), target)
                except OSError:
                    if not _is_filled(target):  # without locks another process can have been quicker
                        raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _is_filled(folder: str) -> bool:
    return os.path.isdir(folder) and bool(os.listdir(folder))


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    """Explains why the archive could not be read."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise DataError(f"{path} cannot be extracted ({error}): delete it and download it again.") from error


def _unpack(path: str, temporary: str, folder: str) -> None:
    with _reading(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if refusal := _refusal(members, os.path.getsize(path)):
            raise DataError(f"{path} is refused: {refusal}. That is not the published archive; get it again.")
        needed = sum(-(-member.file_size // CLUSTER) * CLUSTER for member in members)
        make_sure_of_room(folder, needed)
        with progress.bar(desc=FOLDER, total=len(members), unit="files") as bar:
            for member in members:
                destination = os.path.join(temporary, *member.filename.rstrip("/").split("/"))
                if member.is_dir():
                    with writing(folder, needed):
                        os.makedirs(destination, exist_ok=True)
                else:
                    _unpack_file(archive, member, destination, folder, needed)
                bar.update(1)


def _unpack_file(archive: zipfile.ZipFile, member: zipfile.ZipInfo, destination: str, folder: str, needed: int) -> None:
    written = 0
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(archive.open(member))
        with writing(folder, needed):
            os.makedirs(os.path.dirname(destination), exist_ok=True)
            file = stack.enter_context(open(destination, "xb", buffering=0))
        while block := source.read(BLOCK):
            written += len(block)
            if written > member.file_size:
                break
            with writing(folder, needed):
                write_all(file, block)
    if written != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename} has other than the {member.file_size:,} bytes it declares")


def _refusal(members: list[zipfile.ZipInfo], archive_size: int) -> str:
    """Why an archive of these members is not to be extracted, or nothing."""
    if not members:
        return "it is empty"
    if len(members) > MAX_MEMBERS:
        return f"it has {len(members):,} members, more than {MAX_MEMBERS:,}"
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL or total > MAX_RATIO * archive_size:
        return f"its {archive_size:,} bytes would become {total:,}"
    seen: set[str] = set()
    for member in members:
        if fault := _fault(member):
            return f"its member {member.orig_filename!r} {fault}"
        name = member.filename.rstrip("/").casefold()  # some file systems do not tell a from A
        if name in seen:
            return f"its member {member.filename!r} occurs twice"
        seen.add(name)
    return ""


def _fault(member: zipfile.ZipInfo) -> str:
    name = member.orig_filename  # `filename` ends at a NUL
    parts = name.removesuffix("/").split("/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if name.startswith("/"):
        return "has an absolute path"
    if "\\" in name or ":" in name or "\0" in name:
        return "has a drive, a backslash or a NUL in its name"
    if not {"", ".", ".."}.isdisjoint(parts):
        return "has '..' or an empty name in its path"
    if parts[0] != FOLDER or name == FOLDER:
        return f"lies outside {FOLDER}/"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a symbolic link" if kind == stat.S_IFLNK else "is a device, a pipe or a socket"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed with another method than deflate"
    return ""
