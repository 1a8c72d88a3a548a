"""The real data set is fetched, extracted and checked: here from an archive in its layout, served by a real server."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from obstacles import printed, started, unwritable

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
FOLDER = "tiny-imagenet-200"
ARCHIVE = "tiny-imagenet-200.zip"
KNOWN = ["n02124075", "n04067472", "n04540053", "n04099969", "n07749582"]  # the first lines of the real wnids.txt
CLASSES = [*KNOWN, *(f"n{10_000_000 + 7_919 * number % 90_000_000}" for number in range(195))]  # not sorted
# 64 x 64 pixels of one grey: tables of one entry each, then 64 blocks of two bits.
JPEG = bytes.fromhex(
    f"ffd8 ffdb004300 {'01' * 64} ffc0000b08 0040 0040 01011100 ffc4001400 01 {'00' * 15} 00"
    f"ffc4001410 01 {'00' * 15} 00 ffda0008010100003f00 {'00' * 16} ffd9"
)


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("TINY_IMAGENET", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    yield __import__("tiny_imagenet")
    for name in ("tiny_imagenet", "archive", "download", "extraction", "progress"):
        sys.modules.pop(name, None)


@pytest.fixture
def progress(data: Any) -> Any:
    return __import__("progress")


@pytest.fixture
def extraction(data: Any) -> Any:
    return __import__("extraction")


def layout() -> dict[str, bytes]:
    """The files of a stand-in: 200 classes, two training images and one validation image each."""
    files = {
        "wnids.txt": "".join(f"{name}\n" for name in CLASSES).encode(),
        "words.txt": f"{CLASSES[1]}\treel\n{CLASSES[0]}\tEgyptian cat, house cat\nn00001740\tentity\n".encode(),
        "synthetic.json": json.dumps({"train_per_class": 2, "val_per_class": 1, "seed": 0}).encode(),
    }
    annotations = ""
    for number, name in enumerate(CLASSES):
        for index in range(2):
            files[f"train/{name}/images/{name}_{index}.JPEG"] = JPEG
        files[f"val/images/val_{number}.JPEG"] = JPEG
        annotations += f"val_{number}.JPEG\t{CLASSES[-number]}\t0\t32\t44\t62\n"
    return {**files, "val/val_annotations.txt": annotations.encode()}


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / FOLDER


@pytest.fixture
def root(stand_in: Path) -> Path:
    """The stand-in, extracted. One for all tests, mended after each: making a thousand files takes longer."""
    wanted = {stand_in / name: content for name, content in layout().items()}
    folders = {folder for path in wanted for folder in path.parents}
    for path in sorted(stand_in.parent.rglob("*"), reverse=True):  # what is in a folder goes before it
        if path not in wanted and path not in folders:
            path.rmdir() if path.is_dir() else path.unlink()
    for path, content in wanted.items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return stand_in


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{FOLDER}/{name}", content)
    return out.getvalue()


CONTENT = zipped(layout())


def names_in(folder: Path) -> set[str]:
    return set(os.listdir(folder)) - {FOLDER + ".lock"}


# Download


@dataclass
class Server:
    """Serves one file as told, and notes what it was asked for and what it sent."""

    content: bytes = CONTENT
    headers: dict[str, str] = field(
        default_factory=lambda: {"ETag": '"1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    )
    drops: list[int] = field(default_factory=list)  # of the next answers: bytes until the connection breaks
    statuses: list[int] = field(default_factory=list)  # of the next answers, 0 for the ordinary one
    knows_ranges: bool = True
    tells_length: bool = True
    shift: int = 0  # bytes by which ranges begin too late
    delay_s: float = 0.0
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)  # Range and If-Range
    sent: int = 0
    url: str = ""

    def of(self, data: Any, content: bytes | None = None) -> Any:
        """The archive that is expected here."""
        content = self.content if content is None else content
        return data.Archive(self.url, len(content), hashlib.md5(content).hexdigest())


class Answer(BaseHTTPRequestHandler):
    told: Server

    def do_GET(self) -> None:
        told = self.told
        wanted, version = self.headers["Range"], self.headers["If-Range"]
        told.asked.append((wanted, version))
        time.sleep(told.delay_s)
        if status := told.statuses.pop(0) if told.statuses else 0:
            return self.send_error(status)
        start = 0
        if wanted and told.knows_ranges and version in (None, *told.headers.values()):
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) + told.shift
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(told.content) - 1}/{len(told.content)}")
        else:
            self.send_response(200)
        body = told.content[start:]
        for name, value in told.headers.items():
            self.send_header(name, value)
        if told.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[: told.drops.pop(0)] if told.drops else body
        self.wfile.write(body)
        told.sent += len(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("AnswerAsTold", (Answer,), {"told": told})) as http:
        told.url = f"http://127.0.0.1:{http.server_address[1]}/{ARCHIVE}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        http.shutdown()
        thread.join()


def fetched(data: Any, server: Server, folder: Path, content: bytes | None = None, **options: Any) -> bytes:
    path = data.fetch(str(folder), server.of(data, content), **{"wait_s": 0.001, "timeout_s": 5.0, **options})
    assert path == str(folder / ARCHIVE)
    assert names_in(folder) == {ARCHIVE}
    return Path(path).read_bytes()


def test_the_archive_is_fetched_once(data: Any, server: Server, tmp_path: Path) -> None:
    assert fetched(data, server, tmp_path / "new" / "folder") == CONTENT
    assert fetched(data, server, tmp_path / "new" / "folder") == CONTENT
    assert server.asked == [(None, None)]


def test_after_a_broken_connection_only_the_rest_is_asked_for(data: Any, server: Server, tmp_path: Path) -> None:
    server.drops = [30_000, 20_000]
    assert fetched(data, server, tmp_path) == CONTENT
    assert server.asked == [(None, None), ("bytes=30000-", '"1"'), ("bytes=50000-", '"1"')]
    assert server.sent == len(CONTENT)


def test_a_later_call_goes_on_where_the_first_gave_up(data: Any, server: Server, tmp_path: Path) -> None:
    server.drops = [30_000, 1, 0]
    message = rf"30,001 of {len(CONTENT):,} bytes .* 3 tries failed .*closed.* goes on from there"
    with pytest.raises(data.DataError, match=message):
        fetched(data, server, tmp_path, tries=3)
    assert names_in(tmp_path) == {ARCHIVE + ".part", ARCHIVE + ".part.json"}
    assert fetched(data, server, tmp_path) == CONTENT
    assert server.sent == len(CONTENT)


def test_a_download_that_lacks_only_its_name_is_not_asked_for_again(data: Any, server: Server, tmp_path: Path) -> None:
    server.drops = [len(CONTENT) - 1]
    with pytest.raises(data.DataError):
        fetched(data, server, tmp_path, tries=1)
    with open(tmp_path / (ARCHIVE + ".part"), "ab") as part:
        part.write(CONTENT[-1:])
    assert fetched(data, server, tmp_path) == CONTENT
    assert len(server.asked) == 1


def test_a_weak_mark_of_the_version_is_not_relied_on(data: Any, server: Server, tmp_path: Path) -> None:
    server.headers["ETag"] = 'W/"1"'
    server.drops = [100]
    assert fetched(data, server, tmp_path) == CONTENT
    assert server.asked[1] == ("bytes=100-", server.headers["Last-Modified"])
    server.headers.clear()
    server.drops = [100]
    assert fetched(data, server, tmp_path / "again") == CONTENT
    assert server.asked[3] == ("bytes=100-", None)


def test_a_file_that_changed_between_two_tries_is_fetched_from_its_beginning(
    data: Any, server: Server, tmp_path: Path
) -> None:
    server.content = bytes(len(CONTENT))
    server.drops = [30_000]
    with pytest.raises(data.DataError):
        fetched(data, server, tmp_path, CONTENT, tries=1)
    server.content = CONTENT
    server.headers["ETag"] = '"2"'
    assert fetched(data, server, tmp_path) == CONTENT
    assert server.asked[-1] == ("bytes=30000-", '"1"')


def test_a_server_without_ranges_sends_all_again(data: Any, server: Server, tmp_path: Path) -> None:
    server.knows_ranges = server.tells_length = False
    server.drops = [30_000]
    assert fetched(data, server, tmp_path) == CONTENT
    assert server.sent == 30_000 + len(CONTENT)


def test_the_beginning_of_another_archive_is_not_gone_on_with(data: Any, server: Server, tmp_path: Path) -> None:
    server.drops = [100, 200]
    for content in (CONTENT, CONTENT[::-1]):
        server.content = content
        with pytest.raises(data.DataError):
            fetched(data, server, tmp_path, tries=1)
    (tmp_path / (ARCHIVE + ".part.json")).unlink()
    assert fetched(data, server, tmp_path) == CONTENT[::-1]
    assert server.asked == [(None, None)] * 3


def test_a_range_that_cannot_be_had_or_is_another_starts_from_zero(data: Any, server: Server, tmp_path: Path) -> None:
    server.drops, server.statuses = [100], [0, 416]
    assert fetched(data, server, tmp_path) == CONTENT
    assert [wanted for wanted, _ in server.asked] == [None, "bytes=100-", None]
    server.drops, server.shift = [100], 1
    assert fetched(data, server, tmp_path / "again") == CONTENT
    assert [wanted for wanted, _ in server.asked[3:]] == [None, "bytes=100-", None]


def test_a_download_with_another_md5_is_deleted(data: Any, server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    md5 = hashlib.md5(CONTENT).hexdigest()
    with pytest.raises(data.DataError, match=rf"{server.url} sent has the md5 \w+ instead of {md5}.* deleted"):
        fetched(data, server, tmp_path, CONTENT)
    assert not names_in(tmp_path)
    server.content = CONTENT
    assert fetched(data, server, tmp_path) == CONTENT


def test_a_file_of_another_length_is_not_downloaded(data: Any, server: Server, tmp_path: Path) -> None:
    server.content = b"<html>moved</html>"
    with pytest.raises(data.DataError, match=rf"offers 18 bytes instead of {len(CONTENT):,}"):
        fetched(data, server, tmp_path, CONTENT)
    server.content = CONTENT + b"more"
    server.tells_length = False
    with pytest.raises(data.DataError, match="md5"):
        fetched(data, server, tmp_path, CONTENT[:-1] + b"?")


def test_an_answer_that_stays_the_same_is_not_asked_for_again(data: Any, server: Server, tmp_path: Path) -> None:
    server.statuses = [404]
    with pytest.raises(data.DataError, match=rf"{server.url} answers 404 Not Found: get {ARCHIVE} elsewhere"):
        fetched(data, server, tmp_path)
    assert len(server.asked) == 1
    server.statuses = [503, 429]
    assert fetched(data, server, tmp_path) == CONTENT


def test_each_wait_for_the_server_is_twice_the_last(
    data: Any, server: Server, tmp_path: Path, monkeypatch: Any
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", lambda wait_s: waits.append(wait_s) if wait_s else None)
    server.statuses = [503, 503, 503]
    assert fetched(data, server, tmp_path, wait_s=1.0) == CONTENT
    assert waits == [1.0, 2.0, 4.0]


def test_a_silent_or_absent_server_is_told(data: Any, server: Server, tmp_path: Path) -> None:
    server.delay_s = 0.3
    with pytest.raises(data.DataError, match=r"2 tries failed \(the last: .*timed out"):
        fetched(data, server, tmp_path, tries=2, timeout_s=0.05)
    server.url = re.sub(r":\d+/", ":9/", server.url)
    with pytest.raises(data.DataError, match=r"0 of .* bytes .*refused"):
        fetched(data, server, tmp_path, tries=1)


def test_a_wrong_archive_on_the_disk_is_named_and_left_alone(data: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(b"mine")
    for use in (lambda: fetched(data, server, tmp_path), lambda: data.locate(str(tmp_path), archive=server.of(data))):
        with pytest.raises(data.DataError, match=rf"{tmp_path}/{ARCHIVE} has 4 bytes instead of .* Delete it"):
            use()
    assert (tmp_path / ARCHIVE).read_bytes() == b"mine"
    assert not server.asked


def test_no_download_is_begun_that_the_disk_has_no_room_for(data: Any, server: Server, tmp_path: Path) -> None:
    server.tells_length = False
    with pytest.raises(data.DataError, match=rf"1{',000' * 6} bytes are needed in {tmp_path}, [\d,]+ are free"):
        data.fetch(str(tmp_path), data.Archive(server.url, 10**18, "?"))
    assert not names_in(tmp_path)


def test_a_disk_that_fills_during_the_download_is_told(data: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / (ARCHIVE + ".part")).symlink_to("/dev/full")
    message = rf"part cannot be written .*No space left on device.*: {len(CONTENT):,} bytes are needed, [\d,]+ are free"
    with pytest.raises(data.DataError, match=message):
        fetched(data, server, tmp_path)


def test_two_downloads_at_once_ask_once(
    data: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.delay_s = 0.2
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(data.fetch, str(tmp_path), server.of(data)) for _ in range(2)]
        assert [run.result() for run in runs] == [str(tmp_path / ARCHIVE)] * 2
    assert len(server.asked) == 1
    assert f"another process downloads or extracts in {tmp_path}: waiting" in capsys.readouterr().out


def test_progress_is_printed_where_there_is_no_bar(
    data: Any, progress: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(progress, "bar", progress.Lines)
    fetched(data, server, tmp_path)
    data.extract(str(tmp_path / ARCHIVE), str(tmp_path))
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{ARCHIVE}: {len(CONTENT):,} of {len(CONTENT):,} B"
    assert out[1:] == [f"{FOLDER}: {math.ceil(60.4 * tenth)} of 604 files" for tenth in range(1, 11)]


# Extraction

FILES = {"wnids.txt": b"n02124075\n", "train/n02124075/images/n02124075_0.JPEG": JPEG}


def extracted(data: Any, content: bytes, folder: Path) -> dict[str, bytes]:
    """The files that come out of an archive of this content."""
    (folder / ARCHIVE).write_bytes(content)
    target = Path(data.extract(str(folder / ARCHIVE), str(folder)))
    assert target == folder / FOLDER
    assert names_in(folder) == {ARCHIVE, FOLDER}
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def test_all_is_extracted(data: Any, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()  # empty, as a mount leaves it
    assert extracted(data, zipped(FILES), tmp_path) == FILES
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        assert stat.S_IMODE((tmp_path / FOLDER).stat().st_mode) == 0o777 & ~mask  # others may read it


def test_what_has_been_extracted_is_not_touched(data: Any, tmp_path: Path) -> None:
    extracted(data, zipped(FILES), tmp_path)
    (tmp_path / FOLDER / "mine").touch()
    assert "mine" in extracted(data, b"no archive", tmp_path)


def member(name: str, *, kind: int = stat.S_IFREG, method: int = zipfile.ZIP_DEFLATED, content: bytes = b"?") -> bytes:
    """An archive with one good member and this one."""
    out = io.BytesIO(zipped({"wnids.txt": b"n02124075\n"}))
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (kind | 0o644) << 16
        info.compress_type = method
        archive.writestr(info, content)
    return out.getvalue()


def patched(content: bytes, **values: int) -> bytes:
    """The archive with other numbers in both headers of its last member."""
    fields = {
        "version": (4, 2),
        "flags": (6, 2),
        "crc": (14, 4),
        "size": (22, 4),
    }  # in the local header; two further in the central one
    out = bytearray(content)
    local, central = content.rindex(b"PK\x03\x04"), content.rindex(b"PK\x01\x02")
    for name, value in values.items():
        offset, length = fields[name]
        for start in (local + offset, central + offset + 2):
            out[start : start + length] = value.to_bytes(length, "little")
    return bytes(out)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (member("/etc/passwd"), "member '/etc/passwd' has an absolute path"),
        (member("C:/a"), "member 'C:/a' has a drive, a backslash or a NUL"),
        (member(f"{FOLDER}\\..\\a"), "has a drive, a backslash or a NUL"),
        (member(f"{FOLDER}/aXb").replace(b"aXb", b"a\0b"), "has a drive, a backslash or a NUL"),
        (member(f"{FOLDER}/../../a"), r"has '\.\.' or an empty name"),
        (member(f"{FOLDER}//a"), r"has '\.\.' or an empty name"),
        (member("__MACOSX/a"), f"member '__MACOSX/a' lies outside {FOLDER}/"),
        (member(FOLDER), f"lies outside {FOLDER}/"),
        (member(f"{FOLDER}/a", kind=stat.S_IFLNK), f"member '{FOLDER}/a' is a symbolic link"),
        (member(f"{FOLDER}/a", kind=stat.S_IFCHR), "is a device, a pipe or a socket"),
        (member(f"{FOLDER}/WNIDS.txt"), f"member '{FOLDER}/WNIDS.txt' occurs twice"),
        (member(f"{FOLDER}/a", method=zipfile.ZIP_BZIP2), "another method than deflate"),
        (patched(member(f"{FOLDER}/a"), flags=1), "is encrypted"),
        (patched(member(f"{FOLDER}/a"), size=1_600_000_000), r"bytes would become 1,600,000,010"),
        (member(f"{FOLDER}/a", content=bytes(10_000_000)), "bytes would become 10,000,010"),
        (zipped({}), "is empty"),
    ],
    ids=itertools.count(),
)
def test_a_member_that_no_data_set_has_is_refused(data: Any, tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(data.DataError, match=rf"{tmp_path}/{ARCHIVE} is refused: it.*{reason}"):
        extracted(data, content, tmp_path)
    assert names_in(tmp_path) == {ARCHIVE}


def test_an_archive_of_too_much_is_refused(data: Any, extraction: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(extraction, "MAX_TOTAL", 1000)
    with pytest.raises(data.DataError, match=rf"refused: its {len(CONTENT):,} bytes would become 1\d\d,\d\d\d"):
        extracted(data, CONTENT, tmp_path)
    assert extraction.MAX_MEMBERS > 120_000
    monkeypatch.setattr(extraction, "MAX_MEMBERS", 603)
    with pytest.raises(data.DataError, match="refused: it has 604 members, more than 603"):
        extracted(data, CONTENT, tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (CONTENT[: len(CONTENT) // 2], "not a zip file"),
        (b"<html>moved</html>", "not a zip file"),
        (patched(member(f"{FOLDER}/a"), version=99), "zip file version 9.9"),
        (patched(member(f"{FOLDER}/aXb").replace(b"aXb", b"a\xffb"), flags=0x800), "codec can't decode"),
        (patched(member(f"{FOLDER}/a"), crc=1), "Bad CRC-32"),
        (patched(member(f"{FOLDER}/a", content=b"a" * 1000), size=100), "Bad CRC-32"),
        (patched(member(f"{FOLDER}/a", content=b"a" * 1000), size=1001), "other than the 1,001 bytes it declares"),
    ],
    ids=itertools.count(),
)
def test_a_damaged_archive_leaves_nothing(data: Any, tmp_path: Path, content: bytes, reason: str) -> None:
    message = rf"{tmp_path}/{ARCHIVE} cannot be extracted \(.*{reason}.*\): delete it and download it again"
    with pytest.raises(data.DataError, match=message):
        extracted(data, content, tmp_path)
    assert names_in(tmp_path) == {ARCHIVE}


def test_a_member_cannot_yield_more_than_it_declares(data: Any, tmp_path: Path, monkeypatch: Any) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(100)

    content = member(f"{FOLDER}/a")
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: Endless())
    with pytest.raises(data.DataError, match=r"wnids\.txt has other than the 10 bytes it declares"):
        extracted(data, content, tmp_path)


def test_whatever_byte_is_wrong_the_error_can_be_read(data: Any, tmp_path: Path) -> None:
    whole = zipped(FILES)
    chance = random.Random(0)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        try:
            extracted(data, bytes(content), tmp_path)
            shutil.rmtree(tmp_path / FOLDER)
        except data.DataError:
            refused += 1
        assert names_in(tmp_path) == {ARCHIVE}
    assert refused > 75


# Stops in the middle, until it is told to go on.
HALTING = """
import extraction, progress
class Halting(progress.Lines):
    def update(self, more):
        self.done += more
        if self.done == 300:
            print("half", flush=True)
            input()
