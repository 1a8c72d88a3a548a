"""TNY901: memory grows with every step, since something keeps what the step was computed with."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, GraphKept
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import MemoryGrown, OutputKept
from tinyguard.rule import Rule
from tinyguard.story import Story

STEPS = 200
GROWN = 200_000_000  # bytes
PACE = 500_000.0  # bytes a step
EVEN = 2.0  # how far the paces of both halves lie apart at most

_START = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
loader = DataLoader(TensorDataset(torch.randn(96, 8), torch.randint(0, 3, (96,))), batch_size=8, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

"""


class MemoryGrows(Rule):
    """Memory grows with every step: outputs are kept together with their graphs.

    A tensor that is kept holds on to the graph that made it: to its nodes, and to all activations of a step whose
    backward() has not freed them; on a device, none of that memory comes back before the list is emptied. What is
    wanted is the values: `outputs.detach()`, moved to the CPU where there are many. Memory that grows steadily for a
    reason that is not known is a note: a data set that is cached in its first epoch looks the same.
    """

    code = "TNY901"
    severity = Severity.WARNING
    on = (OutputKept, MemoryGrown)
    serves = ("I3",)
    bad = (
        _START
        + """
# %%
outputs = []
for inputs, targets in loader:
    scores = model(inputs)
    loss = nn.functional.cross_entropy(scores, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    outputs.append(scores)  # TNY901 live
""",
        _START
        + """
# %%
class Trainer:
    def __init__(self, model):
        self.model = model
        self.history = {"probabilities": [], "loss": []}

    def fit(self, epochs):
        for epoch in range(epochs):
            for inputs, targets in loader:
                scores = self.model(inputs)
                loss = nn.functional.cross_entropy(scores, targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                self.history["loss"].append(loss.item())
                self.history["probabilities"].append(scores.softmax(1))  # TNY901 live

Trainer(model).fit(2)
""",
    )
    good = (
        bad[0].replace("outputs.append(scores)  # TNY901 live", "outputs.append(scores.detach())"),
        # a short memory
        _START
        + """
# %%
from collections import deque
recent = deque(maxlen=2)
for inputs, targets in loader:
    scores = model(inputs)
    loss = nn.functional.cross_entropy(scores, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(scores)
""",
        # one backward pass for several forwards
        _START
        + """
# %%
for epoch in range(6):
    scores, wanted = [], []
    for inputs, targets in loader:
        scores.append(model(inputs))
        wanted.append(targets)
    loss = nn.functional.cross_entropy(torch.cat(scores), torch.cat(wanted))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # without gradients
        _START
        + """
# %%
kept = []
for inputs, targets in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(inputs), targets).backward()
    optimizer.step()
    with torch.no_grad():
        kept.append(model(inputs))
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        match event:
            case OutputKept():
                yield self.finding(
                    f"`{event.name}` keeps the outputs of `{story.name(event.model, 'the model')}` with their graphs, "
                    f"{event.count:,} by now: memory grows with every step",
                    event.place,
                    remedy="keep the values only: append(outputs.detach().cpu())",
                    name=event.name,
                    count=event.count,
                )
            case MemoryGrown() if steady(event) and not story.all(OutputKept) and not story.all(GraphKept):
                yield self.finding(
                    f"the memory of the process has grown by {event.grown / 1e6:,.0f} MB in {event.steps:,} steps, "
                    f"{event.halves[1] / 1e6:.1f} MB with each",
                    event.decision,
                    remedy="look for tensors that are kept in lists, and for a data set that caches its samples",
                    severity=Severity.NOTE,
                    grown=event.grown,
                    steps=event.steps,
                )


def steady(event: MemoryGrown) -> bool:
    """It grows as fast in the second half of the steps as in the first, and by much."""
    slow, fast = sorted(event.halves)
    return event.steps > STEPS and event.grown > GROWN and slow > PACE and fast < EVEN * slow
