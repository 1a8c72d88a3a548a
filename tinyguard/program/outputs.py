"""Recorded outputs -> MetricReported: what a notebook that has been run says of its own training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tinyguard.events import MetricReported
from tinyguard.finding import Place
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.notebook.decoding import printed
from tinyguard.program.readings import Reading, readings

READ = 200_000  # characters at either end of one output; what lies between is not read


def metrics(notebook: Notebook, classes: int | None = None) -> tuple[MetricReported, ...]:
    """The losses and accuracies in the outputs of executed cells, in the order of the document.

    Read are printed text and the plain text of results, no HTML. Accuracies become fractions of 1: by the percent
    sign or the hits of samples printed with them, else by a value above 1 in the same cell. An accuracy that is
    neither stays as it was printed: that can hide 0.5 percent (as one half), and never makes chance out of success.
    """
    found: list[MetricReported] = []
    for cell in notebook.cells:
        if cell.code and cell.count is not None:
            found += _of_cell(notebook.path, cell, classes)
    return tuple(found)


def _of_cell(path: str, cell: Cell, classes: int | None) -> Iterator[MetricReported]:
    seen = [reading for text in _texts(printed(cell.outputs)) for reading in readings(text)]
    if not seen:
        return
    yield from reported(Place(path, cell.number), seen, units(seen, classes), classes)


class Units(NamedTuple):
    """What only the whole of an output tells of its numbers."""

    hundred: bool = False  # accuracies without a percent sign are percentages
    from_zero: bool = False  # printed epochs count from 0


def units(seen: Sequence[Reading], classes: int | None) -> Units:
    # Histories have no numbers of their own.
    return Units(_in_percent(seen, classes), any(reading.epoch == 0 for reading in seen))


def reported(place: Place, seen: Iterable[Reading], of: Units, classes: int | None) -> Iterator[MetricReported]:
    """The events of what was read in the output at this place."""
    for reading in seen:
        value, accuracy = reading.value, reading.kind == "accuracy"
        if accuracy and reading.samples is None and (reading.percent or of.hundred):
            value /= 100
        if accuracy and not 0 <= value <= 1 and math.isfinite(value):
            continue  # a sum, a count, a relative accuracy
        yield MetricReported.unchecked(
            {
                "place": place,
                "name": reading.name,
                "kind": reading.kind,
                "value": value if math.isfinite(value) else math.nan,
                "split": reading.split,
                "epoch": _from_one(reading, of.from_zero),
                "source": reading.source,
                "text": reading.text,
                "classes": classes,
                "samples": reading.samples,
                "plain": reading.plain,
            }
        )


def _from_one(reading: Reading, from_zero: bool) -> int | None:
    printed = reading.source == "output" and from_zero
    return reading.epoch + printed if reading.epoch is not None else None


def _texts(outputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The text of the outputs that can hold a metric; neighbouring pieces of one stream are one text."""
    stream: list[str] = []
    for output in outputs:
        match output:
            case {"output_type": "stream", "text": text}:
                stream.append(_joined(text))
                continue
            case {"output_type": "execute_result" | "display_data", "data": {"text/plain": text}}:
                yield from _ends("".join(stream))
                stream = []
                yield from _ends(_joined(text))
    yield from _ends("".join(stream))


def _joined(text: object) -> str:
    if isinstance(text, list):
        return "".join([part for part in text if isinstance(part, str)])
    return text if isinstance(text, str) else ""


def _ends(text: str) -> Iterator[str]:
    """The text, or its two ends when it is very long; nothing when it cannot hold a metric."""
    parts = (text,) if len(text) <= 2 * READ else (text[:READ], text[-READ:])
    for part in parts:
        if "loss" in part or "acc" in part or "Loss" in part or "Acc" in part or "LOSS" in part or "ACC" in part:
            yield part


def _in_percent(seen: Sequence[Reading], classes: int | None) -> bool:
    """Whether accuracies without a percent sign are percentages: one above 1 tells it for the cell.

    So does a loss at chance: where it is that of guessing, an accuracy of "0.5" among 200 classes is no half.
    """
    bare = [
        r.value for r in seen if r.kind == "accuracy" and not r.percent and r.samples is None and math.isfinite(r.value)
    ]
    if any(value > 1 for value in bare):
        return True
    if classes is None or classes < 50 or not bare or min(bare) < 10 / classes:  # between 1/classes and 100/classes
        return False
    losses = [r.value for r in seen if r.kind == "loss" and r.plain and math.isfinite(r.value)]
    return bool(losses) and min(losses) > 0.97 * math.log(classes)
