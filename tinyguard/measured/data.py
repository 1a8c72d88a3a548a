"""Measured of data sets, loaders and their batches while a program runs."""

from __future__ import annotations

from typing import NamedTuple

from tinyguard.events import Measured, ModelUse, Samples
from tinyguard.finding import Place


class LabelsOutOfRange(Measured):
    """A loss is given labels that its input has no place for; place is the loss. Told before torch raises."""

    criterion: str
    low: float  # the least and the greatest label of the batch, those aside that are to be ignored
    high: float
    outside: int  # labels out of range, of `labels`
    labels: int
    classes: int | None  # the class numbers wanted are 0 to classes - 1; None: numbers from 0 to 1 are wanted
    only: float | None = None  # the one value that is out of range; None: there are several
    models: tuple[ModelUse, ...] = ()
    loader: int | None = None


class LabelsAlike(Measured):
    """The labels of a loader come class by class, or are all the same; place is where it is drawn from.

    Told at the second batch when the labels that the data set holds are in that order, with the numbers of all batches;
    else once the third class has come, or when the pass is over.
    """

    loader: int
    samples: Samples
    distinct: int  # labels seen; each came in one stretch
    label: int  # the first of them
    seen: int  # samples
    batches: int
    single: int  # batches with one label only
    whole: bool  # a pass from the beginning to the end
    used: bool | None  # losses were given such labels; None: no loss of class numbers was computed
    parts: int = 0  # 1: the loader's data set is a subset; 2: a subset of a subset ...
    whole_size: int = 0  # samples of what it is a subset of


class BatchesRepeated(Measured):
    """A training draws the same batches again and again from a loader that has others; place is where it draws."""

    loader: int
    samples: Samples
    how: str  # "first": each time the first of a new pass; "order": passes in one order; "replay": by itertools.cycle
    times: int  # so often so far
    batches: int  # that the loader has
    batch_size: int | None = None
    shuffle: bool = False


class SamplesLeftOut(Measured):
    """A loader's sampler has weights for the first samples of its data set only; place is where it is drawn from."""

    loader: int
    samples: Samples
    weights: int  # the samples that it can draw
    size: int  # samples of the data set


class Normalisation(NamedTuple):
    """What a transform `Normalize` subtracts and divides by, for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class TransformsRead(Measured):
    """The transforms of a loader's data set, at its first pass; place is where it is drawn from."""

    loader: int
    samples: Samples
    normalisations: tuple[Normalisation, ...]  # one after the other


class InputsUnscaled(Measured):
    """The first layer of a model that is trained gets pictures whose values are whole numbers as in a file, to 255.

    Place is the forward pass; the first time for each model.
    """

    model: int
    low: float
    high: float
    layer: str  # "Conv2d"
    normalises: bool  # the model has layers that bring values to a scale, as batch norm
    loader: int | None = None


class InputsNormalisedAgain(Measured):
    """The first layer of a model gets the values of a batch, which a transform has normalised, normalised once more.

    Place is the forward pass; the first time for each model.
    """

    model: int
    loader: int
    normalisation: Normalisation
    low: float  # of the batch, as it was drawn
    high: float
    low_after: float  # as the layer gets it
    high_after: float


class InputsMeasured(Measured):
    """The scale of a loader's inputs, over the samples of its first pass; place is where it is drawn from."""

    loader: int
    samples: Samples
    count: int  # samples
    means: tuple[float, ...]  # of each channel or feature; of many features, some
    deviations: tuple[float, ...]


class InputsRepeated(Measured):
    """A model in training mode got the same inputs in each of the last steps; place is its forward pass."""

    model: int
    times: int


class LabelsOfOtherLoader(Measured):
    """A loss compares outputs for the batch of one loader with labels from another one, and each has its own order.

    Place is the loss.
    """

    loader: int  # of the inputs
    labels: int  # the loader of the labels
    size: int  # samples of each


class SamplesShared(Measured):
    """Two loaders give samples of which some are the same; place is where the later of them is drawn from."""

    loader: int
    other: int
    shared: int  # samples
    size: int  # samples of `loader` that were compared
    other_size: int
    how: str  # "indices": both are parts of one data set; "content": the same inputs were drawn from both
    split: Place | None = None  # of "content": the statement that parted their data, where the text tells


class LabelsChanged(Measured):
    """Inputs of a loader came again in a later pass, each with one class number, and many with another than before."""

    loader: int
    samples: Samples
    seen: int  # inputs that came again
    changed: int  # of them with another label
    by_chance: float  # the share of them that would change if labels were drawn for inputs at random


class CopiesDisagree(Measured):
    """Most samples of a loader come several times in one pass, with labels that agree no more often than by chance.

    Place is where the loader is drawn from.
    """

    loader: int
    samples: Samples
    seen: int  # inputs that came again in the pass
    changed: int  # of them with another label than at first
    by_chance: float  # the share of them that would have another if labels were drawn for inputs at random


class InputsVary(Measured):
    """A loader that is evaluated gives other inputs in each pass, for the same labels in the same order.

    Place is where it is drawn from. Its data set and that of a loader that is trained on share one `transform`.
    """

    loader: int
    samples: Samples
    trained: int  # the other loader
    transform: str  # its class, or the name of the function
    compared: int  # samples


class ClassesReordered(Measured):
    """The data sets of a training and of an evaluation have the same classes and give them other numbers.

    As their `class_to_idx` says. Place is where the evaluated loader is drawn from.
    """

    loader: int
    trained: int  # the loader of the training
    name: str  # a class
    number: int  # in the evaluation
    trained_number: int
    moved: int  # classes with another number, of `classes`
    classes: int


class GeneratorCopied(Measured):
    """A data set that is read by workers draws random numbers from a generator that it holds: each worker has a copy.

    Place is where the loader is drawn from, at its first pass.
    """

    loader: int
    samples: Samples
    attribute: str  # "self.rng"
    kind: str  # "numpy.random.Generator", "random.Random" ...
    method: str  # that uses it: "Pictures.__getitem__"
    workers: int
    persistent: bool  # the workers live on from pass to pass


class LoaderAwaited(Measured):
    """A training spends most of its time waiting for the next batch; place is the loop that draws it."""

    loader: int
    samples: Samples
    steps: int  # batches that were waited for; the first ones of passes, when workers start, do not count
    waited_s: float  # from asking for a batch to getting it, while no work was left for the GPU
    wall_s: float  # of these steps, all in all
    workers: int
    cores: int  # that this process may use
    batch_size: int | None = None


class OrderRepeated(Measured):
    """A pass that trains has the order of the one before: the epoch of its DistributedSampler was not set.

    Place is the loop that draws.
    """

    loader: int
    epoch: int
