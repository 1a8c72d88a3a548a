"""A training's state -> what a cell's output holds of it: data for our panel, HTML for any page, text for the rest."""

from __future__ import annotations

from typing import Any

from tinyguard.panel.markup import panel
from tinyguard.panel.plain import state_as_json
from tinyguard.panel.state import TrainingState
from tinyguard.panel.text import text

MIME = "application/vnd.tinyguard.v1+json"


def mime_bundle(state: TrainingState) -> dict[str, Any]:
    """For `display(bundle, raw=True)`: whoever shows the notebook takes the richest form that it knows and trusts."""
    return {MIME: state_as_json(state), "text/html": panel(state), "text/plain": text(state)}
