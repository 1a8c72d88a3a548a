"""TNY507: gradients are cleared before the optimizer has used them."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, GradientsCleared, GradientsSet, OptimizerStepped
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import lap, may_touch
from tinyguard.story import Story, certain


class GradientsClearedBeforeStep(Rule):
    """Gradients are cleared after backward() and before the step that should use them.

    The step finds no gradients (or zeros): nothing learns, and nothing complains. The order is: clear, backward, step.
    Cleared before each backward(), gradients that were to be accumulated over several batches are thrown away but for
    the last; the same when the step stands behind the loop over the batches. The finding stands at the line that
    clears.

    That gradients are thrown away is told when it happens again and again, several times for each step, while only one
    optimizer is at work: whoever trains in turns may wish to lose what the other's loss has left.
    """

    code = "TNY507"
    severity = Severity.ERROR
    on = (OptimizerStepped, GradientsCleared)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for step in range(20):
    loss = model(torch.rand(8, 4)).pow(2).mean()
    loss.backward()
    optimizer.zero_grad()  # TNY507
    optimizer.step()
""",
        # In two methods of a trainer, through the model.
        """
# %%
import torch
from torch import nn

class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters())

    def backward(self, x):
        self.model(x).pow(2).mean().backward()

    def update(self):
        self.model.zero_grad()  # TNY507
        self.optimizer.step()
# %%
trainer = Trainer(nn.Sequential(nn.Linear(4, 3)))
for step in range(20):
    trainer.backward(torch.rand(8, 4))
    trainer.update()
""",
        # meant to add up over four batches
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for batch in range(20):
    optimizer.zero_grad()  # TNY507 live
    loss = model(torch.rand(8, 4)).pow(2).mean() / 4
    loss.backward()
    if batch % 4 == 3:
        optimizer.step()
