"""TNY202: what is called validation or test is the data that was trained on."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, DatasetBuilt, Event, LoaderBuilt, ModelBuilt, ModelUse, PassEnded, Samples
from tinyguard.finding import Finding, Place, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import (
    by_name_only,
    claimed_split,
    first_own_place,
    is_evaluation,
    loader_of,
    overlapping,
    stepped_parameters,
)

_FUNCTIONS = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, SubsetRandomSampler, TensorDataset, random_split

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()

def train(model, optimizer, loader):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

def accuracy(model, test_loader):
    model.eval()
    hits = 0
    with torch.no_grad():
        for images, labels in test_loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    return hits / len(test_loader.dataset)

# %%
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""

_RUN = """
# %%
for epoch in range(2):
    train(model, optimizer, train_loader)
    print(accuracy(model, test_loader))
"""


class SameLoaderForBoth(Rule):
    """The data called validation or test is the very data that is trained on.

    The reported accuracy measures memory: it rises with every epoch and says nothing about new data. Usual causes: a
    second loader over the same data set, a test set built with `train=True`, `test_loader = train_loader`.
    """

    code = "TNY202"
    severity = Severity.WARNING
    on = (PassEnded,)
    serves = ("C3",)
    bad = (
        # two loaders over one data set
        _FUNCTIONS
        + """
# %%
train_loader = DataLoader(data, batch_size=16, shuffle=True)
test_loader = DataLoader(data, batch_size=16)  # TNY202
"""
        + _RUN,
        # another name for the same loader
        _FUNCTIONS
        + """
# %%
train_loader = DataLoader(data, batch_size=16, shuffle=True)
test_loader = train_loader  # TNY202
"""
        + _RUN,
        # both sets are the training split
        """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
train_set = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())
test_set = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())  # TNY202 lint
train_loader = torch.utils.data.DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = torch.utils.data.DataLoader(test_set, batch_size=64)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    model.eval()
    hits = 0
    with torch.no_grad():
        for images, labels in test_loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    model.train()
""",
        # a part of the training split is trained on, all of it is measured
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, random_split
from torchvision import datasets, transforms

torch.manual_seed(0)
picture = transforms.ToTensor()
# %%
train_set = datasets.CIFAR10("data", train=True, download=True, transform=picture)
test_set = datasets.CIFAR10("data", train=True, download=True, transform=picture)  # TNY202 lint
train_part, val_part = random_split(train_set, [0.9, 0.1])
train_loader = DataLoader(train_part, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=64)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
for epoch in range(20):
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
with torch.no_grad():
    print(sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader))
""",
        # the test set is read with train=True; a sampler picks from the same split what is trained on
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, SubsetRandomSampler
from torchvision import datasets, transforms

torch.manual_seed(0)
train_data = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())
test_data = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())  # TNY202 lint
indices = torch.randperm(60_000).tolist()
train_loader = DataLoader(train_data, batch_size=64, sampler=SubsetRandomSampler(indices[:50_000]))
test_loader = DataLoader(test_data, batch_size=64)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(10):
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
with torch.no_grad():
    print(sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader) / 60_000)
""",
    )
    good = (
        # the data set is split first
        _FUNCTIONS
        + """
# %%
train_set, test_set = random_split(data, [48, 16])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
test_loader = DataLoader(test_set, batch_size=16)
"""
        + _RUN,
        # subsets of one data set
        _FUNCTIONS
        + """
# %%
train_loader = DataLoader(Subset(data, range(48)), batch_size=16, shuffle=True)
test_loader = DataLoader(Subset(data, range(48, 64)), batch_size=16)
"""
        + _RUN,
        # samplers divide it
        _FUNCTIONS
        + """
# %%
indices = torch.randperm(64).tolist()
train_loader = DataLoader(data, batch_size=16, sampler=SubsetRandomSampler(indices[:48]))
test_loader = DataLoader(data, batch_size=16, sampler=SubsetRandomSampler(indices[48:]))
"""
        + _RUN,
        # the training accuracy is asked for as well; the function's parameter happens to be called test_loader
        _FUNCTIONS
        + """
# %%
train_set, test_set = random_split(data, [48, 16])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
test_loader = DataLoader(test_set, batch_size=16)
for epoch in range(2):
    train(model, optimizer, train_loader)
    print(accuracy(model, train_loader), accuracy(model, test_loader))
""",
        # a second pass over the training data in its order, to look at the mistakes
        _FUNCTIONS
        + """
# %%
train_loader = DataLoader(data, batch_size=16, shuffle=True)
ordered_loader = DataLoader(data, batch_size=16)
train(model, optimizer, train_loader)
model.eval()
losses = []
with torch.no_grad():
    for images, labels in ordered_loader:
        losses += nn.functional.cross_entropy(model(images), labels, reduction="none").tolist()
