"""Measured of models and their weights while a program runs."""

from __future__ import annotations

from tinyguard.events import Measured, Parameters
from tinyguard.finding import Place


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
