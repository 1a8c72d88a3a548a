"""The series of one metric -> a chart: axes, lines, what they are held against, marks where findings were proven."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tinyguard.bands import Band, expected
from tinyguard.panel import ink, words
from tinyguard.panel.axes import Axes, area, line, pixel, reach, smoothed, ticks
from tinyguard.panel.state import Point, Series, TrainingState, thinned

GUTTER = 46  # pixels left of the axes, for their numbers
TITLES = 52  # pixels above them, for title, legend and marks
LABELS = 36  # pixels below them
DRAWN = 130  # points of a line: about one for two columns of pixels
DOTS = 30  # points of a line, at most, that get a dot each
NOISY = 60  # points of a line by the step from which on its mean is drawn, too
MARKS = 10  # findings that are marked, at most
SMALL = 'font-size="11"'


class Drawn(Series):
    """A series whose points are in the chart's unit."""

    role: str = "train"  # its colour


def chart(state: TrainingState, name: str, *, left: float, right: float, top: float, bottom: float) -> str:
    """The chart of a metric within this rectangle."""
    unit, lines = in_one_unit(state, name)
    box = (left + GUTTER, right, top + TITLES, bottom - LABELS)
    axes = _axes(state, name, lines, unit, box)
    held = _held_against(state) if name == "accuracy" else []
    last = [(one.role, f"{words.one_line(one.split)} {words.value(name, one.points[-1][1])}") for one in lines]
    parts = [ink.text(left, top + 10, name, role="ink", more='font-weight="600"')]
    parts += ink.legend(left + (GUTTER + 30 if held else 0), top + 10, held, right=right)
    parts += ink.legend(left, top + 28, last, right=right)
    if lines:
        parts += _grid(axes, name, unit)
        parts += _references(state, axes, unit) if name == "accuracy" else []
        parts += [_line(one, axes) for one in lines]
        parts += _marks(state, axes, unit)
    else:
        parts.append(ink.stroke("edge", f"M{pixel(axes.left)} {pixel(axes.bottom)}H{pixel(axes.right)}"))
        middle = ((axes.left + right) / 2, (axes.top + axes.bottom) / 2)
        parts.append(ink.text(*middle, "no values yet", more='text-anchor="middle"'))
    return "".join(parts)


def in_one_unit(state: TrainingState, name: str) -> tuple[str, list[Drawn]]:
    """The unit of a chart's x axis, and its series in it: epochs, unless only steps are known."""
    found = state.of(name)
    unit = "step" if not state.steps and any(one.unit == "step" for one in found) else "epoch"
    drawn: list[Drawn] = []
    for one in found:
        steps = state.steps if state.steps and one.unit == "step" else 1
        points = tuple((x / steps, value) for x, value in thinned(one.points, DRAWN))
        if points and (state.steps or one.unit == unit):
            role = _role(one.split, {other.role for other in drawn})
            drawn.append(Drawn(name=one.name, split=one.split, unit=one.unit, points=points, role=role))
    return unit, drawn


def _role(split: str, taken: set[str]) -> str:
    """The colour of its split; where another line has it, or the split has none, the next that is free."""
    order = [split, "validation", "test", "train", "other"]
    return next((role for role in order if role in ink.LINES and role not in taken), "other")


def _held_against(state: TrainingState) -> list[tuple[str, str]]:
    told = [("chance", f"chance {words.percent(state.chance)}")] if state.chance is not None else []
    if state.band is not None:
        verdict = state.verdict()
        told.append(("band", f"expected{f': {verdict.value}' if verdict is not None else ''}"))
    return told


def _axes(
    state: TrainingState, name: str, lines: list[Drawn], unit: str, box: tuple[float, float, float, float]
) -> Axes:
    left, right, top, bottom = box
    _, x_high = reach((x for one in lines for x, _ in one.points), least=1.0)
    low, high = reach((value for one in lines for _, value in one.points), least=1e-9)
    if name == "accuracy":
        floor = [2.5 * (state.chance or 0.02)]
        if state.band is not None and unit == "epoch":
            floor += [edge for _, _, edge in _edges(state.band, x_high)]
        low, high = 0.0, min(1.06 * max(high, *floor), 1.0)
    else:
        low = 0.0 if 0 < low < 0.25 * high else low
        room = 0.06 * (high - low or abs(high) or 1.0)
        low, high = low - (room if low else 0.0), high + room
    return Axes(left=left, right=right, top=top, bottom=bottom, x_low=0.0, x_high=x_high, y_low=low, y_high=high)


