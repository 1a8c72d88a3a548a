"""TNY403: a loss is kept together with its graph."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, GraphKept
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story


class LossKeptWithGraph(Rule):
    """A loss is kept beyond its step as a tensor, and its autograd graph with it.

    `losses.append(loss)` and `total += loss` hold on to the graph that the loss was computed by: it grows by the nodes
    of every step, and by all activations of a step whose backward() has not freed them; on a device, none of its
    memory comes back, and nothing can be plotted without a detour. What is wanted is the number: `loss.item()`. A sum
    of losses that is differentiated itself is no such case.
    """

    code = "TNY403"
    severity = Severity.WARNING
    on = (GraphKept,)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
losses = []
for step in range(20):
    loss = nn.functional.mse_loss(model(torch.rand(8, 4)), torch.rand(8, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss)  # TNY403
""",
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def train_epoch(model, loader, optimizer, criterion):
    running_loss = 0.0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        running_loss += loss  # TNY403
    return running_loss / len(loader)
# %%
loader = DataLoader(TensorDataset(torch.rand(16, 4), torch.randint(3, (16,))), batch_size=4, shuffle=True)
model = nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(20):
    print(train_epoch(model, loader, optimizer, nn.CrossEntropyLoss()))
""",
        # Kept in an attribute of a trainer.
        """
# %%
import torch
from torch import nn

class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters())
        self.history = {"loss": []}

    def fit(self, steps):
        for step in range(steps):
            loss = self.model(torch.rand(8, 4)).pow(2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.history["loss"].append(loss)  # TNY403
# %%
trainer = Trainer(nn.Linear(4, 1))
trainer.fit(20)
""",
    )
    good = (
        bad[0].replace("append(loss)", "append(loss.item())").replace("  # TNY403", ""),
        bad[0].replace("append(loss)", "append(loss.detach())").replace("  # TNY403", ""),
        bad[1].replace("+= loss ", "+= float(loss) ").replace(" # TNY403", ""),
        bad[2].replace("append(loss)", "append(loss.data)").replace("  # TNY403", ""),
        # The sum is what is differentiated.
        """
# %%
import torch
from torch import nn
model = nn.RNNCell(4, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    hidden = torch.zeros(8, 4)
    total = 0
    for time in range(5):
        hidden = model(torch.rand(8, 4), hidden)
        total += hidden.pow(2).mean()
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
""",
        # No graph, nothing to hold on to.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 1)
losses, total = [], 0
with torch.no_grad():
    for step in range(20):
        loss = nn.functional.mse_loss(model(torch.rand(8, 4)), torch.rand(8, 1))
        total += loss
        losses.append(loss)
""",
        # Losses of one step are gathered and differentiated together.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    losses = []
    for part in range(3):
        losses.append(model(torch.rand(8, 4)).pow(2).mean())
    loss = torch.stack(losses).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, GraphKept):
            return
        yield self.finding(
            f"`{event.name}` keeps the loss of every step as a tensor, with the graph it was computed by",
            event.place,
            remedy="keep the number: add `.item()` (or `.detach()`)",
            name=event.name,
            how=event.how,
        )
