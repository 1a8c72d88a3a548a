"""TNY513: the processes of a distributed training each train a model of their own."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import RanksDiffer
from tinyguard.rule import Rule
from tinyguard.story import Story

_TRAINING = """
# %%
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

distributed.init_process_group("gloo")
torch.manual_seed(0)
inputs = torch.randn(320, 8)
train_set = TensorDataset(inputs, (inputs[:, 0] > 0).long())
sampler = DistributedSampler(train_set)
train_loader = DataLoader(train_set, batch_size=16, sampler=sampler)
model = DistributedDataParallel(nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for epoch in range(3):
    sampler.set_epoch(epoch)
    for x, y in train_loader:
        output = model(x)
        loss = nn.functional.cross_entropy(output, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
distributed.destroy_process_group()
"""


class RanksApart(Rule):
    """The processes of a distributed training hold different weights: they do not exchange their gradients.

    Each trains on its part of the data only. `DistributedDataParallel` exchanges gradients when its own `forward` runs:
    `model.module(x)` goes past it, and a model that was never wrapped has nobody who exchanges anything. What is saved
    in the end is the model of rank 0, which has seen one part of the data.

    Reported by rank 0, after a pass, when weights of another rank were seen to differ.
    """

    code = "TNY513"
    severity = Severity.ERROR
    on = (RanksDiffer,)
    bad = (
        _TRAINING.replace("output = model(x)", "output = model.module(x)  # TNY513 live"),
        # never wrapped
        _TRAINING.replace("DistributedDataParallel(nn.Sequential(", "(nn.Sequential(").replace(
            "        optimizer.step()", "        optimizer.step()  # TNY513 live"
        ),
    )
    good = (
        _TRAINING,
        # averaged by hand
        _TRAINING.replace("DistributedDataParallel(nn.Sequential(", "(nn.Sequential(").replace(
            "        optimizer.step()",
            "        for parameter in model.parameters():\n"
            "            distributed.all_reduce(parameter.grad)\n"
            "            parameter.grad /= distributed.get_world_size()\n"
            "        optimizer.step()",
        ),
        # past the wrapper, where nothing is trained
        _TRAINING.replace(
            "distributed.destroy",
            "with torch.no_grad():\n    print(model.module(inputs).shape)\ndistributed.destroy",
        ),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RanksDiffer):
            return
        optimizer = story.name(event.optimizer, "the optimizer")
        wrapper = story.name(event.wrapper, "the model")
        built = story.built(event.optimizer)
        why, remedy = (
            (f"the forward pass goes past the DistributedDataParallel `{wrapper}`", f"call {wrapper}(...) itself")
            if event.wrapper is not None
            else (
                "each gets its own part of the data, and nothing is exchanged",
                "wrap the model: model = DistributedDataParallel(model)",
            )
        )
        yield self.finding(
            f"the {event.ranks} ranks train different models: {why}; after {event.steps} steps of `{optimizer}` a "
            f"weight is {event.own:.4g} on rank 0 and {event.other:.4g} on another",
            event.place,
            remedy=remedy,
            related=(("the optimizer was built here", built.place if built is not None else None),),
            steps=event.steps,
            ranks=event.ranks,
        )
