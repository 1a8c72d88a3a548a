"""Static witness: imports. Sibling files and pretend modules are parsed and run like cells, all else is a name."""

from __future__ import annotations

import ast
import os
from typing import Any

from tinyguard.program.machine import PACKAGES, Frame, Machine
from tinyguard.program.values import Known, ModuleValue, Source, Unknown

LIBRARY = os.path.join(os.path.dirname(__file__), "library")
# Packages whose control flow is written down as a pretend module in `library/`, and how they are imported.
PRETEND = {
    "accelerate": "accelerate",
    "accelerate.utils": "accelerate",
    "argparse": "argparse",
    "d2l.torch": "d2l",
    "fastai.basics": "fastai",
    "fastai.collab": "fastai",
    "fastai.data.all": "fastai",
    "fastai.learner": "fastai",
    "fastai.tabular.all": "fastai",
    "fastai.text.all": "fastai",
    "fastai.vision.all": "fastai",
    "fastai.vision.learner": "fastai",
    "fastbook": "fastai",
    "ignite.engine": "ignite",
    "lightning": "lightning",
    "lightning.pytorch": "lightning",
    "pytorch_lightning": "lightning",
    "pytorch_lightning.core.lightning": "lightning",
    "skorch": "skorch",
    "torch_amp": "torch_amp",
    "torchtext.data": "torchtext",
    "torchtext.legacy.data": "torchtext",
    "transformers": "transformers",
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
        self.folders_added: list[str] = []  # those of them that the program has added to sys.path
        self.asked = 0  # how often something was imported
        self._written: dict[str, tuple[Source, str]] = {}  # by path: cells that make a file
        self._above: list[str] | None = None  # the folders above, once something was looked for there

    def __call__(self, name: str, frame: Frame) -> Any:
        """The module of this dotted name, as seen from the importing code."""
        self.asked += 1
        # sys.path is not followed further than its folders: no installed package is ever read.
        bare = name.lstrip(".")
        level = len(name) - len(bare)
        home = os.path.dirname(str(frame.module.names.get("__file__", frame.source.path))) if level else ""
        key = f"{home}:{name}" if level else name
        if key not in self._modules:
            self._modules[key] = Unknown(graph=True)
            self._modules[key] = self._relative(bare, home, level, frame) if level else self._absolute(bare, frame)
        return self._modules[key]

    def write(self, path: str, source: Source, text: str) -> None:
        """A cell makes this file of its text: `%%writefile`."""
        self._written[os.path.normpath(os.path.join(*self.folders[:1], path))] = source, text
        self._listed.clear()

    def add(self, folder: str) -> None:
        """Import from this folder, too; a relative one is taken from the notebook's.

        One that is not on this machine ("/content/drive/MyDrive/project/src") may be here under its last parts.
        """
        if not self.folders:
            return
        parts = os.path.normpath(folder).split(os.sep)
        added = os.path.normpath(os.path.join(self.folders[0], folder))
        while os.path.isabs(folder) and not os.path.isdir(added) and len(parts) > 1:
            parts = parts[1:]
            added = os.path.normpath(os.path.join(self.folders[0], *parts))
        self.folders.append(added)
        self.folders_added.append(added)

    def _relative(self, name: str, home: str, level: int, frame: Frame) -> Any:
        """A module of a package, by the name that others import it under, so that it is run once."""
        folder = os.path.normpath(os.path.join(home or ".", *[".."] * (level - 1)))
        for root in sorted(self.folders or [""], key=len, reverse=True):
            inside = os.path.relpath(folder, root or ".")
            if not inside.startswith(".."):
                package = "" if inside == "." else inside.replace(os.sep, ".")
                dotted = ".".join(part for part in (package, name) if part)
                return self(dotted, frame) if dotted else ModuleValue(self._machine.new_number(), "", {})
        found = self._file(folder, name) if name else None
        return self._run(found, name) if found else Unknown(graph=True)

    def _absolute(self, name: str, frame: Frame) -> Any:
        top, _, below = name.partition(".")
        for folder in self.folders or [""]:
            names = self._names(folder)
            if top not in names and f"{top}.py" not in names:
                continue
            found = self._file(folder, name)
            if found is not None:
                if below:  # the package runs before its module
                    self(name.rpartition(".")[0], frame)
                return self._run(found, name)
            if top in names and top not in _INSTALLED and self._is_folder(os.path.join(folder, top)):
                return ModuleValue(self._machine.new_number(), name, {})  # a folder without __init__.py
        pretend = PRETEND.get(name)
        if pretend is not None:
            return self._run(os.path.join(LIBRARY, f"{pretend}.py"), name, pretend=True)
        if top not in PACKAGES and self._above is None:
            self._above = self._folders_above()
            self.folders.extend(self._above)
            return self._absolute(name, frame)
        return Known(name)

    def _folders_above(self) -> list[str]:
        """The folders above the notebook's up to the root of its repository, which people run notebooks from."""
        above: list[str] = []
        folder = os.path.abspath(self.folders[0]) if self.folders else ""
        while folder and not os.path.exists(os.path.join(folder, ".git")):
            folder = os.path.dirname(folder)
            above.append(folder)
            if folder == os.path.dirname(folder):
                return []
        return above

    def _names(self, folder: str) -> frozenset[str]:
        """What lies in a folder, or is written there."""
        if folder not in self._listed:
            inside = os.path.join(os.path.normpath(folder), "") if folder not in ("", ".") else ""
            written = [path[len(inside) :].partition(os.sep)[0] for path in self._written if path.startswith(inside)]
            try:
                self._listed[folder] = frozenset([*os.listdir(folder), *written] if folder else written)
            except OSError:
                self._listed[folder] = frozenset(written)
        return self._listed[folder]

    def _file(self, folder: str, name: str) -> str | None:
        """The file that defines a module of this name below a folder."""
        stem = os.path.join(folder, *name.split("."))
        for candidate in (f"{stem}.py", os.path.join(stem, "__init__.py")):
            if (self._written and os.path.normpath(candidate) in self._written) or (
                folder and os.path.isfile(candidate)
            ):
                return candidate
        return None

    def _is_folder(self, path: str) -> bool:
        inside = os.path.join(os.path.normpath(path), "")
        return os.path.isdir(path) or any(name.startswith(inside) for name in self._written)

    def _run(self, path: str, name: str, *, pretend: bool = False) -> Any:
        machine = self._machine
        source = Source(path, pretend=pretend)
        if self._written and (written := self._written.get(os.path.normpath(path))) is not None:
            source, text = written
            tree = parsed_text(text)
        else:
            text, tree = parsed_file(path)
        if tree is None:
            return Unknown(graph=True)
        source.yields = "yield" in text
        if not pretend and moves_files(text):
            self.moves_files = True
        frame = Frame(source)
        frame.names.update(__name__=name, __file__=path)
        module = ModuleValue(machine.new_number(), name, frame.names)
        self._modules[name] = module
        machine.modules.append(frame)
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


def parsed_text(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_INSTALLED = frozenset({"torch", "torchvision", "numpy", "pandas", "matplotlib", "sklearn", "tqdm", "transformers"})


def moves_files(text: str) -> bool:
    """Whether a program's text renames, moves or links files, or reads TinyImageNet's validation annotations."""
    if "val_annotations" in text:
        return True
    return any(f"{word}(" in text for word in ("rename", "shutil.move", "symlink", "shutil.copy", "copyfile")) or (
        "!mv " in text or "\nmv " in text
    )
