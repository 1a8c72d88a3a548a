"""Live witness: a kernel and torch, observed -> events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinyguard.events import CellExecuted, Event
from tinyguard.finding import Place
from tinyguard.live.attention import Attention
from tinyguard.live.cells import Cells, Execution
from tinyguard.live.compiling import Compiling
from tinyguard.live.histories import Histories
from tinyguard.live.loaders import Loaders
from tinyguard.live.losses import Losses
from tinyguard.live.measures import Measure, measures
from tinyguard.live.measures.progress import Counting
from tinyguard.live.measures.readings import Readings
from tinyguard.live.modules import Modules
from tinyguard.live.names import Names
from tinyguard.live.optimizers import Optimizers
from tinyguard.live.patches import Patches
from tinyguard.live.places import Places
from tinyguard.live.printed import Listener, Printed
from tinyguard.live.recorder import Recorder
from tinyguard.live.seeds import Seeds
from tinyguard.live.work import Work


class Witness:
    """Everything that is observed, from `attach` to `detach`.

    `namespace` gives the names of the notebook; `sink` gets the events; `on_fault` is told once when an observer
    fails, after which nothing is observed any more. `on_progress` is called about once a second while something trains;
    `listener` hears what cells print.
    """

    def __init__(
        self,
        sink: Callable[[Event], None],
        *,
        cells: Cells,
        namespace: Callable[[], Mapping[str, Any]],
        on_fault: Callable[[str, Exception], None],
        on_progress: Callable[[], None] = lambda: None,
        listener: Listener | None = None,
    ) -> None:
        self.cells = cells
        self.namespace = namespace
        self._listener = listener
        self.readings = Readings()
        self.counting = Counting(on_progress, self.readings)
        self.attention = Attention()
        self.recorder = Recorder(sink, Places(cells), on_fault)
        self.loaders = Loaders(self.recorder, self.attention)
        self.patches = Patches()
        self.modules = Modules(self.recorder, self.attention, self.loaders.behind)
        self.losses = Losses(self.recorder, self.modules, self._looking, self.loaders.target_samples)
        self.optimizers = Optimizers(self.recorder, self.attention, self.modules, self.loaders)
        self.work = Work(self.optimizers, self.loaders)
        self.seeds = Seeds(self.recorder)
        self.names = Names(self.recorder, self.loaders, namespace)
        self.compiling = Compiling(self.recorder, self.patches)
        self._histories = Histories(namespace)
        self._printed = Printed(self.recorder, self._heard)
        self._order = 0
        self.attention.on_open.append(self.modules.watch)
        self.attention.on_close.append(self.modules.rest)
        self.modules.on_use.append(self.loaders.used)
        self.modules.on_cleared.append(self.optimizers.cleared)
        self.loaders.on_dataset.append(self.names.look_for)
        self.losses.on_loss.append(self.loaders.measured)
        self.losses.on_measure.append(self.loaders.compared)
        self.loaders.on_look += (self.modules.flush, self._look_at_names, self.names.look_around)
        self.optimizers.before_backward += (self._look_at_names, self.names.look_around)

    def attach(self) -> None:
        self.compiling.attach()  # first: what others put in front of the same functions is theirs to observe
        for part in (self.modules, self.loaders, self.losses, self.optimizers, self.seeds):
            part.attach(self.patches)
        every: tuple[Measure, ...] = (self.readings, self.counting, *measures(self.readings))
        for measure in every:
            measure.attach(self)
        self._look_at_names()
        self._histories.grown()
        self.attention.look()

    def detach(self) -> None:
        self._printed.end()
        self.attention.close()
        self.patches.remove()
        self.recorder.on = False

    def patch(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Something that a measure puts in the place of a function; see `Patches.replace`."""
        self.patches.replace(owner, name, make)

    def undo_with(self, undo: Callable[[], None]) -> None:
        """Something that a measure has hooked, to be taken away in the end."""
        self.patches.undo_with(undo)

    def begin(self, execution: Execution) -> None:
        """A cell is about to run."""
        self._order += 1
        place = Place(self.cells.path, execution.number)
        self.recorder.emit(CellExecuted, (place, ()), count=execution.count, order=self._order)
        self.modules.begin()
        self.counting.begin()
        self.loaders.begin()
        self.optimizers.begin()
        self.attention.forget()
        self.attention.look()
        if self._listener is not None:
            self._listener.begin(place)
            self._printed.begin()

    def end(self, execution: Execution) -> None:
        """A cell has run, or was broken off."""
        self.loaders.leave()
        self.modules.flush()
        self.names.look(execution)
        self._printed.end()
        if self._listener is not None:
            for history, known in self._histories.grown():
                self._listener.kept(Place(self.cells.path, execution.number), history, known)

    @property
    def printed(self) -> Printed:
        """What this cell has printed so far, or the last one."""
        return self._printed

    def _heard(self, text: str) -> None:
        if self._listener is not None:
            self._listener.printed(text, self.optimizers.steps)

    def _looking(self) -> bool:
        return self.attention.open

    def _look_at_names(self) -> None:
        self.names.look(self.cells.current)
