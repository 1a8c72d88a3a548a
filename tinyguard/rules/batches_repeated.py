"""TNY212: a training draws the same batches again and again."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, OptimizerBuilt, PassEnded, SeedSet
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.data import BatchesRepeated as Seen
from tinyguard.measured.data import InputsRepeated, SamplesLeftOut
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import is_trial, loader_of

_START = """
# %%
import itertools

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.arange(64) % 3)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def step(inputs, labels):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(inputs), labels).backward()
    optimizer.step()
"""


_WEIGHTED = (
    _START
    + """
from torch.utils.data import WeightedRandomSampler

weights = 1.0 / torch.bincount(data.tensors[1])
"""
)


class BatchesRepeated(Rule):
    """A training gets the same batches again and again, though its loader has others.

    `next(iter(loader))` begins a new pass each time: without shuffling, or when a seed is set before it, that is always
    the first batch, and the model never sees another. `itertools.cycle(loader)` keeps the batches of the first pass and
    gives them again: no new order, no new augmentation, and all of them stay in memory. A seed that is set in the loop
    over the epochs makes all epochs the same, whatever `shuffle` says.
    """

    code = "TNY212"
    severity = Severity.ERROR
    on = (Seen, InputsRepeated, SamplesLeftOut)
    serves = ("C3",)
    bad = (
        # the first batch for ever
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16)
for iteration in range(8):
    inputs, labels = next(iter(loader))  # TNY212 live
    step(inputs, labels)
""",
        # it would be another each time, but a seed is set
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16, shuffle=True)
for iteration in range(8):
    torch.manual_seed(iteration // 4)
    inputs, labels = next(iter(loader))  # TNY212 live
    step(inputs, labels)
""",
        # the order of the first epoch for all epochs
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16, shuffle=True)
for iteration, (inputs, labels) in zip(range(12), itertools.cycle(loader)):  # TNY212 live
    step(inputs, labels)
""",
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16, shuffle=True)
for epoch in range(4):
    torch.manual_seed(0)
    for inputs, labels in loader:  # TNY212 live
        step(inputs, labels)
""",
        # the function that draws a batch sets a seed
        _START
        + """
# %%
def batch_of(size):
    torch.manual_seed(0)  # TNY212 live
    return data[torch.randint(64, (size,))]

for iteration in range(6):
    inputs, labels = batch_of(16)
    step(inputs, labels)
""",
        # a weight for each class, where each sample needs one
        _WEIGHTED
        + """
# %%
sampler = WeightedRandomSampler(weights, num_samples=len(data))
loader = DataLoader(data, batch_size=16, sampler=sampler)  # TNY212 live
for inputs, labels in loader:
    step(inputs, labels)
""",
    )
    good = (
        # shuffled: a random batch each time
        bad[0].replace("batch_size=16)", "batch_size=16, shuffle=True)").replace("  # TNY212 live", ""),
        bad[3].replace("    torch.manual_seed(0)\n", "").replace("  # TNY212 live", ""),
        # one iterator, begun anew at its end
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16)
batches = iter(loader)
for iteration in range(12):
    try:
        inputs, labels = next(batches)
    except StopIteration:
        batches = iter(loader)
        inputs, labels = next(batches)  # sees BatchDrawn live
    step(inputs, labels)
""",
        # a generator that begins a new pass
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16, shuffle=True)

def forever(loader):
    while True:
        yield from loader  # sees PassEnded lint

for iteration, (inputs, labels) in zip(range(12), forever(loader)):
    step(inputs, labels)
""",
        # all samples in each step, and a seed for the noise of each
        _START
        + """
# %%
inputs, labels = data[:]
for iteration in range(6):
    torch.manual_seed(iteration)
    step(inputs, labels)
""",
        # one batch, overfitted on purpose
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16)
inputs, labels = next(iter(loader))
for iteration in range(12):
    step(inputs, labels)
""",
        # all there is, in one batch
        _START
        + """
# %%
loader = DataLoader(data, batch_size=64)
for iteration in range(6):
    inputs, labels = next(iter(loader))
    step(inputs, labels)
""",
        # a seed before each of several trainings
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16, shuffle=True)
for lr in (0.1, 0.01, 0.001, 0.0001):
    torch.manual_seed(0)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for inputs, labels in loader:
        step(inputs, labels)
""",
        # a look at the data, and a pass that is not shuffled on purpose
        _START
        + """
# %%
loader = DataLoader(data, batch_size=16)
for iteration in range(3):
    print(next(iter(loader))[0].shape)
for inputs, labels in itertools.cycle(loader):
    step(inputs, labels)
    iteration += 1
    if iteration > 12:
        break
""",
        # made-up data, all the same
        _START
        + """
# %%
loader = DataLoader(TensorDataset(torch.ones(64, 8), torch.zeros(64).long()), batch_size=16, shuffle=True)
for epoch in range(4):
    for inputs, labels in loader:
        step(inputs, labels)