progress.bar = Halting
print(extraction.extract(sys.argv[1], sys.argv[2]))
"""


def test_an_interrupted_extraction_is_not_taken_for_the_data_set(data: Any, tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(CONTENT)
    with started(HALTING, tmp_path / ARCHIVE, tmp_path, stdin=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "half\n"
        killed.send_signal(signal.SIGKILL)
    [half] = names_in(tmp_path) - {ARCHIVE}
    assert len(list((tmp_path / half).rglob("*.JPEG"))) > 100
    assert not (tmp_path / FOLDER).exists()
    of = data.Archive("http://127.0.0.1:9/", len(CONTENT), hashlib.md5(CONTENT).hexdigest())
    assert data.locate(str(tmp_path), archive=of) == str(tmp_path / FOLDER)
    assert names_in(tmp_path) == {ARCHIVE, FOLDER}
    assert data.check_layout(str(tmp_path / FOLDER)).synthetic


def test_of_two_extractions_at_once_one_waits_for_the_other(data: Any, tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(CONTENT)
    with started(HALTING, tmp_path / ARCHIVE, tmp_path, stdin=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "half\n"
        with started(HALTING, tmp_path / ARCHIVE, tmp_path, stdin=subprocess.DEVNULL) as second:
            assert second.stdout is not None
            assert second.stdout.readline().startswith("another process downloads or extracts")
            assert first.communicate("\n")[0] == second.communicate()[0] == f"{tmp_path / FOLDER}\n"
    assert names_in(tmp_path) == {ARCHIVE, FOLDER}
    assert data.check_layout(str(tmp_path / FOLDER)).synthetic


def test_without_locks_the_quicker_of_two_extractions_wins(
    data: Any, progress: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    class Overtaken(progress.Lines):  # type: ignore[misc]
        def update(self, more: int) -> None:
            if not (tmp_path / FOLDER).exists():
                monkeypatch.setattr(progress, "bar", progress.Lines)
                data.extract(str(tmp_path / ARCHIVE), str(tmp_path))
                (tmp_path / FOLDER / "mine").touch()

    monkeypatch.setattr(__import__("archive"), "fcntl", None)
    monkeypatch.setattr(progress, "bar", Overtaken)
    assert extracted(data, zipped(FILES), tmp_path).keys() == {*FILES, "mine"}
    shutil.rmtree(tmp_path / FOLDER)
    (tmp_path / f"{FOLDER}.extracting-1").mkdir()
    data.extract(str(tmp_path / ARCHIVE), str(tmp_path))
    assert names_in(tmp_path) == {ARCHIVE, FOLDER, f"{FOLDER}.extracting-1"}  # somebody may be at work there


def test_no_extraction_is_begun_that_the_disk_has_no_room_for(
    data: Any, extraction: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(extraction, "CLUSTER", 10**15)
    with pytest.raises(data.DataError, match=rf"604{',000' * 5} bytes are needed in {tmp_path}, [\d,]+ are free"):
        extracted(data, CONTENT, tmp_path)
    assert names_in(tmp_path) == {ARCHIVE}


def test_a_disk_that_fills_during_the_extraction_is_told(data: Any, tmp_path: Path) -> None:
    content = random.Random(0).randbytes(200_000)
    (tmp_path / ARCHIVE).write_bytes(zipped({"wnids.txt": b"n02124075\n", "large": content}))
    told = printed(
        """
