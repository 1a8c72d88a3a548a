"""A document -> a file to hand over, in the format that its name asks for."""

from __future__ import annotations

import json
import os
from typing import Any

from tinyguard import __version__
from tinyguard.errors import UsageError
from tinyguard.files import write_whole
from tinyguard.panel import document as content
from tinyguard.panel.document import Document
from tinyguard.panel.markdown import markdown
from tinyguard.panel.page import page
from tinyguard.panel.plain import band_as_json, finding_as_json, finite, series_as_json, writable
from tinyguard.panel.summary import TrainedModel
from tinyguard.report.json import plain

VERSION = 1


def as_json(document: Document) -> str:
    """The same for machines: `{"version": 1, "environment": {...}, "findings": [...], "models": [...]}`."""
    told = {
        "version": VERSION,
        "tinyguard": __version__,
        "title": document.title,
        "environment": plain(document.environment),
        "findings": [finding_as_json(finding) for finding in document.all_findings()],
        "messages": [content.plain_text(message) for message in document.messages],
        "models": [_model(model) for model in document.models],
    }
    return json.dumps(writable(told), indent=2, allow_nan=False) + "\n"


FORMATS = {".html": page, ".htm": page, ".md": markdown, ".markdown": markdown, ".json": as_json}


def write(document: Document, path: str) -> None:
    """Writes the file in one step. Raises UsageError when its format is not known, or it cannot be written."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in FORMATS:
        told = f'"{suffix}" is no format of a report' if suffix else "the name does not say the format"
        raise UsageError(f"{path}: {told}; known are .html, .md, .json")
    write_whole(path, FORMATS[suffix](document))


def _model(model: TrainedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "parameters": model.parameters,
        "optimizer": model.optimizer,
        "rates": [finite(rate) for rate in model.rates],
        "epochs": model.epochs,
        "steps": model.steps,
        "batch_size": model.batch_size,
        "samples": model.samples,
        "seconds": finite(model.seconds),
        "device": model.device,
        "memory": model.memory,
        "chance": finite(model.chance),
        "band": None if model.band is None else band_as_json(model.band),
        "history": {key: [finite(value) for value in values] for key, values in model.history().items()},
        "series": [series_as_json(series) for series in model.series],
        "output": content.plain_text(model.output),
        "findings": [finding_as_json(finding) for finding in model.findings],
    }
