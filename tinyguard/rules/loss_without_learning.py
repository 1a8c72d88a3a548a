"""TNY706: the loss of a running training shows no sign of learning."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import LossMeasured
from tinyguard.rule import Rule
from tinyguard.story import Story

# Two and a half times what the slowest healthy training with 200 classes took (experiment notes, 7.3).
LEAST_EFFORT = 250  # batches at a learning rate of Adam of 3e-4
LEAST_SAMPLES = 16_000
NEAR = 0.98  # of ln(classes): a loss below has learnt something
FALLING = 0.005  # of ln(classes), from one quarter of the losses to the next

_DATA = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
centres = torch.randn(10, 16)
labels = torch.randint(0, 10, (16_384,))
samples = centres[labels] + 0.5 * torch.randn(16_384, 16)

def network():
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))

def train(model, optimizer, loader, epochs=1):
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()

"""


class LossWithoutLearning(Rule):
    """The loss stays at that of a guess for hundreds of batches, and nothing in it says that the model learns.

    A prediction that knows nothing of the labels has a mean cross entropy of ln(classes) or more. Batch by batch the
    guard adds up how far the losses lie below that; luck alone carries this sum over its limit in one training of a
    thousand. A healthy model is over it within a hundred batches. A symptom; the causes that were proven are named with
    it. Usual ones: the optimizer steps another model, labels that do not belong to their inputs, a learning rate that
    is far too low or so high that the network died.
    """

    code = "TNY706"
    severity = Severity.WARNING
    on = (LossMeasured,)
    serves = ("The problem", "K1")
    bad = (
        # the labels were shuffled on their own
        _DATA
        + """
# %%
shuffled = labels[torch.randperm(len(labels))]
loader = DataLoader(TensorDataset(samples, shuffled), batch_size=64, shuffle=True)
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
# %%
train(model, optimizer, loader)  # TNY706 live
""",
        # the optimizer of the first model
        _DATA
        + """
# %%
loader = DataLoader(TensorDataset(samples, labels), batch_size=64, shuffle=True)
first = network()
optimizer = torch.optim.Adam(first.parameters(), lr=3e-4)
# %%
second = network()  # TNY501
train(second, optimizer, loader)  # TNY706 live
""",
    )
    good = (
        _DATA
        + """
# %%
loader = DataLoader(TensorDataset(samples, labels), batch_size=64, shuffle=True)
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
# %%
train(model, optimizer, loader)
""",
        # it has hardly begun
        _DATA
        + """
# %%
noise = torch.randint(0, 10, (6_400,))
loader = DataLoader(TensorDataset(samples[:6_400], noise), batch_size=64, shuffle=True)
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
# %%
train(model, optimizer, loader)
""",
        # smoothed labels have another floor, and weights another scale
        _DATA
        + """
# %%
shuffled = labels[torch.randperm(len(labels))]
loader = DataLoader(TensorDataset(samples, shuffled), batch_size=64)
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
# %%
for inputs, targets in loader:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets, label_smoothing=0.1)
    loss.backward()
    optimizer.step()
""",
        # a regression
        _DATA
        + """
# %%
model = nn.Linear(16, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
# %%
for inputs in samples.split(64):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(inputs), torch.randn(64, 1))
    loss.backward()
    optimizer.step()
""",
        # a long warm-up
        _DATA
        + """
# %%
loader = DataLoader(TensorDataset(samples, labels), batch_size=64, shuffle=True)
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 5_000))
# %%
for inputs, targets in loader:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    scheduler.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, LossMeasured):
            return
        guess, recent = math.log(event.classes), recent_loss(event)
        if not seen_enough(event) or event.evidence >= event.needed or recent < NEAR * guess or is_falling(event):
            return
        built = story.built(event.optimizer)
        rate = f", the learning rate {event.lr:g}" if event.lr is not None else ""
        yield self.finding(
            f"no sign of learning in {event.batches:,} batches ({event.samples:,} samples): the loss is {recent:.4g}"
            f"{rate}; ln({event.classes}) = {guess:.4g} is the loss of a guess among {event.classes} classes",
            event.decision,
            remedy="mend the proven causes first; then see whether the optimizer steps this model, whether the labels "
            "belong to their inputs, and whether a few batches can be learnt by heart with another learning rate",
            related=(("the optimizer was built here", built.place if built is not None else None),),
            batches=event.batches,
            samples=event.samples,
            classes=event.classes,
            losses=list(event.losses),
            evidence_for_learning=event.evidence,
            evidence_needed=event.needed,
        )


def seen_enough(event: LossMeasured) -> bool:
    """A healthy training would have shown itself by now."""
    return event.effort >= LEAST_EFFORT and event.batches >= LEAST_EFFORT and event.samples >= LEAST_SAMPLES


def recent_loss(event: LossMeasured) -> float:
    """The mean over the last quarter."""
    return fmean(event.losses[-max(len(event.losses) // 4, 1) :])


def is_falling(event: LossMeasured) -> bool:
    """From far above the loss of a guess it is still on its way down."""
    quarter = max(len(event.losses) // 4, 1)
    before = event.losses[-2 * quarter : -quarter]
    return bool(before) and fmean(before) - recent_loss(event) > FALLING * math.log(event.classes)
