"""TNY204: training goes on with a loader that its name does not mean any more."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, NameBound, OptimizerStepped
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import fed, loader_of

_START = """
# %%
from functools import partial

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()
train_set = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))

class Trainer:
    def __init__(self, model, loader):
        self.model = model
        self.loader = loader
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def fit(self, epochs):
        for epoch in range(epochs):
            for images, labels in self.loader:
                self.optimizer.zero_grad()
                loss = criterion(self.model(images), labels)
                loss.backward()
                self.optimizer.step()

def train(model, optimizer, loader):
    for images, labels in loader:
        optimizer.zero_grad()
        criterion(model(images), labels).backward()
        optimizer.step()

# %%
model = nn.Linear(8, 3)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
"""


class LoaderRebuiltAfterTaken(Rule):
    """A loader was built again, but the training had already taken the old one and goes on with it.

    The new batch size, transform or split has no effect. Usual cause: the loader's cell was edited and run again, the
    cell that gives the loader to a trainer, a `partial` or an iterator was not.
    """

    code = "TNY204"
    severity = Severity.WARNING
    on = (OptimizerStepped,)
    serves = ("C3",)
    bad = (
        # the trainer keeps the old loader
        _START
        + """
# %%
trainer = Trainer(model, train_loader)
# %%
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)  # TNY204
# %%
trainer.fit(2)
""",
        # so does a partial
        _START
        + """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
run_epoch = partial(train, model, optimizer, train_loader)
# %%
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)  # TNY204
# %%
for epoch in range(2):
    run_epoch()
""",
        # and a default argument
        _START
        + """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def run_epoch(loader=train_loader):
    train(model, optimizer, loader)

# %%
def make_loader(batch_size):
    return DataLoader(train_set, batch_size=batch_size, shuffle=True)

# %%
train_loader = make_loader(8)  # TNY204
# %%
for epoch in range(2):
    run_epoch()
""",
        # and an iterator
        _START
        + """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batches = iter(train_loader)
# %%
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)  # TNY204
# %%
for step in range(2):
    images, labels = next(batches)
    optimizer.zero_grad()
    criterion(model(images), labels).backward()
    optimizer.step()
""",
    )
    good = (
        # the trainer is built again as well
        bad[0].replace("  # TNY204", "").replace("trainer.fit", "trainer = Trainer(model, train_loader)\ntrainer.fit"),
        # the name is read when the function is called
        _START
        + """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def run_epoch():
    train(model, optimizer, train_loader)

# %%
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
# %%
for epoch in range(2):
    run_epoch()
""",
        # larger batches in the second half
        _START
        + """
# %%
trainer = Trainer(model, train_loader)
trainer.fit(1)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
trainer.loader = train_loader
trainer.fit(1)
""",
        # a trainer for each batch size, all trained afterwards
        _START
        + """
# %%
trainers = []
for batch_size in (8, 16, 32):
    train_loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
    trainers.append(Trainer(nn.Linear(8, 3), train_loader))
for trainer in trainers:
    trainer.fit(1)
""",
        # the old loader has another name still
        _START
        + """
# %%
small_loader = train_loader
trainer = Trainer(model, small_loader)
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
trainer.fit(1)
Trainer(nn.Linear(8, 3), train_loader).fit(1)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, OptimizerStepped):
            return
        for backward in fed(event, story):
            replaced = _replacement(backward, story)
            if replaced is None:
                continue
            old, new = loader_of(backward.loader, story), loader_of(replaced.object, story)
            yield self.finding(
                f"`{replaced.name}` is built again here, but the training goes on with the earlier one",
                replaced.place,
                remedy=f"give the new `{replaced.name}` to the training: run the cell that takes it again",
                related=(
                    (f"the `{replaced.name}` in use was built here", old.place if old else None),
                    ("the training with it runs here", backward.decision),
                ),
                name=replaced.name,
                batch_size_in_use=old.batch_size if old else None,
                batch_size_of_new=new.batch_size if new else None,
            )


def _replacement(backward: BackwardRan, story: Story) -> NameBound | None:
    """The binding that gave the one name of this backward pass's loader to a newer loader, which nobody trains on."""
    old = loader_of(backward.loader, story)
    if old is None or backward.facts:
        return None
    names = {bound.name for bound in story.bindings(old.loader)}
    last = story.meaning(names.pop()) if names else None
    if last is None or names:
        return None  # it never was the notebook's, or it is kept on purpose under another name
    new = loader_of(last.object, story)
    if new is None or last.facts or new.loader == old.loader or (new.place, new.via) == (old.place, old.via):
        return None
    splits = {old.samples.split, new.samples.split} - {None}
    used = any(other.loader == new.loader for other in story.all(BackwardRan))
    return None if used or len(splits) > 1 else last
