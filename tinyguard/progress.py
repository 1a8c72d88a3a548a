"""Ground: how far a training is, as plain values. Written by the live witness, shown by the panel."""

from __future__ import annotations

from tinyguard.record import Record


class Progress(Record):
    """The training of one run of a cell."""

    steps: int = 0  # backward passes
    epochs: int = 0  # passes over the training loader that are over
    step: int = 0  # backward passes since the last of them
    batches: int | None = None  # of the training loader; None: not known
    elapsed_s: float = 0.0
    losses: tuple[tuple[float, float], ...] = ()  # (step, loss), the mean of a stretch when there are many
    models: tuple[int, ...] = ()  # numbers
    sizes: tuple[int | None, ...] = ()  # parameters of each model
    optimizers: tuple[int, ...] = ()
    rates: tuple[tuple[float, ...], ...] = ()  # the learning rates of each optimizer's groups
    loaders: tuple[int, ...] = ()
    device: str = ""
    guard_share: float = 0.0  # of the time, what the guard took
