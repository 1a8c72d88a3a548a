"""TNY511: the steps of an optimizer are far too small to teach, or so large that they throw the weights away."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tinyguard.events import Event, OptimizerBuilt, SchedulerBuilt
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import StepMeasured
from tinyguard.rule import Rule
from tinyguard.story import Story

SMALL = 1e-6  # |change| / |weight| of a step: a million steps to change a weight by its own size; usual is 1e-4 to 1e-2
LARGE = 0.3  # the same: three steps replace the weights
REPLACED = 1.0  # the same, of the very first step
WORSE = 2.0  # times the first loss, right after it
CHECKPOINTS = 3  # in a row, for what is too large
PLANNED = 200  # steps: a scheduler may warm up from next to nothing, once an epoch
GRADUAL = 27  # steps, where the size of a step is that of its gradient, or the optimizer has a warm-up of its own
NORMALISED = frozenset({"Adam", "AdamW", "NAdam", "RMSprop"})  # divide by the size of the gradient from the first step
UNLEARNT = 0.98  # of the first loss: nothing was learnt

_START = """
# %%
import torch
from torch import nn

torch.manual_seed(0)
centres = torch.randn(4, 16)
targets = torch.randint(0, 4, (1024,))
inputs = centres[targets] + 0.5 * torch.randn(1024, 16)

def train(model, optimizer, steps=40, scheduler=None):
    for step in range(steps):
        part = torch.arange(16 * step, 16 * step + 16) % 1024
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs[part]), targets[part])
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()

model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))

"""


class UpdateFarOff(Rule):
    """A step moves the weights by far too little to teach, or so far that it throws them away.

    A healthy step changes a weight matrix by a thousandth of its size, ten times more or less. Below a millionth it
    would take a million steps; where the first step is larger than the weights themselves, the network that was built
    is gone, and the loss with it. Usual cause: the exponent of the learning rate, or a rate for SGD given to Adam. What
    starts at zero is left out, and so is a rate that is warmed up or has been brought down by a scheduler.
    """

    code = "TNY511"
    severity = Severity.WARNING
    on = (StepMeasured,)
    bad = (
        # 3e-8 for 3e-3
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=3e-8)  # TNY511 live
# %%
train(model, optimizer)
""",
        # a rate of SGD in Adam
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=3.0)  # TNY511 live
# %%
train(model, optimizer)
""",
    )
    good = (
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train(model, optimizer)
""",
        # a warm-up from next to nothing
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1e-6, total_iters=100)
train(model, optimizer, scheduler=scheduler)
""",
        # the rate has done its work
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.7)
train(model, optimizer, scheduler=scheduler)
""",
        # a head that starts at zero: any step is infinitely larger
        _START
        + """
# %%
nn.init.zeros_(model[2].weight)
optimizer = torch.optim.Adam(model[2].parameters(), lr=0.1)
train(model, optimizer)
""",
        # a learning rate range test
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=1e-8)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=1.6)
train(model, optimizer, scheduler=scheduler)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, StepMeasured) or not event.ratios or not event.lr:
            return
        measured = [each for each in story.all(StepMeasured) if each.optimizer == event.optimizer]
        if too_small(event, measured, story):
            largest = max(ratio for ratio in event.moved if ratio is not None)
            seen = f"steps are far too small: no weight matrix moves by more than {largest:.1g} of its size"
            remedy = "raise the learning rate: 1e-3 is usual for Adam, 0.01 to 0.1 for SGD"
        elif replaced(event):
            first, then = event.losses[0], event.losses[1]
            seen = (
                f"the first step is {event.ratios[0]:.2g} times as large as the weights it changes, and the loss goes "
                f"from {first:.4g} to {then:.4g}"
            )
            remedy = "lower the learning rate: 1e-3 is usual for Adam; and build the model again"
        elif too_large(measured):
            seen = f"steps are far too large: half of the weight matrices move by {event.ratios[-1]:.1g} of their size"
            remedy = "lower the learning rate"
        else:
            return
        built = story.built(event.optimizer)
        kind = built.kind if isinstance(built, OptimizerBuilt) else ""
        yield self.finding(
            f"{seen} ({kind or 'the optimizer'}, learning rate {event.lr:g}, norm of the gradient {event.norm:.2g})",
            built.decision if built is not None else event.decision,
            remedy=remedy,
            related=(("the step that was measured", event.place),),
            step=event.step,
            lr=event.lr,
            norm=event.norm,
            ratios=list(event.ratios),
            losses=list(event.losses),
        )


def too_small(event: StepMeasured, measured: list[StepMeasured], story: Story) -> bool:
    """Nothing has moved since the optimizer was built, and no plan is known that would change it."""
    built = story.built(event.optimizer)
    normalised = isinstance(built, OptimizerBuilt) and built.kind in NORMALISED
    planned = any(each.optimizer == event.optimizer for each in story.all(SchedulerBuilt))
    wait = PLANNED if planned else 0 if normalised else GRADUAL
    if event.step < wait or event.lr != event.first_lr or event.peak_lr != event.first_lr:
        return False
    still = all(ratio < SMALL for each in measured for ratio in each.moved if ratio is not None)
    reached = all(norm > 0 for each in measured for norm in each.gradients)  # else no rate would help
    unlearnt = event.first_loss is not None and event.usual_loss is not None
    return still and reached and unlearnt and event.usual_loss >= UNLEARNT * event.first_loss  # type: ignore[operator]


def replaced(event: StepMeasured) -> bool:
    """The very first step was larger than the weights, and the loss says so."""
    at_first = event.step == len(event.ratios) == len(event.losses) and event.step >= 3
    if not at_first or event.ratios[0] < REPLACED:
        return False
    return event.losses[0] > 0 and min(event.losses[1:]) > WORSE * event.losses[0]


def too_large(measured: list[StepMeasured]) -> bool:
    """Checkpoint after checkpoint the weights are replaced, and the loss is none the better."""
    last = measured[-CHECKPOINTS:]
    if len(last) < CHECKPOINTS or any(min(each.ratios, default=0.0) < LARGE for each in last):
        return False
    rates = [each.lr for each in last]
    rising = all(one is not None and two is not None and two > one for one, two in pairwise(rates))
    event = last[-1]
    worse = event.first_loss is not None and event.usual_loss is not None and event.usual_loss >= event.first_loss
    return worse and not rising
