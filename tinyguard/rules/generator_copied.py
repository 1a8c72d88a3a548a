"""TNY216: every worker of a loader draws the same random numbers."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.data import GeneratorCopied as Seen
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import loader_of

_DATA = """
# %%
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

class Noisy(Dataset):
    def __init__(self, size):
        self.points = torch.zeros(size, 2)
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return self.points[index] + self.rng.normal(size=2).astype("float32")
"""

_LOOP = """
# %%
loader = DataLoader(Noisy(8), batch_size=2, shuffle=True, num_workers=2)
for points in loader:  # TNY216 live
    print(points.shape)
"""


class GeneratorCopied(Rule):
    """A data set that workers read draws from a generator of its own: every worker draws the same random numbers.

    Each worker gets a copy of the data set, generator and all, in the state in which it is in the notebook. So the
    samples of all workers are augmented alike, and, unless workers persist, each epoch is augmented as the one before.
    The global generators of torch, numpy and `random` are seeded anew in each worker; an object of one's own is not.
    """

    code = "TNY216"
    severity = Severity.WARNING
    on = (Seen,)
    bad = (
        _DATA + _LOOP,
        # in a transform
        _DATA
        + """
# %%
class Jitter:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def __call__(self, point):
        return point * self.random.uniform(0.9, 1.1)

class Plain(Dataset):
    def __init__(self, size, transform):
        self.points, self.transform = torch.ones(size, 2), transform

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return self.transform(self.points[index])

# %%
for points in DataLoader(Plain(8, Jitter(0)), batch_size=2, num_workers=2):  # TNY216 live
    print(points.shape)
""",
    )
    good = (
        # without workers there is one generator
        _DATA + _LOOP.replace("num_workers=2", "num_workers=0").replace("  # TNY216 live", ""),
        # each worker has another seed
        _DATA
        + """
# %%
def seed_worker(number):
    worker = torch.utils.data.get_worker_info()
    worker.dataset.rng = np.random.default_rng(worker.seed)

loader = DataLoader(Noisy(8), batch_size=2, num_workers=2, worker_init_fn=seed_worker)
for points in loader:
    print(points.shape)
""",
        # numpy's own numbers: torch seeds them in each worker
        _DATA.replace("self.rng.normal", "np.random.normal") + _LOOP.replace("  # TNY216 live", ""),
        # a generator for each sample
        _DATA.replace(
            '        return self.points[index] + self.rng.normal(size=2).astype("float32")',
            "        rng = np.random.default_rng(index)\n"
            '        return self.points[index] + rng.normal(size=2).astype("float32")',
        )
        + _LOOP.replace("  # TNY216 live", ""),
        # made in the worker, when it is first needed
        _DATA.replace("default_rng(0)", "default_rng()").replace(
            "        return self.points[index] +",
            "        if torch.utils.data.get_worker_info() is not None:\n"
            "            self.rng = np.random.default_rng(torch.initial_seed() % 2**32 + index)\n"
            "        return self.points[index] +",
        )
        + _LOOP.replace("  # TNY216 live", ""),
        # used while the data set is built, not after
        _DATA.replace("torch.zeros(size, 2)\n", "torch.zeros(size, 2)\n        self.rng = np.random.default_rng(1)\n")
        .replace("        self.rng = np.random.default_rng(0)", "        self.shift = self.rng.normal()")
        .replace('self.rng.normal(size=2).astype("float32")', "self.shift")
        + _LOOP.replace("  # TNY216 live", ""),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, Seen) or (event.workers < 2 and event.persistent):
            return
        built = loader_of(event.loader, story)
        epochs = "" if event.persistent else ", the same in each epoch"
        whose = f"all {event.workers} workers draw" if event.workers > 1 else "the worker draws"
        yield self.finding(
            f"`{event.method}` uses `{event.attribute}`, a {event.kind}, in {event.workers} workers: each has a copy "
            "of it in one state",
            event.place,
            remedy="draw from torch's or numpy's global generator, which torch seeds in each worker, or seed "
            f"`{event.attribute.replace('self', 'worker.dataset')}` by `get_worker_info().seed` in a `worker_init_fn`",
            cause=f"{whose} the same random numbers{epochs}",
            related=(("the loader was built here", built.place if built is not None else None),),
            attribute=event.attribute,
            kind=event.kind,
            workers=event.workers,
        )
