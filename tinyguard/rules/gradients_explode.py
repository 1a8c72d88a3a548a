"""TNY413: gradients explode, from the first step on or in the midst of the training."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import StepMeasured
from tinyguard.rule import Rule
from tinyguard.steps import never_cleared
from tinyguard.story import Story

DEPTH = 4  # weight matrices, through which a signal can grow
WORSE = 100  # times the loss of a guess: raw pixels of 0 to 255 make about 20 of it
LARGE = 1e3  # norm of the gradient of a cross entropy; healthy ones have 0.1 to 10
RISEN = 10  # times the usual loss

_START = """
# %%
import torch
from torch import nn

torch.manual_seed(0)
inputs, targets = torch.randn(64, 16), torch.randint(0, 4, (64,))

def network(width=64, depth=5):
    layers = [nn.Linear(16, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 4))

"""


class GradientsExplode(Rule):
    """Gradients are a thousand times what they should be, and the loss is lost.

    From the first step on: the weights are drawn so wide, or the inputs are so large, that the signal grows with each
    layer; the first loss is hundreds of times that of a guess. In the midst of the training: a step too far has brought
    the weights to where the next one goes still further. What is measured is the gradient that the step gets: where it
    is clipped in time nothing is told.
    """

    code = "TNY413"
    severity = Severity.WARNING
    on = (StepMeasured,)
    bad = (
        # a deviation of 1, whatever the width
        _START
        + """
# %%
model = network()
for layer in model[::2]:
    nn.init.normal_(layer.weight)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
# %%
for step in range(4):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()  # TNY413 live
    optimizer.step()
""",
        # one batch in other units, unclipped
        _START
        + """
# %%
model = nn.Linear(16, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
measured = [torch.randn(64, 16) for _ in range(20)] + [1e6 * torch.randn(64, 16) for _ in range(3)]
# %%
for batch in measured:
    optimizer.zero_grad()
    loss = nn.functional.l1_loss(model(batch), batch[:, :1])
    loss.backward()  # TNY413 live
    optimizer.step()
""",
    )
    good = (
        _START
        + """
# %%
model = network()
for layer in model[::2]:
    nn.init.kaiming_normal_(layer.weight)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(12):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
""",
        # a target in large units has a large loss, and large gradients
        _START
        + """
# %%
model = network()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
prices = 3e5 + 1e5 * torch.randn(64, 4)
for step in range(12):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(inputs), prices)
    loss.backward()
    optimizer.step()
""",
        # clipped
        _START
        + """
# %%
model = nn.Linear(16, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
measured = [torch.randn(64, 16) for _ in range(20)] + [1e6 * torch.randn(64, 16) for _ in range(3)]
for batch in measured:
    optimizer.zero_grad()
    loss = nn.functional.l1_loss(model(batch), batch[:, :1])
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
""",
        # a single spike that passes
        _START
        + """
# %%
model = nn.Linear(16, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-7)
measured = [torch.randn(64, 16) for _ in range(24)]
measured[20] *= 1e5
for batch in measured:
    optimizer.zero_grad()
    loss = nn.functional.l1_loss(model(batch), batch[:, :1])
    loss.backward()
    optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, StepMeasured) or event.first_loss is None or not event.losses:
            return
        if event.exploding and event.usual_norm is not None and event.usual_loss is not None:
            if event.losses[-1] <= RISEN * abs(event.first_loss) or never_cleared(event.optimizer, story):
                return
            seen = (
                f"gradients explode: their norm is {event.norm:.2g} in step {event.step}, {event.usual_norm:.2g} in "
                f"the median before; the loss is {event.losses[-1]:.4g}, {event.first_loss:.4g} at first"
            )
            remedy = (
                "clip them (torch.nn.utils.clip_grad_norm_), lower the learning rate, look at the batch of this step"
            )
        elif exploded_at_once(event):
            assert event.classes is not None
            guess = math.log(event.classes)
            seen = (
                f"gradients explode: the norm of the first ones is {event.norm:.2g}, and the loss is "
                f"{event.losses[0]:.4g}, where a guess among {event.classes} classes has {guess:.4g}: the signal grows "
                "with each layer"
            )
            remedy = "draw the weights to the width of their layer (kaiming_normal_), and normalise the inputs"
        else:
            return
        backward = latest_backward(event, story)
        built = story.built(event.optimizer)
        yield self.finding(
            seen,
            backward.decision if backward is not None else event.decision,
            remedy=remedy,
            related=(
                ("the step that was measured", event.place),
                ("the optimizer was built here", built.place if built is not None else None),
            ),
            step=event.step,
            norm=event.norm,
            usual_norm=event.usual_norm,
            losses=list(event.losses),
            gradients=list(event.gradients),
            layers=list(event.layers),
        )


def exploded_at_once(event: StepMeasured) -> bool:
    """The first steps work on a loss that no untrained network has, with gradients to match."""
    at_first = event.step == len(event.losses) and event.classes is not None and len(event.gradients) >= DEPTH
    if not at_first or event.classes is None:
        return False
    return min(event.losses) > WORSE * math.log(event.classes) and event.norm > LARGE


def latest_backward(event: StepMeasured, story: Story) -> BackwardRan | None:
    """The last backward pass that reached what this optimizer steps."""
    steps = story.steps(event.optimizer)
    if not steps:
        return None
    parameters = steps[-1].parameters
    return next((each for each in reversed(story.all(BackwardRan)) if each.reaches.overlaps(parameters)), None)
