"""TNY205: the training batches come in the same order in every epoch."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, LoaderBuilt, PassEnded, Samples
from tinyguard.finding import Finding, Severity
from tinyguard.pattern import pattern
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import CLASSIFICATION, class_by_class, is_trial, loader_of, published, size_of

MAX_FULL = 4  # batches an epoch; so few are nearly the whole set each, and their order matters little
SURELY_PART = 64  # samples; so small a batch is hardly the whole of a set whose size is not known
PICTURES = frozenset({"ImageFolder", "DatasetFolder", "EMNIST"})  # folders are sorted by class: one class a batch
_SEQUENCE = pattern(r"(?i)seq|time|series|text|char|token|corpus|stream|window|video|frame|audio|lm(?![a-z])")

_START = """
# %%
import os
import tempfile

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, SubsetRandomSampler, TensorDataset, WeightedRandomSampler
from torchvision import datasets, transforms

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(2):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()

# %%
train_set = TensorDataset(torch.randn(96, 8), torch.arange(96) % 3)
"""

_FOLDER = """
# %%
folder = os.path.join(tempfile.mkdtemp(), "train")
for label in ("cat", "dog"):
    os.makedirs(os.path.join(folder, label))
    for number in range(12):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(os.path.join(folder, label, f"{number}.png"))
train_data = datasets.ImageFolder(folder, transforms.ToTensor())
"""


class TrainingLoaderUnshuffled(Rule):
    """A classifier is trained on batches that come in the same order in every epoch.

    Data sets are often sorted by class: then a batch holds one class and the model forgets the others. Sorted or not,
    the same batches again and again make worse gradients. `shuffle` is False unless it is given.
    """

    code = "TNY205"
    severity = Severity.WARNING
    on = (PassEnded,)
    serves = ("C3",)
    bad = (
        _START
        + """
# %%
train_loader = DataLoader(train_set, batch_size=8)  # TNY205
# %%
train(nn.Linear(8, 3), train_loader)
""",
        _START
        + _FOLDER
        + """
# %%
train_loader = DataLoader(train_data, batch_size=4, shuffle=False)  # TNY205 lint, TNY211 live
# %%
train(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), train_loader)
""",
        # built by a function of another module
        """
# %% file: loading.py
from torch.utils.data import DataLoader

def make_loader(data, batch_size):
    return DataLoader(data, batch_size=batch_size)  # TNY205
"""
        + _START
        + """
# %%
from loading import make_loader

train_loader = make_loader(train_set, 8)
# %%
train(nn.Linear(8, 3), train_loader)
""",
        # an autoencoder of pictures
        """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
train_data = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())
train_loader = torch.utils.data.DataLoader(train_data, batch_size=20)  # TNY205 lint
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(20):
    for images, _ in train_loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(images), images.flatten(1)).backward()
        optimizer.step()
""",
        # a data set of one's own
        _START
        + """
# %%
class Points(torch.utils.data.Dataset):
    def __init__(self, split):
        self.values = torch.randn(96, 8)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[index], index % 3

# %%
train_loader = DataLoader(Points("train"), batch_size=8)  # TNY205
train(nn.Linear(8, 3), train_loader)
""",
    )
    good = (
        bad[0].replace("batch_size=8)  # TNY205", "batch_size=8, shuffle=True)"),
        # a sampler shuffles
        _START
        + """
# %%
train_loader = DataLoader(train_set, batch_size=8, sampler=SubsetRandomSampler(range(64)))
train(nn.Linear(8, 3), train_loader)
weighted_train_loader = DataLoader(train_set, batch_size=8, sampler=WeightedRandomSampler(torch.ones(96), 96))
train(nn.Linear(8, 3), weighted_train_loader)
""",
        # a stream has its own order
        _START
        + """
# %%
class Stream(IterableDataset):
    def __iter__(self):
        for _ in range(24):
            yield torch.randn(8), int(torch.randint(0, 3, ()))

train_loader = DataLoader(Stream(), batch_size=4)
train(nn.Linear(8, 3), train_loader)
""",
        # the whole set in one batch
        _START
        + """
# %%
train_loader = DataLoader(train_set, batch_size=96)
train(nn.Linear(8, 3), train_loader)
""",
        # a time series, in its order, and no classes
        _START
        + """
# %%
series = torch.sin(torch.arange(80) / 5)
windows = torch.stack([series[start : start + 8] for start in range(64)])
train_loader = DataLoader(TensorDataset(windows, series[8:72]), batch_size=8)
model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for window, following in train_loader:
    optimizer.zero_grad()
    nn.functional.mse_loss(model(window).squeeze(1), following).backward()
    optimizer.step()
""",
        # one batch, to see whether the loss falls
        _START
        + """
# %%
train_loader = DataLoader(train_set, batch_size=8)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
features, labels = next(iter(train_loader))
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(features), labels).backward()
    optimizer.step()
""",
        # an evaluation loader
        _START
        + """
# %%
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.randn(24, 8), torch.arange(24) % 3), batch_size=4)
model = nn.Linear(8, 3)
train(model, train_loader)
with torch.no_grad():
    print(sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader))
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, PassEnded) or not event.backward or not event.stepped:
            return
        built = loader_of(event.loader, story)
        if built is None or built.facts or built.shuffle is not False or built.sampler:
            return
        backward = next((ran for ran in reversed(story.all(BackwardRan)) if ran.loader == event.loader), None)
        if backward is None or is_trial(*story.names(built.loader)):
            return
        if not _order_matters(built, event.samples, backward) or class_by_class(built.loader, story):
            return  # what is sorted by class is worse, and told as that
        name = story.name(built.loader, "this loader")
        yield self.finding(
            f"`{name}` is trained on without shuffling: every epoch has the same batches in the same order",
            built.place,
            remedy="give `shuffle=True` to the training DataLoader",
            related=(("the model is trained on it here", event.decision),),
            loader=name,
            batch_size=built.batch_size,
            samples=built.samples.size,
        )


def _order_matters(built: LoaderBuilt, samples: Samples, backward: BackwardRan) -> bool:
    """Independent samples in more than a few batches, of a kind that is known not to be a sequence."""
    public = published(samples)
    if samples.split != "train":
        return False
    pictures = samples.kind in PICTURES or (public is not None and public.pixels is not None)
    sequence = not samples.kind or _SEQUENCE.search(samples.kind)
    if not pictures and (sequence or backward.criterion not in CLASSIFICATION):
        return False
    size = size_of(samples, built.dataset)
    if built.batch_size is None:
        return size is not None and public is not None
    return built.batch_size <= SURELY_PART if size is None else size > MAX_FULL * built.batch_size
