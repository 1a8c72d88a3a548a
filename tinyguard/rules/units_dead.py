"""TNY414: the units of a ReLU layer are zero for every sample."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, ModelBuilt, OptimizerBuilt
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import UnitsMeasured
from tinyguard.rule import Rule
from tinyguard.steps import never_cleared
from tinyguard.story import Story

DEAD = 0.9  # share of a layer's units
LEAST_UNITS = 8
LEAST_SAMPLES = 100

_START = """
# %%
import torch
from torch import nn

torch.manual_seed(0)
inputs, targets = torch.randn(640, 12), torch.randint(0, 4, (640,))

def train(model, optimizer, steps=20):
    for step in range(steps):
        part = torch.randint(0, 640, (32,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs[part]), targets[part])
        loss.backward()
        optimizer.step()

"""


class UnitsDead(Rule):
    """Nearly all units of a ReLU layer are zero, for every sample of many batches.

    A unit that is zero for all samples passes no gradient on: its weights never change again, and a layer of them cuts
    off all that stands before it. Usual cause: biases that start far below zero, inputs that are not centred, or one
    step with too high a learning rate. Told where it was so at the beginning of a look and again several steps later.
    """

    code = "TNY414"
    severity = Severity.WARNING
    on = (UnitsMeasured,)
    bad = (
        # biases that kill, with the activation in the forward
        _START
        + """
# %%
class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(12, 32), nn.Linear(32, 4)
        nn.init.constant_(self.hidden.bias, -8.0)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x)))

model = Sparse()  # TNY414 live
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
# %%
train(model, optimizer)
""",
        # a convolution
        _START
        + """
# %%
model = nn.Sequential(nn.Conv1d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(160, 4))  # TNY414 live
nn.init.constant_(model[0].bias, -6.0)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
inputs = inputs.unsqueeze(1)
# %%
train(model, optimizer)
""",
    )
    good = (
        _START
        + """
# %%
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
train(model, optimizer)
""",
        # half of the units are zero for each sample, and that is what a ReLU is for
        _START
        + """
# %%
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 4))
nn.init.constant_(model[0].bias, -0.5)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
train(model, optimizer, steps=60)
""",
        # a margin that every pair keeps
        _START
        + """
# %%
model = nn.Linear(12, 16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(20):
    optimizer.zero_grad()
    scores = model(inputs[:32])
    loss = torch.relu(scores - 1_000).sum() + 1e-3 * scores.pow(2).mean()
    loss.backward()
    optimizer.step()
""",
        # a leaky one lets something through
        _START
        + """
# %%
model = nn.Sequential(nn.Linear(12, 32), nn.LeakyReLU(), nn.Linear(32, 4))
nn.init.constant_(model[0].bias, -8.0)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
train(model, optimizer)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, UnitsMeasured):
            return
        if event.units < LEAST_UNITS or event.samples < LEAST_SAMPLES or event.dead <= DEAD * event.units:
            return
        holders = [built.optimizer for built in story.all(OptimizerBuilt) if event.parameter in built.parameters.leaves]
        if any(never_cleared(optimizer, story) for optimizer in holders):
            return
        model = next((built for built in reversed(story.all(ModelBuilt)) if owns(built, event)), None)
        where = f" behind `{event.layer}`" if event.layer else ""
        all_of_them = event.dead == event.units
        yield self.finding(
            f"{'all' if all_of_them else f'{event.dead:,} of'} {event.units:,} units of the ReLU{where} are zero for "
            f"each of {event.samples:,} samples, the last in step {event.step}: "
            + ("no gradient passes this layer" if all_of_them else "they get no gradient, and do not change any more"),
            model.decision if model is not None else event.decision,
            remedy="start the biases at zero, normalise the inputs, lower the learning rate, or use LeakyReLU or GELU; "
            "and build the model again",
            related=(("the backward pass that showed it", event.place),),
            layer=event.layer,
            units=event.units,
            dead=event.dead,
            batches=event.batches,
            samples=event.samples,
        )


def owns(built: ModelBuilt, event: UnitsMeasured) -> bool:
    return event.parameter in built.parameters.leaves
