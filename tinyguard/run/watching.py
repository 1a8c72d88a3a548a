"""What is to be seen of a run while it runs: the text that the cells print, and how far they are."""

from __future__ import annotations

from typing import TextIO

from tinyguard.run.epochs import Epochs
from tinyguard.run.lines import Lines, last_state, readable
from tinyguard.run.progress import Silent


class Passing:
    """What one stream of the kernel prints -> what to write of it to one of ours.

    A line that is written over again and again (a bar of tqdm) is told once, in its last state; a terminal that nothing
    else is drawn on shows it as it comes.
    """

    def __init__(self, *, overwriting: bool, whole_lines: bool) -> None:
        """`overwriting`: carriage returns are obeyed. `whole_lines`: a line without its end would be in the way."""
        self._overwriting = overwriting
        self._whole_lines = whole_lines
        self._lines = Lines()
        self._shown = ""  # of the line that has no end yet

    def write(self, text: str) -> str:
        """What to write now that this text has come."""
        told = ""
        for line in self._lines.feed(text):
            told += self._rest_of(line) + "\n"
            self._shown = ""
        rest = self._lines.open
        if self._overwriting:
            self._shown = rest
            return readable(text)
        if not self._whole_lines and "\r" not in rest:
            told += rest[len(self._shown) :]
            self._shown = rest
        return readable(told)

    def end_line(self) -> str:
        """What to write so that the next text begins on a line of its own."""
        return self.write("\n") if last_state(self._lines.open) else ""

    def _rest_of(self, line: str) -> str:
        """What is left to tell of a line that is complete now."""
        return line[len(self._shown) :] if line.startswith(self._shown) else f"\n{line}"


class Watching:
    """Shows a run on our two streams."""

    def __init__(self, out: TextIO, err: TextIO, progress: Silent) -> None:
        self._streams = {"stdout": out, "stderr": err}
        self._progress = progress
        self._passing = {
            name: Passing(
                overwriting=stream.isatty() and not progress.covers_line,
                whole_lines=stream.isatty() and progress.covers_line,
            )
            for name, stream in self._streams.items()
        }
        self._epochs = Epochs()

    def begin(self, number: int) -> None:
        """A code cell begins."""
        self._epochs = Epochs()
        self._progress.begin(number)

    def printed(self, stream: str, text: str) -> None:
        """The running cell has printed something to `stdout` or `stderr`."""
        self._epochs.read(text)
        self._progress.see(str(self._epochs))
        self._put(stream, self._passing[stream].write(text))

    def tick(self) -> None:
        """A second is over."""
        self._progress.tick()

    def end(self) -> None:
        """The code cell is over."""
        for stream, passing in self._passing.items():
            self._put(stream, passing.end_line())
        self._progress.end()

    def say(self, text: str) -> None:
        """Lines of our own, or of an error."""
        self._put("stderr", readable(text).rstrip("\n") + "\n")

    def close(self) -> None:
        """The run is over."""
        self._progress.close()

    def _put(self, stream: str, text: str) -> None:
        if text:
            self._progress.hide()
            self._streams[stream].write(text)
            self._streams[stream].flush()
            self._progress.show()
