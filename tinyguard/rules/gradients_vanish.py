"""TNY412: gradients shrink from layer to layer until the first layers get none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import StepMeasured
from tinyguard.rule import Rule
from tinyguard.steps import owner
from tinyguard.story import Story

DEPTH = 8  # weight matrices; fewer shrink nothing that far
VANISHED = 1e-6  # of the norm in the last layers
STILL = 1e-7  # |change| / |weight| of a step, about the spacing of 32-bit floats
MEASURED = 2  # checkpoints in a row, of three and six steps

_START = """
# %%
import torch
from torch import nn

torch.manual_seed(0)
inputs, targets = torch.randn(64, 16), torch.randint(0, 4, (64,))

def deep(activation, depth=10, width=16):
    layers = [nn.Linear(16, width), activation()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, 4))

def train(model, optimizer, steps=12):
    for step in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()

"""


class GradientsVanish(Rule):
    """Gradients shrink from layer to layer, and the first layers do not move.

    Each sigmoid passes on a quarter of its gradient at most, and small weights take their share; behind ten such layers
    nothing is left that a 32-bit float would notice. The first layers stay as they were drawn, and what the last ones
    learn from them is little. Told where the norms fall all the way through the model and the steps really do not move
    its first layers: Adam divides by the size of the gradient, and learns for longer.
    """

    code = "TNY412"
    severity = Severity.WARNING
    on = (StepMeasured,)
    bad = (
        _START
        + """
# %%
model = deep(nn.Sigmoid)  # TNY412 live
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
# %%
train(model, optimizer)
""",
        # weights that are drawn far too small
        _START
        + """
# %%
model = deep(nn.Tanh, depth=12)  # TNY412 live
for layer in model[::2]:
    nn.init.normal_(layer.weight, std=0.02)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
train(model, optimizer)
""",
    )
    good = (
        _START
        + """
# %%
model = deep(nn.ReLU)
for layer in model[::2]:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
train(model, optimizer)
""",
        # two sigmoids are not many
        _START
        + """
# %%
model = deep(nn.Sigmoid, depth=2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
train(model, optimizer)
""",
        # the first layers are frozen
        _START
        + """
# %%
model = deep(nn.Sigmoid)
for layer in model[:16]:
    layer.requires_grad_(False)
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
train(model, optimizer)
""",
        # the last layer starts at zero, and lets nothing through in the first step
        _START
        + """
# %%
model = deep(nn.ReLU)
for layer in model[:-1:2]:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
nn.init.zeros_(model[-1].weight)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
train(model, optimizer)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, StepMeasured):
            return
        measured = [each for each in story.all(StepMeasured) if each.optimizer == event.optimizer][-MEASURED:]
        if len(measured) < MEASURED or not all(map(vanish, measured)):
            return
        built = story.built(event.optimizer)
        model = owner(built.parameters, story) if built is not None and hasattr(built, "parameters") else None
        first, last = event.gradients[0], event.gradients[-1]
        names = [f"`{name}`" if name else "the weights" for name in (event.layers or ("", ""))]
        yield self.finding(
            f"gradients vanish: their norm is {last:.2g} in {names[-1]} and {first:.2g} in {names[0]}, {event.step} "
            f"steps into the training; a step moves the latter by {event.moved[0] or 0.0:.1g} of its size",
            model.decision if model is not None else event.decision,
            remedy="use ReLU or GELU in place of the sigmoids or tanhs, draw the weights for them (kaiming_normal_), "
            "and add normalisation or residual connections",
            related=(("the step that was measured", event.place),),
            step=event.step,
            layers=list(event.layers),
            gradients=list(event.gradients),
            moved=list(event.moved),
        )


def vanish(event: StepMeasured) -> bool:
    """The gradients fall all the way through the model, to nothing that moves the first layers."""
    gradients = event.gradients
    if len(gradients) < DEPTH:
        return False
    quarter = len(gradients) // 4
    parts = [median(gradients[index * quarter : (index + 1) * quarter]) for index in range(3)]
    parts.append(median(gradients[3 * quarter :]))
    falls = all(0 < first < later / 2 for first, later in pairwise(parts))
    still = all(ratio is not None and ratio < STILL for ratio in event.moved[:2])
    return falls and max(gradients[:2]) < VANISHED * gradients[-1] and still
