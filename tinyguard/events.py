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
    """Numbers of a running training, in the modules of `tinyguard.measured`; nobody reads them off the source."""


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
