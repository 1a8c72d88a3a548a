"""Measured of evaluations, and told of them, while a program runs."""

from __future__ import annotations

from tinyguard.events import Measured, Parameters, Samples
from tinyguard.finding import Place


class EvaluationMeasured(Measured):
    """A pass over a loader on which nothing was trained is over, and a model gave scores for classes in it.

    Its labels are what the loader gave; what the program compares them with, and how, is its own affair.
    """

    model: int
    parameters: Parameters
    training: bool  # its mode
    loader: int
    samples: Samples
    count: int  # samples that were looked at
    correct: int  # of them
    classes: int  # width of its output
    predicted: int  # distinct classes among its predictions
    prediction: int  # the most frequent of them
    labels: int  # distinct labels
    largest: int  # samples of the most frequent label
    output_sum: float  # of all outputs: the same only when all outputs are
    moved: bool = False  # the outputs are on another device than the labels that the loader gave
    steps: int  # before it, of the optimizers that hold parameters of the model
    epochs: int  # passes over loaders in which they stepped
    steps_of_all: int  # of all optimizers
    epochs_of_all: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.count


class PredictionsKept(Measured):
    """The predictions that a model made in one pass were compared with the same labels again and again.

    Before each time the model was trained further, and it was not evaluated on these samples again. Place is the
    comparison.
    """

    model: int
    loader: int  # of the pass
    made: Place  # the pass
    samples: int
    times: int  # comparisons in a row
    steps: int  # of the model's optimizers since the predictions were made


class LabelsBeyondOutputs(Measured):
    """Predictions of a model are compared with labels of which some are no class of its; place is the comparison."""

    model: int
    outputs: int
    high: int  # the greatest label
    beyond: int  # labels that are `outputs` or more, of `labels`
    labels: int
    loader: int
    samples: Samples


class BandExpected(Measured):
    """From now on the training is to be held against this band."""

    name: str
    points: tuple[tuple[int, float, float], ...]  # epoch, lowest and highest accuracy as fractions of 1


class MetricsWithdrawn(Measured):
    """What this cell has reported so far no longer stands: it runs anew, or the unit of its numbers shows only now."""


class EpochReported(Measured):
    """The running cell has just told something of an epoch; place is the cell."""

    epoch: int  # counts from 1
    steps: int  # of optimizers, in this training
