"""Live witness: IPython's events -> which cell runs, and what it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyguard.live.cells import Cells, Execution


class Kernel:
    """Observes the executions of an InteractiveShell."""

    def __init__(self, shell: Any, cells: Cells) -> None:
        self._shell = shell
        self._cells = cells
        self.on_begin: list[Callable[[Execution], None]] = []
        self.on_end: list[Callable[[Execution, Any], None]] = []
        self._inner = 0  # depth of cells that a magic runs, as `%%capture` does with the rest of its own
        self._runs = False

    def attach(self) -> None:
        self._shell.events.register("pre_run_cell", self._begin)
        self._shell.events.register("post_run_cell", self._end)

    def detach(self) -> None:
        for name, function in (("pre_run_cell", self._begin), ("post_run_cell", self._end)):
            if function in self._shell.events.callbacks[name]:
                self._shell.events.unregister(name, function)

    def _begin(self, info: Any) -> None:
        if info.silent:
            return
        source = info.raw_cell
        try:
            transformed = self._shell.transform_cell(source)
        except SyntaxError:
            transformed = source
        # IPython counts the cell before this event since version 9, after it in older ones.
        number = self._shell.execution_count
        names = {self._shell.compile.get_code_name(source, transformed, count) for count in (number - 1, number)}
        if self._runs and (self._inner or self._cells.begin_body(source, filenames=names)):
            self._inner += 1
            return
        self._runs = True
        execution = self._cells.begin(
            source,
            cell_id=getattr(info, "cell_id", None),
            count=len(self._shell.history_manager.input_hist_parsed) if info.store_history else None,
            filenames=names,
        )
        for act in self.on_begin:
            act(execution)

    def _end(self, result: Any) -> None:
        execution = self._cells.current
        if execution is None or (result.info is not None and result.info.silent):
            return
        if self._inner:
            self._inner -= 1
            return
        self._runs = False
        for act in self.on_end:
            act(execution, result)


def executed_before(shell: Any) -> list[str]:
    """The sources of what a shell has run so far, the cell that is running among them; None is no shell."""
    history = getattr(shell, "history_manager", None)
    return [source for source in getattr(history, "input_hist_raw", ()) if source]
