"""TNY203: every evaluation measures the data that was trained on."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BatchDrawn, Event, LoaderBuilt, PassEnded, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import (
    called_evaluation,
    held_out,
    is_evaluation,
    is_trial,
    loader_decision,
    overlapping,
    trainings,
)

_START = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()
train_set = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
test_set = TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,)))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
test_loader = DataLoader(test_set, batch_size=16)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

# %%
def train(loader):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

def accuracy(loader):
    model.eval()
    hits = 0
    with torch.no_grad():
        for images, labels in loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    return hits / len(loader.dataset)
"""


class EvaluatedOnTrainingDataOnly(Rule):
    """A test loader exists, but every evaluation measures the training data.

    What is reported is how well the model remembers; the loader that would say how well it generalises is never drawn
    from. Usual cause: the wrong loader in the call, `accuracy(train_loader)`.
    """

    code = "TNY203"
    severity = Severity.WARNING
    needs_whole_program = True
    on = (RunEnded,)
    serves = ("C3",)
    bad = (
        _START
        + """
# %%
for epoch in range(3):
    train(train_loader)
    print("test accuracy", accuracy(train_loader))  # TNY203
""",
        _START
        + """
# %%
for epoch in range(3):
    train(train_loader)

# %%
model.eval()
hits = 0
with torch.no_grad():
    for images, labels in train_loader:  # TNY203
        hits += (model(images).argmax(1) == labels).sum().item()
print(hits / len(test_set))
""",
        # only the name of the loader tells what it is for
        _START.replace("DataLoader(test_set", "DataLoader(TensorDataset(torch.randn(32, 8), torch.arange(32) % 3)")
        + """
# %%
for epoch in range(3):
    train(train_loader)
    print("test accuracy", accuracy(train_loader))  # TNY203
""",
    )
    good = (
        bad[0].replace("accuracy(train_loader))  # TNY203", "accuracy(test_loader))"),
        # both are measured
        _START
        + """
# %%
for epoch in range(3):
    train(train_loader)
    print(accuracy(train_loader))
print(accuracy(test_loader))
""",
        # a look at a few test batches by hand
        _START
        + """
# %%
for epoch in range(3):
    train(train_loader)
    print(accuracy(train_loader))
images, labels = next(iter(test_loader))
print((model(images).argmax(1) == labels).float().mean())
""",
        # one small set and no claim: a fit of toy data
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
points = torch.randn(60, 2)
loader = DataLoader(TensorDataset(points, (points[:, 0] > 0).long()), batch_size=20, shuffle=True)
model = nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
with torch.no_grad():
    print(sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / 60)
""",
        # a few samples overfitted on purpose, then the real question
        _START
        + """
# %%
overfit_loader = DataLoader(TensorDataset(*train_set[:16]), batch_size=16)
for _ in range(5):
    train(overfit_loader)
print(accuracy(overfit_loader))
print(accuracy(test_loader))
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RunEnded) or not event.complete:
            return
        evaluations = [passed for passed in story.all(PassEnded) if is_evaluation(passed)]
        trained = {backward.loader: backward for backward in trainings(story)}
        unused = _unused_test_loaders(story)
        if not unused or not evaluations or any(passed.loader not in trained for passed in evaluations):
            return
        last = evaluations[-1]
        backward = trained[last.loader]
        if not overlapping(last.models, backward.models) or is_trial(*story.names(last.loader)):
            return
        test, name = story.name(unused[0].loader, "a test loader"), story.name(last.loader, "the training loader")
        yield self.finding(
            f"every evaluation measures `{name}`, which the model is trained on; `{test}` is never used",
            loader_decision(last, last.loader, story),
            remedy=f"evaluate on `{test}`",
            related=(
                ("the model is trained on it here", loader_decision(backward, last.loader, story)),
                (f"`{test}` was built here", unused[0].place),
            ),
            evaluated=name,
            unused=test,
        )


def _unused_test_loaders(story: Story) -> list[LoaderBuilt]:
    """The loaders of held-out data, provided that no batch of any of them was drawn or can have been."""
    loaders = [built for built in story.all(LoaderBuilt) if _is_for_evaluation(built, story)]
    drawn = {batch.loader for batch in story.all(BatchDrawn)}
    used = any(built.loader in drawn or story.escaped(built.loader) for built in loaders)
    return [] if used else loaders


def _is_for_evaluation(built: LoaderBuilt, story: Story) -> bool:
    return held_out(built.samples) or (built.samples.split is None and called_evaluation(built.loader, story))