def _grid(axes: Axes, name: str, unit: str) -> Iterable[str]:
    bottom = pixel(axes.bottom)
    for value in ticks(axes.y_low, axes.y_high, 4):
        y = axes.y(value)
        yield ink.stroke("grid", f"M{pixel(axes.left)} {pixel(y)}H{pixel(axes.right)}")
        shown = f"{100 * value:.4g} %" if name == "accuracy" else f"{value:.5g}"
        yield ink.text(axes.left - 7, y + 4, shown, columns=9, more=f'text-anchor="end" {SMALL}')
    yield ink.stroke("edge", f"M{pixel(axes.left)} {bottom}H{pixel(axes.right)}")
    for value in ticks(axes.x_low, axes.x_high, 5, whole=True):
        yield ink.stroke("edge", f"M{pixel(axes.x(value))} {bottom}v4")
        where = (axes.x(value), axes.bottom + 17)
        yield ink.text(*where, f"{value:,.0f}", columns=11, more=f'text-anchor="middle" {SMALL}')
    where = ((axes.left + axes.right) / 2, axes.bottom + 33)
    yield ink.text(*where, unit, more=f'text-anchor="middle" {SMALL}')


def _references(state: TrainingState, axes: Axes, unit: str) -> Iterable[str]:
    """What the accuracy is held against: the expected band and chance."""
    if state.band is not None and unit == "epoch":
        yield ink.fill("band", area(_edges(state.band, axes.x_high), axes), opacity=0.2)
    if state.chance is not None:
        across = f"M{pixel(axes.left)} {pixel(axes.y(state.chance))}H{pixel(axes.right)}"
        yield ink.stroke("pale", across, dash=ink.DASHES["chance"])


def _edges(band: Band, last: float) -> list[tuple[float, float, float]]:
    """Points of the band up to an epoch, close enough together for its curve over the logarithm."""
    first, end = band.points[0].epoch, min(band.points[-1].epoch, last)
    if end <= first:
        return []
    epochs = [first * (end / first) ** (part / 40) for part in range(40)] + [end]
    found = [(epoch, expected(band, epoch)) for epoch in epochs]
    return [(epoch, *edges) for epoch, edges in found if edges is not None]


def _line(one: Drawn, axes: Axes) -> str:
    dash = ink.DASHES.get(one.role)
    if one.unit == "step" and len(one.points) > NOISY:
        noise = ink.stroke(one.role, line(one.points, axes), opacity=0.4)
        return noise + ink.stroke(one.role, line(smoothed(one.points), axes), dash=dash, thick=2)
    drawn = ink.stroke(one.role, line(one.points, axes), dash=dash, thick=2)
    if (one.role == "train" and len(one.points) > 1) or len(one.points) > DOTS:
        return drawn
    return drawn + ink.dots(one.role, [(axes.x(x), axes.y(y)) for x, y in one.points if math.isfinite(y)])


def _marks(state: TrainingState, axes: Axes, unit: str) -> Iterable[str]:
    marked: list[Point] = []
    for finding, step in state.marked():
        if step is None or not (state.steps or unit == "step") or len(marked) == MARKS:
            continue
        x = step / state.steps if state.steps and unit == "epoch" else float(step)
        if not axes.x_low <= x <= axes.x_high:
            continue
        at = axes.x(x)
        # Findings of the same step stand beside each other.
        aside = 14 * sum(abs(before - at) < 10 for before, _ in marked)
        marked.append((at, step))
        yield ink.stroke(finding.severity.label, f"M{pixel(at)} {pixel(axes.top)}V{pixel(axes.bottom)}", dash="1 3")
        yield ink.mark(finding.severity, min(at + aside, axes.right), axes.top - 8)
