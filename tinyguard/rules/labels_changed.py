"""TNY214: the same input has another label in the next epoch."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.data import CopiesDisagree, LabelsOfOtherLoader
from tinyguard.measured.data import LabelsChanged as Seen
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import CLASS_NUMBERS, loader_of

LEAST = 0.3  # of the inputs that came again; where nearly all labels are one class, few can change

_START = """
# %%
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)

class Points(Dataset):
    def __init__(self):
        self.points, self.labels = torch.randn(64, 8), torch.arange(64) % 4

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return self.points[index], self.labels[index]
"""

_TRAINING = """
# %%
model = nn.Linear(8, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for points, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(points), labels)
        loss.backward()
        optimizer.step()
"""

_LOADER = """
# %%
data = Points()
loader = DataLoader(data, batch_size=16, shuffle=True)  # TNY214 live
"""


class LabelsChanged(Rule):
    """A data set gives the same input with another label each time: labels and inputs do not belong together.

    Nothing can be learnt from such labels: the loss stays at that of guessing, on any data the model has not memorised.
    Usual causes: inputs and labels shuffled apart from each other, a second random index in `__getitem__`, two lists
    that were sorted in different orders and are drawn from independently.
    """

    code = "TNY214"
    severity = Severity.ERROR
    on = (Seen, LabelsOfOtherLoader, CopiesDisagree)
    serves = ("W4",)
    bad = (
        # two random numbers where one was meant
        _START.replace("self.labels[index]", "self.labels[random.randrange(64)]") + _LOADER + _TRAINING,
        # shuffled at each access to the first one, each by itself
        _START.replace(
            "        return self.points[index], self.labels[index]",
            "        if index == 0:\n            self.labels = self.labels[torch.randperm(64)]\n"
            "        return self.points[index], self.labels[index]",
        )
        + _LOADER.replace(", shuffle=True)", ", shuffle=False)")
        + _TRAINING,
        # two loaders, side by side
        _START
        + """
# %%
data = Points()
input_loader = DataLoader(data.points, batch_size=16, shuffle=True)  # sees DatasetBuilt live
label_loader = DataLoader(data.labels, batch_size=16, shuffle=True)  # sees DatasetBuilt live  # TNY214 live
model = nn.Linear(8, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for points, labels in zip(input_loader, label_loader):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(points), labels).backward()
    optimizer.step()
""",
        # copies of each input; the labels are copied in another order
        _START
        + """
# %%
points, labels = torch.randn(64, 8), torch.randint(0, 4, (64,))
data = TensorDataset(points.repeat(4, 1), labels.repeat_interleave(4))  # TNY214 live
loader = DataLoader(data, batch_size=16, shuffle=True)
"""
        + _TRAINING,
    )
    good = (
        # two loaders side by side, each in the order of the data
        bad[2].replace(", shuffle=True)", ")").replace("  # TNY214 live", ""),
        _START + _LOADER.replace("  # TNY214 live", "") + _TRAINING,
        # shuffled together
        _START.replace(
            "        return self.points[index], self.labels[index]",
            "        if index == 0:\n            order = torch.randperm(64)\n"
            "            self.points, self.labels = self.points[order], self.labels[order]\n"
            "        return self.points[index], self.labels[index]",
        )
        + _LOADER.replace("  # TNY214 live", "")
        + _TRAINING,
        # some noise in the labels, as a regulariser
        _START.replace(
            "self.labels[index]\n",
            "(self.labels[index] + (random.random() < 0.2)) % 4\n",
        )
        + _LOADER.replace("  # TNY214 live", "")
        + _TRAINING,
        # a random label goes with a random change of the input: which way it is turned
        _START.replace(
            "        return self.points[index], self.labels[index]",
            "        turn = random.randrange(4)\n        return self.points[index].roll(turn), turn",
        )
        + _LOADER.replace("  # TNY214 live", "")
        + _TRAINING,
        # wrong labels, but the same in every epoch: what can a model memorise?
        _START.replace("torch.arange(64) % 4", "torch.randint(0, 4, (64,))")
        + _LOADER.replace("  # TNY214 live", "")
        + _TRAINING,
        # a step of diffusion, which is no class
        _START.replace("self.labels[index]", "random.randrange(64)")
        + _LOADER.replace("  # TNY214 live", "")
        + """
