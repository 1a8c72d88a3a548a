"""TNY404: a softmax is not told along which dimension."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import DimensionGuessed, Event
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story


class SoftmaxWithoutDim(Rule):
    """Softmax is not told along which dimension: torch guesses by the number of dimensions.

    Without `dim` torch takes dimension 0 of an input with one or three dimensions and dimension 1 of any other, and
    warns. For scores of shape (batch, classes) that is right; for (batch, time, classes) the probabilities of one
    class add up to 1 over the batch, and nothing fails.
    """

    code = "TNY404"
    severity = Severity.WARNING
    on = (DimensionGuessed,)
    bad = (
        """
# %%
import torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 3)

    def forward(self, x):
        return F.log_softmax(self.hidden(x))  # TNY404

# %%
net = Net()
F.nll_loss(net(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
""",
        """
# %%
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 3), nn.Softmax())  # TNY404
print(net(torch.rand(2, 5, 4)).sum(-1))
""",
    )
    good = (
        bad[0].replace("self.hidden(x))  # TNY404", "self.hidden(x), dim=-1)"),
        bad[1].replace("nn.Softmax())  # TNY404", "nn.Softmax(-1))"),
        # The methods of tensors and torch.softmax ask for it.
        """
# %%
import torch
scores = torch.rand(4, 3)
print(torch.softmax(scores, 1), scores.softmax(1))
""",
        # Which of the arguments it is among, nobody sees.
        """
# %%
import torch
from torch.nn import functional as F
where = {"dim": 1}
print(F.softmax(torch.rand(4, 3), **where))
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, DimensionGuessed):
            yield self.finding(
                f"`{event.function}` is not told along which dimension: torch takes 0 for inputs of 1 or 3, else 1",
                event.place,
                remedy="say which: `dim=-1` when the last dimension is the classes, `dim=1` for (batch, classes, ...)",
                function=event.function,
            )
