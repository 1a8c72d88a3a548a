"""A training's state -> a few lines of plain text for terminals, nbconvert, and whatever shows no HTML."""

from __future__ import annotations

import textwrap

from tinyguard.finding import Finding
from tinyguard.panel import words
from tinyguard.panel.state import TrainingState

COLUMNS = 80
BAR = 24  # columns of the progress bar
SHOWN = 5  # findings
LINES = 5  # about, of a message or a remedy


def text(state: TrainingState, *, columns: int = COLUMNS) -> str:
    """The panel in ASCII but for what users named otherwise, no line wider than `columns`."""
    lines = [words.heading(state), *([words.one_line(state.status)] if state.status else []), _bar(state)]
    lines += [
        _row(title, "; ".join(told))
        for title, told in (
            ("time", words.pace(state)),
            ("model", words.models(state)),
            ("optimizer", words.optimizers(state)),
            ("guard", [words.cost(state)] if words.cost(state) else []),
        )
        if told
    ]
    lines += [_row("loader", told) for told in words.loaders(state)]
    lines += [_row(name, told) for name in ("loss", "accuracy") for told in words.metric(state, name)]
    lines += [_row("", told) for told in words.against(state)]
    fitted = [words.fitted(line, columns) for line in lines]
    for finding in state.findings[:SHOWN]:
        fitted += _finding(finding, columns)
    if len(state.findings) > SHOWN:
        fitted.append(f"and {len(state.findings) - SHOWN} more: %tinyguard findings")
    return "".join(f"{line}\n" for line in fitted)


def _finding(finding: Finding, columns: int) -> list[str]:
    """A finding on as many lines as it needs, for it is what the panel is there for."""
    head = f"{finding.severity.label}[{finding.code}] {words.spot(finding.place)}: {words.one_line(finding.message)}"
    lines = textwrap.wrap(words.fitted(head, LINES * columns), columns, subsequent_indent="  ")
    if finding.remedy:
        remedy = words.fitted(f"remedy: {words.one_line(finding.remedy)}", LINES * columns)
        lines += textwrap.wrap(remedy, columns, initial_indent="  ", subsequent_indent="  ")
    return [words.fitted(line, columns) for line in lines]


def _bar(state: TrainingState) -> str:
    done = state.progress
    if done is None:
        return words.progress(state)
    full = int(done * BAR)
    return f"[{'#' * full}{'-' * (BAR - full)}] {words.percent(done)}  {words.progress(state)}"


def _row(title: str, told: str) -> str:
    return f"{title:<10}{told}"
