"""Live witness: the inputs that were drawn from each loader: met again from another, or with another label?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tinyguard.events import LoaderBuilt
from tinyguard.finding import Place
from tinyguard.live.batches import inputs_of, labels_of, row_hashes
from tinyguard.live.lineage import parting
from tinyguard.live.loaders import Pass
from tinyguard.measured.data import CopiesDisagree, LabelsChanged, SamplesShared

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_SAMPLES = 2048  # of each loader that are remembered, and as many that are compared in each later pass
MOST_LOADERS = 16  # that are remembered
MOST_BUILT = 1000  # whose line is remembered
AGAIN = 32  # inputs met again, before their labels are judged
ENOUGH = 128  # inputs met again in one pass, after which its other batches are not read
OFTEN = 0.75  # of what chance would change; labels that are made noisy on purpose, 20 % of them, stay far below
MOSTLY = 0.5  # of a pass, when its inputs are called copies
FEWEST = 8  # copies that agree by chance, when it is told that they do no more often
IN_COMMON = 16  # inputs of two loaders, before it is told
DOUBLES = 0.02  # of a loader's inputs; where more are the same, two equal inputs need not be one sample ...
RICH = 8  # ... but for inputs of so many different values, none of them by chance
LATER_PASSES = 2  # in which labels are compared


class Drawn:
    """The inputs of one loader, as numbers, with the class number of each."""

    def __init__(self, passed: Pass) -> None:
        self.passed = passed  # the latest
        self.passes = 1
        self.labels: dict[int, int | None] = {}  # of the inputs of the first pass
        self.double: set[int] = set()  # inputs that came twice in one pass
        self.read = 0  # samples of this pass
        self.again: set[int] = set()  # inputs of this pass
        self.seen = self.changed = 0  # inputs of later passes
        self.copies = self.disagreeing = 0  # inputs that came again in the first pass; of them with another label
        self.pairs = True  # a batch is inputs and labels, and nothing else
        self.told = False
        self.rich = False

    @property
    def unique(self) -> bool:
        """Equal inputs are one sample, or copies of it."""
        return self.rich or len(self.double) <= DOUBLES * len(self.labels)

    def begin(self, passed: Pass) -> None:
        self.passed = passed
        self.passes += 1
        self.read = 0
        self.again.clear()

    def take(self, hashes: list[int], labels: list[int] | list[None]) -> None:
        self.read += len(hashes)
        for key, label in zip(hashes, labels, strict=True):
            if self.passes == 1:
                if key in self.labels:
                    self.double.add(key)
                    self.copies += 1
                    self.disagreeing += label != self.labels[key]
                else:
                    self.labels[key] = label
            elif key in self.labels and key not in self.double and key not in self.again and label is not None:
                self.again.add(key)
                self.seen += 1
                self.changed += label != self.labels[key]

    @property
    def by_chance(self) -> float:
        """How often two labels that are drawn apart are not the same."""
        counts = Counter(label for label in self.labels.values() if label is not None)
        total = counts.total()
        return 1 - sum((count / total) ** 2 for count in counts.values()) if total else 0.0

    @property
    def disagree(self) -> bool:
        """Most inputs are copies, and the labels of copies are as good as drawn at random.

        Copies that never agree are something else: a picture once with each of its tags.
        """
        expected = (1 - self.by_chance) * self.copies  # that agree by chance
        agreeing = self.copies - self.disagreeing
        most = self.rich and self.pairs and self.copies >= max(AGAIN, MOSTLY * (self.copies + len(self.labels)))
        return most and expected >= FEWEST and FEWEST / 2 <= agreeing <= expected / OFTEN


class Seen:
    """Remembers the inputs of the first batches of each loader, while affordable."""

    def __init__(self) -> None:
        self._drawn: dict[int, Drawn] = {}  # by loader
        self._told: set[frozenset[int]] = set()  # pairs of loaders
        self._built: dict[int, Place] = {}  # where loaders were built

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        witness.loaders.on_built.append(self._remember)
        witness.loaders.on_start.append(self._start)
        witness.loaders.on_pass.append(self._end)

    def _remember(self, _loader: Any, event: LoaderBuilt) -> None:
        if len(self._built) < MOST_BUILT:
            self._built[event.loader] = event.via[0] if event.via else event.place

    def _start(self, _loader: Any, passed: Pass) -> None:
        drawn = self._drawn.get(passed.loader)
        if drawn is not None:
            drawn.begin(passed)
        elif len(self._drawn) < MOST_LOADERS or self._forget():
            drawn = self._drawn[passed.loader] = Drawn(passed)
        if drawn is not None and drawn.passes <= 1 + LATER_PASSES and not drawn.told:
            passed.readers.append(self._read)

    def _forget(self) -> bool:
        """Makes room: the oldest goes."""
        del self._drawn[next(iter(self._drawn))]
        return True

    def _read(self, passed: Pass, batch: Any) -> bool:
        drawn = self._drawn.get(passed.loader)
        if drawn is None or drawn.read >= MOST_SAMPLES or drawn.told or drawn.passed is not passed:
            return False
        if not self._recorder.affordable:
            return True
        inputs, labels = inputs_of(batch), labels_of(batch)
        if inputs is None or not inputs.numel():
            drawn.read = MOST_SAMPLES
            return False
        if not drawn.labels:
            drawn.rich = is_rich(inputs[0])
            drawn.pairs = isinstance(batch, (tuple, list)) and len(batch) == 2
        known = labels is not None and len(labels) == len(inputs)
        drawn.take(row_hashes(inputs), labels.long().tolist() if known and labels is not None else [None] * len(inputs))
        if drawn.passes > 1 and drawn.seen >= AGAIN and drawn.changed >= OFTEN * drawn.by_chance * drawn.seen > 0:
            self._tell_of_labels(drawn)
        return len(drawn.again) < ENOUGH

    def _tell_of_labels(self, drawn: Drawn) -> None:
        drawn.told = True
        self._recorder.emit(
            LabelsChanged,
            drawn.passed.where,
            loader=drawn.passed.loader,
            samples=drawn.passed.samples,
            seen=drawn.seen,
            changed=drawn.changed,
            by_chance=drawn.by_chance,
        )

    def _end(self, passed: Pass) -> None:
        """Compares what the first pass has given with the other loaders' first passes."""
        mine = self._drawn.get(passed.loader)
        if mine is None or mine.passes > 1 or not mine.unique:
            return
        if passed.whole and mine.disagree:
            self._recorder.emit(
                CopiesDisagree,
                passed.where,
                loader=passed.loader,
                samples=passed.samples,
                seen=mine.copies,
                changed=mine.disagreeing,
                by_chance=mine.by_chance,
            )
        for other, theirs in self._drawn.items():
            pair = frozenset((passed.loader, other))
            if other == passed.loader or pair in self._told or not theirs.unique:
                continue
            # With the same label: a grid of inputs, or few words, may be in both on purpose.
            shared = sum(label is not None for _, label in mine.labels.items() & theirs.labels.items())
            if shared >= IN_COMMON:
                self._told.add(pair)
                self._recorder.emit(
                    SamplesShared,
                    passed.where,
                    loader=passed.loader,
                    other=other,
                    shared=shared,
                    size=len(mine.labels),
                    other_size=len(theirs.labels),
                    how="content",
                    split=self._split(passed.loader, other),
                )

    def _split(self, one: int, other: int) -> Place | None:
        """The statement that parted the data of the two loaders."""
        places = [self._built.get(loader) for loader in (one, other)]
        lines = [(place.cell, place.line) for place in places if place is not None and place.cell is not None]
        cells = self._recorder.places.cells
        if len(lines) < 2:
            return None
        found = parting(dict.fromkeys(cells.executions.values()), *lines)
        return Place(cells.path, *found) if found is not None else None


def is_rich(sample: Tensor) -> bool:
    """It has many values that were measured: no code, count or grid, of which two may well be the same."""
    if not sample.is_floating_point():
        return False
    values = sample.detach().reshape(-1)[:4096].unique()
    return len(values) >= RICH and bool((values != values.round()).sum() >= RICH)
