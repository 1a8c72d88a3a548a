"""What happened in a training: the events that both witnesses write and rules read.

Events are fat: a witness writes down, at that moment, everything rules ask of it. Objects (models, optimizers,
loaders ...) are plain numbers, given at construction and never reused. `None` in a field means "not known" and equals
nothing: a rule that meets it returns early.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from tinyguard.finding import Place
from tinyguard.record import Record

Fact = tuple[Hashable, bool]  # an undecided condition, and how it was taken


class Parameters(NamedTuple):
    """A set of numbered parameter leaves that knows whether it is all of them."""

    leaves: frozenset[int] = frozenset()
    complete: bool = True

    def overlaps(self, other: Parameters) -> bool:
        return not self.leaves.isdisjoint(other.leaves)

    def disjoint(self, other: Parameters) -> bool:
        """Certainly nothing in common: true only of two complete sets that are not empty."""
        return (
            self.complete
            and other.complete
            and bool(self.leaves)
            and bool(other.leaves)
            and self.leaves.isdisjoint(other.leaves)
        )

    def union(self, other: Parameters) -> Parameters:
        return Parameters(self.leaves | other.leaves, self.complete and other.complete)


class Samples(Record):
    """What is known of the data behind a data set or a loader."""

    kind: str = ""  # "CIFAR10", "ImageFolder", "TensorDataset", the user's class; "" unknown
    split: str | None = None  # "train", "validation" or "test"
    evidence: str = ""  # what tells the split: "train=False", "folder 'val'", "its name `test_loader`"
    size: int | None = None  # samples
    classes: int | None = None
    labels: int | None = None  # distinct class numbers that it holds, when these are 0, 1, 2 ...; only a run tells
    root: str | None = None  # the folder it is read from
    augmentation: tuple[str, ...] = ()  # its random transforms: ("RandomCrop", "RandomHorizontalFlip")
    class_order: str | None = None  # "sorted", or where else the order of class numbers comes from
    rearranged: bool = False  # the program moves, renames or links files, or reads val_annotations.txt
    sources: frozenset[int] = frozenset()  # the data sets it was made of (subsets and splits: their origin)


class ModelUse(Record):
    """A model as it was when the forward pass of this graph ran."""

    model: int
    training: bool | None  # its mode at its forward
    mode_matters: bool | None  # has dropout or batch norm, which differ between modes
    parameters: Parameters
    pretrained: bool | None = None
    outputs: int | None = None  # the width of its last layer, when that is the number of classes
    grad: bool = True  # forward ran with gradients enabled


class Activation(NamedTuple):
    """The activation last applied to a tensor, with nothing but shape changes since."""

    name: str  # "softmax", "log_softmax", "sigmoid", "logsigmoid"
    place: Place | None


class Event(Record):
    """Something that happened."""

    place: Place  # the innermost line of the user's that did it
    via: tuple[Place, ...] = ()  # the user's calls that led there, outermost first
    facts: frozenset[Fact] = frozenset()  # undecided conditions under which it happened; none live

    @property
    def decision(self) -> Place:
        """The outermost line: where the user asked for it."""
        return self.via[0] if self.via else self.place

    def parting(self, other: Event) -> Place:
        """The outermost line that led here and not to `other`: where the ways of the two part.

        After `model.eval()` in one cell and `train(model)` in the next, the step inside `train` parts at the call of
        `train`; when one function does both, at the step itself.
        """
        theirs = (*other.via, other.place)
        for depth, line in enumerate((*self.via, self.place)):
            if depth >= len(theirs) or line != theirs[depth]:
                return line
        return self.place

    @property
    def cell(self) -> Place:
        """The cell that was run; a script's outermost file where there is no cell."""
        way = (*self.via, self.place)
        outermost = next((place for place in way if place.cell is not None), way[0])
        return Place(outermost.path, outermost.cell)


# --- execution state -------------------------------------------------------------------------------------------------


class CellExecuted(Event):
    count: int | None  # In [count]; None: never run, or not recorded
    order: int  # 1, 2, 3 ... in the order being followed


class NameBound(Event):
    """A name of the notebook (or of a function's frame) now means this object."""

    name: str
    object: int
    local: bool = False  # a name within a function or an attribute, not one of the notebook's own


class Definition(Record):
    """One binding of a name, in one execution of a cell."""

    place: Place
    count: int | None


class NameRead(Event):
    """A cell reads a name that differs between the recorded order and Restart & Run All; place is the read.

    One cause is told once: `also` are further names, `readers` further cells that read them, `definitions` further
    definitions of which the same is true.
    """

    name: str
    found: Definition | None  # what the recorded order gives; None: nothing, or what an earlier run had bound
    on_restart: Definition | None  # what running all cells from the top gives; None: nothing
    later: Definition | None = None  # a cell below that binds the name
    deleted: Place | None = None  # a `del` above that takes the name away
    count: int | None = None  # execution count of the cell that reads it
    also: tuple[str, ...] = ()
    readers: tuple[Definition, ...] = ()
    definitions: tuple[Definition, ...] = ()
    builtin: bool = False


