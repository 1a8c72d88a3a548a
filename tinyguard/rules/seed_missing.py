"""TNY605: nothing sets a seed before a randomly initialised model is trained."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, ModelBuilt, ModelUse, RunEnded, SeedSet
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import loader_of, trainings

OTHERS = frozenset({"numpy", "random"})  # generators that torch does not draw weights from

_REST = """
# %%
from torch.utils.data import DataLoader, TensorDataset

train_set = TensorDataset(torch.ones(64, 8), torch.arange(64) % 3)
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    for features, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(features), labels)
        loss.backward()
        optimizer.step()
"""


class SeedMissing(Rule):
    """A model with random weights is trained and nothing sets a seed.

    No run can be repeated: whether a change of the code or chance made the difference cannot be told. One finding a
    notebook, where the first trained model is built. Where only `random` or numpy is seeded, it is a note.
    """

    code = "TNY605"
    severity = Severity.WARNING
    needs_whole_program = True
    interrupts = False
    on = (RunEnded,)
    bad = (
        """
# %%
import torch
from torch import nn
"""
        + _REST.replace("model = nn.Linear(8, 3)", "model = nn.Linear(8, 3)  # TNY605"),
        # the model comes from a function and is trained in another
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def build():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for features, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()

# %%
train_loader = DataLoader(TensorDataset(torch.ones(64, 8), torch.arange(64) % 3), batch_size=16, shuffle=True)
# %%
model = build()  # TNY605
# %%
train(model, train_loader)
""",
        # numpy's seed does not reach torch
        """
# %%
import numpy as np
import torch
from torch import nn

np.random.seed(0)
"""
        + _REST.replace("model = nn.Linear(8, 3)", "model = nn.Linear(8, 3)  # TNY605"),
        # fine-tuning: the weights are given, the order of the batches is not
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

train_loader = DataLoader(TensorDataset(torch.ones(64, 8), torch.arange(64) % 3), batch_size=16, shuffle=True)
model = nn.Linear(8, 3)  # TNY605
model.load_state_dict({"weight": torch.ones(3, 8), "bias": torch.zeros(3)})
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for features, labels in train_loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(features), labels).backward()
    optimizer.step()
""",
    )
    good = (
        """
# %%
import torch
from torch import nn

torch.manual_seed(0)
"""
        + _REST,
        # in a function, with everything else
        """
# %%
import random

import torch
from torch import nn

def seed_everything(seed):
    random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)

# %%
seed_everything(1234)
"""
        + _REST,
        # in a module beside the notebook
        """
# %% file: reproducible.py
import torch

def start(seed=0):
    torch.manual_seed(seed)

# %%
import torch
from torch import nn
from reproducible import start

start()
"""
        + _REST,
        # nothing is trained
        """
# %%
import torch
from torch import nn

model = nn.Linear(8, 3)
print(model(torch.ones(1, 8)))
""",
        # the training is only defined
        """
# %%
import torch
from torch import nn

model = nn.Linear(8, 3)

def train(loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for features, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RunEnded) or not event.complete:
            return
        seeded = {seed.library for seed in story.all(SeedSet)}
        if seeded - OTHERS:
            return
        for backward in trainings(story):
            for use in backward.models:
                built = story.built(use.model)
                random = _what_is_random(use, backward, story)
                if not isinstance(built, ModelBuilt) or not random or backward.facts or built.facts:
                    continue
                half = " and ".join(sorted(seeded))
                yield self.finding(
                    f"{random} and torch has no seed, though {half} has"
                    if half
                    else f"{random} and nothing sets a seed: no run can be repeated",
                    built.decision,
                    remedy="call `torch.manual_seed(0)` in the first cell",
                    related=(("the model is trained here", backward.decision),),
                    severity=Severity.NOTE if half else None,
                    seeded=sorted(seeded),
                )
                return


def _what_is_random(use: ModelUse, backward: BackwardRan, story: Story) -> str:
    """What a seed would settle: the weights, or, where they come from elsewhere, the order of the batches."""
    if use.pretrained is False:
        return "the weights are random"
    loader = loader_of(backward.loader, story)
    return "the order of the batches is random" if use.pretrained and loader is not None and loader.shuffle else ""
