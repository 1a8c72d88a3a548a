"""Live witness: how many samples a model classifies correctly in a pass over a loader that trains nothing."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tinyguard.live.forwards import listen
from tinyguard.live.loaders import Addresses, Pass, address, addresses
from tinyguard.live.modules import tensors_in
from tinyguard.live.recorder import Where
from tinyguard.measured.evaluation import EvaluationMeasured

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_SAMPLES = 200_000  # of one pass; what comes behind them is not counted
MOST_EVENTS = 1000  # in one session


class Tally:
    """The predictions of one model in one pass."""

    def __init__(self, model: nn.Module, classes: int) -> None:
        self.model = weakref.ref(model)
        self.classes = classes
        self.training = model.training
        self.predicted: list[Tensor] = []  # (batch,) each, ours, where the model computed them
        self.labels: list[Tensor] = []
        self.sums: list[Tensor] = []  # of all outputs of a batch
        self.counted = 0  # the batch that was counted last
        self.samples = 0
        self.moved = False


class Measuring:
    """A pass over a loader, as long as it may be an evaluation."""

    def __init__(self, where: Where) -> None:
        self.where = where
        self.batch = 0
        self.trains = False  # it is none
        self.addresses: Addresses = {}  # of the tensors of this batch
        self.labels: Tensor | None = None  # of this batch, until the next is drawn
        self.tallies: dict[int, Tally] = {}


class Evaluation:
    """Looks at the outputs of whole models while a loader is being drawn from and nothing is trained on its batches.

    The labels are those of the batch that was drawn last, whatever is done with them. Nothing is asked of the device
    before the pass is over.
    """

    def __init__(self) -> None:
        self.on_predictions: list[Callable[[nn.Module, Pass, Where, Tensor], None]] = []

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._loaders = witness.loaders
        self._passes: dict[int, Measuring] = {}  # by loader
        self._work = witness.work
        self._told = self._depth = 0
        self._end: Callable[[], None] | None = None  # listens to forward passes no longer
        observer = self._recorder.observer
        self._entered, self._left = observer(self._enter), observer(self._leave)
        witness.loaders.on_start.append(self._start)
        witness.optimizers.on_step.append(self._stepped)
        witness.loaders.on_pass.append(self._over)
        witness.undo_with(self._rest)

    # --- a pass -------------------------------------------------------------------------------------------------------

    def _start(self, _loader: Any, passed: Pass) -> None:
        passed.readers.append(self._drawn)

    def _drawn(self, passed: Pass, batch: Any) -> bool:
        measuring = self._passes.get(passed.loader)
        if measuring is None:
            if self._told >= MOST_EVENTS or self._trains(passed.loader):
                return False
            if not self._recorder.affordable:
                return True
            measuring = self._passes[passed.loader] = Measuring(self._recorder.here())
        elif measuring.trains or self._trains(passed.loader):
            self._drop(measuring)
            return False
        self._listen()
        measuring.batch += 1
        measuring.labels = _labels(batch)
        measuring.addresses = addresses(batch)
        return True

    def _drop(self, measuring: Measuring) -> None:
        if not measuring.trains:
            measuring.trains, measuring.labels = True, None
            measuring.tallies.clear()
            self._rest()

    def _trains(self, loader: int) -> bool:
        passed = self._loaders.passing(loader)
        return passed is not None and (passed.backward or bool(passed.stepped))

    def _stepped(self, _optimizer: Optimizer) -> None:
        """Something is trained: whoever has drawn a batch to look at, and keeps the iterator, evaluates nothing now."""
        if self._end is not None:
            self._rest()
            for measuring in self._passes.values():
                measuring.labels = None

    def _over(self, passed: Pass) -> None:
        trains = passed.backward or bool(passed.stepped)
        measuring = self._passes.pop(passed.loader, None)
        if measuring is None:
            return
        if not self._passes:
            self._rest()
        if not trains:
            for number, tally in measuring.tallies.items():
                self._tell(passed, measuring.where, number, tally)

    # --- forward passes -----------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        if self._end is None:
            self._depth = 0
            self._end = listen(self._entered, self._left)

    def _rest(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def _enter(self, _module: nn.Module, _inputs: Any) -> None:
        self._depth += 1

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._depth = max(self._depth - 1, 0)
        if self._depth or (module.training and torch.is_grad_enabled()):
            return
        measuring = self._behind(inputs)
        if measuring is not None and measuring.labels is not None:
            self._count(module, output, measuring, measuring.labels)

    def _behind(self, inputs: Any) -> Measuring | None:
        """The pass whose batch this is; moved to another device, the one that is being drawn from."""
        given = list(tensors_in(inputs))
        for measuring in self._passes.values():
            if any(address(tensor, measuring.addresses) is not None for tensor in given):
                return measuring
        drawing = self._loaders.drawing
        return self._passes.get(drawing[0]) if len(drawing) == 1 else None

    def _count(self, module: nn.Module, output: Any, measuring: Measuring, labels: Tensor) -> None:
        scores = next((tensor for tensor in tensors_in(output) if tensor.dim() == 2), None)
        if scores is None or not scores.is_floating_point() or type(scores) is not Tensor:
            return
        samples, classes = scores.shape
        if classes < 2 or samples != labels.shape[0]:
            return
        number = self._recorder.numbers.of(module)
        tally = measuring.tallies.setdefault(number, Tally(module, classes))
        if tally.counted == measuring.batch or tally.classes != classes or tally.samples >= MOST_SAMPLES:
            return
        tally.counted = measuring.batch
        tally.samples += samples
        tally.moved = scores.device != labels.device
        scores = scores.detach()
        tally.predicted.append(scores.argmax(1).int())
        tally.sums.append(scores.sum(dtype=torch.float64 if scores.device.type != "mps" else torch.float32))
        tally.labels.append(labels.detach().reshape(-1).int() if labels.dtype != torch.int32 else labels.clone())

    # --- the result ---------------------------------------------------------------------------------------------------

    def _tell(self, passed: Pass, where: Where, number: int, tally: Tally) -> None:
        model = tally.model()
        on_cpu = tally.predicted[0].device.type == "cpu" if tally.predicted else True
        if not tally.predicted or model is None or not (on_cpu or self._recorder.affordable):
            return
        predicted, labels = torch.cat(tally.predicted).cpu(), torch.cat(tally.labels).cpu()
        for act in self.on_predictions:
            act(model, passed, where, predicted)
        if int(labels.min()) < 0 or int(labels.max()) >= tally.classes:
            return  # labels of something else, or some that are to be ignored
        predictions, of_labels = torch.bincount(predicted), torch.bincount(labels)
        own, everything = self._work.on(model), self._work.all
        self._told += 1
        self._recorder.emit(
            EvaluationMeasured,
            where,
            model=number,
            parameters=self._recorder.leaves(model.parameters()),
            training=tally.training,
            loader=passed.loader,
            samples=passed.samples,
            count=len(labels),
            correct=int((predicted == labels).sum()),
            classes=tally.classes,
            predicted=int((predictions > 0).sum()),
            prediction=int(predictions.argmax()),
            labels=int((of_labels > 0).sum()),
            largest=int(of_labels.max()),
            output_sum=float(torch.stack(tally.sums).sum()),
            moved=tally.moved,
            steps=own.steps,
            epochs=own.epochs,
            steps_of_all=everything.steps,
            epochs_of_all=everything.epochs,
        )


def _labels(batch: Any) -> Tensor | None:
    """The last tensor of a batch, when it can hold a class number for each sample."""
    last: Tensor | None = None
    for several, tensor in enumerate(tensors_in(batch)):
        last = tensor if several else None
    whole = last is not None and not (last.is_floating_point() or last.is_complex() or last.dtype is torch.bool)
    return last if whole and last is not None and last.dim() == 1 and type(last) is Tensor else None
