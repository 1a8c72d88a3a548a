"""TNY703: the recorded loss ends as NaN or infinity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import takewhile

from tinyguard.curves import decision, reporting_cells
from tinyguard.events import Event, MetricReported, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story

_TRAINING = """
# %% In[1]
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=1e30)

def run(steps):
    for step in range(steps):
        optimizer.zero_grad()
        loss = (model(torch.ones(2, 4)) ** 2).mean()
        loss.backward()
        optimizer.step()
        print(f"step {step}: loss {loss.item()}")

"""


class LossNotFinite(Rule):
    """The recorded loss is NaN or infinite to the end: the weights are lost, everything after is noise.

    A symptom; the causes that were proven are named with it. Usual ones: too high a learning rate, a logarithm or a
    division by zero, half precision without loss scaling, NaN in the data. Once a weight is NaN no step brings it back:
    build the model again.
    """

    code = "TNY703"
    severity = Severity.ERROR
    on = (RunEnded,)
    serves = ("The problem",)
    bad = (
        _TRAINING
        + """
# %% In[2]
run(3)  # TNY703
# Out: step 0: loss 1.6
# Out: step 1: loss inf
# Out: step 2: loss nan
""",
        _TRAINING
        + """
# %% In[2]
run(2)  # TNY703
# Out: {'train_loss': [nan, nan], 'train_acc': [0.33, 0.33]}
""",
    )
    good = (
        # a step that loss scaling skipped, or the first state of a progress bar
        _TRAINING
        + """
# %% In[2]
run(3)
# Out: step 0: loss inf
# Out: step 1: loss 1.6
# Out: step 2: loss 1.5
""",
        # where early stopping begins
        _TRAINING
        + """
# %% In[2]
run(1)
# Out: Validation loss decreased (inf --> 1.819619).  Saving model ...
# Out: best loss: inf
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        for cell in reporting_cells(story):
            for losses in by_name(cell.metrics):
                lost = list(takewhile(lambda loss: not math.isfinite(loss.value), reversed(losses)))
                if not lost:
                    continue
                first = lost[-1]
                since = f" from epoch {first.epoch} on" if first.epoch is not None else ""
                yield self.finding(
                    f'the {first.name} is not finite{since}: "{first.text}"',
                    decision(story, cell.place),
                    remedy="lower the learning rate or clip the gradients, look for log(0), 0/0 and NaN in the data "
                    "(torch.autograd.set_detect_anomaly names the operation), and build the model again",
                    loss=first.name,
                    epoch=first.epoch,
                )
                break


def by_name(reported: list[MetricReported]) -> list[list[MetricReported]]:
    """The losses of one cell, each name's in their order."""
    names: dict[str, list[MetricReported]] = {}
    for metric in reported:
        if metric.kind == "loss":
            names.setdefault(metric.name, []).append(metric)
    return list(names.values())
