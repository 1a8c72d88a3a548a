"""TNY405: the shapes of prediction and target are broadcast, so that each prediction meets every target."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import AllPairsCompared
from tinyguard.rule import Rule
from tinyguard.story import Story

_DATA = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(96, 4)
price = x @ torch.tensor([1.0, -2.0, 0.5, 0.0])
train_loader = DataLoader(TensorDataset(x, price), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
"""

_WRITTEN_BY_HAND = """
# %%
for features, target in train_loader:
    loss = (model(features) - target).pow(2).mean()  # TNY405 live
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

_OF_TORCH = """
# %%
criterion = nn.MSELoss()
for features, target in train_loader:
    optimizer.zero_grad()
    criterion(model(features), target).backward()  # TNY405 live
    optimizer.step()
"""


class ShapesBroadcast(Rule):
    """Predictions of shape (batch, 1) and targets of shape (batch,) make a loss over all pairs of them.

    Broadcasting turns their difference into a (batch, batch) matrix: each prediction is pulled to the target of every
    sample. The best that the model can do is to predict the mean, and the loss stays near the variance of the targets.
    torch warns of it in its own losses only, once. A head with one output has to lose its last dimension, or the target
    has to get one.
    """

    code = "TNY405"
    severity = Severity.ERROR
    on = (AllPairsCompared,)
    bad = (
        _DATA + _WRITTEN_BY_HAND,
        _DATA + _OF_TORCH,
        # in a function; the absolute error, and the target first
        _DATA
        + """
# %%
def absolute_error(prediction, target):
    return torch.abs(target - prediction).mean()  # TNY405 live

for features, target in train_loader:
    loss = absolute_error(model(features), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    )
    good = (
        _DATA
        + _WRITTEN_BY_HAND.replace("model(features) - target", "model(features).squeeze(1) - target").replace(
            "  # TNY405 live", ""
        ),
        _DATA + _WRITTEN_BY_HAND.replace("- target", "- target.unsqueeze(1)").replace("  # TNY405 live", ""),
        _DATA + _OF_TORCH.replace("model(features)", "model(features).flatten()").replace("  # TNY405 live", ""),
        # all pairs on purpose: a kernel between the outputs of a batch
        _DATA
        + """
# %%
for features, target in train_loader:
    embedded = model(features)
    distances = (embedded - embedded.flatten()).pow(2)
    wanted = (target.unsqueeze(1) - target).pow(2)
    optimizer.zero_grad()
    (distances - wanted).pow(2).mean().backward()
    optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, AllPairsCompared):
            return
        size = max(event.prediction)
        what = f"`{event.criterion}` compares" if event.criterion else "the difference is one of"
        model = story.name(event.models[-1].model, "model") if event.models else "model"
        squeeze = f"`{model}(...).squeeze(1)`" if len(event.prediction) == 2 else "`target.squeeze(1)`"
        yield self.finding(
            f"{what} all {size} x {size} pairs: the prediction has the shape {event.prediction}, the target "
            f"{event.target}",
            event.place,
            remedy=f"give both one shape: {squeeze}",
            cause="each prediction is pulled to the target of every sample: the model learns their mean.",
            prediction=list(event.prediction),
            target=list(event.target),
        )
