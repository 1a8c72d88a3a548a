"""What is written whole: killed, stopped and raced by real processes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from obstacles import NOTEBOOKS, started


@pytest.fixture
def whole_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    yield __import__("whole_files")
    sys.modules.pop("whole_files", None)


FILE = """
import os, whole_files
with whole_files.written_whole(sys.argv[1]) as file:
    file.write(b"half, ")
    file.flush()
    print("half", flush=True)
    input()
    file.write(b"then all")
"""
FOLDER = """
import os, whole_files
with whole_files.filled_whole(sys.argv[1]) as folder:
    open(os.path.join(folder, "first"), "w").close()
    print("half", flush=True)
    input()
    open(os.path.join(folder, "second"), "w").close()
"""


@contextlib.contextmanager
def halted(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has written a half, and goes on when it reads a line."""
    with started(code, path, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        yield process


def write(whole_files: Any, path: Path, code: str) -> None:
    if code is FILE:
        with whole_files.written_whole(str(path)) as file:
            file.write(b"mine")
    else:
        with whole_files.filled_whole(str(path)) as folder:
            (Path(folder) / "mine").touch()


def content(path: Path) -> object:
    return sorted(inner.name for inner in path.iterdir()) if path.is_dir() else path.read_bytes()


def half() -> Iterator[bytes]:
    yield b"half, "
    raise ZeroDivisionError


def test_what_fails_leaves_what_was_there(whole_files: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "a"
    for text in (b"first", b"second"):
        with whole_files.written_whole(str(path)) as file:
            file.write(text)
        assert path.read_bytes() == text
    with pytest.raises(ZeroDivisionError), whole_files.written_whole(str(path)) as file:
        file.writelines(half())
    assert path.read_bytes() == b"second"
    with pytest.raises(ZeroDivisionError), whole_files.filled_whole(str(tmp_path / "b")) as folder:
        (Path(folder) / "first").write_bytes(b"".join(half()))
    assert [inner.name for inner in tmp_path.rglob("*")] == ["new", "a"]
    assert path.stat().st_mode & 0o077 == (tmp_path / "new").stat().st_mode & 0o066  # others may read it


@pytest.mark.slow
@pytest.mark.parametrize("code", [FILE, FOLDER], ids=["file", "folder"])
def test_what_a_killed_process_left_is_removed_by_the_next(whole_files: Any, tmp_path: Path, code: str) -> None:
    with halted(code, tmp_path / "a") as process:
        process.send_signal(signal.SIGKILL)
    [leftover] = tmp_path.iterdir()
    assert leftover.name.startswith(".unfinished-a-")
    whole_files.remove_leftovers(str(tmp_path / "b"))
    assert leftover.exists()  # of something else
    write(whole_files, tmp_path / "a", code)
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
    assert content(tmp_path / "a") in (b"mine", ["mine"])


@pytest.mark.slow
@pytest.mark.parametrize("code", [FILE, FOLDER], ids=["file", "folder"])
def test_where_somebody_is_at_work_nothing_is_removed(whole_files: Any, tmp_path: Path, code: str) -> None:
    with halted(code, tmp_path / "a") as process:
        process.send_signal(signal.SIGSTOP)  # it does nothing, for as long as you like, and yet lives
        write(whole_files, tmp_path / "a", code)
        assert len(list(tmp_path.glob(".unfinished-*"))) == 1
        assert content(tmp_path / "a") in (b"mine", ["mine"])
        process.send_signal(signal.SIGCONT)
        process.communicate("\n")
        assert process.returncode == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
    assert content(tmp_path / "a") in (b"half, then all", ["mine"])  # the last file wins, the first folder stays


@pytest.mark.slow
def test_without_locks_nothing_is_removed(whole_files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with halted(FILE, tmp_path / "a") as process:
        process.send_signal(signal.SIGKILL)
    monkeypatch.setattr(whole_files, "fcntl", None)
    write(whole_files, tmp_path / "a", FILE)
    assert len(list(tmp_path.glob(".unfinished-*"))) == 1
    assert content(tmp_path / "a") == b"mine"


def test_many_writers_at_once_do_not_remove_each_others_work(whole_files: Any, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for written in [pool.submit(write, whole_files, tmp_path / "a", FILE) for _ in range(400)]:
            written.result()
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