""",
        # a weight for each sample
        _WEIGHTED
        + """
# %%
sampler = WeightedRandomSampler(weights[data.tensors[1]], num_samples=len(data))
for inputs, labels in DataLoader(data, batch_size=16, sampler=sampler):
    step(inputs, labels)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, InputsRepeated):
            yield from self._seeded(event, story)
        if isinstance(event, SamplesLeftOut):
            yield from self._left_out(event, story)
        if not isinstance(event, Seen) or is_trial(*story.names(event.loader)):
            return
        if event.how == "order" and not _one_training(event, story):
            return
        built = loader_of(event.loader, story)
        name = story.name(event.loader, "this loader")
        message, cause, remedy = _words(event, name)
        yield self.finding(
            message,
            event.place,
            remedy=remedy,
            cause=cause,
            related=((f"`{name}` was built here", built.place if built is not None else None),),
            severity=Severity.ERROR if event.how == "first" else Severity.WARNING,
            how=event.how,
            times=event.times,
            batches=event.batches,
        )

    def _left_out(self, event: SamplesLeftOut, story: Story) -> Iterator[Finding]:
        built = loader_of(event.loader, story)
        name = story.name(event.loader, "this loader")
        yield self.finding(
            f"the sampler of `{name}` has {event.weights} weights for {event.size:,} samples: it draws the first "
            f"{event.weights} again and again, and never another",
            built.place if built is not None and built.place.line else event.place,
            remedy="give it a weight for each sample: `class_weights[labels]`, not those of the classes",
            cause="WeightedRandomSampler takes the place of a weight for the number of a sample, not of a class",
            related=(("batches are drawn here", event.place),),
            weights=event.weights,
            size=event.size,
        )

    def _seeded(self, event: InputsRepeated, story: Story) -> Iterator[Finding]:
        """The inputs are drawn by hand, and before each step a seed is set."""
        before = [ran for ran in story.all(BackwardRan) if event.model in {use.model for use in ran.models}][-2:]
        if len(before) < 2 or before[0].place != before[1].place or before[1].loader is not None:
            return
        gaps = (story.between(before[0], before[1]), story.between(before[1], event))
        if any(isinstance(happened, OptimizerBuilt) for gap in gaps for happened in gap):
            return  # each training has its seed
        seeds = [_seed_in(gap) for gap in gaps]
        if seeds[0] is None or seeds[1] is None or seeds[0].value != seeds[1].value:
            return
        seed = seeds[1]
        yield self.finding(
            f"the last {event.times} steps were trained on the same inputs: the seed {seed.value} is set before each",
            _call(seed, story),
            remedy="set the seed once, before the training",
            cause="after a seed, random numbers come in the same order again: the same samples, the same dropout",
            related=(("the model gets the inputs here", event.place),),
            times=event.times,
            seed=seed.value,
        )


def _seed_in(events: list[Event]) -> SeedSet | None:
    """The last seed that was set for torch."""
    seeds = [event for event in events if isinstance(event, SeedSet) and event.library == "torch"]
    return seeds[-1] if seeds and seeds[-1].value is not None else None


def _call(seed: SeedSet, story: Story) -> Place:
    """The line that sets the seed; of a helper that is called from elsewhere, too, the call."""
    helper = any(other.place == seed.place and other.via != seed.via for other in story.all(SeedSet))
    return seed.via[-1] if helper and seed.via else seed.place


def _words(event: Seen, name: str) -> tuple[str, str, str]:
    match event.how:
        case "first":
            unless = ", and a seed is set before it" if event.shuffle else ""
            return (
                f"the last {event.times} steps were trained on the same batch, the first of `{name}`, which has "
                f"{event.batches}",
                f"`next(iter({name}))` begins a new pass each time{unless}: the model never sees another batch",
                f"loop over the loader: `for batch in {name}:`, or keep `batches = iter({name})` and call "
                "`next(batches)`",
            )
        case "order":
            return (
                f"`{name}` shuffles, but {event.times} passes in a row began with the same batch",
                "a seed is set before each pass, so that every epoch has the same batches in the same order",
                "set the seed once, before the loop over the epochs",
            )
    return (
        f"`itertools.cycle` gives the {event.batches} batches of the first pass over `{name}` again",
        "it has kept them: no new order, no new augmentation, and all of them stay in memory",
        f"begin a new pass at the end: `while True: yield from {name}` in a generator",
    )


def _one_training(event: Seen, story: Story) -> bool:
    """The passes trained the same model with the same optimizer: else each training has its seed, and should."""
    passes = [passed for passed in story.all(PassEnded) if passed.loader == event.loader and passed.stepped][-2:]
    if len(passes) < 2:
        return False
    models = [tuple(use.model for use in passed.models) for passed in passes]
    return bool(models[0]) and models[0] == models[1] and passes[0].stepped == passes[1].stepped
