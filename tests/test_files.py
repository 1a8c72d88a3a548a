"""Paths of the command line become files."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyguard.notebook.files import expand


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(folder: Path, *names: str, text: str = "") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_a_folder_gives_its_notebooks_in_order(folder: Path) -> None:
    make(folder, "b.ipynb", "a/z.ipynb", "a/y.ipynb", "c.txt", "d.ipynb.bak")
    assert expand(["."]) == (["a/y.ipynb", "a/z.ipynb", "b.ipynb"], [])
    assert expand(["a/"]) == (["a/y.ipynb", "a/z.ipynb"], [])
    assert expand([str(folder / "a")])[0] == [str(folder / "a/y.ipynb"), str(folder / "a/z.ipynb")]


def test_only_percent_scripts_are_found_in_folders_but_any_script_can_be_named(folder: Path) -> None:
    make(folder, "plain.py", text="x = 1\n")
    make(folder, "cells.py", text="# %%\nx = 1\n")
    make(folder, "quoted.py", text='x = """\n# %%\n"""\n')
    assert expand(["."])[0] == ["cells.py"]
    assert expand(["plain.py", "."])[0] == ["plain.py", "cells.py"]


def test_no_file_comes_twice(folder: Path) -> None:
    make(folder, "a.ipynb", "b.ipynb")
    (folder / "c.ipynb").symlink_to("a.ipynb")
    assert expand(["b.ipynb", "./b.ipynb", ".", str(folder)])[0] == ["b.ipynb", "a.ipynb"]


def test_standard_input_passes_through(folder: Path) -> None:
    assert expand(["-", "-"]) == (["-"], [])


def test_checkpoints_hidden_folders_caches_and_environments_are_left_out(folder: Path) -> None:
    make(
        folder, ".ipynb_checkpoints/a.ipynb", ".git2/a.ipynb", "node_modules/a.ipynb", "__pycache__/a.ipynb", ".a.ipynb"
    )
    make(folder, "mine/pyvenv.cfg", "mine/lib/a.ipynb", "env/a.ipynb")
    assert expand(["."])[0] == ["env/a.ipynb"]
    assert expand([".ipynb_checkpoints"])[0] == [".ipynb_checkpoints/a.ipynb"]


def test_what_git_ignores_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder, "a.ipynb", "out/b.ipynb", "out/é \n.ipynb", "kept/b.ipynb", "kept/old.ipynb")
    make(folder, ".gitignore", text="out/\nold.ipynb\n")
    assert len(expand(["."])[0]) == 5
    git(folder, "init", "-q")
    assert expand(["."])[0] == ["a.ipynb", "kept/b.ipynb"]
    assert expand(["kept"])[0] == ["kept/b.ipynb"]
    assert expand(["out/b.ipynb"])[0] == ["out/b.ipynb"]  # it was named
    assert len(expand(["out"])[0]) == 2  # so was this
    git(folder, "add", "-f", "kept/old.ipynb")
    assert expand(["kept"])[0] == ["kept/b.ipynb", "kept/old.ipynb"]
    monkeypatch.setenv("PATH", "")
    assert len(expand(["."])[0]) == 5


def test_a_repository_inside_a_repository_has_its_own_rules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder, "a.ipynb", "inner/a.ipynb", "inner/b.ipynb")
    make(folder, ".gitignore", text="b.ipynb\n")
    make(folder, "inner/.gitignore", text="a.ipynb\n")
    git(folder, "init", "-q")
    git(folder / "inner", "init", "-q")
    assert expand(["."])[0] == ["a.ipynb", "inner/b.ipynb"]
    git(folder, "add", "a.ipynb")  # what is tracked here says nothing about the inner one
    monkeypatch.setenv("GIT_DIR", str(folder / ".git"))  # as in a hook
    assert expand(["."])[0] == ["a.ipynb", "inner/b.ipynb"]


def test_git_is_not_let_run_what_a_repository_configures(folder: Path) -> None:
    make(folder, "a.ipynb", ".gitignore")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    hook = folder / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
    hook.chmod(0o755)
    git(folder, "config", "core.fsmonitor", str(hook))
    assert expand(["."])[0] == ["a.ipynb"]
    assert not (folder / "ran").exists()


def test_links_in_a_circle_do_not_hang(folder: Path) -> None:
    make(folder, "a/a.ipynb")
    (folder / "a/again").symlink_to("..")
    (folder / "self.ipynb").symlink_to("self.ipynb")
    files, skipped = expand(["."])
    assert files == ["a/a.ipynb"]
    assert [(one.path, one.reason) for one in skipped] == [
        ("self.ipynb", "cannot be read: Too many levels of symbolic links")
    ]
    assert expand(["a/again"])[0] == ["a/again/a/a.ipynb"]


def test_missing_paths_and_broken_links_are_listed(folder: Path) -> None:
    make(folder, "a.ipynb")
    (folder / "link.ipynb").symlink_to("gone")
    missing = "does not exist; name a notebook, a script or a folder"
    broken = "is a broken link to gone; restore its target"
    files, skipped = expand(["gone.ipynb", "link.ipynb", ".", "nul\0"])
    assert files == ["a.ipynb"]
    assert [(one.path, one.reason) for one in skipped] == [
        ("gone.ipynb", missing),
        ("link.ipynb", broken),
        ("link.ipynb", broken),
        ("nul\0", "is no path: it holds a null character"),
    ]


def test_pipes_and_folders_named_like_notebooks_are_no_notebooks(folder: Path) -> None:
    make(folder, "folder.ipynb/a.ipynb")
    os.mkfifo(folder / "pipe.ipynb")
    assert expand(["."]) == (["folder.ipynb/a.ipynb"], [])


@pytest.fixture
def forbidden() -> Iterator[Path]:
    """A folder that may not be read, seen by somebody who is not root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        make(folder, "closed/a.ipynb", "open/a.ipynb", "open/secret.ipynb")
        (folder / "closed").chmod(0)
        (folder / "open/secret.ipynb").chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            (folder / "closed").chmod(0o700)


def test_a_folder_without_permission_is_listed(forbidden: Path) -> None:
    from tinyguard.notebook.reader import read

    files, skipped = expand([str(forbidden)])
    assert files == [str(forbidden / "open/a.ipynb"), str(forbidden / "open/secret.ipynb")]
    denied = "may not be read: permission denied"
    assert [(one.path, one.reason) for one in skipped] == [(str(forbidden / "closed"), denied)]
    assert [one.reason for one in read(files[1]).skipped] == [denied]
