"""Ground: how far a training is, as plain values. Written by the live witness, shown by the panel."""

from __future__ import annotations

from tinyguard.record import Record


class Progress(Record):
    """One training in one run of a cell."""

    steps: int = 0  # backward passes
    epochs: int = 0  # passes over the training loader that are over
    step: int = 0  # backward passes since the last of them
    batches: int | None = None  # of the training loader; None: not known
    elapsed_s: float = 0.0
    losses: tuple[tuple[float, float], ...] = ()  # (step, loss), the mean of a stretch when there are many
    models: tuple[int, ...] = ()  # numbers
    sizes: tuple[int | None, ...] = ()  # parameters of each model
    optimizers: tuple[int, ...] = ()
    rates: tuple[tuple[float, ...], ...] = ()  # of each optimizer's groups, at its last step
    loaders: tuple[int, ...] = ()
    device: str = ""
    memory: int | None = None  # bytes of the device that were in use at most; None: not known
    guard_share: float = 0.0  # of the time, what the guard took
