"""What running cells print, and the histories that they leave -> MetricReported: read as the linter reads outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tinyguard.classes import class_count
from tinyguard.events import BatchDrawn, DatasetBuilt, Event, LoaderBuilt, MetricReported, PassEnded
from tinyguard.finding import Place
from tinyguard.measured.evaluation import EpochReported, MetricsWithdrawn
from tinyguard.program.outputs import Units, reported, units
from tinyguard.program.readings import Reader, Reading, readings
from tinyguard.story import Story

MOST = 2000  # numbers that are read in the output of one run of a cell
_TELL_CLASSES: tuple[type[Event], ...] = (BatchDrawn, PassEnded, LoaderBuilt, DatasetBuilt)


class Metrics:
    """Listens to a live witness and writes events.

    What is printed is told at the end of its line. The unit of a number can show later: an accuracy of "0.5" is one of
    half a percent when a "1.2" follows. Then all of it is told again.
    """

    def __init__(self, emit: Callable[[Event], None], story: Callable[[], Story]) -> None:
        self._emit = emit
        self._story = story
        self._place = Place("")
        self._classes: tuple[tuple[int, ...], int | None] = ((), None)
        self._reported: set[Place] = set()
        self._start()

    def _start(self) -> None:
        self._reader = Reader()
        self._seen: list[Reading] = []
        self._units = Units()
        self._epoch = self._logged = 0
        self._steps = 0  # when the last epoch was told
        self._steps_before = 0  # of trainings before this one

    def begin(self, place: Place) -> None:
        self._start()
        self._place = place
        if place in self._reported:
            self._reported.discard(place)
            self._emit(MetricsWithdrawn(place=place))

    def printed(self, text: str, steps: int) -> None:
        if len(self._seen) >= MOST:
            return
        new = list(self._reader.read(text))
        if not new:
            return
        self._seen += new
        classes = self._class_count()
        of = units(self._seen, classes)
        again = of != self._units
        if again and len(self._seen) > len(new):
            self._emit(MetricsWithdrawn(place=self._place))
        self._units = of
        self._tell(list(reported(self._place, self._seen if again else new, of, classes)), steps)

    def kept(self, place: Place, history: Mapping[str, Sequence[float]], known: Mapping[str, int]) -> None:
        of_key = {key: _readings(key, values) for key, values in history.items()}
        everything = [reading for found in of_key.values() for reading in found]
        classes = self._class_count()
        of = units(everything, classes)
        for key, found in of_key.items():
            for event in reported(place, found[known[key] :], of, classes):
                self._reported.add(place)
                self._emit(event)

    def logged(self, place: Place, values: Mapping[str, float], epoch: int | None, steps: int) -> None:
        """The program says what an epoch (None: the next one) came to: "test_accuracy" as a fraction of 1, losses."""
        number = epoch if epoch is not None else self._logged + 1
        self._logged = number
        classes = self._class_count()
        seen = [reading for key, value in values.items() for reading in _readings(key, [value])]
        log = [reading._replace(epoch=number, source="log") for reading in seen]
        self._tell(list(reported(place, log, Units(), classes)), steps)

    def _tell(self, events: Sequence[MetricReported], steps: int) -> None:
        for event in events:
            self._reported.add(event.place)
            self._emit(event)
        epoch = events[-1].epoch if events else None
        if epoch is None:
            return
        if epoch < self._epoch:
            self._steps_before = self._steps
        self._epoch, self._steps = epoch, steps
        self._emit(EpochReported(place=self._place, epoch=epoch, steps=steps - self._steps_before))

    def _class_count(self) -> int | None:
        events = [self._story().all(kind) for kind in _TELL_CLASSES]
        counts = tuple(map(len, events))
        if counts != self._classes[0]:
            self._classes = counts, class_count(event for of_kind in events for event in of_kind)
        return self._classes[1]


def _readings(key: str, values: Sequence[float]) -> list[Reading]:
    return list(readings(f"'{key}': [{', '.join(map(repr, values))}]"))
