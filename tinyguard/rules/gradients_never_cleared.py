"""TNY506: gradients are not cleared between one step and the next."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, GradientsCleared, GradientsSet, OptimizerStepped, Parameters
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import may_touch, previous
from tinyguard.story import Story, certain


class GradientsNeverCleared(Rule):
    """Gradients are not cleared between one step of the optimizer and the next.

    backward() adds to the gradients that are there. Without `optimizer.zero_grad()` each step uses the sum of all
    gradients since the beginning: training becomes unstable or runs away, the more so the longer it goes on. Usual
    causes: zero_grad() was forgotten, or stands in the loop over the epochs instead of that over the batches.

    Accumulating gradients over several backward passes before each step is another thing and is not reported.
    """

    code = "TNY506"
    severity = Severity.ERROR
    on = (OptimizerStepped,)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
# %%
for step in range(20):
    loss = model(torch.rand(8, 4)).pow(2).mean()
    loss.backward()
    optimizer.step()  # TNY506
""",
        # Cleared once an epoch, stepped once a batch.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def train(model, loader, optimizer, criterion, epochs):
    for epoch in range(epochs):
        model.zero_grad()
        for inputs, labels in loader:
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()  # TNY506
# %%
loader = DataLoader(TensorDataset(torch.rand(16, 4), torch.randint(3, (16,))), batch_size=4, shuffle=True)
model = nn.Linear(4, 3)
train(model, loader, torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss(), epochs=20)
""",
        # A trainer, and another model's gradients being cleared.
        """
# %%
import torch
from torch import nn

class Trainer:
    def __init__(self, teacher, student):
        self.teacher, self.student = teacher, student
        self.optimizer = torch.optim.Adam(self.student.parameters())

    def step(self, x):
        self.teacher.zero_grad()
        loss = nn.functional.mse_loss(self.student(x), self.teacher(x).detach())
        loss.backward()
        self.optimizer.step()  # TNY506
# %%
trainer = Trainer(nn.Linear(4, 3), nn.Linear(4, 3))
for step in range(20):
    trainer.step(torch.rand(8, 4))
""",
    )
    good = (
        bad[0]
        .replace("    loss.backward()", "    optimizer.zero_grad()\n    loss.backward()")
        .replace("  # TNY506", ""),
        bad[0].replace("optimizer.step()  # TNY506", "optimizer.step()\n    optimizer.zero_grad(set_to_none=True)"),
        bad[1]
        .replace("            loss = ", "            model.zero_grad()\n            loss = ")
        .replace("  # TNY506", ""),
        bad[2].replace("self.teacher.zero", "self.student.zero").replace("  # TNY506", ""),
        # Cleared by hand.
        bad[0].replace(
            "optimizer.step()  # TNY506",
            "optimizer.step()\n    for parameter in model.parameters():\n        parameter.grad = None",
        ),
        # Accumulated over four batches.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
accumulation_steps = 4
# %%
for index in range(20):
    loss = model(torch.rand(8, 4)).pow(2).mean() / accumulation_steps
    loss.backward()
    if (index + 1) % accumulation_steps == 0:
        optimizer.step()
        optimizer.zero_grad()
""",
        # The discriminator gets gradients from both losses and is cleared before its own.
        """
# %%
import torch
from torch import nn
generator, discriminator = nn.Linear(2, 4), nn.Linear(4, 1)
optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4)
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
bce = nn.BCEWithLogitsLoss()
# %%
for step in range(20):
    discriminator.zero_grad()
    bce(discriminator(torch.rand(8, 4)), torch.ones(8, 1)).backward()
    fake = generator(torch.rand(8, 2))
    bce(discriminator(fake.detach()), torch.zeros(8, 1)).backward()
    optimizer_d.step()
    generator.zero_grad()
    bce(discriminator(fake), torch.ones(8, 1)).backward()
    optimizer_g.step()
""",
        # A new model and a new optimizer each time: there is nothing to clear.
        """
# %%
import torch
from torch import nn
for lr in [0.1, 0.01, 0.001]:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model(torch.rand(8, 4)).pow(2).mean().backward()
    optimizer.step()
""",
        # A learning rate range test on a copy, then the training.
        """
# %%
import copy
import torch
from torch import nn

def lr_find(model, criterion, steps=10):
    model = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    losses = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] *= 2
        optimizer.zero_grad()
        loss = criterion(model(torch.rand(8, 4)), torch.randint(3, (8,)))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
# %%
model = nn.Linear(4, 3)
criterion = nn.CrossEntropyLoss()
lr_find(model, criterion)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(20):
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.zero_()
    criterion(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
    optimizer.step()
""",
        # One step, for show.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
# %%
model(torch.rand(8, 4)).pow(2).mean().backward()
print(model.weight.grad)
optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, OptimizerStepped) or story.escaped(event.optimizer):
            return
        before = previous(event, story)
        if before is None or (before.place, before.via) != (event.place, event.via) or not certain(before, given=event):
            return
        if any(
            isinstance(other, GradientsCleared | GradientsSet) and may_touch(other.parameters, event.parameters)
            for other in story.between(before, event)
        ):
            return
        old, new = _gradients(before, story), _gradients(event, story)
        if old is None or new is None or not old[1].overlaps(new[1]):
            return
        name = story.name(event.optimizer, "optimizer")
        yield self.finding(
            f"the gradients of one step of `{name}` are still there at the next: they are never cleared between",
            event.place,
            remedy=f"call `{name}.zero_grad()` before each backward(), or after each step",
            related=(("backward() adds to the gradients here", new[0].place),),
            optimizer=name,
        )


def _gradients(step: OptimizerStepped, story: Story) -> tuple[BackwardRan, Parameters] | None:
    """The last pass that certainly gave this step gradients, and which of its parameters it reached."""
    for backward in reversed(story.gradients(step)):
        if certain(backward, given=step) and backward.reaches.overlaps(step.parameters):
            return backward, Parameters(backward.reaches.leaves & step.parameters.leaves)
    return None
