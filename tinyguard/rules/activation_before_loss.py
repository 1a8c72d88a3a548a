"""TNY401: an activation stands before a loss that applies it itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinyguard.events import Event, LossComputed
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story

# What each loss of torch.nn.functional wants as its input, and the activations that spoil it.
WANTS = {
    "cross_entropy": ("raw scores", ("softmax", "sigmoid", "logsigmoid")),
    "binary_cross_entropy_with_logits": ("raw scores", ("sigmoid", "softmax", "log_softmax", "logsigmoid")),
    "nll_loss": ("log-probabilities", ("softmax",)),
    "kl_div": ("log-probabilities", ("softmax", "sigmoid")),
}
LOG_PROBABILITIES = {
    "nll_loss": "use log_softmax here, or raw scores with cross_entropy",
    "kl_div": "use log_softmax here",
}


class ActivationBeforeLoss(Rule):
    """Softmax, sigmoid or log-softmax is applied before a loss that applies it itself.

    `cross_entropy` takes raw scores and applies log-softmax to them, `binary_cross_entropy_with_logits` the sigmoid.
    Applied twice, scores between 0 and 1 go into the second softmax: with 200 classes the loss cannot fall below
    4.3 however sure the model is, gradients are tiny, and accuracy stays near chance. `nll_loss` and `kl_div` take
    log-probabilities: softmax before them leaves out the logarithm, and a student does not learn what its teacher says.

    The finding stands at the activation, once for all the losses it feeds. Log-softmax before `cross_entropy` changes
    nothing (it is its own fixed point) and is a note.
    """

    code = "TNY401"
    severity = Severity.ERROR
    on = (LossComputed,)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
probabilities = torch.softmax(model(torch.rand(8, 4)), dim=1)  # TNY401
loss = criterion(probabilities, torch.randint(3, (8,)))
loss.backward()
optimizer.step()
""",
        # The usual form: in forward, two cells away from the loss, and on to training and validation.
        """
# %%
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return F.softmax(x, dim=1)  # TNY401
# %%
train_loader = DataLoader(TensorDataset(torch.rand(16, 4), torch.randint(3, (16,))), batch_size=4, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(3, (8,))), batch_size=4)
net = Net()
optimizer = torch.optim.Adam(net.parameters())
# %%
for epoch in range(20):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_loss = sum(F.cross_entropy(net(x), y).item() for x, y in val_loader)
""",
        # The last layer of a Sequential, and a trainer that keeps the criterion.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Trainer:
    def __init__(self, model, lr=0.01):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr)

    def step(self, inputs, labels):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(inputs), labels)
        loss.backward()
        self.optimizer.step()
# %%
model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(16, 10),
    nn.Softmax(dim=1),  # TNY401
)
loader = DataLoader(TensorDataset(torch.rand(16, 4, 4), torch.randint(10, (16,))), batch_size=4, shuffle=True)
trainer = Trainer(model)
for epoch in range(20):
    for inputs, labels in loader:
        trainer.step(inputs, labels)
""",
        # One score for two classes: the sigmoid is in the loss.
        """
# %%
import torch
from torch import nn

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 1))

    def forward(self, x):
        return torch.sigmoid(self.layers(x)).squeeze(1)  # TNY401
# %%
classifier = Classifier()
optimizer = torch.optim.Adam(classifier.parameters())
criterion = nn.BCEWithLogitsLoss()
for step in range(20):
    loss = criterion(classifier(torch.rand(8, 6)), torch.randint(2, (8,)).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # Negative log likelihood of probabilities instead of their logarithms.
        """
# %%
import torch
from torch import nn
import torch.nn.functional as F
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    output = F.softmax(model(torch.rand(8, 4)), dim=1)  # TNY401
    loss = F.nll_loss(output, torch.randint(3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # Needless, but harmless: a note.
        """
# %%
import torch
from torch import nn
import torch.nn.functional as F
model = nn.Linear(4, 3)
output = F.log_softmax(model(torch.rand(8, 4)), dim=1)  # TNY401
F.cross_entropy(output, torch.randint(3, (8,))).backward()
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
    guess = F.softmax(student(inputs), dim=1)  # TNY401
    loss = F.kl_div(guess, target, reduction="batchmean")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    )
    good = (
        bad[0].replace("criterion(probabilities", "criterion(model(torch.rand(8, 4))").replace("  # TNY401", ""),
        bad[1].replace("F.softmax(x, dim=1)", "x").replace("  # TNY401", ""),
        bad[1]
        .replace("F.softmax(x", "F.log_softmax(x")
        .replace("F.cross_entropy", "F.nll_loss")
        .replace("  # TNY401", ""),
        bad[2].replace("    nn.Softmax(dim=1),  # TNY401\n", ""),
        bad[3].replace("BCEWithLogitsLoss", "BCELoss").replace("  # TNY401", ""),
        # The logarithm is taken by hand.
        bad[4].replace("F.nll_loss(output", "F.nll_loss(torch.log(output)").replace("  # TNY401", ""),
        # Probabilities are shown and counted; the loss gets the raw scores.
        """
# %%
import torch
from torch import nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        logits = self.fc(x)
        return logits, F.softmax(logits, dim=1)
# %%
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(20):
    logits, probabilities = net(torch.rand(8, 4))
    labels = torch.randint(3, (8,))
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(probabilities.max().item(), (probabilities.argmax(dim=1) == labels).float().mean().item())
""",
        # Softmax in the middle of the model weighs; what comes after it are raw scores again.
        """
# %%
import torch
from torch import nn

class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(4, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        weights = torch.softmax(self.score(x), dim=1)
        return self.head((weights * x).sum(dim=1))
# %%
model = Attention()
optimizer = torch.optim.Adam(model.parameters())
for step in range(20):
    loss = nn.functional.cross_entropy(model(torch.rand(8, 5, 4)), torch.randint(3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # Soft targets: the softmax is on the side of the target.
        """
# %%
import torch
from torch import nn
from torch.nn import functional as F
teacher, student = nn.Linear(4, 3), nn.Linear(4, 3)
optimizer = torch.optim.Adam(student.parameters())
for step in range(20):
    x = torch.rand(8, 4)
    with torch.no_grad():
        target = F.softmax(teacher(x) / 2.0, dim=1)
    loss = F.cross_entropy(student(x) / 2.0, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        bad[-1].replace("guess = F.softmax", "guess = F.log_softmax").replace("  # TNY401", ""),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, LossComputed) or event.activation is None or event.criterion not in WANTS:
            return
        wanted, spoilers = WANTS[event.criterion]
        applied, criterion = event.activation.name, event.criterion
        place = event.activation.place or event.place
        related = (
            (f"`{criterion}` is computed from it here", event.place if event.place != place else None),
            ("the loss was built here", event.criterion_built),
        )
        evidence: dict[str, Any] = {"activation": applied, "criterion": criterion, "outputs": event.outputs}
        if applied in spoilers:
            yield self.finding(
                f"{applied} is applied before `{criterion}`, which wants {wanted}",
                place,
                remedy=LOG_PROBABILITIES.get(criterion)
                or f"give `{criterion}` the raw scores; apply {applied} only where probabilities are shown",
                related=related,
                **evidence,
            )
        elif (applied, criterion) == ("log_softmax", "cross_entropy"):
            yield self.finding(
                "log_softmax is applied before `cross_entropy`, which applies it again: needless",
                place,
                remedy="give `cross_entropy` the raw scores, or use nll_loss",
                cause="Log-softmax of log-probabilities gives the same log-probabilities.",
                related=related,
                severity=Severity.NOTE,
                **evidence,
            )
