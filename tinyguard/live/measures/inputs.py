"""Live witness: the pictures that a model gets: as they are in the file, normalised, or normalised twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tinyguard.events import Event
from tinyguard.live.batches import at_hand, inputs_of, readable, some
from tinyguard.live.loaders import Pass
from tinyguard.live.modules import NORMALISATION
from tinyguard.live.samples import normalisations
from tinyguard.measured.data import InputsNormalisedAgain, InputsUnscaled, Normalisation, TransformsRead

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

CHANNELS = (1, 3, 4)
MIN_SIDE = 8  # pixels; below, it may be a board or a feature map
FLAT = frozenset({784, 1024, 3072, 12288})  # values of a picture of 28, 32 and 64 pixels a side, in one row
DARK = 50  # no picture of values from 0 to 1 reaches it, nor one that was normalised; few of bytes stay below
MIN_VALUES = 16  # different ones: fewer are labels, counts or a board
ROUNDING = 1e-3  # relative, of 32-bit arithmetic and then some
MOST_MODELS = 200  # that are looked at
SCALING = (NORMALISATION, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)

Range = tuple[tuple[float, ...], tuple[float, ...]]  # the least and the greatest value of each channel


class Inputs:
    """Compares what is drawn with what the first layer with weights gets: in between anybody may normalise."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Normalisation, ...] | None] = {}  # by loader
        self._drawn: dict[int, Range] = {}  # of the last batch of loaders that normalise once
        self._seen: set[tuple[int, int | None]] = set()  # models and loaders that were looked at
        self._waits = False  # the first layer of this forward is still to come
        self._loader: int | None = None
        self._pending: list[tuple[type[Event], Any, dict[str, Any]]] = []  # until the model is trained

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._attention = witness.attention
        self._loaders = witness.loaders
        self._loaders.on_start.append(self._start)
        witness.modules.on_enter.append(self._enter)
        witness.optimizers.on_backward.append(self._backward)

    def _start(self, loader: Any, passed: Pass) -> None:
        if passed.loader not in self._known:
            found = self._known[passed.loader] = normalisations(loader.dataset)
            if found is not None:
                self._recorder.emit(TransformsRead, loader=passed.loader, samples=passed.samples, normalisations=found)
        known = self._known[passed.loader]
        if known is not None and len(known) == 1:
            passed.readers.append(self._read)

    def _read(self, passed: Pass, batch: Any) -> bool:
        if self._attention.open:
            inputs = inputs_of(batch)
            if inputs is not None and is_picture(inputs):
                self._drawn[passed.loader] = ranges(inputs)
        return True

    def _enter(self, running: list[nn.Module], inputs: Any) -> None:
        given = inputs[0] if isinstance(inputs, tuple) and inputs else None
        if len(running) == 1:
            behind = self._loaders.behind(inputs)
            self._loader = behind[0] if behind else None
            key = (self._recorder.numbers.of(running[0]), self._loader)
            self._waits = isinstance(given, Tensor) and is_picture(given) and key not in self._seen
            self._waits = self._waits and len(self._seen) < MOST_MODELS
        layer = running[-1]
        if not self._waits or not any(True for _ in layer.parameters(recurse=False)):
            return
        self._waits = False
        if not isinstance(layer, (nn.Conv2d, nn.Linear)) or not isinstance(given, Tensor):
            return
        if readable(given) and (at_hand(given) or self._recorder.affordable):
            number = self._recorder.numbers.of(running[0])
            self._seen.add((number, self._loader))
            with torch.no_grad():
                self._measure(running[0], number, layer, given.detach())

    def _measure(self, root: nn.Module, model: int, layer: nn.Module, given: Tensor) -> None:
        sample = some(given.float())
        low, high = sample.min().item(), sample.max().item()
        if low >= 0 and high > DARK and bool((sample == sample.round()).all()) and len(sample.unique()) >= MIN_VALUES:
            normalises = any(isinstance(part, SCALING) for part in root.modules())
            self._wait(
                InputsUnscaled,
                model=model,
                low=low,
                high=high,
                layer=type(layer).__name__,
                normalises=normalises,
                loader=self._loader,
            )
        known, drawn = self._known.get(self._loader or 0), self._drawn.get(self._loader or 0)
        if known and drawn is not None and is_picture(given) and _applied(known[0], drawn, ranges(given)):
            (lows, highs), (lows_after, highs_after) = drawn, ranges(given)
            self._wait(
                InputsNormalisedAgain,
                model=model,
                loader=self._loader,
                normalisation=known[0],
                low=min(lows),
                high=max(highs),
                low_after=min(lows_after),
                high_after=max(highs_after),
            )

    def _wait(self, event: type[Event], **fields: Any) -> None:
        """Told when the model is trained: who only looks at it may put anything in."""
        self._pending.append((event, self._recorder.here(), fields))

    def _backward(self, _loss: Any, _loaders: tuple[int, ...]) -> None:
        if self._pending:
            for event, where, fields in self._pending:
                self._recorder.emit(event, where, **fields)
            self._pending.clear()


def is_picture(tensor: Tensor) -> bool:
    """Floating point, (batch, channels, height, width), or each picture in one row."""
    if not tensor.is_floating_point():
        return False
    if tensor.dim() == 4:
        return tensor.shape[1] in CHANNELS and min(tensor.shape[2:]) >= MIN_SIDE
    return tensor.dim() == 2 and tensor.shape[1] in FLAT


def ranges(pictures: Tensor) -> Range:
    rows = pictures.detach().float().flatten(2) if pictures.dim() == 4 else pictures.detach().float().unsqueeze(1)
    return tuple(rows.amin(dim=(0, 2)).tolist()), tuple(rows.amax(dim=(0, 2)).tolist())


def _applied(normalisation: Normalisation, before: Range, after: Range) -> bool:
    """The values of each channel after are those before, normalised."""
    count = len(before[0])
    if len(after[0]) != count or any(len(values) not in (1, count) for values in normalisation):
        return False
    means, stds = ((*values, *values[:1] * (count - len(values))) for values in normalisation)
    if all(mean == 0 and std == 1 for mean, std in zip(means, stds, strict=True)):
        return False
    return all(
        abs((old - mean) / std - new) <= ROUNDING * max(1.0, abs(new))
        for olds, news in zip(before, after, strict=True)
        for old, new, mean, std in zip(olds, news, means, stds, strict=True)
    )