import extraction
disk_fills(room=100_000)
try: extraction.extract(sys.argv[1], sys.argv[2])
except extraction.DataError as error: print(error)
""",
        tmp_path / ARCHIVE,
        tmp_path,
    )
    assert re.search(rf"{tmp_path} cannot be written to the end \(File too large\): 204,\d+ bytes are needed", told)
    assert names_in(tmp_path) == {ARCHIVE}


def test_a_folder_that_cannot_be_made_is_told(data: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / ARCHIVE).write_bytes(CONTENT)
    (tmp_path / "file").touch()
    with unwritable(tmp_path / "unwritable") as closed:
        for folder in (tmp_path / "file", tmp_path / "file" / "data", closed, closed / "data"):
            for use in (
                lambda folder: data.fetch(folder, server.of(data)),
                lambda folder: data.extract(str(tmp_path / ARCHIVE), folder),
                lambda folder: data.locate(folder, download=True, archive=server.of(data)),
            ):
                with pytest.raises(data.DataError, match=rf"{folder} cannot be written .*: choose another data_dir"):
                    use(str(folder))
    assert not list(closed.iterdir())
    closed.rmdir()
    (tmp_path / FOLDER).touch()
    with pytest.raises(data.DataError, match=rf"{FOLDER} cannot be written .*: choose another"):
        data.extract(str(tmp_path / ARCHIVE), str(tmp_path))
    assert names_in(tmp_path) == {ARCHIVE, FOLDER, "file"}


# Where the data set is


def test_the_data_set_is_found_where_people_extract_it(data: Any, tmp_path: Path, monkeypatch: Any) -> None:
    root = tmp_path / FOLDER
    (root / FOLDER).mkdir(parents=True)
    (root / FOLDER / "wnids.txt").touch()
    assert data.locate(str(tmp_path)) == str(root / FOLDER)
    (root / "wnids.txt").touch()
    assert data.locate(str(tmp_path)) == data.locate(str(root)) == str(root)
    monkeypatch.chdir(tmp_path)
    assert data.locate(".") == f"./{FOLDER}"


def test_the_variable_goes_before_the_folder(data: Any, tmp_path: Path, monkeypatch: Any) -> None:
    root, other = tmp_path / FOLDER, tmp_path / "other"
    for folder in (root, other / FOLDER):
        folder.mkdir(parents=True)
        (folder / "wnids.txt").touch()
    for named in (root, tmp_path):
        monkeypatch.setenv("TINY_IMAGENET", str(named))
        assert data.locate(str(other)) == str(root)
    monkeypatch.setenv("TINY_IMAGENET", "")
    assert data.locate(str(other)) == str(other / FOLDER)
    monkeypatch.setenv("TINY_IMAGENET", "/nowhere")
    with pytest.raises(data.DataError, match=r"TINY_IMAGENET is '/nowhere', which is neither .* correct it or unset"):
        data.locate(str(other))


def test_an_archive_named_by_the_variable_is_extracted_into_the_folder_of_data(
    data: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "mine.zip").write_bytes(CONTENT)
    monkeypatch.setenv("TINY_IMAGENET", str(tmp_path / "mine.zip"))
    with pytest.raises(data.DataError, match=rf"mine\.zip has {len(CONTENT):,} bytes instead of 248,100,043"):
        data.locate(str(tmp_path / "data"))
    of = data.Archive("", len(CONTENT), hashlib.md5(CONTENT).hexdigest())
    for _ in range(2):
        assert data.locate(str(tmp_path / "data"), archive=of) == str(tmp_path / "data" / FOLDER)
    with pytest.raises(data.DataError, match=r"stand-in data where .*mine\.zip would be extracted"):
        data.locate(str(tmp_path / "data"))  # where the published archive is meant


def test_one_call_downloads_extracts_and_finds(data: Any, server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        root = data.locate(str(tmp_path), download=True, archive=server.of(data))
        assert data.check_layout(root) == (str(tmp_path / FOLDER), tuple(CLASSES), 2, 1, True)
    assert len(server.asked) == 1


def test_nothing_is_downloaded_unless_asked_for(data: Any, server: Server, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    with pytest.raises(data.DataError) as caught:
        data.locate(str(tmp_path), archive=server.of(data))
    for part in (
        "TINY_IMAGENET is not set",
        tmp_path / FOLDER,
        tmp_path / ARCHIVE,
        "download=True",
        server.url,
        "stand-in",
    ):
        assert str(part) in str(caught.value)
    assert not server.asked
    (tmp_path / (ARCHIVE + ".part")).touch()
    with pytest.raises(data.DataError, match=r"\.part is an interrupted download, which goes on from there"):
        data.locate(str(tmp_path), archive=server.of(data))


# Whether all is there


def test_a_whole_data_set_is_described(data: Any, root: Path) -> None:
    described = data.check_layout(str(root))
    assert described == data.Layout(str(root), tuple(CLASSES), train_per_class=2, val_per_class=1, synthetic=True)
    (root / "train" / CLASSES[0] / "images" / f"._{CLASSES[0]}_0.JPEG").touch()  # as macOS leaves them
    (root / "val" / ".DS_Store").touch()
    assert data.check_layout(str(root)) == described


def replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text().replace(old, new))


def remove(name: str) -> Callable[[Path], object]:
    return lambda root: shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink()


def rename_all(root: Path) -> None:
    for name in CLASSES:
        (root / "train" / name).rename(root / "train" / name.replace("n", "class_"))


A, B = CLASSES[:2]
IMAGE = f"train/{A}/images/{A}_1.JPEG"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (remove("wnids.txt"), r"the classes, is missing or empty\nDelete .* and make the stand-in data again\.$"),
        (replace("wnids.txt", A, "cat"), r"wnids\.txt: 1 lines are not n and 8 digits: line 1 is 'cat'"),
        (
            replace("wnids.txt", A, B),
            rf"wnids\.txt names classes more than once: {B}\n  - .* 199 classes instead of 200",
        ),
        (rename_all, r"train/ has 200 folders, but of other names: class_\d+, .* and 197 more; is this tiny"),
        (replace("wnids.txt", A, "n99999999"), rf"train/ has 1 folders that wnids\.txt does not name: {A}"),
        (remove(f"train/{A}"), f"train: 1 of 200 classes have no images: {A}"),
        (remove("train"), "train: there are no images of the classes"),
        (remove(IMAGE), f"train: 1 classes have other than 2 images: {A} has 1"),
        (lambda root: shutil.copy(root / IMAGE, root / IMAGE.replace("_1", "_2")), f"{A} has 3"),
        (lambda root: shutil.move(root / IMAGE, root / f"train/{B}/images"), f"name of their class: {A}_1.JPEG in {B}"),
        (lambda root: (root / IMAGE).write_bytes(b""), f"train: 1 empty files: {IMAGE}"),
        (lambda root: (root / "val/images/val_7.JPEG").write_bytes(b""), r"val: 1 empty files: val/images/val_7\.JPEG"),
        (remove("val"), "val: there are no images of the classes"),
        (remove("val/val_annotations.txt"), r"val_annotations\.txt is missing or empty: the 200 images have no labels"),
        (remove("val/images/val_7.JPEG"), r"val_annotations\.txt names 1 images that are not there: val_7\.JPEG\n"),
        (replace("val/val_annotations.txt", "val_7.", "val_700."), r"1 images without annotation: val_7\.JPEG"),
        (replace("val/val_annotations.txt", A, "n99999999"), r"1 classes are not in wnids\.txt: n99999999 \(line 1\)"),
        (
            replace("val/val_annotations.txt", "val_7.JPEG\t", "val_7.JPEG "),
            "1 lines are not .*: line 8 is 'val_7.JPEG ",
        ),
        (replace("val/val_annotations.txt", "val_7.", "val_8."), r"1 images are named again: val_8\.JPEG \(line 9\)"),
        (replace("synthetic.json", '"seed"', ""), r"synthetic\.json does not tell train_per_class"),
        (
            remove("synthetic.json"),
            r"200 classes have other than 500 images: .*\n.*200 classes have other than 50 images",
        ),
    ],
)
def test_what_is_wrong_is_told(data: Any, root: Path, damage: Callable[[Path], object], problem: str) -> None:
    damage(root)
    with pytest.raises(data.DataError, match=rf"(?s)^{root} is not the whole data set:\n  - .*{problem}"):
        data.check_layout(str(root))


def test_all_that_is_wrong_is_told_at_once(data: Any, root: Path) -> None:
    remove("synthetic.json")(root)
    for name in CLASSES[100:]:  # half a data set
        shutil.rmtree(root / "train" / name)
    replace("wnids.txt", KNOWN[1], "n99999999")(root)
    with pytest.raises(data.DataError) as caught:
        data.check_layout(str(root))
    first, *problems, remedy = str(caught.value).split("\n")
    assert first == f"{root} is not the whole data set:"
    assert [problem.split(":")[0] for problem in problems] == [
        "  - wnids.txt does not name n04067472",
        "  - train/ has 1 folders that wnids.txt does not name",
        "  - train",
        "  - train",
        "  - val_annotations.txt",
        "  - val",
        "  - val",
    ]
    assert "train: 101 of 200 classes have no images: n99999999, " in problems[2]
    assert problems[2].endswith(" and 98 more")
    assert remedy == (
        f"Delete {root} and extract {ARCHIVE} again (download=True gets it), or let TINY_IMAGENET name a whole one."
    )


def test_nobody_is_told_to_delete_a_folder_of_something_else(data: Any, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    assert data.locate(str(tmp_path)) == str(tmp_path)
    with pytest.raises(
        data.DataError, match=r"(?s)wnids\.txt.*\nLet TINY_IMAGENET or data_dir name the folder"
    ) as caught:
        data.check_layout(str(tmp_path))
    assert "Delete" not in str(caught.value)
    assert str(caught.value).count("\n") == 2  # without classes there is nothing else to say


@pytest.mark.slow
def test_the_published_counts_are_checked(data: Any, root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(root, tmp_path / FOLDER))
    (root / "synthetic.json").unlink()
    with open(root / "val" / "val_annotations.txt", "w") as annotations:
        for number in range(10_000):
            (root / "val" / "images" / f"val_{number}.JPEG").write_bytes(JPEG)
            annotations.write(f"val_{number}.JPEG\t{CLASSES[number * 7 % 200]}\t0\t0\t1\t1\n")
    for name in CLASSES:
        for index in range(2, 500):
            (root / "train" / name / "images" / f"{name}_{index}.JPEG").write_bytes(JPEG)
    assert data.check_layout(str(root)) == (str(root), tuple(CLASSES), 500, 50, False)
    assert len(data.images_of(str(root), "train")) == 100_000
    replace("wnids.txt", KNOWN[0], "n99999999")(root)
    with pytest.raises(data.DataError, match=rf"wnids\.txt does not name {KNOWN[0]}: this is another data set than"):
        data.check_layout(str(root))


# Which image is of which class


def test_both_splits_number_the_classes_by_the_lines_of_wnids(data: Any, root: Path) -> None:
    train, val = data.images_of(str(root), "train"), data.images_of(str(root), "val")
    assert sorted(CLASSES) != CLASSES
    assert train[:3] == [
        (str(root / "train" / A / "images" / f"{A}_0.JPEG"), 0),
        (str(root / "train" / A / "images" / f"{A}_1.JPEG"), 0),
        (str(root / "train" / B / "images" / f"{B}_0.JPEG"), 1),
    ]
    late = root / "train" / A / "images" / f"{A}_10.JPEG"
    for name in (late, late.with_name(f"{A}_9.JPEG")):
        name.write_bytes(JPEG)
    assert data.images_of(str(root), "train")[3] == (str(late), 0)  # by number, not by letter
    assert [target for _, target in train] == [target for target in range(200) for _ in range(2)]
    assert val[:2] == [(str(root / "val/images/val_0.JPEG"), 0), (str(root / "val/images/val_1.JPEG"), 199)]
    assert val[10] == (str(root / "val/images/val_10.JPEG"), 190)


def test_lists_that_passed_through_windows_are_read(data: Any, root: Path) -> None:
    before = data.check_layout(str(root)), data.images_of(str(root), "val")
    for name in ("wnids.txt", "val/val_annotations.txt"):
        (root / name).write_bytes(b"\xef\xbb\xbf" + (root / name).read_bytes().replace(b"\n", b"\r\n"))
    assert (data.check_layout(str(root)), data.images_of(str(root), "val")) == before


@pytest.mark.parametrize("inner", ["", "images"])
@pytest.mark.parametrize("leaves", ["nothing", "annotations", "both"])
def test_a_rearranged_validation_split_is_the_same(data: Any, root: Path, inner: str, leaves: str) -> None:
    before = data.images_of(str(root), "val")
    for path, target in before:
        folder = root / "val" / CLASSES[target] / inner
        folder.mkdir(parents=True)
        shutil.copy(path, folder)
    if leaves != "both":
        shutil.rmtree(root / "val" / "images")
    if leaves == "nothing":
        (root / "val" / "val_annotations.txt").unlink()
    after = data.images_of(str(root), "val")
    assert [(Path(path).name, target) for path, target in after] == [
        (Path(path).name, target) for path, target in before
    ]
    assert all(os.path.isfile(path) for path, _ in after)
    assert data.check_layout(str(root)).val_per_class == 1
    if leaves == "annotations":
        shutil.move(after[0][0], root / "val" / B / inner)
        with pytest.raises(data.DataError, match=rf"1 images are in another class than .* says: val_0\.JPEG in {B}"):
            data.images_of(str(root), "val")


def test_a_half_rearranged_validation_split_is_told(data: Any, root: Path) -> None:
    (root / "val" / A).mkdir()
    shutil.move(root / "val/images/val_0.JPEG", root / "val" / A)
    with pytest.raises(data.DataError, match=r"not there: val_0\.JPEG, though val/ has folders of classes too"):
        data.images_of(str(root), "val")


def test_a_split_without_images_is_an_error(data: Any, root: Path) -> None:
    for split in ("train", "val"):
        shutil.rmtree(root / split)
        with pytest.raises(data.DataError, match=f"{split}: there are no images"):
            data.images_of(str(root), split)


def test_the_test_split_has_no_labels(data: Any, root: Path) -> None:
    with pytest.raises(ValueError, match=r"test split .* has no labels"):
        data.images_of(str(root), "test")
    with pytest.raises(ValueError, match="split is 'valid'; there are 'train' and 'val'"):
        data.images_of(str(root), "valid")


def test_classes_have_words(data: Any, root: Path) -> None:
    names = data.class_names(str(root))
    assert list(names) == CLASSES
    assert list(names.values())[:3] == ["Egyptian cat", "reel", CLASSES[2]]
