"""Numbers and untrusted text -> what a person reads."""

from __future__ import annotations

import math

from tinyguard.bands import expected
from tinyguard.finding import Place, Severity
from tinyguard.panel.state import Series, TrainingState
from tinyguard.report.text import escaped, plural, width

# A severity is told by shape, by word and by colour, never by colour alone.
SHAPES = {Severity.ERROR: "✖", Severity.WARNING: "▲", Severity.NOTE: "●"}


def one_line(text: str) -> str:
    """Untrusted text without its line ends, everything that is not printed as itself spelled out."""
    return escaped(" ".join(text.split()))


def fitted(text: str, columns: int) -> str:
    """The text, cut to so many columns of a terminal.

    >>> fitted("a long name", 8), fitted("短い名前です", 8)
    ('a lon...', '短い...')
    """
    if width(text) <= columns:
        return text
    kept, taken = "", 0
    for letter in text:
        taken += width(letter)
        if taken > columns - 3:
            break
        kept += letter
    return f"{kept}..."


def duration(seconds: float) -> str:
    """
    >>> duration(7.4), duration(151), duration(9000), duration(200_000), duration(float("inf"))
    ('7 s', '2:31 min', '2:30 h', '2 d 7 h', 'unknown')
    """
    if not 0 <= seconds < 1e9:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}:{minutes % 60:02} h"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def number(value: float) -> str:
    """Four digits, and the words for what is no number.

    >>> number(5.29831), number(0.0003), number(float("nan")), number(float("-inf")), number(12_345.6)
    ('5.298', '0.0003', 'NaN', '-infinite', '1.235e+04')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return f"{value:.4g}"


def percent(fraction: float) -> str:
    """With as many digits as tell it from its neighbours.

    >>> percent(0.005), percent(0.4567), percent(1.0), percent(float("inf"))
    ('0.50 %', '45.7 %', '100 %', 'infinite')
    """
    if not abs(fraction) < 1e6:  # NaN, infinite, or no accuracy at all
        return number(fraction)
    if fraction == 1:
        return "100 %"
    return f"{100 * fraction:.2f} %" if abs(fraction) < 0.1 else f"{100 * fraction:.1f} %"


def span(low: float, high: float) -> str:
    """
    >>> span(0.08, 0.12), span(0.01, 0.02)
    ('8.0 to 12.0 %', '1.0 to 2.0 %')
    """
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def value(name: str, amount: float) -> str:
    """The value of a metric: accuracies in percent."""
    return percent(amount) if name == "accuracy" else number(amount)


def memory(count: int) -> str:
    """
    >>> memory(900), memory(1_234_567_890)
    ('900 bytes', '1.23 GB')
    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return plural(count, "byte")


def spot(place: Place) -> str:
    """
    >>> spot(Place("a.ipynb", 4, 2)), spot(Place("train.py", line=7))
    ('cell 4, line 2', 'train.py, line 7')
    """
    words = [f"cell {place.cell}"] if place.cell is not None else [one_line(place.path)]
    if place.line:
        words.append(f"line {place.line}")
    return ", ".join(words)


def heading(state: TrainingState) -> str:
    """What is being trained, in which cell: "training `model` in cell 7 [In 12]"."""
    words = ["training" if not state.finished else "trained", model_names(state)]
    where = f"in cell {state.cell}" if state.cell is not None else ""
    if state.execution_count is not None:
        where = f"{where} [In {state.execution_count}]".lstrip()
    return " ".join(word for word in (*words, where) if word)


def model_names(state: TrainingState) -> str:
    return ", ".join(f"`{one_line(model.name)}`" for model in state.models)


def models(state: TrainingState) -> list[str]:
    """
    >>> from tinyguard.panel.state import Model
    >>> models(TrainingState(models=(Model(name="model", kind="ResNet", parameters=1000), Model(name="critic"))))
    ['model: ResNet, 1,000 parameters', 'critic']
    """
    told = []
    for model in state.models:
        known = [one_line(model.kind)] if model.kind else []
        known += [plural(model.parameters, "parameter")] if model.parameters is not None else []
        told.append(one_line(model.name) + (f": {', '.join(known)}" if known else ""))
    return told


