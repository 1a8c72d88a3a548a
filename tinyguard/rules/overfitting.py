"""TNY704: the evaluation loss has been rising for epochs, while the training loss falls."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tinyguard.curves import EVALUATION, Curve, Reporting, curves, decision, reporting_cells
from tinyguard.events import Event, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story

EPOCHS = 5  # since the best one
WORSE = 1.2  # times the best: less is the noise of a plateau

_TRAINING = """
# %% In[1]
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def run(epochs):
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.ones(6, 4)), torch.arange(6) % 3)
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch}: train loss {loss.item():.3f}")

"""


class Overfitting(Rule):
    """The evaluation loss has risen by a fifth since its best epoch, while the training loss falls.

    From the best epoch on, five or more before the end, the model learns its training data by heart. Its last weights
    are not its best: stop there, or keep a copy of the best weights, and try augmentation, weight decay, a smaller
    model or more data. The accuracy can go on rising for a while all the same, so this is advice.
    """

    code = "TNY704"
    severity = Severity.NOTE
    suspicion = True
    on = (RunEnded,)
    bad = (
        _TRAINING
        + """
# %% In[2]
run(8)  # TNY704 lint
# Out: epoch 1: train loss 1.10, val loss 1.05
# Out: epoch 2: train loss 0.90, val loss 0.95
# Out: epoch 3: train loss 0.70, val loss 0.90
# Out: epoch 4: train loss 0.52, val loss 0.94
# Out: epoch 5: train loss 0.37, val loss 1.01
# Out: epoch 6: train loss 0.25, val loss 1.09
# Out: epoch 7: train loss 0.16, val loss 1.18
# Out: epoch 8: train loss 0.09, val loss 1.31
""",
        _TRAINING
        + """
# %% In[2]
run(7)  # TNY704 lint
# Out: {'train_loss': [0.9, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05], 'test_loss': [0.8, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0]}
""",
    )
    good = (
        # a plateau
        _TRAINING
        + """
# %% In[2]
run(7)
# Out: {'train_loss': [0.9, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05], 'test_loss': [0.8, 0.7, 0.71, 0.72, 0.71, 0.73, 0.74]}
""",
        # one bad epoch
        _TRAINING
        + """
# %% In[2]
run(7)
# Out: {'train_loss': [0.9, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05], 'test_loss': [0.8, 0.7, 0.71, 0.72, 0.71, 0.7, 1.0]}
""",
        # stopped early
        _TRAINING
        + """
# %% In[2]
run(5)
# Out: {'train_loss': [0.9, 0.6, 0.4, 0.3, 0.2], 'test_loss': [0.8, 0.7, 0.75, 0.8, 0.9]}
""",
        # the training itself has gone wrong
        _TRAINING
        + """
# %% In[2]
run(7)
# Out: {'train_loss': [0.9, 0.6, 0.7, 0.8, 0.9, 0.9, 0.95], 'test_loss': [0.8, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0]}
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        for cell in reporting_cells(story):
            losses = curves(cell.metrics, "loss")
            overfitted = (curve for curve in losses if curve.split in EVALUATION and rises(curve))
            curve = next((curve for curve in overfitted if any(falls_since(curve, other) for other in losses)), None)
            if curve is not None:
                yield self._finding(curve, cell, story)

    def _finding(self, curve: Curve, cell: Reporting, story: Story) -> Finding:
        best = min(curve.points)
        epoch = curve.epochs[curve.points.index(best)]
        return self.finding(
            f"the {curve.name} has risen from {best:.4g} in epoch {epoch} to {curve.points[-1]:.4g} in epoch "
            f"{curve.epochs[-1]}, while the train loss fell: the model is overfitting",
            decision(story, cell.place),
            remedy=f"keep a copy of the weights of the best epoch or stop there (epoch {epoch}); more augmentation, "
            "weight decay or data move it",
            losses=list(curve.points),
            best_epoch=epoch,
        )


def rises(curve: Curve) -> bool:
    """It ends well above a best that is epochs ago, and its last three values are all above."""
    if not curve.in_epochs or len(curve.points) <= EPOCHS or not all(map(math.isfinite, curve.points)):
        return False
    best = min(curve.points)
    since = len(curve.points) - 1 - curve.points.index(best)
    worse = 1 + (WORSE - 1) / 2
    return since >= EPOCHS and curve.points[-1] > WORSE * best > 0 and min(curve.points[-3:]) > worse * best


def falls_since(evaluation: Curve, training: Curve) -> bool:
    """The training loss is lower in the end than when the evaluation was at its best."""
    if training.split != "train" or training.epochs != evaluation.epochs:
        return False
    at_best = training.points[evaluation.points.index(min(evaluation.points))]
    return training.points[-1] < at_best