# %%
model = nn.Linear(9, 8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for points, step in loader:
        noise = torch.randn_like(points)
        noisy = torch.cat([points + noise * step[:, None] / 64, step[:, None] / 64], 1)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(noisy), noise).backward()
        optimizer.step()
""",
        # copies of each input, with its label
        _START
        + """
# %%
points, labels = torch.randn(64, 8), torch.randint(0, 4, (64,))
data = TensorDataset(points.repeat(4, 1), labels.repeat(4))
loader = DataLoader(data, batch_size=16, shuffle=True)
"""
        + _TRAINING,
        # each input once with each of its tags
        _START
        + """
# %%
points, tags = torch.randn(64, 8), torch.arange(4)
data = TensorDataset(points.repeat_interleave(4, 0), tags.repeat(64))
loader = DataLoader(data, batch_size=16, shuffle=True)
"""
        + _TRAINING,
        # pairs: whether two inputs belong together is no label of one of them
        _START
        + """
# %%
points = torch.randn(64, 8)
data = TensorDataset(points.repeat(4, 1), torch.randn(256, 8), torch.randint(0, 4, (256,)))
loader = DataLoader(data, batch_size=16, shuffle=True)
model = nn.Linear(16, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for left, right, labels in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.cat([left, right], 1)), labels).backward()
    optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, LabelsOfOtherLoader):
            yield self._from_two_loaders(event, story)
        if isinstance(event, CopiesDisagree) and _labels_are_learnt(event, story):
            yield self._of_copies(event, story)
        if not isinstance(event, Seen) or event.changed < LEAST * event.seen or not _labels_are_learnt(event, story):
            return
        built = loader_of(event.loader, story)
        name = story.name(event.loader, "this loader")
        data = story.built(built.dataset) if built is not None else None
        yield self.finding(
            f"`{name}` gives other labels in this pass than before: {event.changed} of {event.seen} inputs that came "
            f"again have another label, as many as chance would change ({event.by_chance:.0%})",
            built.place if built is not None else event.place,
            remedy="shuffle inputs and labels with one permutation, or let `shuffle=True` of the DataLoader do it; in "
            "`__getitem__` take both by the same index",
            cause="what one epoch teaches, the next one denies",
            related=(
                ("the data set was built here", data.place if data is not None else None),
                ("the batches are drawn here", event.place),
            ),
            seen=event.seen,
            changed=event.changed,
            by_chance=event.by_chance,
        )

    def _of_copies(self, event: CopiesDisagree, story: Story) -> Finding:
        built = loader_of(event.loader, story)
        data = story.built(built.dataset) if built is not None else None
        return self.finding(
            f"`{story.name(event.loader, 'this loader')}` gives most inputs several times, with labels that differ: "
            f"{event.changed} of {event.seen} copies have another label than the first, as many as chance would change "
            f"({event.by_chance:.0%})",
            data.place if data is not None and data.place.line else event.place,
            remedy="repeat inputs and labels in the same way: `x.repeat(n, 1)` goes with `y.repeat(n)`, "
            "`x.repeat_interleave(n, 0)` with `y.repeat_interleave(n)`",
            cause="an input meets the labels of others",
            related=(("the batches are drawn here", event.place),),
            seen=event.seen,
            changed=event.changed,
            by_chance=event.by_chance,
        )

    def _from_two_loaders(self, event: LabelsOfOtherLoader, story: Story) -> Finding:
        inputs, labels = loader_of(event.loader, story), loader_of(event.labels, story)
        name, other = story.name(event.loader, "one loader"), story.name(event.labels, "another loader")
        return self.finding(
            f"inputs come from `{name}` and their labels from `{other}`, and both shuffle their {event.size} samples: "
            "each in an order of its own",
            labels.place if labels is not None else event.place,
            remedy="put both into one data set, `TensorDataset(inputs, labels)`, and draw from one loader",
            cause="an input meets the label of any other",
            related=(
                ("the loader of the inputs", inputs.place if inputs is not None else None),
                ("the loss compares them here", event.place),
            ),
            size=event.size,
        )


def _labels_are_learnt(event: Seen | CopiesDisagree, story: Story) -> bool:
    """A loss of class numbers was differentiated on batches of this loader."""
    return any(ran.loader == event.loader and ran.criterion in CLASS_NUMBERS for ran in story.all(BackwardRan))
