"""The published archive of TinyImageNet: downloaded, verified, extracted, each so that an interruption does no harm."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import importlib
import io
import json
import os
import re
import shutil
import stat
import struct
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

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
CLUSTER = 4096  # bytes; a file takes a multiple of it on most disks, and most images are smaller
MAX_MEMBERS = 130_000  # the published archive has 120,000 images and some hundred other files
MAX_TOTAL = 1_500_000_000  # bytes when extracted, several times what the published archive needs
MAX_RATIO = 100  # extracted size over archive size: JPEG files hardly shrink, deflate reaches 1000 on zeros
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
BUSY = {408, 429}  # of the answers below 500, those after which asking again helps


class DataError(RuntimeError):
    """What is wrong with the data on the disk, and what to do."""


class Archive(NamedTuple):
    """Where an archive is, and how to know it: size in bytes, md5 in hexadecimal digits."""

    url: str
    size: int
    md5: str


PUBLISHED = Archive(URL, SIZE, MD5)


class Lines:
    """Progress as printed lines, one for each tenth: stands in for tqdm where it is not installed."""

    def __init__(self, *, desc: str, total: int, initial: int = 0, unit: str, **_: object) -> None:
        self.desc, self.total, self.done, self.unit = desc, total, initial, unit

    def update(self, more: int) -> None:
        before, self.done = self.done, self.done + more
        if self.done * 10 // self.total > before * 10 // self.total:
            print(f"{self.desc}: {self.done:,} of {self.total:,} {self.unit}", flush=True)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass


try:
    progress: Any = importlib.import_module("tqdm").tqdm
except ImportError:
    progress = Lines


def verify(path: str, archive: Archive = PUBLISHED) -> None:
    """Raises DataError if the file is another than `archive` describes."""
    if difference := _difference(path, archive):
        raise DataError(
            f"{path} {difference}: it is damaged or another archive. Delete it and download it again; "
            f"a re-packed archive can be used when you extract it yourself and let TINY_IMAGENET name the folder."
        )


def fetch(
    folder: str, archive: Archive = PUBLISHED, *, tries: int = 5, wait_s: float = 1.0, timeout_s: float = 30.0
) -> str:
    """Downloads the archive into `folder` unless it is there, and returns its path.

    What has come so far is in `tiny-imagenet-200.zip.part`, and a later call goes on from there. A broken connection
    is tried again up to `tries` times in all, after `wait_s`, twice that and so on; `timeout_s` is the longest silence
    of the server. Raises DataError.
    """
    path = os.path.join(folder, ARCHIVE)
    with _alone(folder):
        if os.path.exists(path):
            verify(path, archive)
            return path
        part = path + ".part"
        _download(part, archive, tries, wait_s, timeout_s)
        if difference := _difference(part, archive):
            _discard(part)
            raise DataError(
                f"what {archive.url} sent {difference}. It was deleted: call again, and if this happens again, get "
                f"{ARCHIVE} elsewhere and let TINY_IMAGENET name it."
            )
        with _writing(folder, archive.size):
            os.replace(part, path)
        _discard(part)
    return path


def extract(path: str, folder: str) -> str:
    """Extracts the archive at `path` as `folder`/tiny-imagenet-200 unless that is there, and returns that folder.

    The folder appears when everything is in it. Raises DataError, and then leaves nothing, when the archive is
    damaged, has a member that a data set has no use for (absolute path, link, too much data...) or finds no room.
    """
    target = os.path.join(folder, FOLDER)
    with _alone(folder) as alone:
        if _is_filled(target):
            return target
        prefix = FOLDER + ".extracting-"
        for name in os.listdir(folder) if alone else ():
            if name.startswith(prefix):  # of a run that was killed: a living one would have kept us waiting
                shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        with _writing(folder):
            temporary = tempfile.mkdtemp(prefix=prefix, dir=folder)
        try:
            _unpack(path, temporary, folder)
            with contextlib.suppress(OSError):
                os.rmdir(target)  # an empty one, which would be in the way on Windows
            with _writing(target):
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


def _difference(path: str, archive: Archive) -> str:
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
def _alone(folder: str) -> Iterator[bool]:
    """Waits until no other process downloads or extracts in `folder`; False where files cannot be locked.

    The lock is the operating system's and ends with the process, however that ends.
    """
    with _writing(folder):
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
def _writing(place: str, needed: int = 0) -> Iterator[None]:
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


@contextlib.contextmanager
def _reading(path: str) -> Iterator[None]:
    """Explains why the archive could not be read."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise DataError(f"{path} cannot be extracted ({error}): delete it and download it again.") from error


