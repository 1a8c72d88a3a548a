"""A document and a kernel -> the cells executed, one after the other, until the end or whatever comes before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import v4

from tinyguard.record import Record
from tinyguard.run.document import Document
from tinyguard.run.errors import FAILED, KERNEL_DIED, RunError
from tinyguard.run.kernel import Kernel
from tinyguard.run.lines import Text
from tinyguard.run.saving import Copy
from tinyguard.run.stopping import Reason, StoppedError, Stopping
from tinyguard.run.watching import Watching

OUTPUT_S = 60  # how long outputs may come after the answer that the cell is done; nbclient would drop them after 4


class Ending(Record):
    """What a run came to."""

    status: str = "clean"
    exit_code: int = 0
    text: str = ""  # "experiment.ipynb cell 7 failed: ValueError: ..."; empty when it is clean
    traceback: str = ""  # of the cell that failed
    cell: Any = None  # the one that the run did not get past


class Client(NotebookClient):
    """nbclient, telling what is printed while it is printed, and joining it as it comes.

    Its own `coalesce_streams` joins all that a cell prints, also around the figures between, and afterwards its map of
    the displays that may be updated is wrong.
    """

    def __init__(self, document: Any, manager: AsyncKernelManager, *, printed: Callable[[str, str], None]) -> None:
        super().__init__(document, km=manager, record_timing=False, iopub_timeout=OUTPUT_S)
        self._printed = printed
        self._growing: tuple[Any, Text] | None = None  # the output at the end of the cell, and all of its text

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: Any, cell_index: int) -> Any:
        before = outs[-1] if outs else None
        out = super().output(outs, msg, display_id, cell_index)
        if msg["msg_type"] == "stream":
            self._printed(msg["content"]["name"], msg["content"]["text"])
        if out is None:
            return out
        if out.output_type != "stream":
            self.settle()
        elif self._growing and self._growing[0] is before and before.name == out.name and len(outs) > 1:
            self._growing[1].add(outs.pop().text)
            return before
        else:
            self.settle()
            self._growing = (out, Text(out.text))
        return out

    def settle(self) -> None:
        """Gives the last stream its text: joining it at every piece would cost the square of its length."""
        if self._growing:
            output, text = self._growing
            output.text = str(text)
        self._growing = None


class Execution:
    """One run of a document in one kernel."""

    def __init__(self, document: Document, kernel: Kernel, copy: Copy, watching: Watching) -> None:
        self._document = document
        self._kernel = kernel
        self._copy = copy
        self._watching = watching
        self._client = Client(document.notebook, kernel.manager, printed=watching.printed)

    async def run(self, timeout_s: float | None) -> Ending:
        """Executes the cells, saving after each. Raises RunError when the kernel does not start or the copy cannot be
        written."""
        with Stopping(timeout_s) as stopping:
            ticking = asyncio.ensure_future(self._tick())
            ending = None
            try:
                ending = await self._saved(stopping, await self._started(stopping))
            finally:
                ticking.cancel()
                alive = ending is not None and ending.exit_code != KERNEL_DIED and not stopping.gave_up
                await self._kernel.end(self._client, stopping, politely=alive)
            return ending

    async def _saved(self, stopping: Stopping, ending: Ending | None) -> Ending:
        """Executes the cells, unless the run has ended already, and writes the copy even after a fault of ours."""
        try:
            ending = ending or await self._cells(stopping)
        finally:
            self._client.set_widgets_metadata()
            self._copy.save(self._document, ending.status if ending else "broken off", ending.cell if ending else None)
        return ending

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._watching.tick()

    async def _started(self, stopping: Stopping) -> Ending | None:
        """None when the kernel is there; the ending when the run is to end before."""
        try:
            await stopping.unless(self._kernel.start(self._client))
        except StoppedError as stopped:
            return self._stopped(stopped.reason)
        return None

    def _failed(self, cell: Any, name: str, text: str) -> Ending:
        first = (text.splitlines() or [""])[0]
        told = f"{self._where(cell)} failed: {name}: {first}".rstrip(": ")
        return Ending(status="failed", exit_code=FAILED, text=told, traceback=traceback_of(cell), cell=cell)

    def _stopped(self, reason: Reason, cell: Any = None) -> Ending:
        """`cell`: the one that was running."""
        place = self._document.path if cell is None else self._where(cell)
        text = f"{place}: {reason.text}{', and no cell was running' if cell is None else ''}"
        return Ending(status=reason.status, exit_code=reason.exit_code, text=text, cell=cell)

    def _where(self, cell: Any) -> str:
        return f"{self._document.path} cell {self._document.number(cell)}"

    async def _cells(self, stopping: Stopping) -> Ending:
        for index in self._document.runs():
            if stopping.reason:
                return self._stopped(stopping.reason)
            with contextlib.suppress(RunError):  # there may be room again when the run is over, and then it matters
                self._copy.save(self._document, "running")
            cell = self._document.notebook.cells[index]
            self._watching.begin(self._document.number(cell))
            try:
                ending = await self._cell(cell, index, stopping)
            finally:
                self._client.settle()
                self._watching.end()
            if ending is not None:
                return ending
        return Ending()

    async def _cell(self, cell: Any, index: int, stopping: Stopping) -> Ending | None:
        """Executes one cell; the ending of the run, if it ends here before its time."""
        try:
            await stopping.unless(self._client.async_execute_cell(cell, index), interrupt=self._kernel.interrupt)
        except CellExecutionError as error:
            return self._failed(cell, error.ename, str(error.evalue))
        except UnicodeEncodeError as error:  # half a character, which no message can carry
            show_error(cell, "UnicodeEncodeError", str(error))
            return self._failed(cell, "UnicodeEncodeError", str(error))
        except DeadKernelError:
            how = await self._kernel.death()
            show_error(cell, "DeadKernelError", how)
            return Ending(status="kernel died", exit_code=KERNEL_DIED, text=f"{self._where(cell)}: {how}", cell=cell)
        except StoppedError as stopped:
            show_error(cell, *stopped.reason.error)
            return self._stopped(stopped.reason, cell)
        return None


def traceback_of(cell: Any) -> str:
    """What the failed cell shows of its error."""
    shown = [output for output in cell.outputs if output.output_type == "error"]
    return "\n".join(shown[-1].traceback) if shown else ""


def show_error(cell: Any, name: str, text: str) -> None:
    """Ends the outputs of the cell with an error; the interruption that it answered with tells where it was."""
    where: list[str] = []
    if cell.outputs and cell.outputs[-1].output_type == "error" and cell.outputs[-1].ename == "KeyboardInterrupt":
        where = cell.outputs.pop().traceback
    lines = [*where, f"{name}: {text}"]
    cell.outputs.append(v4.new_output("error", ename=name, evalue=text, traceback=lines))  # type: ignore[no-untyped-call]
