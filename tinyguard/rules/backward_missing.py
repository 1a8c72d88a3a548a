"""TNY505: an optimizer steps again and again and no gradient is computed."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import (
    BackwardRan,
    Escaped,
    Event,
    GradientsSet,
    LossComputed,
    ModelUse,
    OptimizerStepped,
    RunEnded,
)
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import judged, lap, may_touch, previous
from tinyguard.story import Story, certain


class BackwardMissing(Rule):
    """An optimizer steps after each loss, and no backward() ever gives it a gradient.

    `step()` skips parameters without gradient: nothing changes and nothing complains. Usual causes: `loss.backward()`
    was forgotten, commented out, or written without its parentheses. Reported for a loop, not for steps that are tried
    one by one.
    """

    code = "TNY505"
    severity = Severity.ERROR
    on = (OptimizerStepped, RunEnded)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
# %%
for step in range(20):
    optimizer.zero_grad()
    loss = criterion(model(torch.rand(8, 4)), torch.randint(3, (8,)))
    optimizer.step()  # TNY505
""",
        # Without parentheses nothing is called.
        """
# %%
import torch
from torch import nn
from engine import fit
# %%
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
fit(net, torch.optim.AdamW(net.parameters()), steps=20)
# %% file: engine.py
import torch
from torch.nn import functional as F

def fit(net, optimizer, steps):
    for step in range(steps):
        loss = F.cross_entropy(net(torch.rand(8, 4)), torch.randint(3, (8,)))
        optimizer.zero_grad()
        loss.backward
        optimizer.step()  # TNY505
""",
        # The second loop forgot what the first one does.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
# %%
for step in range(20):
    optimizer.zero_grad()
    criterion(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
    optimizer.step()
# %%
for step in range(20):
    optimizer.zero_grad()
    loss = criterion(model(torch.rand(8, 4)), torch.randint(3, (8,)))
    optimizer.step()  # TNY505
""",
    )
    good = (
        # Another object's backward() does it.
        bad[0]
        .replace(
            "# %%\nfor",
            """# %%
class Accelerator:
    def backward(self, loss):
        loss.backward()

accelerator = Accelerator()
for""",
        )
        .replace("    optimizer.step()  # TNY505", "    accelerator.backward(loss)\n    optimizer.step()"),
        bad[0].replace("    optimizer.step()  # TNY505", "    loss.backward()\n    optimizer.step()"),
        bad[1].replace("loss.backward\n", "loss.backward()\n").replace("  # TNY505", ""),
        # The gradient is asked for and written by hand.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,)))
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    for parameter, gradient in zip(model.parameters(), gradients):
        parameter.grad = gradient  # sees BackwardRan lint
    optimizer.step()
""",
        # A schedule is drawn before the training, and once more the optimizer steps without a gradient.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
rates = []
for epoch in range(30):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
# %%
with torch.no_grad():
    print(nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).item())
""",
        # Several optimizers in a list, all of them stepped.
        """
# %%
import torch
from torch import nn
parts = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 3)])
optimizers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in parts]
for step in range(20):
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss = nn.functional.cross_entropy(parts[1](parts[0](torch.rand(8, 4))), torch.randint(3, (8,)))
    loss.backward()
    for optimizer in optimizers:  # sees NameBound lint
        optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, RunEnded) and not event.complete:
            return
        for step in judged(event, story):
            loss = _loss_without_gradient(step, story)
            if loss is not None:
                name = story.name(step.optimizer, "optimizer")
                yield self.finding(
                    f"`{name}` steps in a loop, and no backward() gives it a gradient",
                    step.place,
                    remedy="call `loss.backward()` before the step",
                    related=(("the loss is computed here", loss.place),),
                    optimizer=name,
                )


def _loss_without_gradient(step: OptimizerStepped, story: Story) -> LossComputed | None:
    """The loss that this step was meant to lower, when nothing anywhere may give its optimizer a gradient."""
    if not step.parameters.complete or story.escaped(step.optimizer):
        return None
    last = previous(step, story)
    if last is None or (last.place, last.via) != (step.place, step.via):
        return None  # no loop: cells tried one by one
    before = lap(step, story)
    if any(isinstance(event, BackwardRan) for event in before):
        # Gradients there are; that they go past this optimizer is for TNY501 and TNY502 to say.
        return None
    losses = [event for event in before if isinstance(event, LossComputed) and certain(event, given=step)]
    meant = [loss for loss in losses if any(_would_train(use, step) for use in loss.models)]
    unread = {number for event in before if isinstance(event, Escaped) for number in event.objects}
    if not meant or any(use.model in unread for loss in meant for use in loss.models):
        return None  # code that nobody can read may have called backward() in this lap
    here = (step.place.path, step.place.cell)
    if any(
        may_touch(backward.reaches, step.parameters)
        for backward in story.all(BackwardRan)
        if here in ((place.path, place.cell) for place in (*backward.via, backward.place))
    ):
        return None  # the other half of this loop
    if any(may_touch(written.parameters, step.parameters) for written in story.all(GradientsSet)):
        return None
    return meant[-1]


def _would_train(use: ModelUse, step: OptimizerStepped) -> bool:
    return use.grad and use.parameters.overlaps(step.parameters)
