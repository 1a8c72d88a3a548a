"""TNY701: the test accuracy never leaves that of guessing."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.chance import chance_limit
from tinyguard.curves import (
    Curve,
    Reporting,
    class_count,
    curves,
    decision,
    evaluated_samples,
    is_stuck,
    judged,
    listed,
    now,
    percent,
    reporting_cells,
)
from tinyguard.evaluations import accuracy_curve, collapsed, trained, training_decision
from tinyguard.events import Event, MetricReported, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.measured.evaluation import EpochReported, EvaluationMeasured
from tinyguard.rule import Rule
from tinyguard.story import Story

LEARNT = 3.0  # times chance: a training accuracy above it shows that the model learns its training data
FALLEN = 0.8  # of its first value: a training loss below it shows the same

_TRAINING = """
# %% In[1]
import torch
from torch import nn

torch.manual_seed(0)
train_data = torch.utils.data.TensorDataset(torch.randn(64, 1, 4, 4), torch.randint(10, (64,)))
test_data = torch.utils.data.TensorDataset(torch.randn(2000, 1, 4, 4), torch.randint(10, (2000,)))
train_loader = torch.utils.data.DataLoader(train_data, batch_size=32, shuffle=True)
test_loader = torch.utils.data.DataLoader(test_data, batch_size=500)

model = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()

def evaluate():
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in test_loader:
            loss = criterion(model(images), labels)
            correct += (model(images).argmax(1) == labels).sum().item()
    return correct / 2000

def run(num_epochs):
    for epoch in range(num_epochs):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        print(f"Epoch {epoch + 1}: test acc {evaluate():.2%}")

"""

_NOTHING_TO_LEARN = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
train_data = TensorDataset(torch.randn(1040, 8), torch.arange(1040) % 10)
test_data = TensorDataset(torch.randn(2000, 8), torch.arange(2000) % 10)
train_loader = DataLoader(train_data, batch_size=8, shuffle=True)
test_loader = DataLoader(test_data, batch_size=500)
model = nn.Linear(8, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


class AccuracyAtChance(Rule):
    """The test accuracy stays at 1 / number of classes: the model knows nothing of the data.

    0.5 % on TinyImageNet's 200 classes, 10 % on CIFAR-10. Slow learning does not look like this: after one epoch a
    healthy model is at twice chance or more. A symptom; the causes that were proven are named with it. Where none is,
    look at the training first. Does its loss fall? Then labels or order of classes of the evaluation are wrong. Does it
    not? Then the optimizer does not reach the model, its learning rate is off, or the labels are.

    Chance is a binomial question, asked at a false-alarm rate of 1 in 1000 on each side: the accuracy is explained by
    guessing, and half of what the slowest healthy model has is ruled out. With too few test samples to tell (1000 of
    200 classes) nothing is said, nor after a single epoch.

    The linter reads the accuracies in the recorded outputs. The guard reads them while they are printed, and counts the
    hits of an evaluation itself; it speaks after two epochs and 250 optimizer steps.
    """

    code = "TNY701"
    severity = Severity.ERROR
    on = (RunEnded, EpochReported, EvaluationMeasured)
    serves = ("K1", "The problem")
    bad = (
        _TRAINING
        + """
# %% In[2]
run(3)  # TNY701
# Out: Epoch 1: test acc 10.00%
# Out: Epoch 2: test acc 9.60%
# Out: Epoch 3: test acc 10.25%
""",
        # in a history that is printed
        _TRAINING
        + """
# %% In[2]
run(4)  # TNY701
# Out: {'train_loss': [2.31, 2.31, 2.30, 2.31], 'test_acc': [10.0, 10.2, 9.4, 9.9]}
""",
        # nothing is printed: the guard has counted
        _NOTHING_TO_LEARN
        + """
# %%
for epoch in range(3):
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()  # TNY701 live
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for images, labels in test_loader:
            predictions = model(images).argmax(1)
""",
        # the model learns, and the evaluation does not see it
        _TRAINING
        + """
# %% In[2]
run(3)  # TNY701
# Out: Epoch 1 | train loss 2.11, train acc 24.1% | test loss 2.9, test acc 10.10%
# Out: Epoch 2 | train loss 1.43, train acc 51.7% | test loss 3.8, test acc 9.85%
# Out: Epoch 3 | train loss 0.88, train acc 69.3% | test loss 4.4, test acc 10.05%
""",
    )
    good = (
        # it learns
        _TRAINING
        + """
