"""TNY502: one optimizer is used to train several models one after another."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, OptimizerStepped, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import judged, later, owner, stray_backward, used_gradients_before
from tinyguard.story import Story


class OptimizerShared(Rule):
    """One optimizer is handed to the training of several models, and only the first one learns.

    An optimizer holds the parameters it was built with. Handed to the training of the next model, it goes on changing
    the first one (or nothing), and the next model stays as it was built: accuracy at chance, loss near
    ln(number of classes). Every model needs an optimizer of its own, built after it.

    The finding stands where the next model is built; where the models were built before the optimizer, at the call
    that hands it on.
    """

    code = "TNY502"
    severity = Severity.ERROR
    on = (OptimizerStepped, RunEnded)
    serves = ("R3",)

    bad = (
        """
# %%
import torch
from torch import nn

def train(model, optimizer):
    for step in range(20):
        loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
# %%
model = nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
train(model, optimizer)
# %%
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))  # TNY502
train(model, optimizer)
""",
        # A comparison: all models are there, one optimizer goes through the loop.
        """
# %%
import torch
from torch import nn
from training_utils import get_optimizer, train_model
# %%
models = {
    "baseline": nn.Linear(4, 3),
    "deeper": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)),
}
optimizer = get_optimizer(models["baseline"], lr=3e-4)
histories = {}
# %%
for name, model in models.items():
    histories[name] = train_model(model, optimizer, num_epochs=30)  # TNY502
# %% file: training_utils.py
import torch
from torch import nn

def get_optimizer(model, **config):
    return torch.optim.Adam(model.parameters(), **config)

def train_model(model, optimizer, num_epochs):
    history = []
    for epoch in range(num_epochs):
        loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history
""",
        # The model is built in the loop, the optimizer before it; a trainer keeps both.
        """
# %%
import torch
from torch import nn

def get_model(name):
    hidden = {"small": 4, "large": 16}[name]
    return nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 3))

class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def fit(self, steps=20):
        for step in range(steps):
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
            self.optimizer.step()
# %%
optimizer = None
for name in ["small", "large"]:
    model = get_model(name)  # TNY502
    if optimizer is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    Trainer(model, optimizer).fit()
""",
    )
    good = (
        bad[0].replace("8, 3))  # TNY502", "8, 3))\noptimizer = torch.optim.Adam(model.parameters(), lr=3e-4)"),
        bad[1]
        .replace("    histories[name]", "    optimizer = get_optimizer(model, lr=3e-4)\n    histories[name]")
        .replace('optimizer = get_optimizer(models["baseline"], lr=3e-4)\n', "")
        .replace("  # TNY502", ""),
        bad[2].replace("if optimizer is None", "if name").replace("  # TNY502", ""),
        # One optimizer of all the models on purpose.
        """
# %%
import itertools
import torch
from torch import nn
models = [nn.Linear(4, 3), nn.Linear(4, 3)]
optimizer = torch.optim.Adam(itertools.chain(*(model.parameters() for model in models)), lr=1e-3)
# %%
for model in models:
    for step in range(20):
        loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
        # The optimizer comes to the next model with add_param_group.
        """
# %%
import torch
from torch import nn
backbone, head = nn.Linear(4, 8), nn.Linear(8, 3)
optimizer = torch.optim.SGD(head.parameters(), lr=0.1)

def train(*parts):
    for step in range(20):
        loss = nn.functional.cross_entropy(nn.Sequential(*parts)(torch.rand(8, 4)), torch.randint(3, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
# %%
train(backbone, head)
optimizer.add_param_group({"params": backbone.parameters(), "lr": 0.01})
train(backbone, head)
""",
        # The same model is trained twice.
        """
# %%
import torch
from torch import nn

def train(model, optimizer, steps):
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.rand(8, 4)).pow(2).mean().backward()
        optimizer.step()
# %%
model = nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters())
train(model, optimizer, 20)
# %%
for group in optimizer.param_groups:
    group["lr"] = 1e-4
train(model, optimizer, 20)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        for step in judged(event, story):
            found = stray_backward(step, story)
            earlier = used_gradients_before(step, story) if found else None
            if found is None or earlier is None:
                continue
            backward, use = found
            optimizer, model = story.name(step.optimizer, "optimizer"), story.name(use.model, "model")
            optimizer_built, model_built = story.built(step.optimizer), story.built(use.model)
            former = owner(step.parameters, story, before=optimizer_built)
            if optimizer_built is None:
                place = step.decision
            elif model_built is not None and later(model_built, optimizer_built, story):
                place = model_built.parting(optimizer_built)
            else:
                place = step.parting(optimizer_built)
            yield self.finding(
                f"`{optimizer}` trained an earlier model and is used again for `{model}`, of which it holds nothing",
                place,
                remedy=f"build an optimizer of its own for `{model}`, after it is built",
                cause="step() goes on changing the first model; this one stays as it was built.",
                related=(
                    (f"`{optimizer}` was built here", optimizer_built.place if optimizer_built else None),
                    ("the model it was built for", former.place if former else None),
                    ("it trained that model here", earlier.decision),
                    ("it is to train this one here", step.decision),
                    ("backward() reaches the model here", backward.place),
                ),
                optimizer=optimizer,
                model=model,
                built_for=story.name(former.model, "") if former else "",
            )
