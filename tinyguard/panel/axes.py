"""Values -> places in a picture: round ticks, and a line that breaks where a value is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tinyguard.panel.state import Point
from tinyguard.record import Record


class Axes(Record):
    """A chart's rectangle, in pixels, and the values at its edges."""

    left: float
    right: float
    top: float
    bottom: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        return self.left + (value - self.x_low) / (self.x_high - self.x_low) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Values beyond the edges lie on them."""
        part = (value - self.y_low) / (self.y_high - self.y_low)
        return self.bottom - min(max(part, 0.0), 1.0) * (self.bottom - self.top)


def ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """About `count` round numbers from `low` to `high`; with `whole` no fractions of 1.

    >>> ticks(0, 50, 5), ticks(0.3, 5.4, 4)
    ([0.0, 10.0, 20.0, 30.0, 40.0, 50.0], [2.0, 4.0])
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * 0.999)
    if whole:
        step = max(step, 1.0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.10g}") for index in range(first, last + 1)]


def reach(values: Iterable[float], *, least: float) -> tuple[float, float]:
    """The lowest and highest finite values, apart by `least` at least; (0, least) when there are none.

    Values so large that their distance may not be finite are not counted.
    """
    finite = [value for value in values if abs(value) < 1e300]
    if not finite:
        return 0.0, least
    low, high = min(finite), max(finite)
    return (low, high) if high - low >= least else (low, low + least)


def line(points: Sequence[Point], axes: Axes) -> str:
    """The `d` of an SVG path through the points, broken where a value is not finite."""
    commands = []
    pen: tuple[float, float] | None = None
    for x, y in points:
        if not math.isfinite(y):
            pen = None
            continue
        place = (round(axes.x(x), 1), round(axes.y(y), 1))
        # A line says by how much it moves, which is shorter than where to.
        before = pen or (0.0, 0.0)
        across, down = f"{place[0] - before[0]:.4g}", f"{place[1] - before[1]:.4g}"
        commands.append(f"{'l' if pen else 'M'}{across}{'' if down[0] == '-' else ' '}{down}")
        pen = place
    return "".join(commands)


def smoothed(points: Sequence[Point], *, beside: int = 6) -> list[Point]:
    """Each value as the mean of itself and its neighbours, so many on each side, as far as they are finite."""
    means = []
    for index, (x, value) in enumerate(points):
        near = [y for _, y in points[max(index - beside, 0) : index + beside + 1] if math.isfinite(y)]
        means.append((x, sum(near) / len(near) if math.isfinite(value) else value))
    return means


def area(edges: Sequence[tuple[float, float, float]], axes: Axes) -> str:
    """The `d` of an SVG path around the band of (x, low, high)."""
    upper = [f"{pixel(axes.x(x))} {pixel(axes.y(high))}" for x, _, high in edges]
    lower = [f"{pixel(axes.x(x))} {pixel(axes.y(low))}" for x, low, _ in reversed(edges)]
    return f"M{'L'.join(upper + lower)}Z" if edges else ""


def pixel(value: float) -> str:
    """Tenths of a pixel are enough.

    >>> pixel(12.0), pixel(12.34), pixel(-0.26), pixel(-0.01)
    ('12', '12.3', '-.3', '0')
    """
    whole, tenths = f"{value:.1f}".split(".")
    if tenths == "0":
        return "0" if whole == "-0" else whole
    return f"{whole.removesuffix('0') if whole in ('0', '-0') else whole}.{tenths}"
