"""TNY801: the best weights were kept as a reference, and are the last ones by now."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.models import WeightsNotKept
from tinyguard.rule import Rule
from tinyguard.story import Story

_TRAINING = """
# %%
import copy
import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs, labels = torch.randn(16, 4), torch.arange(16) % 3

def step():
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
"""


class WeightsKeptByReference(Rule):
    """`best = model.state_dict()` keeps no weights: it holds the model's own, which every further step changes.

    When training is over `model.load_state_dict(best)` writes the weights onto themselves: the model stays the last one
    and not the best, and nobody is told. The same dict saved in the end is a file of the last weights. Keep a copy:
    `copy.deepcopy(model.state_dict())`, or write the file at once.

    Reported when it has happened: the very tensors of the model are loaded or saved, after optimizer steps since the
    dict was taken.
    """

    code = "TNY801"
    severity = Severity.ERROR
    on = (WeightsNotKept,)
    bad = (
        _TRAINING
        + """
# %%
best_loss, best = float("inf"), None
for epoch in range(6):
    loss = step()
    if epoch < 3 and loss < best_loss:
        best_loss, best = loss, model.state_dict()
model.load_state_dict(best)  # TNY801 live
""",
        # in a class of its own, as a copy of the dict that copies no tensor
        _TRAINING
        + """
# %%
class EarlyStopping:
    def __init__(self):
        self.best, self.weights = float("inf"), {}

    def update(self, loss, model):
        if loss < self.best:
            self.best = loss
            self.weights = {name: tensor for name, tensor in model.state_dict().items()}

    def restore(self, model):
        model.load_state_dict(self.weights)  # TNY801 live

stopping = EarlyStopping()
for epoch in range(3):
    stopping.update(step(), model)
step()
stopping.restore(model)
""",
        # saved when the training is over
        _TRAINING
        + """
# %%
for epoch in range(6):
    loss = step()
    if epoch == 2:
        best = {"epoch": epoch, "model": model.state_dict()}
torch.save(best, "best.pt")  # TNY801 live
""",
    )
    good = (
        # a copy
        _TRAINING
        + """
# %%
for epoch in range(6):
    loss = step()
    if epoch == 2:
        best = copy.deepcopy(model.state_dict())
model.load_state_dict(best)
""",
        _TRAINING
        + """
# %%
for epoch in range(6):
    loss = step()
    if epoch == 2:
        best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
model.load_state_dict(best)
torch.save(best, "best.pt")
""",
        # written at once
        _TRAINING
        + """
# %%
for epoch in range(6):
    loss = step()
    torch.save(model.state_dict(), "last.pt")
model.load_state_dict(torch.load("last.pt"))
""",
        # the last weights, as they are meant
        _TRAINING
        + """
# %%
for epoch in range(6):
    loss = step()
    last = model.state_dict()
torch.save(last, "last.pt")
model.load_state_dict(last)
""",
        # some weights are put into a model's own
        _TRAINING
        + """
# %%
weights = model.state_dict()
for epoch in range(3):
    step()
weights.update({"2.bias": torch.zeros(3)})
model.load_state_dict(weights)
""",
        # a live view of one model feeds another
        _TRAINING
        + """
# %%
target = copy.deepcopy(model)
online = model.state_dict()
for epoch in range(6):
    step()
    target.load_state_dict(online)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, WeightsNotKept):
            return
        model = story.name(event.model, "the model")
        loaded = event.how == "load_state_dict"
        what = "loads its own weights into it" if loaded else "saves its present weights"
        yield self.finding(
            f"`{event.how}` {what}: what `state_dict()` of `{model}` gave after {event.steps_before:,} steps is a "
            f"reference, and the {event.steps:,} optimizer steps since have changed it",
            event.place,
            severity=Severity.ERROR if loaded else Severity.WARNING,
            cause="the weights of that time are gone; the model is the last one, not the best",
            remedy="keep a copy: copy.deepcopy(model.state_dict()), or torch.save it at once",
            related=(("the reference was taken here", event.taken),),
            steps=event.steps,
            how=event.how,
        )
