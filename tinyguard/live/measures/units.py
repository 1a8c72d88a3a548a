"""Live witness: units of ReLU layers that are zero for every sample, read off the graphs of some backward passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from tinyguard.live.graph import FORM, root_of
from tinyguard.live.measures.checkpoints import Checkpoints
from tinyguard.live.measures.saved import saved
from tinyguard.live.recorder import Recorder
from tinyguard.measured.training import UnitsMeasured

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

BATCHES = 4  # that one look takes
APART = 8  # backward passes from the end of a look to the beginning of the next
MOST_LAYERS = 500
MOST_NODES = 5_000
MOST_UNITS = 65_536  # of a layer
MOST_TOLD = 3  # events of each layer
FEW = 0.5  # share of dead units that is worth an event

# What a layer with units is made of: (operation, dimension of its units). A ReLU of something else may be a loss.
LAYERS = {
    "AddmmBackward0": -1,
    "MmBackward0": -1,
    "NativeLayerNormBackward0": -1,
    "ConvolutionBackward0": 1,
    "NativeBatchNormBackward0": 1,
    "CudnnBatchNormBackward0": 1,
    "MiopenBatchNormBackward0": 1,
}


class Look(NamedTuple):
    """The units of a layer over a few batches."""

    alive: Tensor  # bool, one for each unit: it was above zero for some sample
    batches: int
    samples: int


class Layer:
    """What is known of the ReLU behind one parameter."""

    def __init__(self) -> None:
        self.now: Look | None = None
        self.last: Look | None = None  # the look before
        self.rest_until = 0  # backward passes
        self.told = 0


class Units:
    """Looks at the first batches of what is new and again at ever rarer ones, a few in a row.

    What the forward pass saved for the gradient of a ReLU is its output: no hook is needed, and one that stands in the
    `forward` is seen as well as a module.
    """

    def __init__(self) -> None:
        self._layers: dict[int, Layer] = {}  # by number of the nearest parameter
        self._passes = 0
        self._due = Checkpoints(first=BATCHES + APART, growth=1.5)
        self._from, self._until = 0, 0

    def attach(self, witness: Witness) -> None:
        self._recorder: Recorder = witness.recorder
        self._attention = witness.attention
        self._names = witness.names
        witness.optimizers.on_backward.append(self._look)

    def _look(self, loss: Any, _loaders: tuple[int, ...]) -> None:
        self._passes += 1
        if self._due(self._passes):
            self._from, self._until = self._passes, max(self._until, self._passes + BATCHES)
        if not (self._attention.open or self._from <= self._passes < self._until) or not self._recorder.affordable:
            return
        if isinstance(loss, Tensor) and (root := root_of(loss)) is not None:
            for parameter, units, samples in rectified(root):
                self._add(parameter, units, samples)

    def _add(self, parameter: Tensor, alive: Tensor, samples: int) -> None:
        number = self._recorder.numbers.of(parameter)
        layer = self._layers.get(number)
        if layer is None:
            if len(self._layers) >= MOST_LAYERS:
                del self._layers[next(iter(self._layers))]
            layer = self._layers[number] = Layer()
        if self._passes < layer.rest_until or layer.told >= MOST_TOLD:
            return
        now = layer.now
        if now is not None and now.alive.shape != alive.shape:
            layer.now = layer.last = None  # several ReLUs behind one parameter
            layer.told = MOST_TOLD
            return
        layer.now = Look(alive, 1, samples) if now is None else Look(now.alive | alive, now[1] + 1, now[2] + samples)
        if layer.now.batches == BATCHES:
            self._over(number, parameter, layer, layer.now)

    def _over(self, number: int, parameter: Tensor, layer: Layer, look: Look) -> None:
        before, layer.last, layer.now = layer.last, look, None
        layer.rest_until = self._passes + APART
        units = look.alive.numel()
        if before is None:
            if units - int(look.alive.sum()) > FEW * units:  # then it is looked at again soon
                self._from, self._until = layer.rest_until, layer.rest_until + BATCHES
            return
        dead = units - int((look.alive | before.alive).sum())
        if dead > FEW * units:
            layer.told += 1
            self._recorder.emit(
                UnitsMeasured,
                layer=self._names.parameters().get(id(parameter), ""),
                parameter=number,
                units=units,
                dead=dead,
                batches=look.batches + before.batches,
                samples=look.samples + before.samples,
                step=self._passes,
            )


def rectified(root: Any) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Of each ReLU behind a layer: the layer's parameter, which units are above zero for some sample, and the samples.

    A position of a sequence or an image counts as a sample.
    """
    seen, queue = {root}, [root]
    for node in queue:
        if node.name() == "ReluBackward0":
            found = _units(node)
            if found is not None:
                yield found
        for following, _ in node.next_functions:
            if following is not None and following not in seen and len(seen) < MOST_NODES:
                seen.add(following)
                queue.append(following)


def _units(node: Any) -> tuple[Tensor, Tensor, int] | None:
    layer = node.next_functions[0][0]
    while layer is not None and layer.name() in FORM and layer.next_functions:
        layer = layer.next_functions[0][0]
    dimension = LAYERS.get(layer.name()) if layer is not None else None
    output = saved(node, "_saved_result")
    if dimension is None or not isinstance(output, Tensor) or output.dim() < 2:
        return None
    parameter = _parameter(layer)
    units = output.shape[dimension]
    if parameter is None or not 0 < units <= MOST_UNITS or not output.numel():
        return None
    with torch.no_grad():
        others = [index for index in range(output.dim()) if index != dimension % output.dim()]
        alive = (output != 0).sum(dim=others) > 0  # NaN is not dead, it is another matter
    return parameter, alive, output.numel() // units


def _parameter(layer: Any) -> Tensor | None:
    """The first parameter of a layer; a cast or a transposition may stand between."""
    for node, _ in layer.next_functions:
        while node is not None and node.name() in FORM and node.next_functions:
            node = node.next_functions[0][0]
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            return variable
    return None
