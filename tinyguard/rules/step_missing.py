"""TNY504: gradients are computed again and again, and no optimizer uses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tinyguard.events import (
    BackwardRan,
    Event,
    GradientsCleared,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    RunEnded,
)
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import later
from tinyguard.story import Story, certain


class StepMissing(Rule):
    """A training loop runs backward() and its optimizer never steps.

    Gradients are computed and thrown away; no parameter changes, and the loss stays where it was. Usual causes:
    `optimizer.step()` was forgotten, commented out, or written without its parentheses.

    Reported for a loop that also clears the gradients and for which an optimizer was built. A loop without optimizer
    that updates by hand, looks at gradients or draws saliency maps is not reported.
    """

    code = "TNY504"
    severity = Severity.ERROR
    on = (RunEnded,)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for step in range(20):
    optimizer.zero_grad()
    loss = model(torch.rand(8, 4)).pow(2).mean()
    loss.backward()  # TNY504
""",
        # Without parentheses nothing is called.
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.criterion = nn.CrossEntropyLoss()

    def train_step(self, inputs, labels):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(inputs), labels)
        loss.backward()  # TNY504
        self.optimizer.step
        return loss.item()
# %%
loader = DataLoader(TensorDataset(torch.rand(16, 4), torch.randint(3, (16,))), batch_size=4, shuffle=True)
trainer = Trainer(nn.Linear(4, 3))
for epoch in range(20):
    for inputs, labels in loader:
        trainer.train_step(inputs, labels)
""",
        # A model that is handed to something unread in between is still stepped by nobody.
        """
# %%
import torch
from torch import nn
from engine import evaluate

model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(20):
    for batch in range(4):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,)))
        loss.backward()  # TNY504 lint
    evaluate(model)
""",
        # An earlier optimizer stepped the same model; that was another loop.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
trial = torch.optim.SGD(model.parameters(), lr=1e-5)
for step in range(20):
    trial.zero_grad()
    model(torch.rand(8, 4)).pow(2).mean().backward()
    trial.step()
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    optimizer.zero_grad()
    model(torch.rand(8, 4)).pow(2).mean().backward()  # TNY504
""",
    )
    good = (
        bad[0].replace("backward()  # TNY504", "backward()\n    optimizer.step()"),
        bad[1].replace("optimizer.step\n", "optimizer.step()\n").replace("  # TNY504", ""),
        # Updated by hand.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
for step in range(20):
    model.zero_grad()
    loss = model(torch.rand(8, 4)).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
""",
        # Gradients are accumulated over four batches; the last ones wait for a step.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
optimizer.zero_grad()
for index in range(22):
    loss = model(torch.rand(8, 4)).pow(2).mean() / 4
    loss.backward()
    if (index + 1) % 4 == 0:
        optimizer.step()
        optimizer.zero_grad()
""",
        # What is looked at are the gradients.
        """
# %%
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 3))
norms = []
for step in range(20):
    model.zero_grad()
    model(torch.rand(8, 4)).pow(2).mean().backward()
    norms.append(model[0].weight.grad.norm().item())
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RunEnded) or not event.complete:
            return
        laps: dict[object, list[BackwardRan]] = {}
        for backward in story.all(BackwardRan):
            laps.setdefault((backward.place, backward.via), []).append(backward)
        for passes in laps.values():
            if len(passes) == 1:
                continue
            steps = [step for step in story.all(OptimizerStepped) if later(step, passes[0], story)]
            stepped = _union(step.parameters for step in steps)
            if not stepped.complete or stepped.overlaps(passes[-1].reaches):
                continue
            built = _optimizer_at_rest(passes[-1], story)
            if built is not None and not story.steps(built.optimizer):
                name = story.name(built.optimizer, "optimizer")
                yield self.finding(
                    f"backward() computes gradients again and again, and `{name}` never steps",
                    passes[-1].place,
                    remedy=f"call `{name}.step()` after backward()",
                    related=((f"`{name}` was built here", built.place),),
                    optimizer=name,
                )


def _union(parts: Iterable[Parameters]) -> Parameters:
    leaves, complete = set[int](), True
    for part in parts:
        leaves |= part.leaves
        complete = complete and part.complete
    return Parameters(frozenset(leaves), complete)


def _optimizer_at_rest(backward: BackwardRan, story: Story) -> OptimizerBuilt | None:
    """The optimizer that was built for what this pass reached and that is cleared, like one that is to step."""
    before, uses = story.between(None, backward), backward.models
    cleared = [event.by for event in before if isinstance(event, GradientsCleared) and _of(event, backward)]
    if not cleared or (cleared[-1] != "optimizer.zero_grad()" and any(story.escaped(use.model) for use in uses)):
        return None
    for event in reversed(before):
        if isinstance(event, OptimizerBuilt) and event.parameters.overlaps(backward.reaches):
            return event if certain(event, given=backward) and not story.escaped(event.optimizer) else None
    return None


def _of(cleared: GradientsCleared, backward: BackwardRan) -> bool:
    return cleared.parameters.overlaps(backward.reaches)
