"""Live witness: gradients, and how far a step moves the weights, at sampled steps."""

from __future__ import annotations

import math
import weakref
from collections import deque
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tinyguard.live.measures.checkpoints import Checkpoints
from tinyguard.live.measures.readings import Readings, capturing, learning_rate
from tinyguard.live.recorder import Recorder
from tinyguard.measured.training import StepMeasured

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

EVERY = 32  # first steps of an optimizer, all of which are measured
SHARE = 0.002  # of the wall time, for the steps after them
LAYERS = 16  # weight matrices that are looked at
ELEMENTS = 4096  # of each that are compared before and after
MOST_TRACKS = 200
MOST_EXPLODING = 4  # events out of turn
JUMP = 1e3  # of the gradient's norm over its usual one, at two measured steps in a row
LEAST_NORMS = 8  # measured before, to know what is usual


class Before(NamedTuple):
    """Some elements of a weight before the step."""

    weight: weakref.ref[Tensor]
    elements: Tensor


class Sample(NamedTuple):
    """One measured step."""

    norm: float  # of all gradients
    gradients: tuple[float, ...]  # their norms in the matrices looked at, in the order of the model
    moved: tuple[float | None, ...]  # |change| / |weight| of these; None: it was zero
    loss: float | None


class Track:
    """The measured steps of one optimizer."""

    def __init__(self, lr: float | None) -> None:
        self.steps = 0
        self.first_lr = self.peak_lr = lr
        self.norms: deque[float] = deque(maxlen=64)
        self.samples: list[Sample] = []  # since the last event
        self.due = Checkpoints(first=3, growth=3.0)
        self.next_s = 0.0
        self.exploding = 0  # steps in a row
        self.exploded = 0  # events