def optimizers(state: TrainingState) -> list[str]:
    """The optimizers with the learning rate of every group; equal ones told once."""
    told = []
    for optimizer in state.optimizers:
        known = [one_line(optimizer.kind)] if optimizer.kind else []
        rates = list(dict.fromkeys(number(rate) for rate in optimizer.rates))
        if rates:
            many = f" in {len(optimizer.rates)} groups" if len(optimizer.rates) > 1 else ""
            known.append(f"learning rate {', '.join(rates)}{many}")
        told.append(one_line(optimizer.name) + (f": {', '.join(known)}" if known else ""))
    return told


def loaders(state: TrainingState) -> list[str]:
    """
    >>> from tinyguard.panel.state import Loader
    >>> loaders(TrainingState(loaders=(Loader(name="a", split="train", samples=1000, batches=16, batch_size=64),)))
    ['a: train, 1,000 samples in 16 batches of 64']
    """
    told = []
    for loader in state.loaders:
        known = [one_line(loader.split)] if loader.split else []
        size = [plural(loader.samples, "sample")] if loader.samples is not None else []
        size += ["in" * bool(size), f"{loader.batches:,} batches"] if loader.batches is not None else []
        size += [f"of {loader.batch_size:,}"] if loader.batch_size is not None else []
        known += [" ".join(word for word in size if word)] if size else []
        told.append(one_line(loader.name) + (f": {', '.join(known)}" if known else ""))
    return told


def progress(state: TrainingState) -> str:
    """
    >>> progress(TrainingState(epoch=3, epochs=50, step=412, steps=1563))
    'epoch 3 of 50, step 412 of 1,563'
    >>> progress(TrainingState(step=900, finished=True))
    '900 steps'
    """
    if not state.epoch:
        return plural(state.step, "step") if state.step else "no epoch has begun"
    told = f"epoch {state.epoch:,}" + (f" of {state.epochs:,}" if state.epochs else "")
    if state.finished or not state.step:
        return told
    return f"{told}, step {state.step:,}" + (f" of {state.steps:,}" if state.steps else "")


def pace(state: TrainingState) -> list[str]:
    """How long it took and will take, how fast it goes, and on what."""
    told = [duration(state.elapsed_s) + (" in all" if state.finished else " gone")]
    if not state.finished and state.remaining_s is not None:
        told.append(f"{duration(state.remaining_s)} left")
    if state.steps_per_s is not None and math.isfinite(state.steps_per_s):
        told.append(f"{number(state.steps_per_s)} steps/s")
    if state.device:
        told.append(f"on {one_line(state.device)}")
    return told


def cost(state: TrainingState) -> str:
    """What the guard takes of the time; empty when that is not known."""
    if state.guard_share is None or not math.isfinite(state.guard_share):
        return ""
    return f"{percent(state.guard_share)} of the time"


def metric(state: TrainingState, name: str) -> list[str]:
    """One line for each series of a metric: where a loss began, what the best accuracy was."""
    return [f"{one_line(series.split)} {_course(series)}" for series in state.of(name)]


def _course(series: Series) -> str:
    (_, first), (last_x, last) = series.points[0], series.points[-1]
    told = value(series.name, last)
    best = series.best()
    if series.name != "accuracy":
        return f"{told} (began at {value(series.name, first)})" if len(series.points) > 1 else told
    return (
        f"{told} (best {value(series.name, best[1])} in {series.unit} {best[0]:g})"
        if best and best[0] != last_x
        else told
    )


def against(state: TrainingState) -> list[str]:
    """What the accuracy is to be held against: chance, and the expected band at the last evaluation."""
    told = [f"chance {percent(state.chance)}"] if state.chance is not None else []
    evaluation = state.evaluation()
    if state.band is not None and evaluation is not None:
        epoch = evaluation.points[-1][0]
        edges = expected(state.band, epoch)
        if edges is not None:
            verdict = state.verdict()
            found = f", {verdict.value}" if verdict is not None else ""
            told.append(f"expected of {one_line(state.band.name)} after epoch {epoch:g}: {span(*edges)}{found}")
    return told