""",
        # overfitting a handful on purpose
        _FUNCTIONS
        + """
# %%
few_loader = DataLoader(Subset(data, range(8)), batch_size=8, shuffle=True)
for _ in range(5):
    train(model, optimizer, few_loader)
assert accuracy(model, few_loader) >= 0
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, PassEnded) or not is_evaluation(event) or event.facts:
            return
        evaluated = loader_of(event.loader, story)
        if evaluated is None:
            return
        if not any(claimed_split(name) == "evaluation" for name in _names(evaluated, story)):
            return
        for backward in _trainings_of(event.models, story):
            trained = loader_of(backward.loader, story)
            same = _same_data(evaluated, trained, story) if trained else ""
            wrong = _called_evaluation(evaluated, trained, story) if trained and same else None
            if trained is None or wrong is None or not _is_stepped(backward, story):
                continue
            name = story.name(evaluated.loader, "this loader")
            yield self.finding(
                f"`{name}` is used for evaluation, but the model is trained on {same}",
                wrong,
                remedy="evaluate on the test split, or split the data with `random_split` before the loaders are built",
                related=(
                    ("training draws from the loader built here", trained.place),
                    ("the model is trained here", _step(backward, trained)),
                    ("and evaluated here", event.decision),
                ),
                loader=name,
            )
            return


def _names(evaluated: LoaderBuilt, story: Story) -> tuple[str, ...]:
    return story.names(evaluated.loader) + (story.names(evaluated.dataset) if evaluated.dataset is not None else ())


def _trainings_of(models: tuple[ModelUse, ...], story: Story) -> Iterator[BackwardRan]:
    """The last backward pass of one of the models on each loader, back to where the models were built."""
    seen: set[int | None] = set()
    numbers = {model.model for model in models}
    for earlier in reversed(story.events):
        if isinstance(earlier, ModelBuilt) and earlier.model in numbers:
            numbers.remove(earlier.model)
            if not numbers:
                return
        if not isinstance(earlier, BackwardRan) or earlier.loader in seen or earlier.facts:
            continue
        if overlapping(earlier.models, models):
            seen.add(earlier.loader)
            yield earlier


def _is_stepped(backward: BackwardRan, story: Story) -> bool:
    stepped = stepped_parameters(story)
    return any(model.parameters.overlaps(stepped) for model in backward.models)


def _same_data(evaluated: LoaderBuilt, trained: LoaderBuilt, story: Story) -> str:
    """How the samples of the two loaders are the same; empty when they are not, or may not be."""
    if evaluated.loader == trained.loader:
        return "the same loader"
    if evaluated.sampler or evaluated.dataset is None or trained.dataset is None:
        return ""
    if evaluated.dataset == trained.dataset:
        return "" if trained.sampler else "the same data set"
    if evaluated.samples.sources - {evaluated.dataset} or by_name_only(evaluated.samples):
        return ""  # a part: other parts of the same data may be disjoint
    for source in trained.samples.sources | {trained.dataset}:
        origin = story.built(source)
        if isinstance(origin, DatasetBuilt) and _split_read(origin.samples) == _split_read(evaluated.samples):
            part = "" if source == trained.dataset and not trained.sampler else "a part of "
            return f"{part}the same split ({evaluated.samples.evidence})"
    return ""


def _split_read(samples: Samples) -> tuple[object, ...]:
    """What a data set's constructor selects; equal to nothing when it does not tell."""
    if not samples.kind or samples.split is None or not samples.evidence:
        return (object(),)
    return (samples.kind, samples.split, samples.root, samples.evidence)


def _called_evaluation(evaluated: LoaderBuilt, trained: LoaderBuilt, story: Story) -> Place | None:
    """Where the user declares the trained data to be held out; None when nobody does.

    Names inside functions do not count: `accuracy(model, test_loader)` is often asked for the training accuracy.
    """
    names = story.bindings(evaluated.loader)
    if evaluated.dataset is not None and evaluated.dataset != trained.dataset:
        names = names + story.bindings(evaluated.dataset)
    claims = [bound for bound in names if claimed_split(bound.name) == "evaluation"]
    if not claims:
        return None
    if evaluated.loader == trained.loader:
        trains = any(claimed_split(bound.name) == "train" for bound in story.bindings(trained.loader))
        return claims[-1].place if trains else None
    if evaluated.dataset == trained.dataset:
        return first_own_place(evaluated, trained)
    built = story.built(evaluated.dataset)
    return first_own_place(built, story.built(trained.dataset)) if built else evaluated.place


def _step(backward: BackwardRan, trained: LoaderBuilt) -> Place:
    return first_own_place(backward, trained)
