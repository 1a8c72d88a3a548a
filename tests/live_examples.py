"""Executes examples in a real IPython shell with the live witness in it."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

from examples import Example, notebook

from tinyguard.events import Event
from tinyguard.finding import Finding
from tinyguard.guard import Guard
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.record import Record


class Watching(Guard):
    """A guard that keeps the events."""

    def __init__(self, **options: Any) -> None:
        self.seen: list[Event] = []
        super().__init__(**options)

    def see(self, event: Event) -> None:
        self.seen.append(event)
        super().see(event)


class FailedError(Exception):
    """The example does not run to the end: it needs what is not there, or is not meant to be executed."""


class Executed(Record):
    """What the guard saw and said while the cells ran in the order of the document."""

    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    steps: dict[tuple[object, ...], int] = {}  # key of a finding -> the backward pass of its training that it came with
    printed: str = ""


@cache
def executed(example: Example) -> Executed:
    """Runs the example in a new shell, with the guard on from the beginning. Raises FailedError when a cell fails."""
    import torch

    _settle()
    torch.set_grad_enabled(True)  # an example before may have left it off
    with tempfile.TemporaryDirectory() as folder, _inside(folder), _shell() as shell:
        book = notebook(example, folder)
        faults: list[str] = []
        steps: dict[tuple[object, ...], int] = {}
        guard = Watching(
            tell=lambda finding: steps.setdefault(finding.key(), guard.handover.step),
            complain=faults.append,
            notebook=_saved(book, folder),
            namespace=lambda: shell.user_ns,
            shell=shell,
        )
        guard.start()
        printed = ""
        try:
            for cell in book.cells:
                if cell.code:
                    printed += _run(shell, cell.source, _recorded(cell))
        finally:
            guard.end()
        assert not faults
        return Executed(events=tuple(guard.seen), findings=tuple(guard.findings), steps=steps, printed=printed)


@cache
def _settle() -> None:
    """Takes what is imported for good out of the collector's sight: to go through all of torch twice for each example
    was three quarters of the time."""
    import IPython.core.interactiveshell  # noqa: F401
    import torch  # noqa: F401

    gc.collect()
    gc.freeze()


def _recorded(cell: Cell) -> list[str] | None:
    """The lines of its output; None: the example does not record any."""
    lines = [line for output in cell.outputs for line in output["text"]]
    return None if not lines else lines if cell.count is not None else []  # an output of an earlier life


def _run(shell: Any, source: str, recorded: list[str] | None) -> str:
    """Runs a cell, and gives what it prints.

    Where the example records an output, each `print` says its next line, whatever it was to say.
    """
    printed, left = io.StringIO(), list(recorded or ())

    def say(*_args: Any, **_kwargs: Any) -> None:
        print(left.pop(0) if left else "", end="")

    def say_the_rest() -> None:
        print("".join(left), end="")

    if recorded is not None:
        shell.user_ns["print"] = say
    shell.events.register("post_execute", say_the_rest)
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = shell.run_cell(source, store_history=True)
    finally:
        shell.events.unregister("post_execute", say_the_rest)
        shell.user_ns.pop("print", None)
    error = result.error_before_exec or result.error_in_exec
    if error is not None:
        raise FailedError(f"{type(error).__name__}: {error}")
    return printed.getvalue()


def _saved(book: Notebook, folder: str) -> str:
    """The notebook as a file: the live witness reads off it which cell is which."""
    path = os.path.join(folder, "example.ipynb")
    cells = [
        {"cell_type": "code" if cell.code else "markdown", "source": cell.source, "metadata": {}} for cell in book.cells
    ]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, file)
    return path


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    """The folder is the current one, and modules are imported from it."""
    before, known = os.getcwd(), set(sys.modules)
    os.chdir(folder)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        os.chdir(before)
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
                del sys.modules[name]


@contextlib.contextmanager
def _shell() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    # The history would be written to the disk, to that of the user.
    shell = InteractiveShell(user_ns={}, config=Config(HistoryManager={"enabled": False}))
    shell.colors = "NoColor"
    try:
        yield shell
    finally:
        shell.atexit_operations()
        atexit.unregister(shell.atexit_operations)  # which would keep each shell to the end, and empty it again
        InteractiveShell.clear_instance()
        gc.collect()
