"""TNY703: the loss ends as NaN or infinity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import takewhile

from tinyguard.curves import decision, reporting_cells
from tinyguard.events import BatchDrawn, Event, MetricReported, OptimizerBuilt, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.measured import training as measured
from tinyguard.rule import Rule
from tinyguard.story import Story

HUGE = 1e4  # of a weight: layers are drawn with weights below 1

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
_STEADY = _TRAINING.replace("1e30", "0.1")


class LossNotFinite(Rule):
    """The loss is NaN or infinite to the end: the weights are lost, everything after is noise.

    A symptom; the causes that were proven are named with it. Usual ones: too high a learning rate, a logarithm or a
    division by zero, half precision without loss scaling, NaN in the data. Once a weight is NaN no step brings it back:
    build the model again. The guard says it at the step that spoils the weights, and where the first value came from
    that was not finite; a single loss that is, as a GradScaler makes them while it looks for its scale, is none.
    """

    code = "TNY703"
    severity = Severity.ERROR
    on = (RunEnded, measured.LossNotFinite)
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
        # a blank sample is divided by its deviation
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
samples, labels = torch.randn(64, 8), torch.randint(0, 3, (64,))
samples[5] = 0
samples = samples / samples.std(1, keepdim=True)
train_loader = DataLoader(TensorDataset(samples, labels), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
# %%
for inputs, targets in train_loader:  # TNY703 live
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
""",
        # a logarithm of scores below zero
        """
# %%
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
inputs, targets = torch.randn(16, 4), torch.rand(16, 8)
# %%
for step in range(3):
    loss = (torch.log(model(inputs)) - targets).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()  # TNY703 live
    optimizer.step()
""",
    )
    good = (
        # a step that loss scaling skipped, or the first state of a progress bar
        _STEADY
        + """
# %% In[2]
run(3)
# Out: step 0: loss inf
# Out: step 1: loss 1.6
# Out: step 2: loss 1.5
""",
        # where early stopping begins
        _STEADY
        + """
# %% In[2]
run(1)
# Out: Validation loss decreased (inf --> 1.819619).  Saving model ...
# Out: best loss: inf
""",
        # a GradScaler that looks for its scale: its first steps are skipped
        """
# %%
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
inputs, targets = 50 * torch.randn(16, 4), torch.randint(0, 3, (16,))
# %%
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), targets)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
""",
        # a batch that is left out
        """
# %%
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid())
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
batches = torch.rand(8, 16, 4)
batches[2, 3] = float("nan")
# %%
for inputs in batches:
    loss = torch.log(model(inputs)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    if torch.isfinite(loss):
        optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        match event:
            case measured.LossNotFinite():
                yield self._measured(event, story)
            case RunEnded():
                yield from self._recorded(story)

    def _measured(self, event: measured.LossNotFinite, story: Story) -> Finding:
        built = story.built(event.optimizer)
        drawn = next((each for each in reversed(story.all(BatchDrawn)) if each.loader == event.loader), None)
        place = drawn.place if drawn is not None and event.origin == "data" else event.decision
        before = f", {event.before:.4g} before," if event.before is not None else ""
        lost = "the weights are lost" if event.lost else "it stays so, while the weights are finite"
        return self.finding(
            f"the loss{before} is {event.value} in backward pass {event.step}: {what_broke(event, story)}; {lost}",
            place,
            remedy=remedy(event),
            severity=Severity.ERROR if event.lost else Severity.WARNING,
            related=(
                ("the loss goes backward here", event.place if event.place != place else None),
                ("the optimizer was built here", built.place if built is not None else None),
            ),
            step=event.step,
            origin=event.origin,
            name=event.name,
            lr=event.lr,
            largest_weight=event.largest,
        )

    def _recorded(self, story: Story) -> Iterator[Finding]:
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


def what_broke(event: measured.LossNotFinite, story: Story) -> str:
    """Where the first value comes from that is not finite, in words."""
    behind = f" behind `{event.behind}`" if event.behind else ""
    grown = event.largest is not None and event.largest > HUGE
    size = f"the weights had grown to {event.largest:.2g} under {pace(event, story)}" if grown else ""
    match event.origin:
        case "data":
            name = f"`{event.name}`" if event.name else "the batch"
            return f"{name} is not finite itself ({event.seen})"
        case "parameter":
            name = f"`{event.name}`" if event.name else "a weight"
            steep = "; ".join(f"`{each}` has no finite slope at 0" for each in event.steep)
            return (
                f"{name} was not finite before it ({event.seen}), so the step before, under {pace(event, story)}, "
                + (f"had a gradient that was not: {steep}" if steep else "broke it")
            )
        case "operation":
            begins = f"it begins in `{event.name}`{behind} ({event.seen})"
            return f"{begins}; {size}" if size else begins
    return size or f"all weights before it were finite, under {pace(event, story)}"


def pace(event: measured.LossNotFinite, story: Story) -> str:
    """ "SGD with a learning rate of 0.1" """
    built = story.built(event.optimizer)
    kind = built.kind if isinstance(built, OptimizerBuilt) and built.kind else "the optimizer"
    return f"{kind} with a learning rate of {event.lr:g}" if event.lr is not None else kind


def remedy(event: measured.LossNotFinite) -> str:
    again = "; then build the model again" if event.lost else ""
    if event.origin == "data":
        return f"find the samples with NaN or infinity (torch.isfinite) and the division that makes them{again}"
    if event.largest is not None and event.largest > HUGE:
        return f"lower the learning rate or clip the gradients{again}"
    if event.origin == "parameter" and event.steep:
        return f"add a small number under the root, as in (x + 1e-8).sqrt(){again}"
    if event.origin == "operation" and event.seen:
        return f"keep the input of `{event.name}` in its domain: add a small number, clamp it, or lower the rate{again}"
    return (
        f"lower the learning rate or clip the gradients; torch.autograd.set_detect_anomaly names the operation{again}"
    )


def by_name(reported: list[MetricReported]) -> list[list[MetricReported]]:
    """The losses of one cell, each name's in their order."""
    names: dict[str, list[MetricReported]] = {}
    for metric in reported:
        if metric.kind == "loss":
            names.setdefault(metric.name, []).append(metric)
    return list(names.values())
