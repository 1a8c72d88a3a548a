"""The paths of the command line -> the files to read."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tinyguard.notebook.cells import Skipped

_LEFT_OUT = frozenset(("__pycache__", "node_modules"))


def expand(paths: list[str]) -> tuple[list[str], list[Skipped]]:
    """Files as they are named, and the notebooks and percent scripts below folders, sorted, without what git ignores.

    `-` (standard input) passes through. No file comes twice. Links to folders are not followed, so no loop can hang us.
    """
    files: list[str] = []
    skipped: list[Skipped] = []
    for path in paths:
        if path == "-":
            files.append(path)
        elif os.path.isdir(path):
            files += _unignored(path, list(_walk(path, skipped)))
        elif _exists(path, skipped):
            files.append(path)
    first_names: dict[str, str] = {}
    for path in files:
        first_names.setdefault(path if path == "-" else os.path.realpath(path), path)
    return list(first_names.values()), skipped


def unreadable(path: str, error: Exception) -> str:
    """In a sentence, what `error` said when `path` was opened."""
    match error:
        case FileNotFoundError() if os.path.islink(path):
            return f"is a broken link to {os.readlink(path)}; restore its target"
        case FileNotFoundError():
            return "does not exist; name a notebook, a script or a folder"
        case IsADirectoryError():
            return "is a folder; name a notebook or a script"
        case PermissionError():
            return "may not be read: permission denied"
        case OSError():
            return f"cannot be read: {error.strerror}"
    return "is no path: it holds a null character"


def _exists(path: str, skipped: list[Skipped]) -> bool:
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        skipped.append(Skipped(path=path, reason=unreadable(path, error)))
        return False
    return True


def _walk(folder: str, skipped: list[Skipped]) -> Iterator[str]:
    """Notebooks and percent scripts below `folder`, in the order of their names."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(Skipped(path=folder, reason=unreadable(folder, error)))
        return
    for entry in entries:
        path = entry.name if folder == "." else os.path.join(folder, entry.name)
        if entry.is_dir(follow_symlinks=False):
            if not _left_out(entry):
                yield from _walk(path, skipped)
        elif not entry.name.startswith(".") and entry.name.endswith((".ipynb", ".py")):
            if not _exists(path, skipped) or not os.path.isfile(path):  # a pipe, say
                continue
            if entry.name.endswith(".ipynb") or _is_percent_script(path):
                yield path


def _left_out(folder: os.DirEntry[str]) -> bool:
    """Hidden folders (.ipynb_checkpoints among them), caches and virtual environments."""
    return (
        folder.name.startswith(".")
        or folder.name in _LEFT_OUT
        or os.path.lexists(os.path.join(folder.path, "pyvenv.cfg"))
    )


def _is_percent_script(path: str) -> bool:
    from tinyguard.notebook.script import is_percent

    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return False
    return b"%%" in data and is_percent(data.decode(errors="replace"))


def _unignored(folder: str, files: list[str]) -> list[str]:
    """`files` below `folder` that git does not ignore: all, outside a work tree and when git ignores the folder."""
    by_tree: dict[str, list[str]] = {}
    trees: dict[str, str | None] = {}
    for path in files:
        if tree := _work_tree(os.path.dirname(os.path.abspath(path)), trees):
            by_tree.setdefault(tree, []).append(path)
    ignored: set[str] = set()
    for tree, inside in by_tree.items():
        answer = _ignored(tree, [folder, *inside])
        if folder not in answer:
            ignored |= answer
    return [path for path in files if path not in ignored]


def _work_tree(folder: str, known: dict[str, str | None]) -> str | None:
    """The root of the git work tree that `folder` is in."""
    if folder not in known:
        parent = os.path.dirname(folder)
        if os.path.exists(os.path.join(folder, ".git")):
            known[folder] = folder
        else:
            known[folder] = _work_tree(parent, known) if parent != folder else None
    return known[folder]


def _ignored(tree: str, paths: list[str]) -> set[str]:
    """Those of `paths` that git ignores in the work tree `tree`; none when there is no git."""
    import subprocess

    by_name = {os.path.relpath(os.path.abspath(path), tree): path for path in paths}
    names = [name for name in by_name if name != "." and not name.startswith("..")]
    # A hook of git's runs with the variables of its own repository. A setting of an unknown repository may name a
    # program, so that one is turned off.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", tree, "-c", "core.fsmonitor=false", "check-ignore", "-z", "--stdin"]
    question = b"".join(os.fsencode(name) + b"\0" for name in names)
    try:
        answer = subprocess.run(command, input=question, capture_output=True, env=environment, check=False).stdout
    except OSError:
        return set()
    return {by_name[os.fsdecode(name)] for name in answer.split(b"\0") if name}
