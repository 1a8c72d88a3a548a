"""Executes examples in a real IPython shell with the live witness in it."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence

from examples import Example, notebook

from tinyguard.events import Event, RunEnded
from tinyguard.finding import Place


class FailedError(Exception):
    """The example does not run to the end: it needs what is not there, or is not meant to be executed."""


def live_events(example: Example) -> Sequence[Event]:
    """What the live witness sees while the cells run in the order of the document."""
    import torch

    from tinyguard.live.cells import Cells
    from tinyguard.live.kernel import Kernel
    from tinyguard.live.witness import Witness

    found: list[Event] = []

    def on_fault(who: str, error: Exception) -> None:
        raise AssertionError(f"{who}: {error!r}") from error

    torch.set_grad_enabled(True)  # an example before may have left it off
    with tempfile.TemporaryDirectory() as folder, _inside(folder), _shell() as shell:
        book = notebook(example, folder)
        cells = Cells(_saved(book, folder))
        kernel = Kernel(shell, cells)
        witness = Witness(found.append, cells=cells, namespace=lambda: shell.user_ns, on_fault=on_fault)
        kernel.on_begin.append(witness.begin)
        kernel.on_end.append(lambda execution, result: witness.end(execution))
        kernel.attach()
        witness.attach()
        try:
            for cell in book.cells:
                if cell.code:
                    _run(shell, cell.source)
        finally:
            witness.detach()
            kernel.detach()
    found.append(RunEnded(place=Place(book.path), complete=True))
    return found


def _run(shell: object, source: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = shell.run_cell(source, store_history=True)  # type: ignore[attr-defined]
    error = result.error_before_exec or result.error_in_exec
    if error is not None:
        raise FailedError(f"{type(error).__name__}: {error}")


def _saved(book: object, folder: str) -> str:
    """The notebook as a file: the live witness reads off it which cell is which."""
    path = os.path.join(folder, "example.ipynb")
    cells = [
        {"cell_type": "code" if cell.code else "markdown", "source": cell.source, "metadata": {}}
        for cell in book.cells  # type: ignore[attr-defined]
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
def _shell() -> Iterator[object]:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell(user_ns={})
    shell.colors = "NoColor"
    try:
        yield shell
    finally:
        shell.reset(new_session=True)
        InteractiveShell.clear_instance()
        gc.collect()
