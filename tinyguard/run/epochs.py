"""Printed text -> how far the training is, where it says so."""

from __future__ import annotations

import re

from tinyguard.run.lines import Lines

# Epoch 3/50 · epoch [3/50] · Epoch 3 of 50 · Epoch: 3 / 50
_EPOCH = re.compile(r"\bepochs?\b\s*[:#]?\s*[\[(]?\s*(\d{1,9})\s*(?:/|\bof\b)\s*(\d{1,9})", re.IGNORECASE)
# tqdm:  45%|####      | 45/100 [00:01<00:02]; with unit_scale, the counts are 1.2k/60.0k
_BAR = re.compile(r"(?P<of>[^|\r]{0,80}?)\b\d{1,3}%\|[^|]{0,400}\| *(?P<done>[\d.]+[kMG]?)/(?P<all>[\d.]+[kMG]?) *\[")
_LONGEST = 1000  # characters of a line that are looked at, from its end


class Epochs:
    """What the printed text of one cell has said of the training so far.

    >>> seen = Epochs()
    >>> seen.read("Epoch 2/50\\n 45%|####      | 45/100 [00:0")
    >>> str(seen)
    'epoch 2/50  45/100'
    """

    def __init__(self) -> None:
        self._lines = Lines()
        self._epoch = self._step = ""

    def read(self, text: str) -> None:
        """Takes in the next piece of text."""
        for line in self._lines.feed(text):
            self._look_at(line)
        open_line = self._lines.open
        self._look_at(open_line.rpartition("\r")[2] or open_line)

    def __str__(self) -> str:
        return "  ".join(part for part in (self._epoch, self._step) if part)

    def _look_at(self, line: str) -> None:
        line = line[-_LONGEST:]
        for match in _EPOCH.finditer(line):
            self._is_in_epoch(match[1], match[2])
        if bar := _BAR.search(line):
            if "epoch" in bar["of"].lower() and not _EPOCH.search(bar["of"]) and bar["all"].isdecimal():
                self._is_in_epoch(bar["done"], bar["all"])  # a bar whose steps are epochs
            else:
                self._step = f"{bar['done']}/{bar['all']}"

    def _is_in_epoch(self, epoch: str, epochs: str) -> None:
        if int(epoch) > int(epochs):  # a date, a fraction
            return
        told = f"epoch {int(epoch)}/{int(epochs)}"
        if told != self._epoch:
            self._epoch, self._step = told, ""
