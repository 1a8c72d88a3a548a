"""How far the run is, on standard error: a bar for people, a line a cell for logs, or nothing."""

from __future__ import annotations

import time
from typing import TextIO

from tinyguard.run.lines import readable


class Silent:
    """`--progress never`."""

    covers_line = False  # whether the last line of a terminal is taken

    def begin(self, number: int) -> None:
        """A code cell begins."""

    def see(self, training: str) -> None:
        """The cell has said how far its training is."""

    def tick(self) -> None:
        """A second is over."""

    def end(self) -> None:
        """The cell is over."""

    def hide(self) -> None:
        """Something else is about to be written to the terminal."""

    def show(self) -> None:
        """It has been written."""

    def close(self) -> None:
        """The run is over."""


class Log(Silent):
    """A line for each code cell when it is over: `[5/12] cell 9  12.3 s`."""

    def __init__(self, cells: int, err: TextIO) -> None:
        self._cells = cells
        self._err = err
        self._done = self._number = 0
        self._began = 0.0

    def begin(self, number: int) -> None:
        self._number, self._began = number, time.monotonic()

    def end(self) -> None:
        self._done += 1
        took = duration(time.monotonic() - self._began)
        print(f"[{self._done}/{self._cells}] cell {self._number}  {took}", file=self._err, flush=True)


class Bar(Silent):
    """A bar of tqdm: `cell 5/12 |####      | 01:23, epoch 2/50`."""

    covers_line = True

    def __init__(self, cells: int, err: TextIO) -> None:
        from tqdm import tqdm  # type: ignore[import-untyped]

        tqdm.monitor_interval = 0  # no thread that draws while we write
        form = "{desc} |{bar:20}| {elapsed}{postfix}"
        self._cells = cells
        self._begun = 0
        self._bar = tqdm(total=cells, file=err, bar_format=form, dynamic_ncols=True, desc="starting", mininterval=0)

    def begin(self, number: int) -> None:
        self._begun += 1
        self._bar.set_postfix_str("", refresh=False)
        self._bar.set_description_str(f"cell {self._begun}/{self._cells}")

    def see(self, training: str) -> None:
        self._bar.set_postfix_str(readable(training), refresh=False)

    def tick(self) -> None:
        self._bar.refresh()

    def end(self) -> None:
        self._bar.update()

    def hide(self) -> None:
        self._bar.clear()

    def show(self) -> None:
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


def progress(when: str, cells: int, err: TextIO) -> Silent:
    """`when`: auto, always or never. `cells`: how many are executed."""
    if when == "never":
        return Silent()
    return Bar(cells, err) if when == "always" or err.isatty() else Log(cells, err)


def duration(seconds: float) -> str:
    """
    >>> duration(12.34), duration(83), duration(3700)
    ('12.3 s', '1:23', '1:01:40')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
