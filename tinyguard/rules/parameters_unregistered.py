"""TNY306: layers in a plain list are not trained."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, OptimizerBuilt, OptimizerStepped
from tinyguard.finding import Finding, Severity
from tinyguard.measured.models import ParametersHidden
from tinyguard.rule import Rule
from tinyguard.story import Story

LAPS = 3  # steps after which whoever is to train them has had a turn

_TRAINING = """
# %%
for step in range(6):
    loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

_LIST = """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4) for _ in range(2)]  # sees ModelBuilt live
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(x)

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""

_PLAIN = "[nn.Linear(4, 4) for _ in range(2)]  # sees ModelBuilt live"


class ParametersUnregistered(Rule):
    """Layers in a plain list or dict are no part of the model: no optimizer gets them, and they stay random.

    `self.layers = [nn.Linear(4, 4), ...]` works in the forward pass; but `parameters()`, `to(device)`, `train()` and
    `state_dict()` see only what is an attribute itself or in an `nn.ModuleList`, `nn.ModuleDict`, `nn.ParameterList`.
    The gradients come, nobody uses them, and the rest of the model learns around random layers.

    Reported when a loss reaches such parameters and no optimizer has them after three steps. Layers that are hidden on
    purpose are left alone: with `requires_grad` off, in eval mode while the model trains, or given to an optimizer.
    """

    code = "TNY306"
    severity = Severity.ERROR
    on = (OptimizerStepped,)
    serves = ("F1",)
    bad = (
        _LIST.replace(_PLAIN, f"{_PLAIN}  # TNY306 live") + _TRAINING,
        # a parameter in a dict, in a part of the model
        """
# %%
import torch
from torch import nn

class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factors = {"a": nn.Parameter(torch.ones(4)), "b": nn.Parameter(torch.zeros(4))}  # TNY306 live

    def forward(self, x):
        return x * self.factors["a"] + self.factors["b"]

model = nn.Sequential(Scale(), nn.Linear(4, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
        + _TRAINING,
    )
    good = (
        _LIST.replace(_PLAIN, "nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])") + _TRAINING,
        # the optimizer has them
        _LIST.replace(
            "(model.parameters(), lr=0.1)",
            "([*model.parameters(), *(p for layer in model.layers for p in layer.parameters())], lr=0.1)",
        )
        + _TRAINING,
        # a list of layers that are registered as well
        _LIST.replace(f"self.layers = {_PLAIN}", "self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)").replace(
            "self.head = ", "self.layers = [self.a, self.b]\n        self.head = "
        )
        + _TRAINING,
        # hidden on purpose: a teacher, or layers that are to stay as they are
        _LIST + "for layer in model.layers:\n    layer.requires_grad_(False)\n" + _TRAINING,
        _LIST + "for layer in model.layers:\n    layer.eval()\n" + _TRAINING,
        # not in use
        _LIST.replace("for layer in self.layers:", "for layer in ():") + _TRAINING,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, OptimizerStepped) or len(story.steps(event.optimizer)) < LAPS:
            return
        for hidden in story.all(ParametersHidden):
            reached = reached_with(hidden, event, story)
            if not reached or optimized(hidden, story):
                continue
            model = story.name(hidden.model, "the model")
            backward = reached[-1]
            yield self.finding(
                f"`{hidden.attribute}` of `{model}` is a plain {hidden.container}: its {len(hidden.parameters.leaves)} "
                f"parameters ({hidden.numbers:,} weights) get gradients, but `parameters()` does not find them and no "
                "optimizer has them",
                hidden.place,
                cause="they stay random, and are neither moved to a device nor saved",
                remedy=f"make `{hidden.attribute}` an {REGISTERED.get(hidden.container, 'nn.ModuleList')}",
                related=(
                    ("a loss reaches them here", backward.place),
                    ("the model was built here", built.place if (built := story.built(hidden.model)) else None),
                ),
                attribute=hidden.attribute,
                parameters=len(hidden.parameters.leaves),
                weights=hidden.numbers,
            )


REGISTERED = {"dict": "nn.ModuleDict (nn.ParameterDict for parameters)"}


def reached_with(hidden: ParametersHidden, step: OptimizerStepped, story: Story) -> list[BackwardRan]:
    """The backward passes that reach the hidden parameters together with some of the model's that this optimizer
    trains."""
    trained = hidden.registered.leaves & step.parameters.leaves
    return [
        backward
        for backward in story.all(BackwardRan)
        if backward.reaches.overlaps(hidden.parameters) and backward.reaches.leaves & trained
    ]


def optimized(hidden: ParametersHidden, story: Story) -> bool:
    """Some optimizer has, or may have, one of them."""
    holders: list[OptimizerBuilt | OptimizerStepped] = [*story.all(OptimizerBuilt), *story.all(OptimizerStepped)]
    return any(one.parameters.overlaps(hidden.parameters) or not one.parameters.complete for one in holders)
