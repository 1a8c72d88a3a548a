"""Static witness, ground: the values of the pretend torch. Tensors are what went into them."""

from __future__ import annotations

from typing import Any

from tinyguard.events import Activation, ModelUse, Parameters, Samples
from tinyguard.finding import Place
from tinyguard.program.values import Class, Instance, Object, Parts, Value


class Graph:
    """The autograd graph of one forward pass: `used` once a backward has gone through it."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = False


class Tensor(Value):
    """A tensor is what went into it. Immutable; a batch of a loader is one, too."""

    __slots__ = ("__dict__", "key")
    key: Any  # of the condition "this is true"; not handed on by `with_`

    def __init__(
        self,
        reaches: frozenset[int] = frozenset(),
        *,
        complete: bool = True,
        models: tuple[ModelUse, ...] = (),
        loaders: tuple[Any, ...] = (),
        activation: Activation | None = None,
        known: bool = True,
        width: int | None = None,
        loss: tuple[Place, str] | None = None,
        role: str = "",
        grad: bool = False,
        graphs: tuple[Graph, ...] = (),
        layer: str = "",
        length: int | None = None,
    ) -> None:
        self.reaches = reaches  # parameter leaves behind it
        self.complete = complete  # these are all
        self.models = models  # whose outermost forward it went through
        self.loaders = loaders  # whose batches are in it
        self.activation = activation  # applied last, but for changes of shape
        self.known = known  # what was last applied to it was seen
        self.width = width  # of its class dimension
        self.loss = loss  # where it was computed as a loss, and by which function
        self.role = role  # "target" for the labels of a batch
        self.grad = grad  # it has a graph
        self.graphs = graphs
        self.layer = layer  # whose output it is, changes of shape aside: "Linear"
        self.length = length  # of its first dimension

    def with_(self, **changes: Any) -> Tensor:
        twin = Tensor.__new__(Tensor)
        twin.__dict__ = self.__dict__ | changes
        return twin


class Leaves(Value):
    """Parameters as a value: one of `model.parameters()`, all of them, or a hand-made leaf tensor.

    Iterating gives itself, once: what happens to one happens to each.
    """

    __slots__ = ("model", "parameters")

    def __init__(self, parameters: Parameters, model: Model | None = None) -> None:
        self.parameters = parameters
        self.model = model


class Layer:
    """What is known of a kind of module natively: see the tables in `layers`."""

    __slots__ = ("activation", "criterion", "kind", "mode_matters", "opaque", "parameters", "passes", "recurrent")

    def __init__(
        self,
        kind: str,
        *,
        parameters: bool = False,
        mode_matters: bool = False,
        activation: str = "",
        criterion: str = "",
        passes: bool = False,
        recurrent: bool = False,
        opaque: bool = False,
    ) -> None:
        self.kind = kind
        self.parameters = parameters
        self.mode_matters = mode_matters
        self.activation = activation
        self.criterion = criterion
        self.passes = passes  # gives its input back but for shape or dropped entries
        self.recurrent = recurrent  # returns (output, state)
        self.opaque = opaque  # a whole network that we do not look into


class Model(Object):
    """Any nn.Module: one of a user's class (`cls`), a layer, a container, an opaque network.

    `fields`: its attributes; "training"; for a layer with parameters "leaf", its number.
    """

    __slots__ = ("cls", "kind", "layer")

    def __init__(
        self,
        number: int,
        kind: str,
        *,
        cls: Class | None = None,
        layer: Layer | None = None,
        built: Place | None = None,
    ) -> None:
        super().__init__(number, Parts(training=True), built=built)
        self.kind = kind
        self.cls = cls
        self.layer = layer


class Optimizer(Object):
    """`fields`: parameters (Parameters), groups (a List of dicts, made when asked for)."""

    __slots__ = ("kind",)

    def __init__(self, number: int, kind: str, parameters: Parameters, *, built: Place | None = None) -> None:
        super().__init__(number, {"parameters": parameters}, built=built)
        self.kind = kind

    @property
    def parameters(self) -> Parameters:
        return self.fields["parameters"]  # type: ignore[no-any-return]


class Scheduler(Object):
    """`fields`: optimizer (an Optimizer or Unknown)."""

    __slots__ = ()


class Dataset(Object):
    """`fields`: samples (Samples). A data set of a library, or one of a user's class (`instance`)."""

    __slots__ = ("instance",)

    def __init__(self, number: int, samples: Samples, *, built: Place | None = None) -> None:
        super().__init__(number, {"samples": samples}, built=built)
        self.instance: Instance | None = None

    @property
    def samples(self) -> Samples:
        return self.fields["samples"]  # type: ignore[no-any-return]


class Loader(Object):
    """`fields`: samples, dataset, batch_size."""

    __slots__ = ()

    @property
    def samples(self) -> Samples:
        return self.fields["samples"]  # type: ignore[no-any-return]


class Transform(Value):
    """A transform of samples: the random ones in it, and whether all of it was seen."""

    __slots__ = ("augmentation", "known")

    def __init__(self, augmentation: tuple[str, ...] = (), *, known: bool = True) -> None:
        self.augmentation = augmentation
        self.known = known
