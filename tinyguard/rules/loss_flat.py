"""TNY702: the recorded loss stays at that of guessing."""

from __future__ import annotations

import math
from collections.abc import Iterator

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
)
from tinyguard.events import Event, LossComputed, MetricReported, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.measured.evaluation import EpochReported
from tinyguard.rule import Rule
from tinyguard.story import Story

BELOW = 0.005  # nats under ln(classes) that rounding and weights explain; one healthy epoch brings more than 0.01
ABOVE = 0.05  # of ln(classes): an untrained network lies 1 % above it, in eval mode up to 6 %
FLAT = 0.01  # of ln(classes): how far its values lie apart at most
EPOCHS = 3  # values, one an epoch
UNNUMBERED = 5  # values, where there is more than one an epoch or the output does not tell
ENTROPIES = frozenset({"cross_entropy", "nll_loss"})  # whose value for a guess is ln(classes)

_TRAINING = """
# %% In[1]
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
train_data = datasets.FakeData(64, (1, 4, 4), num_classes=10, transform=transforms.ToTensor())
train_loader = torch.utils.data.DataLoader(train_data, batch_size=32, shuffle=True)

model = nn.Sequential(nn.Flatten(), nn.Linear(16, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()

def run(num_epochs):
    for epoch in range(num_epochs):
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.3f}")

"""


class LossFlat(Rule):
    """The recorded training loss stays near ln(number of classes), where a guess puts it: nothing is learnt.

    A prediction that knows nothing of the labels has a mean cross entropy of at least ln(classes): 5.298 for 200,
    2.303 for 10. A model that learns is below it within the first epoch. A symptom; the causes that were proven are
    named with it. Usual ones: the optimizer holds another model's parameters, a softmax before the loss, a learning
    rate that is far too low or so high that the network died. Where the test accuracy tells the same, TNY701 says it.
    """

    code = "TNY702"
    severity = Severity.WARNING
    on = (RunEnded, EpochReported)
    serves = ("K1", "The problem")
    bad = (
        _TRAINING
        + """
# %% In[2]
run(4)  # TNY702
# Out: epoch 0 loss 2.309
# Out: epoch 1 loss 2.304
# Out: epoch 2 loss 2.306
# Out: epoch 3 loss 2.305
""",
        # several an epoch
        _TRAINING
        + """
# %% In[2]
run(1)  # TNY702
# Out: [1,  2000] loss: 2.303
# Out: [1,  4000] loss: 2.304
# Out: [1,  6000] loss: 2.303
# Out: [1,  8000] loss: 2.303
# Out: [1, 10000] loss: 2.303
""",
    )
    good = (
        # slow, but it learns
        _TRAINING
        + """
# %% In[2]
run(4)
# Out: epoch 0 loss 2.309
# Out: epoch 1 loss 2.301
# Out: epoch 2 loss 2.289
# Out: epoch 3 loss 2.270
""",
        # a beginning
        _TRAINING
        + """
# %% In[2]
run(2)
# Out: epoch 0 loss 2.309
# Out: epoch 1 loss 2.304
""",
        # flat, but far from a guess: it has learnt what it can
        _TRAINING
        + """
# %% In[2]
run(4)
# Out: epoch 0 loss 0.412
# Out: epoch 1 loss 0.411
# Out: epoch 2 loss 0.412
# Out: epoch 3 loss 0.411
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        for cell in judged(event, story):
            classes = class_count(cell)
            if classes is None or classes < 2 or not measured_in_nats(cell):
                continue
            losses = now(event, training_losses(cell.metrics))
            flat = next((curve for curve in losses if is_flat(curve, classes)), None)
            samples = evaluated_samples(cell)
            accuracies = curves(cell.metrics, "accuracy")
            if flat is not None and not any(is_stuck(curve, classes, samples) for curve in accuracies):
                yield self.finding(
                    f"the {flat.name} stays at {listed(tuple(f'{value:.4g}' for value in flat.points))} {flat.span}; "
                    f"ln({classes}) = {math.log(classes):.3f} is the loss of a guess among {classes} classes",
                    decision(story, cell.place),
                    remedy="mend the proven causes first; then see whether the optimizer steps this model, and with "
                    "which learning rate",
                    classes=classes,
                    losses=list(flat.points),
                    epochs=list(flat.epochs),
                )


def training_losses(reported: list[MetricReported]) -> Iterator[Curve]:
    """The loss curves that can be those of the training."""
    return (curve for curve in curves(reported, "loss", each=True) if curve.split in ("train", None))


def is_flat(curve: Curve, classes: int) -> bool:
    """A loss that lies where a guess puts it, and does not move."""
    guess = math.log(classes)
    enough = EPOCHS if curve.in_epochs else UNNUMBERED
    if len(curve.points) < enough or not all(math.isfinite(value) for value in curve.points):
        return False
    near = guess - BELOW <= min(curve.points) and max(curve.points) <= guess * (1 + ABOVE)
    return near and max(curve.points) - min(curve.points) <= FLAT * guess


def measured_in_nats(cell: Reporting) -> bool:
    """Nothing in the cell says that its loss is another than the cross entropy between classes."""
    criteria = {event.criterion for event in cell.asked if isinstance(event, LossComputed)}
    return criteria <= ENTROPIES
