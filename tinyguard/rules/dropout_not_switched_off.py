"""TNY304: dropout that eval() does not switch off."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.models import DropoutLeftOn
from tinyguard.rule import Rule
from tinyguard.story import Story

_START = """
# %%
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
test_loader = DataLoader(TensorDataset(torch.randn(64, 4), torch.arange(64) % 3), batch_size=16)
"""
_MODEL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 3)

    def forward(self, x):
        x = F.dropout(F.relu(self.first(x)), 0.5)  # TNY304 live
        return self.last(x)

model = Net()
"""
_EVALUATION = """
# %%
model.eval()
with torch.no_grad():
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in test_loader)
print(right / 64)
"""


class DropoutNotSwitchedOff(Rule):
    """A model in eval mode still drops activations at random: `F.dropout` was called without `training`.

    Unlike the layer `nn.Dropout`, the function knows nothing of modes and drops unless it is told not to. Every
    validation and test figure is worse than the model, and another one each time.

    Only the guard sees the mode in which it is called. `F.dropout(x, p, training=True)` says that it is meant, as for
    Monte Carlo dropout, and is left alone.
    """

    code = "TNY304"
    severity = Severity.WARNING
    on = (DropoutLeftOn,)
    serves = ("C4",)
    bad = (
        _START + _MODEL + _EVALUATION,
        # behind a function of one's own
        _START
        + _MODEL.replace("F.dropout(F.relu(self.first(x)), 0.5)  # TNY304 live", "regularised(self.first(x))").replace(
            "class Net", "def regularised(x):\n    return F.dropout(x.relu())  # TNY304 live\n\nclass Net"
        )
        + _EVALUATION,
    )
    good = (
        _START + _MODEL.replace("0.5)  # TNY304 live", "0.5, training=self.training)") + _EVALUATION,
        _START + _MODEL.replace("0.5)  # TNY304 live", "0.5, self.training)") + _EVALUATION,
        # said to be meant
        _START + _MODEL.replace("0.5)  # TNY304 live", "0.5, training=True)") + _EVALUATION,
        _START + _MODEL.replace("0.5)  # TNY304 live", "0.0)") + _EVALUATION,
        # in train mode it is right
        _START
        + _MODEL.replace("  # TNY304 live", "")
        + """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in test_loader:
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
""",
        # noise in the data is none of the model's
        _START
        + _MODEL.replace("F.dropout(F.relu(self.first(x)), 0.5)  # TNY304 live", "F.relu(self.first(x))")
        + _EVALUATION.replace("model(x)", "model(F.dropout(x, 0.1))"),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, DropoutLeftOn):
            return
        yield self.finding(
            f"`F.{event.function}` drops {100 * event.share:.0f} % of what it is given though `{event.kind}` is in "
            "eval mode: it was called without `training`",
            event.place,
            remedy="give it training=self.training, or use the layer nn."
            f"{event.function.replace('dropout', 'Dropout')}",
            share=event.share,
        )