class ObjectStale(Event):
    """A name still holds what was built from an earlier definition of another name; place is where it was built."""

    name: str
    count: int  # when it was built
    source: str  # the name that it was built from
    rerun: Definition  # the later run that bound `source` again
    used: Place  # where the stale name is used after that
    used_count: int


class CellRepeated(Event):
    """A cell that changes its own input ran after a cell that uses the result, perhaps again; place is the change."""

    name: str
    change: str  # as the user wrote it: "x = x / 255"
    count: int
    source: Definition  # the cell that gave it its input, and was not run in between
    consumer: Place  # a cell below that had used the result before
    consumer_count: int


class CountsUnsorted(Event):
    """A cell ran after one that stands below it; place is the cell above. As far as names tell, nothing differs."""

    count: int
    below: Definition  # the next executed cell, and its count


class CellPassedOver(Event):
    """A cell was not run, cells below it were. As far as names tell, nobody needed it; place is the cell."""

    cells: tuple[Place, ...] = ()  # further ones, when they are many
    below: Definition  # the next executed cell, and its count


class KernelRestarted(Event):
    """Between two executed cells the kernel's memory was emptied; place is the first cell known to run after it."""

    lost: Mapping[str, Place]  # names bound before the restart and not since, with the cell that binds them
    reads: Mapping[str, Place] = {}  # where each of them is first read after the restart
    counts: tuple[int, ...] = ()  # the execution counts that prove it
    rebuild: tuple[Place, ...] = ()  # all cells to run again, in this order; empty: not known


# --- data ------------------------------------------------------------------------------------------------------------


class DatasetBuilt(Event):
    dataset: int
    samples: Samples


class LoaderBuilt(Event):
    loader: int
    samples: Samples
    dataset: int | None = None
    shuffle: bool | None = None
    sampler: bool = False  # a sampler or batch sampler decides the order
    batch_size: int | None = None
    batch_size_at: Place | None = None  # where its value is written
    drop_last: bool | None = None


class BatchDrawn(Event):
    loader: int
    samples: Samples


class PassEnded(Event):
    """One pass over a loader is over; place is the loop."""

    loader: int
    samples: Samples
    models: tuple[ModelUse, ...] = ()  # whose forward the batches went into
    backward: bool = False  # a loss of these batches was differentiated
    stepped: tuple[int, ...] = ()  # the optimizers that stepped on them
    measured: bool = False  # a loss or a comparison with the labels was computed


# --- model -----------------------------------------------------------------------------------------------------------


class ModelBuilt(Event):
    model: int
    parameters: Parameters
    kind: str = ""  # its class: "Net", "resnet18"
    pretrained: bool | None = None
    mode_matters: bool | None = None
    in_forward: bool = False  # during the forward pass of another


class ModeSet(Event):
    model: int
    training: bool | None
    models: tuple[int, ...] = ()  # the children whose mode changed with it


# --- loss and gradient -----------------------------------------------------------------------------------------------


class LossComputed(Event):
    criterion: str  # torch.nn.functional's name: "cross_entropy", "nll_loss", "binary_cross_entropy_with_logits" ...
    criterion_built: Place | None = None
    activation: Activation | None = None  # last applied to its input; None: none, when `input_known`
    layer: str = ""  # the layer whose output its input is, shape changes aside: "Linear", "ReLU"; "" not known
    input_known: bool = False  # where the input came from was seen whole
    outputs: int | None = None  # width of the input's class dimension
    classes: int | None = None  # classes of the data set that the targets came from
    samples: Samples | None = None
    models: tuple[ModelUse, ...] = ()


class BackwardRan(Event):
    reaches: Parameters
    models: tuple[ModelUse, ...] = ()
    loader: int | None = None
    samples: Samples | None = None
    loss: Place | None = None  # where the loss was computed
    criterion: str = ""


class DimensionGuessed(Event):
    """A function that works along a dimension was not told which; the first time at this place."""

    function: str  # "softmax", "LogSoftmax"


class GradientsCleared(Event):
    parameters: Parameters
    by: str = ""  # "optimizer.zero_grad()" and the like, as the user wrote it


class GradientsSet(Event):
    """Gradients were written by hand: `p.grad = g`, `p.grad += g`, or asked of torch.autograd.grad."""

    parameters: Parameters


class GraphKept(Event):
    """A value that holds on to its autograd graph is kept beyond its step."""

    name: str  # the variable or attribute that keeps it
    how: str = "append"  # "append", "+=", "assignment"


# --- measured while it runs ------------------------------------------------------------------------------------------


class Measured(Event):
    """Numbers of a running training; nobody reads them off the source."""


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


class ParametersHidden(Measured):
    """A model keeps trainable parameters where `parameters()` does not find them; place is where its class puts them.

    Whether they are used, and whether an optimizer got them all the same, other events tell.
    """

    model: int
    registered: Parameters  # what `parameters()` finds
    attribute: str  # "layers", "encoder.blocks"
    container: str  # "list", "dict", "tuple"
    parameters: Parameters
    numbers: int  # weights in them


