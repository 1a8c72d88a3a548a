"""Measured of losses, gradients and steps while a program runs."""

from __future__ import annotations

from tinyguard.events import Measured, ModelUse, Parameters
from tinyguard.finding import Place


class LossNotFinite(Measured):
    """A loss is NaN or infinite, and stays so; place is its backward pass."""

    value: float
    step: int  # backward passes so far, from 1
    before: float | None = None  # the last finite loss
    lost: bool = True  # weights are not finite any more: no step brings them back
    origin: str = (
        ""  # where the first value comes from that is not finite: "data", "parameter", "operation"; "" not known
    )
    name: str = ""  # of that tensor, as the user reaches it: "images", "model.0.weight"; of the operation: "log"
    seen: str = ""  # its numbers: "3 of 120 values are not finite"
    behind: str = ""  # the parameter that was used last before it
    steep: tuple[str, ...] = ()  # operations on the way whose slope has no bound: "sqrt"
    loader: int | None = None
    optimizer: int | None = None
    lr: float | None = None
    largest: float | None = None  # the largest absolute value of a weight before the step


class LossMeasured(Measured):
    """How the cross entropy that an optimizer works on has gone, as long as it shows no sign of learning.

    At checkpoints; place is the optimizer's step. All counts are of the batches whose loss was read.
    """

    optimizer: int
    classes: int
    batches: int
    samples: int
    effort: float  # the batches, each counted as far as its learning rate allows it to teach
    evidence: float  # for learning: logarithm of the test martingale at its largest
    needed: float  # what proves learning
    losses: tuple[float, ...]  # in nats, means over equal stretches
    lr: float | None = None


class StepMeasured(Measured):
    """What an optimizer's steps did to the weights, at checkpoints; place is the step.

    Of up to 16 weight matrices in the order of the model, over the steps measured since the event before.
    """

    optimizer: int
    step: int  # of this optimizer, from 1
    lr: float | None
    first_lr: float | None
    peak_lr: float | None
    norm: float  # of all gradients, in this step
    usual_norm: float | None  # the median of the measured steps before; None: too few
    exploding: bool = False  # far above its usual one, twice in a row
    layers: tuple[str, ...] = ()  # what the user calls the matrices; "" not known
    gradients: tuple[float, ...] = ()  # norms, medians over the steps
    moved: tuple[float | None, ...] = ()  # |change| / |weight|, medians over the steps; None: it was zero before
    ratios: tuple[float, ...] = ()  # the same of each measured step, median over the matrices
    losses: tuple[float, ...] = ()  # that the measured steps were taken on
    first_loss: float | None = None
    usual_loss: float | None = None
    classes: int | None = None  # where the loss is a plain cross entropy


class OutputKept(Measured):
    """The output of a model is kept beyond its step, with its graph; place is the line that keeps it."""

    name: str  # the variable or attribute
    count: int  # outputs in it by now
    model: int


class MemoryGrown(Measured):
    """The memory of the process has grown at the same pace from step to step; place is an optimizer's step."""

    steps: int
    grown: int  # bytes
    halves: tuple[float, float]  # bytes a step, in the first and the second half


class RateLow(Measured):
    """The highest learning rate of an optimizer is 0, or next to nothing beside what it was; place is the step."""

    optimizer: int
    step: int  # of this optimizer, from 1
    lr: float
    peak_lr: float  # the highest so far; 0: it never had one
    since: int  # the first step in a row for which this is true


class UnitsMeasured(Measured):
    """More than half of the units of a ReLU were zero in two looks at several batches; place is the last backward."""

    layer: str  # its parameter, as the user reaches it; "" not known
    parameter: int
    units: int
    dead: int  # zero for every sample
    batches: int
    samples: int  # rows that went through the layer: positions of a sequence or an image count each
    step: int  # backward passes so far, from 1


class AllPairsCompared(Measured):
    """A loss compares each prediction with the target of every sample: the shapes were broadcast; place is the loss."""

    criterion: str  # torch.nn.functional's name: "mse_loss"; empty: a difference that the user wrote
    prediction: tuple[int, ...]
    target: tuple[int, ...]
    models: tuple[ModelUse, ...] = ()


class ClippedWhileScaled(Measured):
    """Gradients are clipped, and then a scaler takes its scale out of them and steps; place is where they are clipped.

    The same limit would have been far below or far above what it is without the scale.
    """

    optimizer: int
    by: str  # "clip_grad_norm_", "clip_grad_value_"
    limit: float
    scale: float  # of the loss, in this step
    step: Place  # where the scaler steps


class GradientsOpposed(Measured):
    """Two optimizers step the same parameters in turn, with gradients that point against each other, step after step.

    Place is the step of the later one.
    """

    optimizer: int
    other: int
    shared: Parameters
    cosines: tuple[float, ...]  # of the angles between the gradients of two steps, one after the other


class BackwardPassedBy(Measured):
    """A backward pass reaches nothing of some models that had run since the one before; place is the backward pass."""

    models: tuple[ModelUse, ...]  # these; they ran with gradients on, the last one last
    reaches: Parameters
    frozen: bool  # no parameter of these models asks for a gradient
    numbers: int | None = None  # elements in what it reaches, when they are frozen


class FeaturesCutOff(Measured):
    """A layer is given the output of another one without its graph; place is the line that cuts it, on every way."""

    layer: str  # whose output it is, as the user reaches it: "model.encoder"; "" not known
    parameters: Parameters  # of it, those that ask for a gradient
    given: Parameters  # of the layer that gets it
    pretrained: bool | None  # weights were loaded into what is cut off
    training: bool


class RanksDiffer(Measured):
    """The processes of a distributed training hold different weights, and their gradients are not exchanged.

    Place is the forward pass that goes past DistributedDataParallel, or else the step.
    """

    optimizer: int
    steps: int  # of it so far
    ranks: int
    own: float  # a weight here
    other: float  # ... and on another rank
    wrapper: int | None = None  # that the forward pass goes past
    model: int | None = None  # that was called instead
