"""Live witness: a kernel (or a script) -> its witness, attached when torch is there and taken away without a trace."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from tinyguard.events import Event
from tinyguard.live.cells import Cells, Execution
from tinyguard.live.kernel import Kernel
from tinyguard.progress import Progress

if TYPE_CHECKING:
    from tinyguard.live.printed import Listener
    from tinyguard.live.witness import Witness

# What imports torch; a cell that names none of these and trains all the same is seen from the next cell on.
_TRAINS = re.compile(r"\b(torch\w*|lightning|pytorch_lightning|transformers|accelerate|fastai|timm|ignite|skorch)\b")
BY_HAND = 10  # backward passes without an optimizer, from which on somebody moves the weights himself


class Session:
    """One observed program. torch is not imported before the program does."""

    def __init__(
        self,
        sink: Callable[[Event], None],
        *,
        cells: Cells,
        namespace: Callable[[], Mapping[str, Any]],
        on_fault: Callable[[str, Exception], None],
        on_progress: Callable[[], None] = lambda: None,
        shell: Any = None,
        listener: Listener | None = None,
    ) -> None:
        self.cells = cells
        self._listener = listener
        self.witness: Witness | None = None
        self.on_begin: list[Callable[[Execution], None]] = []
        self.on_end: list[Callable[[Execution, Any], None]] = []
        self._sink = sink
        self._namespace = namespace
        self._on_fault = on_fault
        self._on_progress = on_progress
        self._kernel = Kernel(shell, cells) if shell is not None else None
        if self._kernel is not None:
            self._kernel.on_begin.append(self._begin)
            self._kernel.on_end.append(self._end)

    def attach(self) -> None:
        if self._kernel is None or "torch" in sys.modules:
            self._watch()
        if self._kernel is not None:
            self._kernel.attach()

    @property
    def alone(self) -> bool:
        """There are no cells."""
        return self._kernel is None

    def progress(self) -> Progress:
        """Of the training that runs in this cell, or ran last."""
        return self.witness.counting.progress() if self.witness is not None else Progress()

    def trainings(self) -> list[Progress]:
        """Of all trainings of this cell, in order. A few backward passes that no optimizer uses are none."""
        found = self.witness.counting.trainings() if self.witness is not None else []
        return [training for training in found if training.optimizers or training.steps >= BY_HAND]

    @property
    def steps(self) -> int:
        """Of all optimizers, in this cell."""
        return self.witness.optimizers.steps if self.witness is not None else 0

    def printed(self) -> tuple[list[str], list[str]]:
        """The lines that this cell has printed so far, and those of them on standard error."""
        return (self.witness.printed.lines, self.witness.printed.errors) if self.witness is not None else ([], [])

    @property
    def spent_s(self) -> float:
        return self.witness.recorder.spent_s if self.witness is not None else 0.0

    def aside(self) -> AbstractContextManager[object]:
        """Nothing is observed within it."""
        return self.witness.recorder.aside() if self.witness is not None else nullcontext()

    def detach(self) -> None:
        if self._kernel is not None:
            self._kernel.detach()
        if self.witness is not None:
            self.witness.detach()
            self.witness = None

    def _watch(self) -> None:
        if self.witness is None:
            from tinyguard.live.witness import Witness

            witness = Witness(
                self._sink,
                cells=self.cells,
                namespace=self._namespace,
                on_fault=self._on_fault,
                listener=self._listener,
                on_progress=self._on_progress,
            )
            try:
                witness.attach()
            except BaseException:
                witness.detach()
                raise
            self.witness = witness

    def _begin(self, execution: Execution) -> None:
        try:
            for act in self.on_begin:
                act(execution)
            if "torch" in sys.modules or _TRAINS.search(execution.source):
                self._watch()
            if self.witness is not None:
                self.witness.begin(execution)
        except Exception as error:
            self._on_fault("the beginning of a cell", error)

    def _end(self, execution: Execution, result: Any) -> None:
        try:
            if "torch" in sys.modules:
                self._watch()
            if self.witness is not None:
                self.witness.end(execution)
            for act in self.on_end:
                act(execution, result)
        except Exception as error:
            self._on_fault("the end of a cell", error)
