"""Live witness: the value of each loss before its backward pass, and which optimizer's step it was for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from tinyguard.live.measures.saved import saved

if TYPE_CHECKING:
    from tinyguard.live.recorder import Recorder
    from tinyguard.live.witness import Witness

MOST_WAITING = 64  # readings between two steps
MOST_COURSES = 200  # optimizers that are followed at a time
MEAN = 1  # the code of torch for the reduction of a loss
USUAL = 20  # steps that the usual loss is taken over


SCALING = ("MulBackward0", "DivBackward0")


class Reading(NamedTuple):
    """The loss of one backward pass, a constant factor on it taken away again."""

    value: float
    classes: int | None = None  # of a plain cross entropy: class numbers as labels, the mean, no weights
    samples: int = 0
    scaled: bool = False  # it had a factor: of a GradScaler, or one over the steps of an accumulation


class Course:
    """The losses that one optimizer's steps worked on so far."""

    def __init__(self) -> None:
        self.steps = 0
        self.taken: list[Reading] = []  # by the last step
        self.first: float | None = None
        self.usual: float | None = None  # a running mean

    def step(self, readings: list[Reading]) -> None:
        self.steps += 1
        self.taken = readings
        for reading in readings:
            if not math.isfinite(reading.value):
                continue
            if self.first is None or self.usual is None:
                self.first = self.usual = reading.value
            self.usual += (reading.value - self.usual) / min(self.steps, USUAL)

    @property
    def last(self) -> float | None:
        return self.taken[-1].value if self.taken else None


class Readings:
    """Reads the loss before each backward pass: on the CPU always, elsewhere (where it would wait) while affordable.

    At an optimizer's step it comes first: the others find here whose step it is, and the losses that it works on.
    """

    def __init__(self) -> None:
        self.courses: dict[int, Course] = {}  # by optimizer
        self.newest: Reading | None = None  # of the backward pass that begins now; None: it could not be read
        self.plain = True  # somebody wants to know whether a loss is a plain cross entropy
        self.number = 0  # of the optimizer whose step this is
        self.lr: float | None = None  # its learning rate
        self.course = Course()
        self._waiting: list[Reading] = []

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        self._optimizers = witness.optimizers
        self._optimizers.on_backward.append(self._read)
        self._optimizers.on_step.append(self._stepped)

    def _read(self, loss: Any, _loaders: tuple[int, ...]) -> None:
        self.newest = None
        if not isinstance(loss, Tensor) or loss.numel() != 1 or loss.is_complex():
            return
        if not loss.is_cpu and (not self._recorder.affordable or capturing(loss)):
            return
        node, factor = loss.grad_fn, 1.0
        if node is not None and node.name() in SCALING:
            node, factor = without_factor(node)
        classes, samples = plain_cross_entropy(node) if self.plain else (None, 0)
        value = loss.item() / factor if factor else math.nan
        self.newest = Reading(value, classes, samples, scaled=factor != 1.0)
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(self.newest)

    def _stepped(self, optimizer: Optimizer) -> None:
        waiting, self._waiting = self._waiting, []
        self.number, self.lr = self._optimizers.stepping, learning_rate(optimizer)
        course = self.courses.get(self.number)
        if course is None:
            if len(self.courses) >= MOST_COURSES:
                del self.courses[next(iter(self.courses))]
            course = self.courses[self.number] = Course()
        self.course = course
        course.step(waiting)


def capturing(tensor: Tensor) -> bool:
    """A CUDA graph is being recorded: whoever reads a value now breaks it."""
    return bool(tensor.is_cuda and torch.cuda.is_current_stream_capturing())


def without_factor(node: Any) -> tuple[Any, float]:
    """The node of a loss before it was multiplied with, or divided by, a constant; and that factor."""
    factor = 1.0
    while node is not None and node.name() in SCALING:
        inputs = [following for following, _ in node.next_functions]
        if len([each for each in inputs if each is not None]) != 1:
            break
        constant = saved(node, "_saved_other" if inputs[0] is not None else "_saved_self")
        if (
            not isinstance(constant, Tensor)
            or constant.numel() != 1
            or (node.name() == "DivBackward0" and inputs[0] is None)
        ):
            break
        number = float(constant.item())
        factor *= number if node.name() == "MulBackward0" else 1 / number if number else 0.0
        node = next(each for each in inputs if each is not None)
    return node, factor


def plain_cross_entropy(node: Any) -> tuple[int | None, int]:
    """The classes and samples of a mean cross entropy with class numbers as labels, all of the same weight.

    (None, 0) for every other loss: with label smoothing, soft labels, weights or a regularising term its graph looks
    otherwise.
    """
    if node is None or node.name() != "NllLossBackward0" or node._saved_reduction != MEAN:
        return None, 0
    before = node.next_functions[0][0]
    if before is None or before.name() != "LogSoftmaxBackward0" or node._saved_weight is not None:
        return None, 0
    scores = saved(node, "_saved_self")
    return (scores.shape[1], scores.shape[0]) if isinstance(scores, Tensor) and scores.dim() == 2 else (None, 0)


def learning_rate(optimizer: Optimizer) -> float | None:
    """The largest of its groups; None where it is not known without waiting for a device."""
    groups = optimizer.param_groups
    if len(groups) == 1 and type(rate := groups[0].get("lr")) is float:
        return rate
    rates = [group.get("lr") for group in groups]
    known = [
        float(rate)
        for rate in rates
        if isinstance(rate, (int, float)) or (isinstance(rate, Tensor) and rate.device.type == "cpu")
    ]
    return max(known) if known and len(known) == len(rates) else None
