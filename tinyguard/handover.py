"""A session -> what is shown and handed over of it: its trainings, what they printed, and what Python complained of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tinyguard import config
from tinyguard.bandfile import band_to_expect, shipped
from tinyguard.bands import Band
from tinyguard.errors import ConfigurationError
from tinyguard.events import TrainingPlanned
from tinyguard.finding import Finding, Place
from tinyguard.live.cells import Cells
from tinyguard.live.environment import environment
from tinyguard.live.session import Session
from tinyguard.panel.document import Document
from tinyguard.panel.of_story import Training, trained_model, training_state
from tinyguard.panel.state import TrainingState
from tinyguard.panel.summary import TrainedModel
from tinyguard.progress import Progress
from tinyguard.story import Story

MOST_TRAININGS = 200  # of a session that are kept
MOST_MESSAGES = 100
_WARNING = re.compile(r"\w*Warning: ")


class Handover:
    """Keeps what a session's cells trained; the rest is asked for when something is to be shown.

    `plan`: the training that the program of the running cell plans.
    """

    def __init__(
        self,
        session: Session,
        cells: Cells,
        story: Callable[[], Story],
        findings: Callable[[], list[Finding]],
        plan: Callable[[], TrainingPlanned | None],
    ) -> None:
        self.band: Band | None = None  # that was chosen
        self._session = session
        self._cells = cells
        self._story = story
        self._findings = findings
        self._plan = plan
        self._start = 0  # the position in the story where the cell began
        self._runs = True  # a cell does
        self._marks: dict[object, int] = {}  # what was told in this run of the cell -> the step that proved it
        self._over: list[Training] = []
        self._messages: list[str] = []

    def begins(self) -> None:
        """A cell is about to run."""
        self._start, self._runs = len(self._story().events), True
        self._marks.clear()

    def told(self, finding: Finding) -> None:
        """The cell that runs was just told this."""
        self._marks[finding.key()] = self.step

    @property
    def step(self) -> int:
        """Backward passes of the training that runs, so far."""
        return self._session.progress().steps

    def ended(self, number: int | None = None, result: Any = None) -> None:
        """The cell of this number is over, with what IPython says of its result."""
        end = len(self._story().events)
        self._over += [training.replace(end=end) for training in self._running()]
        self._messages += self._warnings()
        self._runs = False
        error = getattr(result, "error_before_exec", None) or getattr(result, "error_in_exec", None)
        if error is not None:
            self._messages.append(f"cell {number}: {type(error).__name__}: {error}")
        del self._over[:-MOST_TRAININGS], self._messages[:-MOST_MESSAGES]

    def state(self, *, finished: bool) -> TrainingState:
        """The training of the cell that runs, or ran last, with what this cell was told."""
        found = self._counted()
        told = tuple(finding for finding in self._findings() if finding.key() in self._marks)
        return training_state(
            found[-1] if found else self._training(self._session.progress()),
            self._story(),
            findings=told,
            marks=tuple(self._marks[finding.key()] or None for finding in told),
            finished=finished,
            bands=self._bands(),
        )

    def models(self) -> tuple[TrainedModel, ...]:
        """Every training of this session, in order."""
        findings, bands = self._findings(), self._bands()
        return tuple(
            trained_model(training, self._story(), findings=findings, bands=bands)
            for training in (*self._over, *self._running())
        )

    def document(self) -> Document:
        """All that is to be handed over when asking for help."""
        return Document(
            models=self.models(),
            environment=environment(),
            findings=tuple(self._findings()),
            messages=tuple(dict.fromkeys((*self._messages, *(self._warnings() if self._runs else ())))),
            title=f"Training report of {self._cells.path}",
        )

    def known_bands(self) -> tuple[Band, ...]:
        """The user's own, and those that ship. Raises ConfigurationError."""
        return (*config.bands_for("."), *shipped())

    def known_band(self, wanted: str) -> Band:
        """The band of this name, the user's own before those that ship, or the only one of this file.

        Raises UsageError or ConfigurationError.
        """
        return band_to_expect(wanted, config.bands_for("."))

    def _bands(self) -> Sequence[Band]:
        """What may be expected: what was chosen, else the user's own and those that ship."""
        if self.band is not None:
            return (self.band,)
        try:
            return self.known_bands()
        except ConfigurationError:  # it is told to who asks for a band by its name
            return shipped()

    def _running(self) -> list[Training]:
        """The trainings of the cell that runs."""
        return self._counted() if self._runs else []

    def _counted(self) -> list[Training]:
        """The trainings of the cell that runs, or ran last."""
        found = self._session.trainings()
        return [self._training(progress).replace(index=index, of=len(found)) for index, progress in enumerate(found)]

    def _training(self, progress: Progress) -> Training:
        cell = self._cells.current
        return Training(
            cell=Place(self._cells.path, cell.number if cell is not None else None),
            count=cell.count if cell is not None else None,
            progress=progress,
            start=self._start,
            output="\n".join(self._session.printed()[0]),
            plan=self._plan(),
        )

    def _warnings(self) -> list[str]:
        """The warnings of the cell that runs, each with the line behind it, which shows the source."""
        lines = self._session.printed()[1]
        found = [index for index, line in enumerate(lines) if _WARNING.search(line)]
        return ["\n".join(lines[index : index + 2]) for index in found]
