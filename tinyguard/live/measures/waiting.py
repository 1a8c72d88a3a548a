"""Live witness: how long a training waits for its batches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tinyguard.live.loaders import Pass
from tinyguard.measured.data import LoaderAwaited

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

STEPS = 100  # that are watched before anything is said
SECONDS = 20.0  # and their time: short trainings wait for nobody
LEVELS = (0.5, 0.8)  # of the time; told when each is passed
EVERY = 16  # steps, at which it is looked at


class Wait:
    """One loader's batches since it was first drawn from."""

    def __init__(self, loader: Any) -> None:
        self.workers = int(getattr(loader, "num_workers", 0))
        self.batch_size = loader.batch_size
        self.passed: Pass | None = None
        self.drawn_at = 0.0
        self.steps = 0
        self.waited_s = self.wall_s = 0.0
        self.level = 0


class Waiting:
    """Adds up, over the steps of a training loop, the time from one batch to the next and what of it was waiting."""

    def __init__(self) -> None:
        self._waits: dict[int, Wait] = {}  # of loaders that are drawn from, or were before others

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        witness.loaders.on_start.append(self._start)

    def _start(self, loader: Any, passed: Pass) -> None:
        if passed.loader not in self._waits:
            while len(self._waits) >= MOST_LOADERS:
                del self._waits[next(iter(self._waits))]
            self._waits[passed.loader] = Wait(loader)
        passed.readers.append(self._drawn)

    def _drawn(self, passed: Pass, _batch: Any) -> bool:
        wait = self._waits.get(passed.loader)
        if wait is None:
            return False
        if not passed.loop:
            return True
        if wait.passed is passed and passed.backward:
            wait.steps += 1
            wait.waited_s += passed.waited_s
            wait.wall_s += passed.drawn_at - wait.drawn_at
            if wait.steps % EVERY == 0 and wait.steps >= STEPS and wait.wall_s >= SECONDS:
                self._judge(wait, passed)
        wait.passed, wait.drawn_at = passed, passed.drawn_at
        return True

    def _judge(self, wait: Wait, passed: Pass) -> None:
        level = sum(wait.waited_s > share * wait.wall_s for share in LEVELS)
        if level > wait.level:
            wait.level = level
            self._recorder.emit(
                LoaderAwaited,
                passed.where,
                loader=passed.loader,
                samples=passed.samples,
                steps=wait.steps,
                waited_s=wait.waited_s,
                wall_s=wait.wall_s,
                workers=wait.workers,
                cores=cores(),
                batch_size=wait.batch_size,
            )


MOST_LOADERS = 64  # that are remembered


def cores() -> int:
    """How many this process may use: a container is often given fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