class Updates:
    """Measures the first steps of each optimizer, then as many as the time allows."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._tracks: dict[int, Track] = {}
        self._before: list[Before] = []
        self._began = 0.0

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        self._names = witness.names
        begin = self._recorder.observer(self._begin)
        hook = register_optimizer_step_pre_hook(lambda *args: begin(*args))
        witness.patches.undo_with(hook.remove)
        witness.optimizers.on_step.append(self._stepped)

    def _begin(self, optimizer: Optimizer, _args: Any, _kwargs: Any) -> None:
        self._before = []
        track = self._track(optimizer)
        track.steps += 1
        if track.steps > EVERY and perf_counter() < track.next_s:
            return
        if not self._recorder.affordable or getattr(optimizer, "grad_scale", None) is not None:
            return  # a scale is still in the gradients
        weights = matrices(optimizer)
        if weights and capturing(weights[0]):
            return
        self._began = perf_counter()
        self._before = [Before(weakref.ref(weight), elements(weight).clone()) for weight in weights]

    def _stepped(self, optimizer: Optimizer) -> None:
        before, self._before = self._before, []
        if not before:
            return
        track = self._track(optimizer)
        sample = self._sample(optimizer, before)
        if sample is not None:
            track.samples = [*track.samples[1 - EVERY :], sample]
            usual = median(track.norms) if len(track.norms) >= LEAST_NORMS else None
            jumps = usual is not None and sample.norm > JUMP * usual > 0
            track.exploding = track.exploding + 1 if jumps else 0
            if not jumps:
                track.norms.append(sample.norm)
            lr = self._readings.lr
            if lr is not None:
                track.peak_lr = max(lr, track.peak_lr or 0.0)
            due = track.due(track.steps)
            explodes = track.exploding == 2 and track.exploded < MOST_EXPLODING
            if due or explodes:
                track.exploded += explodes
                self._tell(track, usual, [one for one in before if one.weight() is not None])
        cost = perf_counter() - self._began
        track.next_s = 0.0 if track.exploding == 1 else perf_counter() + cost / SHARE

    def _track(self, optimizer: Optimizer) -> Track:
        number = self._recorder.numbers.of(optimizer)
        track = self._tracks.get(number)
        if track is None:
            if len(self._tracks) >= MOST_TRACKS:
                del self._tracks[next(iter(self._tracks))]
            track = self._tracks[number] = Track(learning_rate(optimizer))
        return track

    def _sample(self, optimizer: Optimizer, before: list[Before]) -> Sample | None:
        """What the step did; None where there is nothing to be seen."""
        weights = [one.weight() for one in before]
        seen = [(weight, one.elements) for weight, one in zip(weights, before, strict=True) if weight is not None]
        seen = [(weight, old) for weight, old in seen if _is_plain(weight.grad)]
        layers = [weight.grad for weight, _ in seen]
        known = set(map(id, layers))
        others = [
            gradient
            for group in optimizer.param_groups
            for tensor in group["params"]
            if _is_plain(gradient := tensor.grad) and id(gradient) not in known and tensor.is_floating_point()
        ]
        if not seen or len({gradient.device for gradient in (*layers, *others)}) > 1:
            return None
        with torch.no_grad():
            olds = [old.float() for _, old in seen]
            sizes = torch._foreach_norm(olds)
            torch._foreach_sub_(olds, [elements(weight).float() for weight, _ in seen])
            norms = [*torch._foreach_norm([*layers, *others]), *torch._foreach_norm(olds), *sizes]
            values = torch.stack([norm.float() for norm in norms]).tolist()
        if not all(map(math.isfinite, values)):
            return None
        count, gradients = len(seen), len(layers) + len(others)
        changes, sizes = values[gradients : gradients + count], values[gradients + count :]
        return Sample(
            norm=math.hypot(*values[:gradients]),
            gradients=tuple(values[:count]),
            moved=tuple(change / size if size else None for change, size in zip(changes, sizes, strict=True)),
            loss=self._readings.course.last,
        )

    def _tell(self, track: Track, usual: float | None, before: list[Before]) -> None:
        samples, track.samples = track.samples, []
        course = self._readings.course
        newest = samples[-1]
        same = [sample for sample in samples if len(sample.moved) == len(newest.moved)]
        called = self._names.parameters()
        names = [called.get(id(one.weight()), "") for one in before]
        self._recorder.emit(
            StepMeasured,
            optimizer=self._readings.number,
            step=track.steps,
            lr=self._readings.lr,
            first_lr=track.first_lr,
            peak_lr=track.peak_lr,
            norm=newest.norm,
            usual_norm=usual,
            exploding=track.exploding >= 2,
            layers=tuple(names) if len(names) == len(newest.moved) else (),
            gradients=tuple(median(column) for column in zip(*(sample.gradients for sample in same), strict=True)),
            moved=tuple(
                median(known) if (known := [ratio for ratio in column if ratio is not None]) else None
                for column in zip(*(sample.moved for sample in same), strict=True)
            ),
            ratios=tuple(ratio for sample in samples if (ratio := middle(sample.moved)) is not None),
            losses=tuple(sample.loss for sample in samples if sample.loss is not None),
            first_loss=course.first,
            usual_loss=course.usual,
            classes=course.taken[-1].classes if course.taken else None,
        )


def matrices(optimizer: Optimizer) -> list[Tensor]:
    """Weights of two dimensions or more, evenly chosen; without those whose learning rate is 0 on purpose."""
    found = [
        tensor
        for group in optimizer.param_groups
        for tensor in group["params"]
        if group.get("lr") != 0
        and tensor.dim() >= 2
        and tensor.requires_grad
        and tensor.is_floating_point()
        and is_dense(tensor)
    ]
    if len(found) <= LAYERS:
        return found
    return [found[round(index * (len(found) - 1) / (LAYERS - 1))] for index in range(LAYERS)]


def _is_plain(gradient: Tensor | None) -> bool:
    return gradient is not None and gradient.layout is torch.strided


def is_dense(tensor: Tensor) -> bool:
    """Its elements lie side by side, in whatever order."""
    if tensor.layout is not torch.strided or type(tensor.data) is not Tensor:
        return False  # of a subclass nobody knows what it does
    return bool(
        tensor.is_contiguous() or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
    )


def elements(weight: Tensor) -> Tensor:
    """A view of the first elements in memory."""
    return weight.detach().as_strided((min(weight.numel(), ELEMENTS),), (1,))


def middle(ratios: tuple[float | None, ...]) -> float | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return median(known) if known else None
