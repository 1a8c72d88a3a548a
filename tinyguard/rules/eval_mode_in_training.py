"""TNY301: a model is trained in eval mode."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, ModelUse, ModeSet, OptimizerStepped, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import judged, stray_backward
from tinyguard.story import Story, certain


class EvalModeInTraining(Rule):
    """The model is in eval mode while an optimizer steps it.

    Dropout is off and batch norm uses its stored statistics, so the loss being lowered is not the one the
    architecture was built for, and the stored statistics never move. Usual cause: a validation cell or a helper called
    `model.eval()` and nobody called `model.train()` before the training went on.

    The finding stands where training parts from that `eval()`: at the call of the training function when `eval()`
    was called outside of it, else at the step. A model without dropout and batch norm is the same in both modes, and a
    frozen network in eval mode beside the one that learns is as it should be; neither is reported.
    """

    code = "TNY301"
    severity = Severity.ERROR
    on = (OptimizerStepped, RunEnded)
    serves = ("C4", "D2")

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 3), nn.Dropout())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.eval()
# %%
model(torch.ones(2, 4)).sum().backward()
optimizer.step()  # TNY301
""",
        # Validation ends each epoch in eval mode; only the first epoch is trained as it should be.
        """
# %%
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        return self.head(x.mean(dim=(2, 3)))
# %%
train_set = TensorDataset(torch.rand(16, 1, 8, 8), torch.randint(10, (16,)))
test_set = TensorDataset(torch.rand(8, 1, 8, 8), torch.randint(10, (8,)))
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
test_loader = DataLoader(test_set, batch_size=8)
# %%
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.train()
for epoch in range(20):
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()  # TNY301
    model.eval()
    with torch.no_grad():
        for images, labels in test_loader:
            correct = (model(images).argmax(dim=1) == labels).sum().item()
    print(epoch, correct)
""",
        # eval() hides in a helper of a sibling module, training in another.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from summaries import describe
from training import fit
# %%
dataset = TensorDataset(torch.rand(16, 6), torch.rand(16, 1))
train_loader = DataLoader(dataset, batch_size=4, shuffle=True)
net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
describe(net, torch.rand(2, 6))
# %%
optimizer = torch.optim.AdamW(net.parameters())
fit(net, train_loader, optimizer, num_epochs=20)  # TNY301
# %% file: summaries.py
import torch

def describe(net, sample):
    net.eval()
    with torch.no_grad():
        print(net(sample).shape)
# %% file: training.py
from torch.nn import functional as F

def fit(net, loader, optimizer, num_epochs):
    for epoch in range(num_epochs):
        for inputs, targets in loader:
            loss = F.mse_loss(net(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
""",
        # A trainer whose validation leaves eval mode behind.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Trainer:
    def __init__(self, model, train_loader, valid_loader):
        self.model = model
        self.train_loader = train_loader
        self.valid_loader = valid_loader
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)
        self.criterion = nn.CrossEntropyLoss()

    def train_epoch(self):
        for inputs, labels in self.train_loader:
            self.optimizer.zero_grad()
            self.criterion(self.model(inputs), labels).backward()
            self.optimizer.step()

    def validate(self):
        self.model.eval()
        total = 0.0
        with torch.no_grad():
            for inputs, labels in self.valid_loader:
                total += self.criterion(self.model(inputs), labels).item()
        return total

    def fit(self, epochs):
        for epoch in range(epochs):
            self.train_epoch()  # TNY301
            print(epoch, self.validate())
# %%
data = [TensorDataset(torch.rand(8, 5), torch.randint(3, (8,))) for _ in range(2)]
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
trainer = Trainer(model, DataLoader(data[0], batch_size=4, shuffle=True), DataLoader(data[1], batch_size=4))
trainer.fit(30)
""",
        # The optimizer is another model's; eval mode is a second mistake, told beside the first.
        """
# %%
import torch
from torch import nn

def get_model():
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))

def shapes(model):
    model.eval()
    print(model(torch.rand(2, 4)).shape)

def train(model, optimizer):
    for step in range(10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(4, 4)), torch.randint(3, (4,))).backward()
        optimizer.step()
# %%
model = get_model()
optimizer = torch.optim.Adam(model.parameters())
train(model, optimizer)
# %%
model = get_model()  # TNY502
shapes(model)
train(model, optimizer)  # TNY301
""",
        # Which parameters are frozen, a condition on their names decides.
        """
# %%
import torch
from torch import nn

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(4, 8)
        self.head = nn.Sequential(nn.Dropout(), nn.Linear(8, 3))

    def forward(self, x):
        return self.head(self.encoder(x))

model = Classifier()
for name, parameter in model.named_parameters():
    if name.startswith("encoder"):
        parameter.requires_grad = False
optimizer = torch.optim.Adam(model.parameters())
# %%
model.eval()
for step in range(10):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.rand(4, 4)), torch.randint(3, (4,))).backward()
    optimizer.step()  # TNY301
""",
    )
    good = (
        bad[0].replace("model(torch", "model.train(); model(torch").replace("  # TNY301", ""),
        bad[0].replace("nn.Dropout()", "nn.ReLU()").replace("  # TNY301", ""),
        bad[1]
        .replace("    for images, labels in train", "    model.train()\n    for images, labels in train")
        .replace("  # TNY301", ""),
        bad[2].replace("    for epoch in", "    net.train()\n    for epoch in").replace("  # TNY301", ""),
        bad[3]
        .replace("        self.model.eval()", "        self.model.train(False)")
        .replace("        return total", "        self.model.train()\n        return total")
        .replace("  # TNY301", ""),
        # Only the head is trained; the backbone is frozen and stays in eval mode on purpose.
        """
# %%
import torch
from torch import nn
backbone = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU())
for parameter in backbone.parameters():
    parameter.requires_grad = False
backbone.eval()
head = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 3))
optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
# %%
for step in range(10):
    with torch.no_grad():
        features = backbone(torch.rand(16, 8))
    loss = criterion(head(features), torch.randint(3, (16,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # Phases: eval mode and gradients both hang on the phase.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
loaders = {
    phase: DataLoader(TensorDataset(torch.rand(8, 4), torch.randint(2, (8,))), batch_size=4, shuffle=phase == "train")
    for phase in ["train", "val"]
}
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.CrossEntropyLoss()
# %%
for epoch in range(25):
    for phase in ["train", "val"]:
        if phase == "train":
            model.train()
        else:
            model.eval()
        for inputs, labels in loaders[phase]:
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                loss = criterion(model(inputs), labels)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
""",
        # An adversarial patch is trained through a frozen network in eval mode.
        """
# %%
import torch
from torch import nn
net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))
for p in net.parameters():
    p.requires_grad = False
net.eval()
# %%
patch = nn.Parameter(torch.zeros(1, 8, 8), requires_grad=True)
optimizer = torch.optim.SGD([patch], lr=1e-1, momentum=0.8)
loss_module = nn.CrossEntropyLoss()
for step in range(20):
    images = torch.rand(4, 1, 8, 8)
    images = images + torch.tanh(patch)
    loss = loss_module(net(images), torch.zeros(4, dtype=torch.long))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # A student learns from a teacher that stays in eval mode.
        """
# %%
import copy
import torch
from torch import nn
from torch.nn import functional as F
student = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 3))
teacher = copy.deepcopy(student)
teacher.eval()
optimizer = torch.optim.Adam(student.parameters())
# %%
for step in range(20):
    x = torch.rand(8, 4)
    with torch.no_grad():
        target = F.softmax(teacher(x), dim=-1)
    loss = F.kl_div(F.log_softmax(student(x), dim=-1), target, reduction="batchmean")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.data.mul_(0.99).add_(fast.data, alpha=0.01)
