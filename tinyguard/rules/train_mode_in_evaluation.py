"""TNY302: a model is evaluated in train mode."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, ModelBuilt, ModelUse, ModeSet, PassEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story, certain, possible
from tinyguard.training import called_evaluation, held_out


class TrainModeInEvaluation(Rule):
    """The model is in train mode while it is evaluated on validation or test data.

    Dropout throws activations away and batch norm uses the statistics of the batch, so the accuracy that is reported
    is not the model's; and batch norm goes on learning its statistics from the data it is tested on. Usual cause: the
    evaluation forgets `model.eval()`.

    Where `model.train()` was called for this very pass, as for Monte Carlo dropout, nothing is reported.
    """

    code = "TNY302"
    severity = Severity.WARNING
    on = (PassEnded,)
    serves = ("C4",)

    bad = (
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
train_loader = DataLoader(TensorDataset(torch.rand(16, 4), torch.randint(3, (16,))), batch_size=8, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(3, (8,))), batch_size=8)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
# %%
for epoch in range(20):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
# %%
correct = 0
with torch.no_grad():
    for inputs, labels in test_loader:  # TNY302
        correct += (model(inputs).argmax(dim=1) == labels).sum().item()
print(correct / 8)
""",
        # The evaluation is a function of its own and is called in each epoch: told once, where eval() belongs.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(torch.relu(self.bn(self.conv(x))).mean(dim=(2, 3)))
# %%
def evaluate(net, loader):
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:  # TNY302
            predicted = net(x).argmax(dim=1)
            correct += (predicted == y).sum().item()
            total += len(y)
    return correct / total

def train(net, train_loader, val_loader, epochs):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net.train()
    for epoch in range(epochs):
        for x, y in train_loader:
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(evaluate(net, val_loader))
# %%
train_loader = DataLoader(TensorDataset(torch.rand(8, 3, 6, 6), torch.randint(5, (8,))), batch_size=4, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.rand(8, 3, 6, 6), torch.randint(5, (8,))), batch_size=4)
net = Net()
train(net, train_loader, val_loader, epochs=20)
evaluate(net, val_loader)
""",
        # A loader that is called one for tests, whatever it reads.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))
model.load_state_dict(model.state_dict())
train_set = TensorDataset(torch.rand(8, 4), torch.randint(3, (8,)))
test_loader = DataLoader(train_set, batch_size=4)
hits = 0
for inputs, labels in test_loader:  # TNY302
    hits += (model(inputs).argmax(dim=1) == labels).sum().item()
""",
    )
    good = (
        bad[0].replace("correct = 0", "correct = 0\nmodel.eval()").replace("  # TNY302", ""),
        bad[0].replace("nn.Dropout(0.5)", "nn.LayerNorm(16)").replace("  # TNY302", ""),
        bad[1]
        .replace("    correct = total = 0", "    net.eval()\n    correct = total = 0")
        .replace("    for epoch in range(epochs):", "    for epoch in range(epochs):\n        net.train()")
        .replace("  # TNY302", ""),
        # Monte Carlo dropout: many passes in train mode, on purpose.
        bad[0]
        .replace("correct = 0", "model.train()\ncorrect = 0")
        .replace("model(inputs).argmax(dim=1)", "sum(model(inputs) for _ in range(10)).argmax(dim=1)")
        .replace("  # TNY302", ""),
        # The loss on the training data, measured in train mode, is what training sees.
        bad[0]
        .replace("in test_loader:  # TNY302", "in train_loader:")
        .replace("correct / 8", "correct / 16")
        .replace("test_loader", "other_loader"),
        # A look at the untrained model: chance, whatever the mode.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
test_loader = DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(3, (8,))), batch_size=8)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
# %%
correct = 0
with torch.no_grad():
    for inputs, labels in test_loader:
        correct += (model(inputs).argmax(dim=1) == labels).sum().item()
print("before training", correct / 8)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, PassEnded) or event.backward or event.stepped or not event.measured:
            return
        evaluation = held_out(event.samples) or called_evaluation(event.loader, story)
        if not evaluation and not _apart_from_training(event, story):
            return
        data = f"{event.samples.split} data" if held_out(event.samples) else "data that it is not trained on"
        if evaluation and not held_out(event.samples):
            data = f"`{story.name(event.loader)}`"
        for use in event.models:
            if use.training is True and use.mode_matters and _forgotten(use, event, story):
                name = story.name(use.model, "model")
                mode = story.mode_set(use.model)
                yield self.finding(
                    f"`{name}` is evaluated on {data} in train mode: dropout is on and batch norm "
                    f"uses (and learns) the statistics of these batches",
                    event.place,
                    remedy=f"call `{name}.eval()` before this loop and `{name}.train()` before training goes on",
                    related=(
                        ("train() was called here", mode.place if mode else None),
                        ("the evaluation was asked for here", event.decision if event.via else None),
                    ),
                    model=name,
                    split=event.samples.split,
                    split_from=event.samples.evidence,
                )
                return


def _apart_from_training(event: PassEnded, story: Story) -> bool:
    """No gradient was asked for here, and all training so far was done with other loaders."""
    loaders = {backward.loader for backward in story.all(BackwardRan)}
    recording = any(use.grad for use in event.models)
    return bool(loaders) and None not in loaders and event.loader not in loaders and not recording


def _forgotten(use: ModelUse, event: PassEnded, story: Story) -> bool:
    """Nobody chose train mode for this pass: the model was trained since its mode was last set."""
    for before in reversed(story.events):
        match before:
            case ModeSet() if use.model in (before.model, *before.models) and possible(before, given=event):
                return False
            case ModelBuilt() if before.model == use.model:
                break
            case BackwardRan() if certain(before, given=event) and before.reaches.overlaps(use.parameters):
                return True
    # Neither trained nor set: a look at an untrained model, unless it came with its weights.
    return use.pretrained is True
