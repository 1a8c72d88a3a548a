"""Live witness: inputs from one loader, labels from another, each in an order of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils.data import RandomSampler

from tinyguard.live.graph import Graph
from tinyguard.live.loaders import Addresses, Pass, address, addresses
from tinyguard.live.measures.targets import CLASS_NUMBERS, asked_of
from tinyguard.live.recorder import Use
from tinyguard.measured.data import LabelsOfOtherLoader

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_LOADERS = 1000  # that are remembered


class Pairs:
    """Asks of each loss, while the window is open, which loaders its outputs and its labels come from."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}  # loaders that shuffle by torch's own generator -> how many samples
        self._batches: dict[int, Addresses] = {}  # loader -> its last batch, where that is one tensor
        self._told: set[tuple[int, int]] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._attention = witness.attention
        witness.loaders.on_start.append(self._start)
        witness.losses.before_loss.append(self._look)

    def _start(self, loader: Any, passed: Pass) -> None:
        sampler = getattr(loader, "sampler", None)
        own = isinstance(sampler, RandomSampler) and sampler.generator is None and loader.batch_size is not None
        if own and loader.generator is None and passed.samples.size is not None and len(self._sizes) < MOST_LOADERS:
            self._sizes[passed.loader] = passed.samples.size
        if passed.loader in self._sizes:
            passed.readers.append(self._read)

    def _read(self, passed: Pass, batch: Any) -> bool:
        if not isinstance(batch, Tensor):
            return False
        if self._attention.open:
            self._batches[passed.loader] = addresses(batch)
        return True

    def _look(self, criterion: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if len(self._batches) < 2 or criterion not in CLASS_NUMBERS:
            return
        asked = asked_of(criterion, args, kwargs)
        if asked is None:
            return
        labels = next((loader for loader, known in self._batches.items() if address(asked.target, known)), None)
        if labels is None:
            return
        uses = [tag for tag in Graph(asked.given.grad_fn).tags if isinstance(tag, Use)]
        loaders = {number for use in uses for number in use.loaders}
        if len(loaders) != 1 or not loaders <= self._batches.keys() or labels in loaders:
            return
        loader = loaders.pop()
        if self._sizes[loader] == self._sizes[labels] and (loader, labels) not in self._told:
            self._told.add((loader, labels))
            self._recorder.emit(LabelsOfOtherLoader, loader=loader, labels=labels, size=self._sizes[labels])
