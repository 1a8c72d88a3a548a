"""TNY402: raw scores go into a loss that wants probabilities or their logarithms."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, LossComputed
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story

# The loss, what it wants, the activation that gives it, and the loss that takes raw scores, if there is one.
WANTS = {
    "nll_loss": ("log-probabilities", "log_softmax", "cross_entropy"),
    "kl_div": ("log-probabilities", "log_softmax", ""),
    "binary_cross_entropy": ("probabilities", "sigmoid", "binary_cross_entropy_with_logits"),
}

# Layers whose output is no probability and no logarithm of one.
RAW = frozenset(
    {"Linear", "LazyLinear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "BatchNorm1d", "BatchNorm2d", "ReLU"}
)

# The mean of probabilities is a probability, but no logarithm of one.
AVERAGES = frozenset({"AvgPool1d", "AvgPool2d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d"})


class ActivationMissing(Rule):
    """Raw scores go into a loss that wants probabilities or their logarithms.

    `nll_loss` is the mean of minus its input at the label: without log-softmax the loss has no lower end, falls into
    the negative without limit, and its size says nothing. `binary_cross_entropy` stops with an error as soon as a
    score leaves 0 to 1, and is wrong as long as none does.

    Reported where the loss is built, and only when the loss's input is the output of a layer like `nn.Linear`.
    """

    code = "TNY402"
    severity = Severity.ERROR
    on = (LossComputed,)

    bad = (
        """
# %%
import torch
from torch import nn
import torch.nn.functional as F
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for step in range(20):
    loss = F.nll_loss(model(torch.rand(8, 4)), torch.randint(3, (8,)))  # TNY402
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self, hidden, classes):
        super().__init__()
        self.hidden = nn.Linear(4, hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))
# %%
loader = DataLoader(TensorDataset(torch.rand(16, 4), torch.randint(3, (16,))), batch_size=4, shuffle=True)
config = {"hidden": 8, "classes": 3}
net = Net(**config)
criterion = nn.NLLLoss()  # TNY402
optimizer = torch.optim.Adam(net.parameters())

def train(net, loader, criterion, optimizer):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
# %%
for epoch in range(20):
    train(net, loader, criterion, optimizer)
""",
        # Scores happen to lie between 0 and 1 here, so nothing stops.
        """
# %%
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 1))
nn.init.constant_(model[0].weight, 0.2)
nn.init.zeros_(model[0].bias)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
loss_fn = nn.BCELoss()  # TNY402
# %%
for step in range(20):
    loss = loss_fn(model(torch.rand(8, 4)).squeeze(), torch.randint(2, (8,)).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # a student learns of a teacher
        """
# %%
import torch
from torch import nn
import torch.nn.functional as F
teacher, student = nn.Linear(4, 3), nn.Linear(4, 3)
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
# %%
for step in range(20):
    inputs = torch.rand(8, 4)
    with torch.no_grad():
        target = F.softmax(teacher(inputs), dim=1)
    loss = F.kl_div(student(inputs), target, reduction="batchmean")  # TNY402
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    )
    good = (
        bad[0].replace("nll_loss", "cross_entropy").replace("  # TNY402", ""),
        bad[0]
        .replace("model(torch.rand(8, 4))", "F.log_softmax(model(torch.rand(8, 4)), dim=1)")
        .replace("  # TNY402", ""),
        bad[1]
        .replace(
            "return self.out(torch.relu(self.hidden(x)))", "return self.out(torch.relu(self.hidden(x))).log_softmax(-1)"
        )
        .replace("  # TNY402", ""),
        bad[2].replace("nn.Linear(4, 1))", "nn.Linear(4, 1), nn.Sigmoid())").replace("  # TNY402", ""),
        # Log-probabilities made by hand.
        """
# %%
import torch
from torch import nn
import torch.nn.functional as F
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def log_softmax(x):
    return x - x.exp().sum(-1).log().unsqueeze(-1)
# %%
for step in range(20):
    loss = F.nll_loss(log_softmax(model(torch.rand(8, 4))), torch.randint(3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        bad[-1]
        .replace("F.kl_div(student(inputs)", "F.kl_div(F.log_softmax(student(inputs), 1)")
        .replace("  # TNY402", ""),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, LossComputed) or event.criterion not in WANTS:
            return
        wanted, activation, other = WANTS[event.criterion]
        raw = RAW if event.criterion == "binary_cross_entropy" else RAW | AVERAGES
        if not event.input_known or event.activation is not None or event.layer not in raw:
            return
        place = event.criterion_built or event.place
        yield self.finding(
            f"`{event.criterion}` wants {wanted} and gets the raw output of a {event.layer} layer",
            place,
            remedy=f"use {other}, or apply {activation} first" if other else f"apply {activation} first",
            related=(("the loss is computed here", event.place if event.place != place else None),),
            criterion=event.criterion,
            layer=event.layer,
        )
