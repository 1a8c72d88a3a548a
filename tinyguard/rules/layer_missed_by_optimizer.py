"""TNY509: a layer was put into the model after its optimizer was built."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import (
    BackwardRan,
    Event,
    ModelBuilt,
    ModelUse,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    RunEnded,
)
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import judged, later, may_touch
from tinyguard.story import Story, certain


class LayerMissedByOptimizer(Rule):
    """A layer was put into the model after its optimizer was built, and no optimizer trains it.

    An optimizer holds the parameters that the model had when it was built. A head replaced afterwards
    (`model.fc = nn.Linear(512, 200)`) gets gradients and never moves: it stays random, and the rest of the model has to
    learn around it. Build the optimizer after the model is complete, or use `add_param_group`. The same when layers
    were frozen while an optimizer was built from what was trainable then, and are thawed for a second phase.
    """

    code = "TNY509"
    severity = Severity.ERROR
    on = (OptimizerStepped, RunEnded)
    serves = ("R3",)

    bad = (
        """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Linear(4, 8)
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        return self.fc(torch.relu(self.features(x)))
# %%
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
model.fc = nn.Linear(8, 200)  # TNY509
# %%
for step in range(20):
    loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(200, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        """
# %%
import torch
from torch import nn

def replace_head(model, classes):
    model[2] = nn.Linear(8, classes)

def train(model, optimizer):
    for step in range(20):
        loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(5, (8,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
# %%
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters())
replace_head(model, 5)  # TNY509
train(model, optimizer)
""",
        # thawed for a second phase
        """
# %%
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
for parameter in model[0].parameters():
    parameter.requires_grad = False
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)

def fit():
    for step in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
        optimizer.step()
# %%
fit()
# %%
for parameter in model[0].parameters():
    parameter.requires_grad = True
fit()  # TNY509 live
""",
    )
    good = (
        bad[0].replace("200)  # TNY509", '200)\noptimizer.add_param_group({"params": model.fc.parameters()})'),
        bad[1].replace(
            "replace_head(model, 5)  # TNY509",
            "replace_head(model, 5)\noptimizer = torch.optim.Adam(model.parameters())",
        ),
        # The backbone is left as it came, although it is not frozen: only the head is in the optimizer.
        """
# %%
import torch
from torch import nn
backbone = nn.Linear(4, 8)
head = nn.Linear(8, 3)
model = nn.Sequential(backbone, nn.ReLU(), head)
optimizer = torch.optim.Adam(head.parameters())
for step in range(20):
    loss = nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # The new layer has an optimizer of its own.
        bad[0]
        .replace("200)  # TNY509", "200)\nhead_optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.01)")
        .replace(
            "    optimizer.step()", "    optimizer.step()\n    head_optimizer.step()\n    head_optimizer.zero_grad()"
        ),
        bad[-1].replace("fit()  # TNY509 live", "optimizer.add_param_group({'params': model[0].parameters()})\nfit()"),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        for step in judged(event, story):
            built = story.built(step.optimizer)
            if not isinstance(built, OptimizerBuilt) or not step.parameters.complete or story.escaped(step.optimizer):
                continue
            for backward in story.gradients(step):
                if not certain(backward, given=step) or not backward.reaches.complete:
                    continue
                for use in backward.models:
                    layer = _layer_left_out(use, backward, built, story)
                    if layer is not None and use.parameters.overlaps(step.parameters):
                        name, model = story.name(step.optimizer, "optimizer"), story.name(use.model, "model")
                        yield self.finding(
                            f"this {layer.kind or 'layer'} became part of `{model}` after `{name}` was built: "
                            f"no optimizer trains it",
                            layer.parting(built),
                            remedy=f"build `{name}` after this line",
                            related=((f"`{name}` was built here", built.place), ("it steps here", step.place)),
                            optimizer=name,
                            model=model,
                        )
                    elif layer is None and (lost := _thawed(use, backward, built, story)):
                        yield self._thawed(step, backward, built, use, len(lost), story)

    def _thawed(
        self,
        step: OptimizerStepped,
        backward: BackwardRan,
        built: OptimizerBuilt,
        use: ModelUse,
        lost: int,
        story: Story,
    ) -> Finding:
        name, model = story.name(step.optimizer, "optimizer"), story.name(use.model, "model")
        return self.finding(
            f"{lost} parameters of `{model}` that were frozen get gradients now, but `{name}`, built before, does not "
            "hold them: no optimizer trains them",
            backward.parting(built),
            remedy=f"build `{name}` again after they are thawed, or give them to it with `add_param_group`",
            related=((f"`{name}` was built here", built.place), ("it steps here", step.place)),
            optimizer=name,
            model=model,
            parameters=lost,
        )


def _layer_left_out(use: ModelUse, backward: BackwardRan, built: OptimizerBuilt, story: Story) -> ModelBuilt | None:
    """A layer of the model that backward reaches, that no optimizer holds, and that is younger than this one."""
    lost = (use.parameters.leaves & backward.reaches.leaves) - built.parameters.leaves
    if not lost:
        return None
    for layer in story.all(ModelBuilt):
        inside = layer.parameters.complete and layer.parameters.leaves and layer.parameters.leaves <= lost
        if inside and certain(layer, given=backward) and later(layer, built, story):
            return None if _held(layer.parameters, story) else layer
    return None


def _thawed(use: ModelUse, backward: BackwardRan, built: OptimizerBuilt, story: Story) -> frozenset[int]:
    """The parameters of the model that backward reaches and no optimizer holds, when none of them was reached before,
    since this optimizer was built."""
    lost = (use.parameters.leaves & backward.reaches.leaves) - built.parameters.leaves
    before = [
        ran
        for ran in story.between(built, backward)
        if isinstance(ran, BackwardRan) and any(other.model == use.model for other in ran.models)
    ]
    frozen = [ran for ran in before if ran.reaches.complete and not ran.reaches.leaves & lost]
    trained = [ran for ran in frozen if ran.reaches.leaves & built.parameters.leaves]
    known = use.parameters.complete and lost and trained and not _held(Parameters(lost), story)
    if not known or not all(certain(ran, given=backward) for ran in trained):
        return frozenset()
    return lost


def _held(parameters: Parameters, story: Story) -> bool:
    """Some optimizer may hold one of these; add_param_group may have given it to one between its steps."""
    return any(may_touch(built.parameters, parameters) for built in story.all(OptimizerBuilt)) or any(
        may_touch(step.parameters, parameters) for step in story.all(OptimizerStepped)
    )