""",
        # the step has lost its indentation
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for epoch in range(3):
    for batch in range(20):
        optimizer.zero_grad()  # TNY507 live
        loss = model(torch.rand(8, 4)).pow(2).mean()
        loss.backward()
    optimizer.step()
""",
    )
    good = (
        bad[0].replace(
            "    optimizer.zero_grad()  # TNY507\n    optimizer.step()",
            "    optimizer.step()\n    optimizer.zero_grad()",
        ),
        bad[1].replace(
            "self.model.zero_grad()  # TNY507\n        self.optimizer.step()",
            "self.optimizer.step()\n        self.model.zero_grad()",
        ),
        # The other player's gradients are cleared.
        """
# %%
import torch
from torch import nn
actor, critic = nn.Linear(4, 2), nn.Linear(4, 1)
actor_optimizer = torch.optim.Adam(actor.parameters())
critic_optimizer = torch.optim.Adam(critic.parameters())
# %%
for step in range(20):
    state = torch.rand(8, 4)
    critic_loss = critic(state).pow(2).mean()
    critic_loss.backward()
    actor_optimizer.zero_grad()
    critic_optimizer.step()
    critic_optimizer.zero_grad()
    actor_loss = actor(state).pow(2).mean()
    actor_loss.backward()
    actor_optimizer.step()
""",
        # Gradients of two losses are put together by hand: kept, cleared, written back.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for step in range(20):
    sums = [torch.zeros_like(p) for p in model.parameters()]
    for task in range(2):
        model(torch.rand(8, 4)).pow(2).mean().backward()
        for total, p in zip(sums, model.parameters()):
            total += p.grad / p.grad.norm()
        model.zero_grad()
    for total, p in zip(sums, model.parameters()):
        p.grad = total  # sees BackwardRan lint
    optimizer.step()
""",
        # A first look at the gradients, then the training.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model(torch.rand(8, 4)).pow(2).mean().backward()
print(model.weight.grad)
# %%
for step in range(20):
    optimizer.zero_grad()
    model(torch.rand(8, 4)).pow(2).mean().backward()
    optimizer.step()
""",
        # gradients add up over four batches
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for batch in range(20):
    loss = model(torch.rand(8, 4)).pow(2).mean() / 4
    loss.backward()
    if batch % 4 == 3:
        optimizer.step()
        optimizer.zero_grad()
""",
        # what the generator's loss has left in the critic is thrown away, five times between its own steps
        """
# %%
import torch
from torch import nn
generator, critic = nn.Linear(2, 4), nn.Linear(4, 1)
optimizer_g = torch.optim.SGD(generator.parameters(), lr=0.1)
optimizer_d = torch.optim.SGD(critic.parameters(), lr=0.1)
# %%
for batch in range(24):
    optimizer_d.zero_grad()
    optimizer_g.zero_grad()
    critic(generator(torch.randn(8, 2))).mean().backward()
    optimizer_g.step()
    if batch % 6 == 5:
        optimizer_d.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, GradientsCleared):
            yield from self._thrown_away(event, story)
        if not isinstance(event, OptimizerStepped) or story.escaped(event.optimizer):
            return
        cleared: GradientsCleared | None = None
        for other in reversed(lap(event, story)):
            match other:
                case GradientsSet() if may_touch(other.parameters, event.parameters):
                    return
                case GradientsCleared() if cleared is None and certain(other, given=event):
                    if other.parameters.overlaps(event.parameters):
                        cleared = other
                case BackwardRan() if may_touch(other.reaches, event.parameters):
                    lost = other.reaches.leaves & event.parameters.leaves
                    if not lost or cleared is None or not certain(other, given=event):
                        return
                    whole = other.reaches.complete and event.parameters.complete
                    if cleared.parameters == event.parameters or (whole and lost <= cleared.parameters.leaves):
                        yield self._cleared(cleared, other, event, story)
                    return

    def _cleared(
        self, cleared: GradientsCleared, backward: BackwardRan, step: OptimizerStepped, story: Story
    ) -> Finding:
        name = story.name(step.optimizer, "optimizer")
        return self.finding(
            f"the gradients are cleared here, before `{name}` has used them",
            cleared.place,
            remedy="clear before backward(), or after the step",
            related=(("backward() computes them here", backward.place), (f"`{name}` steps here", step.place)),
            optimizer=name,
        )

    def _thrown_away(self, event: GradientsCleared, story: Story) -> Iterator[Finding]:
        steps = story.all(OptimizerStepped)
        if not steps or event.facts:
            return
        step = steps[-1]
        wasted = _wasted(event, step, story)
        if wasted is None or story.escaped(step.optimizer):
            return
        name = story.name(step.optimizer, "optimizer")
        count, backward = wasted
        yield self.finding(
            f"the gradients are cleared here before each backward(), and `{name}` steps once for several of them: "
            f"{count} or more were thrown away for each of the last 2 steps",
            event.place,
            cause="a step uses the gradients of the last batch only",
            remedy="clear after the step, so that gradients add up until then; or step after each backward()",
            related=(("backward() computes them here", backward.place), (f"`{name}` steps here", step.place)),
            optimizer=name,
            thrown_away=count,
        )


WASTED = 3  # times between two steps, and again before the next


def _wasted(event: GradientsCleared, step: OptimizerStepped, story: Story) -> tuple[int, BackwardRan] | None:
    """How often the same backward() was cleared unused, at least, on either side of the last step."""
    backward: BackwardRan | None = None
    counts, pending = [0], True  # `pending`: what ran before was cleared, without a step in between
    for other in reversed(story.between(None, event)):
        match other:
            case GradientsSet() if may_touch(other.parameters, event.parameters):
                return None
            case OptimizerStepped():
                if other.optimizer != step.optimizer or other.parameters != step.parameters or len(counts) == 2:
                    break
                counts.append(0)
                pending = False
            case GradientsCleared() if other.parameters.overlaps(event.parameters):
                if other.place != event.place:
                    return None
                pending = True
            case BackwardRan() if may_touch(other.reaches, event.parameters):
                if other.facts or step.place in other.via or (backward is not None and other.place != backward.place):
                    return None  # `via`: in a closure, which the step calls as often as it likes
                backward = backward or other
                counts[-1] += pending
                pending = False
        if len(counts) == 2 and min(counts) >= WASTED:
            break
    if (
        backward is None
        or len(counts) < 2
        or min(counts) < WASTED
        or not step.parameters.leaves <= _of(event, backward)
    ):
        return None
    return min(counts), backward


def _of(event: GradientsCleared, backward: BackwardRan) -> frozenset[int]:
    return event.parameters.leaves & backward.reaches.leaves
