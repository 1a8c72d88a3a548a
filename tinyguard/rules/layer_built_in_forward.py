"""TNY305: a layer is built anew in every forward pass."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, ModelBuilt, OptimizerBuilt, OptimizerStepped, RunEnded
from tinyguard.finding import Finding, Place, Severity
from tinyguard.rule import Rule
from tinyguard.steps import may_touch
from tinyguard.story import Story

_TRAINING = """
# %%
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(20):
    optimizer.zero_grad()
    net(torch.rand(8, 4)).pow(2).mean().backward()
    optimizer.step()
"""


class LayerBuiltInForward(Rule):
    """A layer with parameters is built within `forward`: random weights at every call, never trained.

    No optimizer knows it, `state_dict` does not hold it, and its output is another random projection each time, through
    which the rest of the model has to learn. Build it in `__init__` and keep it in `self`.
    """

    code = "TNY305"
    severity = Severity.ERROR
    on = (OptimizerStepped, RunEnded)
    bad = (
        """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return nn.Linear(8, 3)(x)  # TNY305
"""
        + _TRAINING,
        # in a part of the model
        """
# %%
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project = nn.Linear(width, width)

    def forward(self, x):
        norm = nn.LayerNorm(x.shape[-1])  # TNY305
        return norm(x + self.project(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(4) for _ in range(2)])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x
"""
        + _TRAINING,
    )
    good = (
        """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))
"""
        + _TRAINING,
        # A layer without parameters may be built anywhere.
        """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)

    def forward(self, x):
        return nn.Dropout(0.1)(nn.ReLU()(self.first(x)))
"""
        + _TRAINING,
        # Built at the first call, and kept: a pass over one batch comes before the optimizer.
        """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), None

    def forward(self, x):
        x = torch.relu(self.first(x))
        if self.second is None:
            self.second = nn.Linear(x.shape[1], 3)
        return self.second(x)

net = Net()
net(torch.rand(2, 4))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(20):
    optimizer.zero_grad()
    net(torch.rand(8, 4)).pow(2).mean().backward()
    optimizer.step()
""",
        # A fixed random projection: its weights get no gradient.
        """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)

    def forward(self, x):
        noise = nn.Linear(8, 8).requires_grad_(False)
        return noise(self.first(x))
"""
        + _TRAINING,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RunEnded) and event.facts:
            return
        layers: dict[Place, list[ModelBuilt]] = {}
        for built in story.all(ModelBuilt):
            if built.in_forward and built.parameters.leaves:
                layers.setdefault(built.place, []).append(built)
        for place, built_here in layers.items():
            trained = [layer for layer in built_here if _reached(layer, story)]
            if len(trained) > 1 and not any(_held(layer, story) for layer in built_here):
                kind = trained[0].kind or "layer"
                yield self.finding(
                    f"this {kind} is built in every forward pass: its weights are random each time, and nothing "
                    f"trains them",
                    place,
                    remedy="build it in `__init__` as an attribute, and call that",
                    related=(("the forward pass was asked for here", trained[0].decision),),
                    kind=kind,
                )


def _reached(layer: ModelBuilt, story: Story) -> bool:
    return any(backward.reaches.overlaps(layer.parameters) for backward in story.all(BackwardRan))


def _held(layer: ModelBuilt, story: Story) -> bool:
    """Some optimizer may hold its parameters."""
    return any(may_touch(built.parameters, layer.parameters) for built in story.all(OptimizerBuilt)) or any(
        may_touch(step.parameters, layer.parameters) for step in story.all(OptimizerStepped)
    )
