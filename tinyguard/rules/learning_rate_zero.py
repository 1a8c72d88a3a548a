"""TNY512: the learning rate is zero, or a scheduler has brought it to nothing, and the training goes on."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, OptimizerBuilt, SchedulerBuilt, SchedulerStepped
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.training import RateLow
from tinyguard.rule import Rule
from tinyguard.story import Story

STAYS = 3  # steps at zero; a warm-up by hand leaves it at the second
WARM = 20  # steps at zero under a scheduler that has been stepped
UNSTEPPED = 200  # steps at zero before the first step of a scheduler: an epoch
WASTED = 20  # steps with next to nothing, and a third of all

_START = """
# %%
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR

torch.manual_seed(0)
inputs, targets = torch.randn(64, 8), torch.randint(0, 3, (64,))
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))

def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()

"""


class LearningRateZero(Rule):
    """The learning rate is zero, or a scheduler has brought it to nothing, and the training goes on.

    Every step computes gradients and throws them away. Usual causes: a scheduler made for epochs that is stepped after
    each batch, an integer division in a warm-up, a plateau that is looked for in the wrong direction. A warm-up may
    begin at zero, and a schedule end there: told where it stays, or where a third of all steps so far went for nothing.
    """

    code = "TNY512"
    severity = Severity.WARNING
    on = (RateLow,)
    serves = ("D4",)
    bad = (
        # a decay for epochs, stepped after each batch
        _START
        + """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = ExponentialLR(optimizer, gamma=0.5)
# %%
for batch in range(60):
    step()
    scheduler.step()  # TNY512 live
""",
        # 0 // 100 is 0
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = LambdaLR(optimizer, lambda epoch: min(1.0, (epoch + 1) // 100))
# %%
for batch in range(40):
    step()
    scheduler.step()  # TNY512 live
""",
        _START
        + """
# %%
config = {"lr": 0}
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])  # TNY512 live
# %%
for batch in range(4):
    step()
""",
    )
    good = (
        _START
        + """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = ExponentialLR(optimizer, gamma=0.5)
for epoch in range(6):
    for batch in range(10):
        step()
    scheduler.step()
""",
        # a warm-up from zero
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = LambdaLR(optimizer, lambda step: min(1.0, step / 10))
for batch in range(40):
    step()
    scheduler.step()
""",
        # by hand
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=0.0)
for batch in range(40):
    for group in optimizer.param_groups:
        group["lr"] = 1e-3 * min(1.0, batch / 10)
    step()
""",
        # down to zero at the end
        _START
        + """
# %%
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = LambdaLR(optimizer, lambda step: max(0.0, 1 - step / 50))
for batch in range(60):
    step()
    scheduler.step()
""",
        # a part is frozen by a rate of zero
        _START
        + """
# %%
groups = [{"params": model[0].parameters(), "lr": 0.0}, {"params": model[2].parameters()}]
optimizer = torch.optim.Adam(groups, lr=1e-3)
for batch in range(40):
    step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RateLow):
            return
        low = event.step - event.since + 1
        built = next((each for each in reversed(story.all(SchedulerBuilt)) if each.optimizer == event.optimizer), None)
        steps = [each for each in story.all(SchedulerStepped) if each.optimizer == event.optimizer]
        if event.peak_lr:
            wrong = low >= max(WASTED, event.since // 2)
        elif built is not None or steps:
            wrong = low >= (WARM if steps else UNSTEPPED)
        else:
            wrong = low >= STAYS
        if not wrong:
            return
        kind = built.kind if built is not None and built.kind else "a scheduler"
        if event.peak_lr:
            by = kind if built is not None or steps else "the program"
            seen = (
                f"the learning rate is {event.lr:.1g}, brought down from {event.peak_lr:g} by {by}; {low:,} of "
                f"{event.step:,} steps so far changed next to nothing"
            )
        else:
            by = f" under {kind}" if built is not None or steps else ""
            seen = f"the learning rate is 0 in all of the first {low:,} steps{by}: they change nothing"
        optimizer = story.built(event.optimizer)
        yield self.finding(
            seen,
            place_of(built, steps, optimizer if isinstance(optimizer, OptimizerBuilt) else None, event),
            remedy="step the scheduler as often as it was made for (an epoch, or a batch), and look at its numbers; "
            "print scheduler.get_last_lr()"
            if built is not None or steps
            else "give the optimizer a learning rate above 0",
            related=(
                ("the scheduler was built here", built.place if built is not None else None),
                ("the optimizer was built here", optimizer.place if optimizer is not None else None),
                ("a step that changes nothing", event.place),
            ),
            lr=event.lr,
            peak_lr=event.peak_lr,
            step=event.step,
            since=event.since,
        )


def place_of(
    built: SchedulerBuilt | None, steps: list[SchedulerStepped], optimizer: OptimizerBuilt | None, event: RateLow
) -> Place:
    """Where the rate is set: by the scheduler's step, its construction, or that of the optimizer."""
    if steps:
        return steps[-1].place
    if built is not None:
        return built.place
    return optimizer.place if optimizer is not None and not event.peak_lr else event.decision
