"""TNY503: a scheduler changes the learning rate of an optimizer that does not step."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, OptimizerStepped, RunEnded, SchedulerStepped
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import later
from tinyguard.story import Story, certain


class SchedulerOfOtherOptimizer(Rule):
    """The scheduler belongs to another optimizer than the one that steps.

    The learning rate of the training never changes; the scheduler lowers that of an optimizer nobody uses any more.
    Usual causes: the optimizer was built again and the scheduler was not, or the scheduler was built from the wrong
    one of two. The finding stands at the later of the two births.
    """

    code = "TNY503"
    severity = Severity.ERROR
    on = (SchedulerStepped, RunEnded)
    serves = ("D4",)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)  # TNY503
# %%
for epoch in range(30):
    for batch in range(4):
        optimizer.zero_grad()
        model(torch.rand(8, 4)).pow(2).mean().backward()
        optimizer.step()
    scheduler.step()
""",
        # The wrong one of two, handed to a function.
        """
# %%
import torch
from torch import nn

def train(model, optimizer, scheduler, epochs):
    for epoch in range(epochs):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
        optimizer.step()
        scheduler.step()
# %%
small, large = nn.Linear(4, 3), nn.Linear(4, 3)
small_optimizer = torch.optim.Adam(small.parameters())
large_optimizer = torch.optim.Adam(large.parameters())
large_scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(small_optimizer, T_max=30)  # TNY503
# %%
train(large, large_optimizer, large_scheduler, epochs=30)
""",
        # Fine-tuning in two stages: the second stage builds its optimizer and keeps the scheduler of the first.
        """
# %%
import torch
from torch import nn

class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(self.model[1].parameters(), lr=0.1)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=0.9)

    def unfreeze(self):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)

    def fit(self, epochs):
        for epoch in range(epochs):
            for batch in range(2):
                loss = self.model(torch.rand(8, 4)).pow(2).mean()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            self.scheduler.step()
# %%
trainer = Trainer(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3)))
trainer.fit(20)
trainer.unfreeze()  # TNY503
trainer.fit(20)
""",
        # the optimizer was built again after a first epoch
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
def train():
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
        optimizer.step()
train()
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # TNY503
# %%
for epoch in range(3):
    train()
    scheduler.step()
""",
    )
    good = (
        bad[0].replace(
            "momentum=0.9)  # TNY503",
            "momentum=0.9)\nscheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)",
        ),
        bad[1]
        .replace("CosineAnnealingLR(small_optimizer", "CosineAnnealingLR(large_optimizer")
        .replace("  # TNY503", ""),
        # Two players, two schedulers, stepped together; they take turns in training.
        """
# %%
import torch
from torch import nn
generator, discriminator = nn.Linear(2, 4), nn.Linear(4, 1)
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
scheduler_g = torch.optim.lr_scheduler.StepLR(optimizer_g, 10)
scheduler_d = torch.optim.lr_scheduler.StepLR(optimizer_d, 10)
# %%
for epoch in range(20):
    if epoch % 2 == 0:
        optimizer_d.zero_grad()
        discriminator(generator(torch.rand(8, 2)).detach()).mean().backward()
        optimizer_d.step()
    else:
        optimizer_g.zero_grad()
        discriminator(generator(torch.rand(8, 2))).mean().neg().backward()
        optimizer_g.step()
    scheduler_d.step()
    scheduler_g.step()
""",
        # The rate falls when the validation loss does not.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
# %%
for epoch in range(20):
    optimizer.zero_grad()
    loss = model(torch.rand(8, 4)).pow(2).mean()
    loss.backward()
    optimizer.step()
    scheduler.step(loss.item())
""",
        # What a schedule looks like, without training.
        """
# %%
import torch
from torch import nn
optimizer = torch.optim.SGD(nn.Linear(4, 3).parameters(), lr=0.1)  # sees ModelBuilt lint
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=40)
rates = []
for step in range(30):
    optimizer.step()
    scheduler.step()
    rates.append(scheduler.get_last_lr()[0])
""",
        # its scheduler, too, is built again after a first epoch
        bad[-1].replace(
            "momentum=0.9)  # TNY503", "momentum=0.9)\nscheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)"
        ),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        for step in _judged(event, story):
            stepped = _optimizer_stepped_instead(step, story)
            if stepped is None:
                continue
            scheduler, optimizer = story.name(step.scheduler, "scheduler"), story.name(stepped.optimizer, "optimizer")
            built, optimizer_built = story.built(step.scheduler), story.built(stepped.optimizer)
            other, other_built = story.name(step.optimizer, "another optimizer"), story.built(step.optimizer)
            if built is None or optimizer_built is None:
                place = step.decision
            elif later(optimizer_built, built, story):
                place = optimizer_built.parting(built)
            else:
                place = built.parting(optimizer_built)
            yield self.finding(
                f"`{scheduler}` changes the learning rate of "
                f"{f'an earlier `{other}`' if other == optimizer else f'`{other}`'}, while `{optimizer}` steps",
                place,
                remedy=f"build `{scheduler}` from `{optimizer}`, after it is built",
                related=(
                    (f"`{scheduler}` was built here", built.place if built else None),
                    ("the optimizer it belongs to was built here", other_built.place if other_built else None),
                    ("the optimizer that steps was built here", optimizer_built.place if optimizer_built else None),
                    ("the scheduler steps here", step.place),
                ),
                scheduler=scheduler,
                optimizer=optimizer,
            )


def _judged(event: Event, story: Story) -> Iterator[SchedulerStepped]:
    """A scheduler's step is judged at its next one, the last one at the end."""
    match event:
        case SchedulerStepped():
            yield from story.scheduler_steps(event.scheduler)[-2:-1]
        case RunEnded(complete=True):
            yield from {step.scheduler: step for step in story.all(SchedulerStepped)}.values()


def _optimizer_stepped_instead(step: SchedulerStepped, story: Story) -> OptimizerStepped | None:
    """The step of another optimizer in this lap, when the scheduler's own steps in no lap of this loop, nor later."""
    if step.optimizer is None or story.escaped(step.optimizer) or story.escaped(step.scheduler):
        return None
    every = story.scheduler_steps(step.scheduler)
    # Optimizers may take turns: what counts is the whole loop, from its first lap on.
    first = next(index for index, other in enumerate(every) if (other.place, other.via) == (step.place, step.via))
    before = every[first - 1] if first else story.built(step.scheduler)
    own = story.steps(step.optimizer)
    if own and (before is None or story.position(own[-1]) > story.position(before)):
        return _successor(own[-1], step, story)
    for event in reversed(story.between(before, step)):
        if isinstance(event, OptimizerStepped) and certain(event, given=step):
            return event if event.parameters.complete else None
    return None


def _successor(last: OptimizerStepped, step: SchedulerStepped, story: Story) -> OptimizerStepped | None:
    """The step, before that of the scheduler, of an optimizer that was built for the same parameters after the
    scheduler's own had stepped for the last time."""
    for event in story.between(last, step):
        if isinstance(event, OptimizerStepped) and event.parameters.overlaps(last.parameters):
            built = story.built(event.optimizer)
            if built is not None and story.position(built) > story.position(last) and certain(event, given=step):
                return event
    return None