class OrderRepeated(Measured):
    """A pass that trains has the order of the one before: the epoch of its DistributedSampler was not set.

    Place is the loop that draws.
    """

    loader: int
    epoch: int


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


class TieBroken(Measured):
    """Layers that shared a parameter have one each; place is the `load_state_dict`, or the first forward after it."""

    model: int
    names: tuple[str, ...]  # "embedding.weight", "head.weight"
    sides: tuple[Parameters, ...]  # the parameters that they have now
    how: str  # "load_state_dict"; empty: nobody saw it
    one_memory: bool = False  # they are several parameters, whose numbers are the same memory


class AverageStale(Measured):
    """A model that is called an average of another is used without gradients after a training, and has not changed
    since the training began, though the other has; place is its call."""

    model: int
    path: str  # "ema.shadow"
    of: int  # the model that was trained
    steps: int  # of all optimizers since it was seen first


class DropoutLeftOn(Measured):
    """A model in eval mode drops at random: the function was called without `training`; place is the call."""

    model: int
    kind: str  # the class of the innermost module whose forward runs
    function: str  # "dropout"
    share: float  # that it drops


class SamplesMixed(Measured):
    """In a forward pass of a whole model, something ran along the samples of the batch; place is its call.

    The batch is one of a loader, and the model's output has a row for each sample of it.
    """

    model: int
    samples: int  # in the batch
    loader: int
    how: str  # "softmax", "recurrence", "attention", "batch norm"
    layer: str  # the class of the layer, or the name of the function
    shape: tuple[int, ...]  # of what it was given
    training: bool  # the mode of the model


class WeightsNotKept(Measured):
    """Weights that were put aside as a reference to those of the model are used again, after steps have changed them.

    Place is where they are loaded or saved.
    """

    model: int
    taken: Place  # where `state_dict()` was called
    steps: int  # of the model's optimizers since
    steps_before: int
    how: str  # "load_state_dict": into the model that they are of; "torch.save"


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


# --- optimizer -------------------------------------------------------------------------------------------------------


class OptimizerBuilt(Event):
    optimizer: int
    parameters: Parameters
    kind: str = ""  # "SGD", "Adam"
    lr: float | None = None
    settings: Mapping[str, Any] = {}  # the other constant arguments: weight_decay, momentum ...


class OptimizerStepped(Event):
    optimizer: int
    parameters: Parameters
    after_gap: bool = False  # steps before it were not written down: what gradients it had, nobody knows


class SchedulerBuilt(Event):
    scheduler: int
    optimizer: int | None
    kind: str = ""


class SchedulerStepped(Event):
    scheduler: int
    optimizer: int | None


# --- configuration ---------------------------------------------------------------------------------------------------


class SeedSet(Event):
    library: str  # "torch", "numpy", "random", "lightning"
    value: int | None = None


class Number(Record):
    """A number of the configuration and where it is written."""

    value: int | float | None
    place: Place | None = None  # where it is written: the literal, the entry of the config dict
    name: str = ""  # how the user calls it: "num_epochs", "config['num_epochs']"


class TrainingPlanned(Event):
    """The loop over the epochs of one training; place is the loop, `decision` the call that asked for it."""

    epochs: Number
    models: tuple[ModelUse, ...] = ()
    optimizers: tuple[int, ...] = ()
    loader: int | None = None
    samples: Samples | None = None
    batch_size: int | None = None
    evaluated: tuple[int, ...] = ()  # the loaders evaluated within it
    functions: tuple[str, ...] = ()  # the user's functions on the way, outermost first: "smoke_test", "fit"


class SettingIgnored(Event):
    """A call gives a constant for what the configuration names otherwise, and nobody reads that entry."""

    name: str  # the parameter
    value: Any  # what the call gives
    configured: Any  # what the configuration says
    configured_at: Place
    configured_as: str  # "config['num_epochs']"
    function: str = ""


class MetricReported(Event):
    """A number that an output, a history or a log reports; place is the cell that printed it.

    Live a history is a dict of the notebook's, whether or not it is printed.
    """

    name: str  # "test accuracy", "train loss": split and kind as far as the text tells them
    kind: str  # "accuracy" (fraction of 1) or "loss"
    value: float  # nan when it is not finite
    split: str | None = None  # "train", "validation" or "test"
    epoch: int | None = None  # counts from 1
    source: str = "output"  # "output", "history", "log"
    text: str = ""  # the line it was read from
    classes: int | None = None  # as far as the notebook tells
    samples: int | None = None  # how many it was measured on, where the text says so
    plain: bool = True  # False: of something else than the model's one loss or accuracy ("d loss", "mask accuracy")


# --- ends ------------------------------------------------------------------------------------------------------------


class Escaped(Event):
    """Tracked objects were handed to code that cannot be read: rules of absence fall silent about them."""

    objects: tuple[int, ...]
    to: str = ""


class RunEnded(Event):
    """Nothing comes after it. Rules of absence speak here."""

    complete: bool  # False: the budget was spent, or parts of the program could not be read