def _write(file: io.FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:  # the last write before a disk is full takes a part only
        rest = rest[file.write(rest) :]


def _make_sure_of_room(folder: str, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"{needed:,} bytes are needed in {folder}, {free:,} are free: make room or choose another data_dir."
        )


# Download


def _download(part: str, archive: Archive, tries: int, wait_s: float, timeout_s: float) -> None:
    """Fills `part` up to the size of the archive, whatever it takes."""
    reason = ""
    for attempt in range(tries):
        if attempt:
            time.sleep(wait_s * 2 ** (attempt - 1))
        have, version = _so_far(part, archive)
        if have == archive.size:
            return
        try:
            _go_on(part, archive, have, version, timeout_s)
            return
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"{error.code} {error.reason}"
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                _discard(part)
            elif error.code < 500 and error.code not in BUSY:
                raise DataError(
                    f"{archive.url} answers {reason}: get {ARCHIVE} elsewhere and let TINY_IMAGENET name it."
                ) from error
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
    have, _ = _so_far(part, archive)
    raise DataError(
        f"{have:,} of {archive.size:,} bytes of {archive.url} have come, then {tries} tries failed (the last: "
        f"{reason}). Call again when the network is better: it goes on from there."
    )


def _so_far(part: str, archive: Archive) -> tuple[int, str]:
    """Bytes of `archive` in `part`, and the server's mark (ETag or date) of the version that they are of."""
    try:
        with open(part + ".json", encoding="utf-8") as file:
            source = json.load(file)
        have = os.path.getsize(part)
        if (source["url"], source["md5"]) == (archive.url, archive.md5) and have <= archive.size:
            return have, str(source["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing there, or nothing that can be told apart from another archive
    return 0, ""


def _discard(part: str) -> None:
    for path in (part, part + ".json"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def _go_on(part: str, archive: Archive, have: int, version: str, timeout_s: float) -> None:
    """One request for what is still to come; raises OSError or HTTPException when the connection breaks."""
    request = urllib.request.Request(archive.url, headers={"Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if version:
            request.add_header("If-Range", version)  # the whole file comes if it is another by now
    with urllib.request.urlopen(request, timeout=timeout_s) as response:
        have, total = _announced(response, have, part)
        if total not in (None, archive.size):
            raise DataError(
                f"{archive.url} offers {total:,} bytes instead of {archive.size:,}: that is another file. Get "
                f"{ARCHIVE} elsewhere and let TINY_IMAGENET name it."
            )
        _make_sure_of_room(os.path.dirname(part) or ".", archive.size - have)
        with contextlib.ExitStack() as stack:
            with _writing(part, archive.size):
                file = stack.enter_context(open(part, "ab" if have else "wb", buffering=0))
                _note_source(part, archive, response.headers)
            bar = progress(desc=ARCHIVE, total=archive.size, initial=have, unit="B", unit_scale=True)
            stack.enter_context(bar)
            while have < archive.size:
                block = response.read(min(BLOCK, archive.size - have))
                if not block:
                    raise ConnectionError("the connection was closed")
                with _writing(part, archive.size):
                    _write(file, block)
                have += len(block)
                bar.update(len(block))


def _announced(response: Any, have: int, part: str) -> tuple[int, int | None]:
    """Where the bytes of the answer begin, and the size of the whole file if the server tells."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:  # the server knows no ranges, or the file has changed
        length = response.headers.get("Content-Length")
        return 0, int(length) if length and length.isdigit() else None
    answer = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if answer is None or int(answer[1]) != have:
        _discard(part)
        raise ConnectionError("the server sent another range than it was asked for")
    return have, None if answer[2] == "*" else int(answer[2])


def _note_source(part: str, archive: Archive, headers: Any) -> None:
    version = headers.get("ETag", "")
    if not version or version.startswith("W/"):  # a weak one does not promise the same bytes
        version = headers.get("Last-Modified", "")
    with open(part + ".json", "w", encoding="utf-8") as file:
        json.dump({"url": archive.url, "md5": archive.md5, "version": version}, file)


# Extraction


def _unpack(path: str, temporary: str, folder: str) -> None:
    with _reading(path), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if refusal := _refusal(members, os.path.getsize(path)):
            raise DataError(f"{path} is refused: {refusal}. That is not the published archive; get it again.")
        needed = sum(-(-member.file_size // CLUSTER) * CLUSTER for member in members)
        _make_sure_of_room(folder, needed)
        with progress(desc=FOLDER, total=len(members), unit="files") as bar:
            for member in members:
                destination = os.path.join(temporary, *member.filename.rstrip("/").split("/"))
                if member.is_dir():
                    with _writing(folder, needed):
                        os.makedirs(destination, exist_ok=True)
                else:
                    _unpack_file(archive, member, destination, folder, needed)
                bar.update(1)


def _unpack_file(archive: zipfile.ZipFile, member: zipfile.ZipInfo, destination: str, folder: str, needed: int) -> None:
    written = 0
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(archive.open(member))
        with _writing(folder, needed):
            os.makedirs(os.path.dirname(destination), exist_ok=True)
            file = stack.enter_context(open(destination, "xb", buffering=0))
        while block := source.read(BLOCK):
            written += len(block)
            if written > member.file_size:
                break
            with _writing(folder, needed):
                _write(file, block)
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
