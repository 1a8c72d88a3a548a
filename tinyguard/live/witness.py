"""Live witness: a kernel and torch, observed -> events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinyguard.events import CellExecuted, Event
from tinyguard.finding import Place
from tinyguard.live.attention import Attention
from tinyguard.live.cells import Cells, Execution
from tinyguard.live.loaders import Loaders
from tinyguard.live.losses import Losses
from tinyguard.live.measures import measures
from tinyguard.live.measures.progress import Counting
from tinyguard.live.modules import Modules
from tinyguard.live.names import Names
from tinyguard.live.optimizers import Optimizers
from tinyguard.live.patches import Patches
from tinyguard.live.places import Places
from tinyguard.live.recorder import Recorder
from tinyguard.live.seeds import Seeds


class Witness:
    """Everything that is observed, from `attach` to `detach`.

    `namespace` gives the names of the notebook; `sink` gets the events; `on_fault` is told once when an observer
    fails, after which nothing is observed any more. `on_progress` is called about once a second while something trains.
    """

    def __init__(
        self,
        sink: Callable[[Event], None],
        *,
        cells: Cells,
        namespace: Callable[[], Mapping[str, Any]],
        on_fault: Callable[[str, Exception], None],
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.cells = cells
        self.counting = Counting(on_progress)
        self.attention = Attention()
        self.recorder = Recorder(sink, Places(cells), on_fault)
        self.loaders = Loaders(self.recorder, self.attention)
        self.modules = Modules(self.recorder, self.attention, self.loaders.behind)
        self.losses = Losses(self.recorder, self.modules, self._looking, self.loaders.target_samples)
        self.optimizers = Optimizers(self.recorder, self.attention, self.modules, self.loaders)
        self.seeds = Seeds(self.recorder)
        self.names = Names(self.recorder, self.loaders, namespace)
        self.patches = Patches()
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
        for part in (self.modules, self.loaders, self.losses, self.optimizers, self.seeds):
            part.attach(self.patches)
        for measure in (self.counting, *measures()):
            measure.attach(self)
        self._look_at_names()
        self.attention.look()

    def detach(self) -> None:
        self.attention.close()
        self.patches.remove()
        self.recorder.on = False

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

    def end(self, execution: Execution) -> None:
        """A cell has run, or was broken off."""
        self.loaders.leave()
        self.modules.flush()
        self.names.look(execution)

    def _looking(self) -> bool:
        return self.attention.open

    def _look_at_names(self) -> None:
        self.names.look(self.cells.current)
