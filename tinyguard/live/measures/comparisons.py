"""Live witness: what predictions are compared with labels, and whether these can ever agree."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from tinyguard.finding import Place
from tinyguard.live.batches import at_hand
from tinyguard.live.loaders import Pass
from tinyguard.live.measures.evaluation import Evaluation
from tinyguard.live.measures.readings import capturing
from tinyguard.live.recorder import Where
from tinyguard.measured.evaluation import LabelsBeyondOutputs, PredictionsKept

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

TIMES = 3  # comparisons that give the same each time
MOST_MADE = 8  # evaluations whose predictions are remembered
MOST_KEPT = 4  # tensors of predictions that are watched
FEW = 10  # samples; so few predictions may be the same as others by chance
WHOLE = frozenset({torch.int32, torch.int64})


class Made(NamedTuple):
    """The predictions of a model in one evaluation."""

    model: weakref.ref[nn.Module]
    number: int
    loader: int
    where: Where
    classes: Tensor  # (samples,) int32
    steps: int  # of the model's optimizers before it


class Kept:
    """A tensor of the program that holds such predictions, and the comparisons with it so far."""

    def __init__(self, tensor: Tensor, labels: Tensor, made: Made) -> None:
        self.tensor = weakref.ref(tensor)
        self.labels = labels.detach().clone()  # that it is compared with
        self.version = tensor._version
        self.made = made
        self.line: Place | None = None
        self.steps = made.steps  # at the last comparison
        self.times = 0  # at this line, with the same labels, and with steps before each


class Comparisons:
    """Looks at `predictions == labels`."""

    def __init__(self, evaluation: Evaluation) -> None:
        evaluation.on_predictions.append(self._made)
        self._latest: dict[tuple[int, int], Made] = {}  # by model and loader
        self._kept: dict[int, Kept] = {}  # by id
        self._beyond: set[int] = set()  # models that were told of

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._loaders = witness.loaders
        self._losses = witness.losses
        self._work = witness.work
        witness.losses.on_equal.append(self._compared)

    def _compared(self, one: Tensor, other: Tensor, *, looking: bool) -> None:
        for predictions, labels in ((one, other), (other, one)):
            if predictions.dtype in WHOLE and predictions.dim() == 1:
                self._again(predictions, labels)
                if looking and predictions.shape == labels.shape:
                    self._reach(predictions, labels)

    # --- labels that no output stands for -----------------------------------------------------------------------------

    def _reach(self, predictions: Tensor, labels: Tensor) -> None:
        samples = self._loaders.target_samples(labels) if labels.dtype in WHOLE and labels.numel() else None
        passed = self._loaders.latest
        if samples is None or passed is None or len(passed.models) != 1 or passed.samples != samples:
            return
        (use,) = passed.models.values()
        if use.outputs is None or use.model in self._beyond or not (at_hand(labels) and at_hand(predictions)):
            return
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high < use.outputs or int(predictions.max()) >= use.outputs or int(predictions.min()) < 0:
            return
        self._beyond.add(use.model)
        self._recorder.emit(
            LabelsBeyondOutputs,
            model=use.model,
            outputs=use.outputs,
            high=high,
            beyond=int((labels >= use.outputs).sum()),
            labels=labels.numel(),
            loader=passed.loader,
            samples=samples,
        )

    # --- predictions that are compared again and again ----------------------------------------------------------------

    def _made(self, model: nn.Module, passed: Pass, where: Where, classes: Tensor) -> None:
        if len(classes) < FEW or int(classes.min()) == int(classes.max()):
            return
        number = self._recorder.numbers.of(model)
        made = Made(weakref.ref(model), number, passed.loader, where, classes, self._work.on(model).steps)
        self._latest.pop((number, passed.loader), None)
        self._latest[number, passed.loader] = made
        while len(self._latest) > MOST_MADE:
            del self._latest[next(iter(self._latest))]
        self._losses.lengths = frozenset(len(one.classes) for one in self._latest.values())

    def _again(self, tensor: Tensor, labels: Tensor) -> None:
        if len(tensor) not in self._losses.lengths or tensor.is_inference() or labels.shape != tensor.shape:
            return
        kept = self._kept.get(id(tensor))
        version = tensor._version
        if kept is None or kept.tensor() is not tensor or kept.version != version:
            made = self._which(tensor)
            if made is None:
                return
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            kept = self._kept[id(tensor)] = Kept(tensor, labels, made)
        made, model = kept.made, kept.made.model()
        if model is None or self._latest.get((made.number, made.loader)) is not made:
            return  # it was evaluated again: these are kept on purpose
        steps, (line, via) = self._work.on(model).steps, self._recorder.here()
        if steps == kept.steps or kept.times >= TIMES:
            return
        same = line == kept.line and torch.equal(kept.labels, labels.detach())
        kept.times = kept.times + 1 if same else 1
        kept.line, kept.steps, kept.labels = line, steps, labels.detach().clone()
        if kept.times < TIMES:
            return
        self._recorder.emit(
            PredictionsKept,
            (line, via),
            model=made.number,
            loader=made.loader,
            made=made.where[0],
            samples=len(tensor),
            times=kept.times,
            steps=steps - made.steps,
        )

    def _which(self, tensor: Tensor) -> Made | None:
        if not at_hand(tensor) and (not self._recorder.affordable or capturing(tensor)):
            return None
        classes = tensor.detach().cpu().int()
        return next((made for made in self._latest.values() if torch.equal(made.classes, classes)), None)
