"""Live witness: the frames of the running program -> places in the user's cells and modules."""

from __future__ import annotations

import dis
import inspect
import linecache
import os
import site
import sys
import sysconfig
from itertools import islice
from types import CodeType, FrameType
from typing import Any

from tinyguard.finding import Place
from tinyguard.live.cells import Cells
from tinyguard.live.frames import variables

FOR = {dis.opmap[name] for name in ("FOR_ITER", "FOR_ITER_LIST", "FOR_ITER_GEN") if name in dis.opmap}
DEEPEST = 60  # frames of the user's that are told; recursion is not told to its end
MOST_KNOWN = 2000  # instructions whose places are remembered: each is asked for at every lap


class Places:
    """Which frames are the user's: code of cells, and of files that belong to no installed package."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self._theirs: dict[str, bool] = {}
        self._known: dict[tuple[int, int], tuple[Place, CodeType]] = {}  # by id of the code, and instruction
        self._not_theirs = tuple(
            os.path.join(os.path.realpath(folder), "")
            for folder in {*_installed(), os.path.dirname(os.path.dirname(__file__))}
        )

    def now(self, *, of: Any = None) -> tuple[Place, tuple[Place, ...]]:
        """The innermost line of the user's that is running, and the calls that led there, outermost first.

        `of`: the object that is being built. Lines of its own methods are left out: it was built where its class was
        called.
        """
        frames = list(self.frames(of=of))
        if not frames:
            return Place(self.cells.path), ()
        inner, *outer = [self._place(frame) for frame in frames]
        return inner, tuple(reversed(outer))

    def frames(self, *, of: Any = None) -> list[FrameType]:
        """The frames of the user's, the innermost first."""
        found: list[FrameType] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and len(found) < DEEPEST:
            if self.is_theirs(frame.f_code.co_filename):
                found.append(frame)
                if frame.f_code.co_name == "<module>" and self.cells.where(frame.f_code.co_filename, 1) is not None:
                    break  # who runs the cell is not told
            frame = frame.f_back
        if of is not None:
            last = max((index for index, frame in enumerate(found) if _works_on(frame, of)), default=-1)
            found = found[last + 1 :] or found
        return found

    def in_loop(self) -> bool:
        """The innermost line of the user's is a `for` that asks for the next item; not a call of `next`."""
        frames = self.frames()
        if not frames:
            return False
        code = frames[0].f_code.co_code
        return code[frames[0].f_lasti] in FOR

    def line_in_cell(self) -> int | None:
        """The line of the cell that is running; None when it is over."""
        for frame in self.frames():
            if frame.f_code.co_name == "<module>":
                found = self.cells.where(frame.f_code.co_filename, frame.f_lineno)
                return found[1] if found else None
        return None

    def is_theirs(self, filename: str) -> bool:
        known = self._theirs.get(filename)
        if known is not None:
            return known
        if self.cells.where(filename, 1) is not None:
            return True  # not remembered: a body of `%%time` has the name of every other
        generated = filename.startswith("<")
        theirs = not generated and not os.path.realpath(filename).startswith(self._not_theirs)
        self._theirs[filename] = theirs
        return theirs

    def place_of(self, frame: FrameType, line: int) -> Place:
        """Another line of the code that runs in the frame."""
        return self.place_in(frame.f_code.co_filename, line)

    def place_in(self, filename: str, line: int) -> Place:
        """A line of code that was compiled under this name."""
        cell = self.cells.where(filename, line)
        return Place(self.cells.path, *cell) if cell else Place(filename, None, line)

    def _place(self, frame: FrameType) -> Place:
        code = frame.f_code
        key = id(code), frame.f_lasti  # to hash a code object would go through all of it
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[key] = self._find(frame), code  # kept, so that no other code gets its id
        return known[0]

    def _find(self, frame: FrameType) -> Place:
        code, line = frame.f_code, frame.f_lineno
        start, end, column, end_column = _position(code, frame.f_lasti)
        cell = self.cells.where(code.co_filename, line)
        path, number, shown = (self.cells.path, *cell) if cell else (code.co_filename, None, line)
        if start != line or column is None or end is None or end_column is None:
            return Place(path, number, shown)
        text = linecache.getline(code.co_filename, line)
        last = linecache.getline(code.co_filename, end)
        return Place(
            path, number, shown, _characters(text, column) + 1, shown + end - line, _characters(last, end_column) + 1
        )


def _installed() -> set[str]:
    """The folders of the standard library and of installed packages."""
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return {*folders, *site.getsitepackages(), site.getusersitepackages()}


def _works_on(frame: FrameType, thing: Any) -> bool:
    """The frame is of a method of this object; `train(optimizer)` is a function that it was handed to."""
    code = frame.f_code
    if not code.co_argcount or variables(frame).get(code.co_varnames[0]) is not thing:
        return False
    methods = (vars(cls).get(code.co_name) for cls in type(thing).__mro__)
    return code.co_varnames[0] == "self" or any(
        getattr(inspect.unwrap(method), "__code__", None) is code for method in methods if callable(method)
    )


def _position(code: CodeType, instruction: int) -> tuple[int | None, int | None, int | None, int | None]:
    return next(islice(code.co_positions(), instruction // 2, None), (None, None, None, None))


def _characters(line: str, column: int) -> int:
    """Columns of code objects count bytes of UTF-8."""
    return column if line.isascii() else len(line.encode()[:column].decode(errors="ignore"))
