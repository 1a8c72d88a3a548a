"""A training's state -> plain JSON, for the panel of JupyterLab and whoever else draws it; `schema.json` describes it.

Version 1. New keys may come without a new version; a key that changes its meaning or goes makes a new one. Findings
have the form of `tinyguard lint --output-format json`, and the `step` that proved them. What is not known, and what is
not a finite number, is null.
"""

from __future__ import annotations

import math
from typing import Any

from tinyguard import __version__
from tinyguard.bands import Band
from tinyguard.finding import Finding, Place
from tinyguard.panel.state import Series, TrainingState, thinned
from tinyguard.record import Record
from tinyguard.report.json import plain

VERSION = 1


def state_as_json(state: TrainingState) -> dict[str, Any]:
    """Only str that UTF-8 can hold, int, finite float, bool, None, lists and dicts with keys of str."""
    verdict = state.verdict()
    told = writable(
        {
            "version": VERSION,
            "tinyguard": __version__,
            "cell": state.cell,
            "execution_count": state.execution_count,
            "models": [_fields(model) for model in state.models],
            "optimizers": [
                {**_fields(optimizer), "rates": [finite(rate) for rate in optimizer.rates]}
                for optimizer in state.optimizers
            ],
            "loaders": [_fields(loader) for loader in state.loaders],
            "device": state.device,
            "epoch": state.epoch,
            "epochs": state.epochs,
            "step": state.step,
            "steps": state.steps,
            "progress": finite(state.progress),
            "elapsed_s": finite(state.elapsed_s),
            "steps_per_s": finite(state.steps_per_s),
            "remaining_s": finite(state.remaining_s),
            "chance": finite(state.chance),
            "band": None if state.band is None else band_as_json(state.band),
            "verdict": None if verdict is None else verdict.value,
            "findings": [{**finding_as_json(finding), "step": step} for finding, step in state.marked()],
            "finished": state.finished,
            "status": state.status,
            "guard_share": finite(state.guard_share),
        }
    )
    return {**told, "series": [series_as_json(series) for series in state.series]}


def series_as_json(series: Series) -> dict[str, Any]:
    points = [[finite(x), finite(value)] for x, value in thinned(series.points)]
    return {"name": writable(series.name), "split": writable(series.split), "unit": series.unit, "points": points}


def band_as_json(band: Band) -> dict[str, Any]:
    return {**_fields(band), "points": [list(point) for point in band.points]}


def finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.label,
        "message": finding.message,
        "place": _place(finding.place),
        "cause": finding.cause,
        "remedy": finding.remedy,
        "related": [{"message": related.message, "place": _place(related.place)} for related in finding.related],
        "evidence": plain(finding.evidence),
        "order": finding.order,
    }


def writable(value: Any) -> Any:
    """The same with halves of surrogate pairs spelled out: a notebook that has one cannot be saved."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {writable(key): writable(item) for key, item in value.items()}
        case list() | tuple():
            return [writable(item) for item in value]
    return value


def finite(value: float | None) -> float | None:
    """The number with six digits, which is more than any screen shows; None for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _fields(record: Record) -> dict[str, Any]:
    return dict(zip(record._fields, record.values(), strict=True))


def _place(place: Place) -> dict[str, Any]:
    """As the report has it; only a notebook's file knows its cells' ids and lines, and the kernel has no file."""
    nowhere = {"cell_id": None, "execution_count": None}
    file_line = place.line or None if place.cell is None else None
    return {"path": place.path, "cell": place.cell, **nowhere, **place._asdict(), "file_line": file_line}
