"""Static witness: imports. Sibling files and pretend modules are parsed and run like cells, all else is a name."""

from __future__ import annotations

import ast
import os
from typing import Any

from tinyguard.program.machine import Frame, Machine
from tinyguard.program.values import Known, ModuleValue, Source, Unknown

LIBRARY = os.path.join(os.path.dirname(__file__), "library")
# Packages whose control flow is written down as a pretend module in `library/`, and how they are imported.
PRETEND = {
    "pytorch_lightning": "lightning",
    "lightning.pytorch": "lightning",
    "lightning": "lightning",
    "pytorch_lightning.core.lightning": "lightning",
    "torch_amp": "torch_amp",
    "accelerate": "accelerate",
    "torchtext.data": "torchtext",
    "torchtext.legacy.data": "torchtext",
    "ignite.engine": "ignite",
}
_parsed: dict[str, tuple[int, str, ast.Module]] = {}  # by path, with the time of the last change


class Importer:
    """Finds modules for one notebook: beside it, in the folders it adds to sys.path, in the pretend library."""

    def __init__(self, machine: Machine, folder: str | None) -> None:
        self._machine = machine
        self._modules: dict[str, Any] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self.moves_files = False  # one of the modules does
        self.folders: list[str] = [] if folder is None else [folder]

    def __call__(self, name: str, frame: Frame) -> Any:
        """The module of this dotted name, as seen from the importing code."""
        # sys.path is not followed further than its folders: no installed package is ever read.
        home = os.path.dirname(frame.source.path) if not frame.source.pretend else ""
        relative = len(name) - len(name.lstrip("."))
        bare = name.lstrip(".")
        key = (f"{home}:" if relative else "") + name
        if key not in self._modules:
            self._modules[key] = Unknown(graph=True)  # what a circular import sees
            if relative:
                self._modules[key] = self._relative(bare, home, relative)
            else:
                self._modules[key] = self._absolute(bare)
        return self._modules[key]

    def add(self, folder: str) -> None:
        """Import from this folder, too; a relative one is taken from the notebook's."""
        if self.folders:
            self.folders.append(os.path.normpath(os.path.join(self.folders[0], folder)))

    def _relative(self, name: str, home: str, level: int) -> Any:
        folder = os.path.normpath(os.path.join(home or ".", *[".."] * (level - 1)))
        found = self._file(folder, name) if name else self._package(folder)
        return self._run(found, name or os.path.basename(folder)) if found else Unknown(graph=True)

    def _absolute(self, name: str) -> Any:
        top = name.partition(".")[0]
        for folder in self.folders:
            names = self._names(folder)
            if top not in names and f"{top}.py" not in names:
                continue
            found = self._file(folder, name)
            if found is not None:
                return self._run(found, name)
            if os.path.isdir(os.path.join(folder, top)) and top not in _INSTALLED:
                return ModuleValue(self._machine.new_number(), name, {})  # a folder without __init__.py
        pretend = PRETEND.get(name)
        if pretend is not None:
            return self._run(os.path.join(LIBRARY, f"{pretend}.py"), name, pretend=True)
        return Known(name)

    def _names(self, folder: str) -> frozenset[str]:
        """What lies in a folder."""
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]

    def _file(self, folder: str, name: str) -> str | None:
        """The file that defines a module of this name below a folder."""
        stem = os.path.join(folder, *name.split("."))
        for candidate in (f"{stem}.py", os.path.join(stem, "__init__.py")):
            if os.path.isfile(candidate):
                return candidate
        return None

    def _package(self, folder: str) -> str | None:
        candidate = os.path.join(folder, "__init__.py")
        return candidate if os.path.isfile(candidate) else None

    def _run(self, path: str, name: str, *, pretend: bool = False) -> Any:
        machine = self._machine
        text, tree = parsed_file(path)
        if tree is None:
            return Unknown(graph=True)
        if not pretend and moves_files(text):
            self.moves_files = True
        frame = Frame(Source(path, pretend=pretend))
        frame.names["__name__"] = name
        module = ModuleValue(machine.new_number(), name, frame.names)
        self._modules[name] = module
        machine.stack.append(frame)
        try:
            machine.run(tree.body, frame)
        finally:
            machine.stack.pop()
        return module


def parsed_file(path: str) -> tuple[str, ast.Module | None]:
    """The text and syntax tree of a Python file; None: it cannot be read or parsed, imports from it are unknown."""
    try:
        stamp = os.stat(path).st_mtime_ns
        if path not in _parsed or _parsed[path][0] != stamp:
            with open(path, "rb") as file:
                content = file.read()
            _parsed[path] = (stamp, content.decode("utf-8", "replace"), ast.parse(content))
        return _parsed[path][1:]
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return "", None


_INSTALLED = frozenset({"torch", "torchvision", "numpy", "pandas", "matplotlib", "sklearn", "tqdm", "transformers"})


def moves_files(text: str) -> bool:
    """Whether a program's text renames, moves or links files, or reads TinyImageNet's validation annotations."""
    if "val_annotations" in text:
        return True
    return any(f"{word}(" in text for word in ("rename", "shutil.move", "symlink", "shutil.copy", "copyfile")) or (
        "!mv " in text or "\nmv " in text
    )
