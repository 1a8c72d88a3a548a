"""TNY217: set_epoch is not called: a DistributedSampler shuffles the same way in each epoch."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.data import OrderRepeated
from tinyguard.rule import Rule
from tinyguard.story import Story

_BEGIN = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(64, 4)
train_set = TensorDataset(inputs, (inputs[:, 0] > 0).long())
sampler = DistributedSampler(train_set, num_replicas=2, rank=0)
train_loader = DataLoader(train_set, batch_size=8, sampler=sampler)
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for epoch in range(3):
    sampler.set_epoch(epoch)
"""

_END = """
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
"""


class EpochNotSet(Rule):
    """A `DistributedSampler` shuffles by its seed and its epoch, and the epoch is never set.

    Each epoch then has the same samples in the same order, and each rank sees the same part of the data for ever. Call
    `sampler.set_epoch(epoch)` before each pass; Lightning, Hugging Face's `Trainer` and accelerate do so themselves.
    """

    code = "TNY217"
    severity = Severity.WARNING
    on = (OrderRepeated,)
    bad = (
        _BEGIN.replace("    sampler.set_epoch(epoch)\n", "").rstrip()
        + _END.replace("in train_loader:", "in train_loader:  # TNY217 live"),
    )
    good = (
        _BEGIN.rstrip() + _END,
        # in another form
        _BEGIN.rstrip().replace("sampler.set_epoch(epoch)", "train_loader.sampler.set_epoch(epoch + 1)") + _END,
        # it is not to shuffle
        _BEGIN.rstrip().replace("rank=0)", "rank=0, shuffle=False)").replace("\n    sampler.set_epoch(epoch)", "")
        + _END,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, OrderRepeated):
            built = story.built(event.loader)
            loader = story.name(event.loader, "the loader")
            yield self.finding(
                f"`{loader}` has the same samples in the same order as in the epoch before: the epoch of its "
                f"DistributedSampler is still {event.epoch}",
                event.place,
                remedy=f"call {loader}.sampler.set_epoch(epoch) at the beginning of each epoch",
                related=(("the loader was built here", built.place if built is not None else None),),
                epoch=event.epoch,
            )
