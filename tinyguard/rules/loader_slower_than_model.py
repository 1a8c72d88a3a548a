"""TNY902: a training spends its time waiting for batches."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.data import LoaderAwaited as Seen
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import loader_of

MOST = 0.8  # of the time; below, mending it makes a training less than 5 times as fast, and it is a note

_START = """
# %%
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

torch.manual_seed(0)

class Slow(Dataset):
    def __init__(self, seconds):
        self.seconds, self.points = seconds, torch.randn(240, 8)

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return self.points[index], index % 3

def train(loader):
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for points, labels in loader:  # TNY902 live
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(points), labels).backward()
        optimizer.step()
"""


class LoaderSlowerThanModel(Rule):
    """A training waits for its batches most of the time: the input pipeline starves the model.

    Time from asking for a batch to getting it, while no work is left for the GPU. With `num_workers=0` every batch is
    read and transformed in the notebook's own process, between the steps; workers do it while the model computes.
    Judged after 100 steps and 20 seconds; a warning above 80 % of the time.
    """

    code = "TNY902"
    severity = Severity.WARNING
    on = (Seen,)
    bad = (
        _START
        + """
# %%
train(DataLoader(Slow(0.1), batch_size=2, shuffle=True))
""",
        _START
        + """
# %%
train(DataLoader(Slow(0.4), batch_size=2, shuffle=True, num_workers=2))
""",
    )
    good = (
        # a handful of steps: nobody waits long
        _START.replace("  # TNY902 live", "")
        + """
# %%
train(DataLoader(Slow(0.001), batch_size=24, shuffle=True))
""",
        # data in memory
        _START.replace("  # TNY902 live", "")
        + """
# %%
train(DataLoader(TensorDataset(torch.randn(240, 8), torch.arange(240) % 3), batch_size=2, shuffle=True))
""",
        # batches asked for by hand, in one's own time
        _START.replace("  # TNY902 live", "")
        + """
# %%
batches = iter(DataLoader(Slow(0.001), batch_size=24, shuffle=True))
points, labels = next(batches)
print(points.shape)
""",
        # an evaluation
        _START.replace("  # TNY902 live", "")
        + """
# %%
model = nn.Linear(8, 3)
with torch.no_grad():
    for points, labels in DataLoader(Slow(0.0005), batch_size=2):
        model(points)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, Seen) or not event.wall_s:
            return
        share = event.waited_s / event.wall_s
        built = loader_of(event.loader, story)
        name = story.name(event.loader, "this loader")
        yield self.finding(
            f"{share:.0%} of the time went by in waiting for the next batch of `{name}`: {event.waited_s:.0f} of "
            f"{event.wall_s:.0f} s in {event.steps} steps",
            event.place,
            remedy=_remedy(event),
            cause=f"a batch takes {event.waited_s / event.steps:.2g} s, a step of the model "
            f"{(event.wall_s - event.waited_s) / event.steps:.2g} s",
            related=(("the loader was built here", built.place if built is not None else None),),
            severity=Severity.WARNING if share > MOST else Severity.NOTE,
            share=share,
            steps=event.steps,
            workers=event.workers,
            cores=event.cores,
        )


def _remedy(event: Seen) -> str:
    spare = event.cores - event.workers
    if spare > 1:
        return (
            f"give `num_workers={min(event.cores, 8)}` to the DataLoader (it has {event.workers}, and "
            f"{event.cores} cores are there), and `persistent_workers=True`"
        )
    return (
        f"do less for each sample: {event.cores} cores are all there are; keep decoded and resized data in memory or "
        "in one file, and leave random transforms to the GPU"
    )