""",
        # Class activation map: a backward pass through a model in eval mode trains nothing.
        """
# %%
import torch
from torch import nn
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for step in range(10):
    optimizer.zero_grad()
    criterion(model(torch.rand(4, 1, 8, 8)), torch.randint(2, (4,))).backward()
    optimizer.step()
# %%
model.eval()
image = torch.rand(1, 1, 8, 8, requires_grad=True)
score = model(image)[0, 1]
score.backward()
saliency = image.grad.abs()
""",
        # the model's own predictions in eval mode are the target
        """
# %%
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for step in range(20):
    inputs = torch.rand(8, 4)
    model.eval()
    with torch.no_grad():
        target = model(inputs).softmax(1)
    model.train()
    loss = nn.functional.mse_loss(model(inputs).softmax(1), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # an attack on the model in eval mode makes the inputs
        """
# %%
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()

def attack(inputs, labels):
    was_training = model.training
    model.eval()
    inputs = inputs.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(criterion(model(inputs), labels), inputs)
    model.train(was_training)
    return inputs.detach() + 0.1 * gradient.sign()
# %%
for step in range(20):
    inputs, labels = torch.rand(8, 4), torch.randint(3, (8,))
    loss = criterion(model(inputs), labels) + criterion(model(attack(inputs, labels)), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, OptimizerStepped):
            yield from self._report(event, _stepped_in_eval_mode(event, story), story)
        # A model that its optimizer misses is meant to be trained all the same: its mode is a mistake of its own.
        for step in judged(event, story):
            match stray_backward(step, story):
                case (_, ModelUse(training=False, mode_matters=True) as use):
                    yield from self._report(step, [use], story)

    def _report(self, step: OptimizerStepped, uses: list[ModelUse], story: Story) -> Iterator[Finding]:
        if not uses:
            return
        names = ", ".join(f"`{story.name(use.model, 'the model')}`" for use in uses)
        eval_called = _mode_before(step, uses[0].model, story)
        earlier = eval_called or story.built(uses[0].model)
        place = step.parting(earlier) if earlier is not None else step.decision
        yield self.finding(
            f"{names} is trained in eval mode: dropout is off and batch norm uses its stored statistics",
            place,
            remedy=f"call `{story.name(uses[0].model, 'model')}.train()` before training goes on",
            related=(
                ("eval mode was set here", eval_called.place if eval_called else None),
                (
                    f"`{story.name(step.optimizer, 'optimizer')}` steps here",
                    step.place if step.place != place else None,
                ),
            ),
            models=[story.name(use.model, "") for use in uses],
        )


def _stepped_in_eval_mode(step: OptimizerStepped, story: Story) -> list[ModelUse]:
    """The models that this step trains although they were in eval mode when the loss was computed."""
    return list(
        {
            use.model: use
            for backward in story.gradients(step)
            if certain(backward, given=step)
            for use in backward.models
            if use.training is False and use.mode_matters
            if use.parameters.overlaps(backward.reaches) and use.parameters.overlaps(step.parameters)
            if step.parameters.complete or backward.reaches.leaves <= use.parameters.leaves
        }.values()
    )


def _mode_before(step: OptimizerStepped, model: int, story: Story) -> ModeSet | None:
    """The last train() or eval() of the model before this step."""
    for event in reversed(story.all(ModeSet)):
        if model in (event.model, *event.models) and story.position(event) < story.position(step):
            return event
    return None
