"""`tinyguard run`: what can be wrong is found before the kernel starts; then the run, and what came of it."""

from __future__ import annotations

import os
import warnings
from typing import TextIO, cast

from tinyguard.record import Record
from tinyguard.run.errors import RunError
from tinyguard.run.parameters import values_of
from tinyguard.run.streams import Lasting


class Wanted(Record):
    """What the command line asks for."""

    notebook: str
    parameters: tuple[str, ...] = ()  # as given: "lr=3e-4"
    copy: str | None = None  # None: beside the notebook
    timeout_s: float | None = None
    kernel: str | None = None
    progress: str = "auto"


def run(wanted: Wanted, *, out: TextIO, err: TextIO) -> int:
    """Executes the notebook and writes the copy; the exit code. Raises RunError and UsageError."""
    values = values_of(wanted.parameters)
    try:
        from tinyguard.run import document, execution, kernel, progress, saving, watching
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        raise RunError(f"needs {name}: pip install 'tinyguard[run]'") from None
    warnings.simplefilter("ignore")  # those of the libraries: the kernel shows the user's in the cells
    import asyncio

    path = wanted.notebook
    found = document.document(path, values)
    copy = saving.Copy(wanted.copy or saving.default_path(path))
    lasting_out, lasting_err = cast(TextIO, Lasting(out)), cast(TextIO, Lasting(err))

    def note(text: str) -> None:
        if wanted.progress != "never":
            print(f"tinyguard: run: {path}: {text}", file=lasting_err, flush=True)

    manager = kernel.chosen(wanted.kernel, found.notebook, note=note)
    shown = progress.progress(wanted.progress, len(found.runs()), lasting_err)
    watch = watching.Watching(lasting_out, lasting_err, shown)
    folder = os.path.dirname(os.path.abspath(path))
    try:
        execution_of = execution.Execution(found, kernel.Kernel(manager, folder=folder), copy, watch)
        ending = asyncio.run(execution_of.run(wanted.timeout_s))
        if ending.traceback:
            watch.say(ending.traceback)
    finally:
        watch.close()
    note(f"{progress.duration(copy.seconds)}, written to {copy.path}")
    if ending.exit_code:
        raise RunError(ending.text, ending.exit_code)
    return 0