# %% In[2]
run(3)
# Out: Epoch 1: test acc 14.15%
# Out: Epoch 2: test acc 21.60%
# Out: Epoch 3: test acc 28.25%
""",
        # it learns, and nothing is printed
        _NOTHING_TO_LEARN.replace("torch.randn(1040, 8)", "nn.functional.one_hot(torch.arange(1040) % 8).float()")
        .replace("torch.randn(2000, 8)", "nn.functional.one_hot(torch.arange(2000) % 8).float()")
        .replace("% 10", "% 8")
        + """
# %%
for epoch in range(3):
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for images, labels in test_loader:
            predictions = model(images).argmax(1)
""",
        # an embedding, whose dimensions are no classes
        _NOTHING_TO_LEARN
        + """
# %%
for epoch in range(3):
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        embedded = model(images)
        nn.functional.mse_loss(torch.cdist(embedded, embedded), (labels[:, None] != labels).float()).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        for images, labels in test_loader:
            embedded = model(images)
""",
        # late
        _TRAINING
        + """
# %% In[2]
run(4)
# Out: Epoch 1: test acc 10.00%
# Out: Epoch 2: test acc 10.15%
# Out: Epoch 3: test acc 13.50%
# Out: Epoch 4: test acc 19.90%
""",
        # one epoch is a beginning
        _TRAINING
        + """
# %% In[2]
run(1)
# Out: Epoch 1: test acc 10.00%
""",
        # whose accuracy this is, nobody says
        _TRAINING
        + """
# %% In[2]
run(3)
# Out: Epoch 1: acc 10.00%
# Out: Epoch 2: acc 9.60%
# Out: Epoch 3: acc 10.25%
""",
        # the number of an earlier life: the cell has not been run
        _TRAINING
        + """
# %%
run(3)
# Out: Epoch 1: test acc 10.00%
# Out: Epoch 2: test acc 9.60%
# Out: Epoch 3: test acc 10.25%
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, EvaluationMeasured):
            yield from self._measured(event, story)
            return
        collapses = {measured.cell for measured in story.all(EvaluationMeasured) if collapsed(measured)}
        for cell in judged(event, story):
            if cell.place in collapses:
                continue  # TNY707 knows more
            classes = class_count(cell)
            if classes is None:
                continue
            samples = evaluated_samples(cell)
            accuracies = now(event, curves(cell.metrics, "accuracy"))
            stuck = [curve for curve in accuracies if is_stuck(curve, classes, samples)]
            if stuck:
                yield self._finding(stuck, cell, story, classes, stuck[0].samples or samples)

    def _measured(self, event: EvaluationMeasured, story: Story) -> Iterator[Finding]:
        """What the guard has counted itself, over a number of samples that it knows."""
        found = trained(event, story)
        if not found or any(map(collapsed, found)):
            return
        curve = accuracy_curve(found)
        if is_stuck(curve, event.classes, event.count):
            reporting = [cell for cell in reporting_cells(story) if cell.place == event.cell]
            cell = reporting[0] if reporting else Reporting(place=event.cell, metrics=[], asked=[])
            place = training_decision(event, story)
            yield self._finding([curve], cell, story, event.classes, event.count).replace(place=place)

    def _finding(self, stuck: list[Curve], cell: Reporting, story: Story, classes: int, samples: int | None) -> Finding:
        curve = stuck[0]
        values = listed(tuple(percent(value) for value in curve.points))
        limit = f" (at most {percent(chance_limit(classes, samples))} of {samples:,} samples)" if samples else ""
        learns = learning(cell.metrics, classes)
        return self.finding(
            f"the {curve.name} stays at chance {curve.span}: {values}; guessing among {classes} classes gives "
            f"{percent(1 / classes)}{limit}" + (f"; yet {learns}" if learns else ""),
            decision(story, cell.place),
            cause="the model learns its training data, so what it is measured with is wrong"
            if learns
            else "nothing that the model has learnt shows in its predictions",
            remedy="compare the labels of the evaluation data, and the order of its classes, with those of training"
            if learns
            else "mend the proven causes first; then see whether the optimizer steps this model, in train mode, on "
            "its training data",
            classes=classes,
            samples=samples,
            accuracies=list(curve.points),
            epochs=list(curve.epochs),
            training_learns=bool(learns),
        )


def learning(reported: list[MetricReported], classes: int) -> str:
    """What shows that the training itself works: "the train loss fell from 1.42 to 0.48"; empty: nothing does."""
    for curve in curves(reported, "loss"):
        if curve.split == "train" and len(curve.points) > 1 and 0 < curve.points[-1] < FALLEN * curve.points[0]:
            return f"the train loss fell from {curve.points[0]:.4g} to {curve.points[-1]:.4g}"
    for curve in curves(reported, "accuracy"):
        if curve.split == "train" and curve.points[-1] > min(LEARNT / classes, 0.9):
            return f"the train accuracy reached {percent(curve.points[-1])}"
    return ""
