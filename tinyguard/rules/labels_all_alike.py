"""TNY211: the batches of a loader hold one class only, or come class by class."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.datasets import data_set_at
from tinyguard.events import BackwardRan, Event, LoaderBuilt, PassEnded
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.data import LabelsAlike
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import (
    CLASS_NUMBERS,
    called_evaluation,
    class_by_class,
    held_out,
    is_trial,
    loader_of,
    overlapping,
)

MIN_SAMPLES = 16  # fewer may be of one class by chance, even of two: 1 in 32,768
FOLDERS = frozenset({"ImageFolder", "DatasetFolder"})

_START = """
# %%
import os
import tempfile

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision import datasets, transforms

torch.manual_seed(0)
os.chdir(tempfile.mkdtemp())

def save(folder, count):
    os.makedirs(folder)
    for number in range(count):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(f"{folder}/{number}.png")

for word in ("cat", "dog"):
    save(f"pets/train/{word}", 12)

# %%
criterion = nn.CrossEntropyLoss()

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(2):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()

def accuracy(model, loader):
    hits = 0
    with torch.no_grad():
        for images, labels in loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    return hits / len(loader.dataset)
"""

_SORTED = """
# %%
train_set = TensorDataset(torch.randn(96, 8), torch.arange(4).repeat_interleave(24))
"""

_PETS = """
# %%
train_set = datasets.ImageFolder("pets/train", transforms.ToTensor())
train_loader = DataLoader(train_set, batch_size=6, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
train(model, train_loader)
"""


class LabelsAllAlike(Rule):
    """A loader gives batches of one class only, or class by class, where a model is to tell classes apart.

    A batch of one class pulls the model towards that class alone, and what the last class taught undoes the one before:
    the loss jumps with each class and the accuracy stays near chance. Data sets are often sorted by class, and
    `shuffle` is False unless it is given. A loader with one class at all has been built on the wrong folder, or on part
    of a sorted file: trained on, it teaches to say the one word; evaluated on, it measures nothing.
    """

    code = "TNY211"
    severity = Severity.ERROR
    on = (LabelsAlike, PassEnded)
    serves = ("D1", "I4")
    bad = (
        # sorted by class and not shuffled: told at the third class
        _START
        + _SORTED
        + """
# %%
loader = DataLoader(train_set, batch_size=8)  # TNY205 lint, TNY211 live
train(nn.Linear(8, 4), loader)
""",
        # a folder too high: its one folder is taken for the only class
        _START
        + """
# %%
data = datasets.ImageFolder("pets", transforms.ToTensor())  # TNY211 live
loader = DataLoader(data, batch_size=6, shuffle=True)
train(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), loader)
""",
        # the pictures for the evaluation lie in one folder, as they were unpacked
        _START
        + _PETS
        + """
# %%
save("pets/val/images", 16)
val_set = datasets.ImageFolder("pets/val", transforms.ToTensor())  # TNY211 live
val_loader = DataLoader(val_set, batch_size=6)
print(accuracy(model, val_loader))
""",
        # the end of a sorted file is held out
        _START
        + """
# %%
inputs, labels = torch.randn(96, 8), torch.arange(4).repeat_interleave(24)
train_loader = DataLoader(TensorDataset(inputs[:72], labels[:72]), batch_size=8, shuffle=True)
test_loader = DataLoader(TensorDataset(inputs[72:], labels[72:]), batch_size=8)  # TNY211 live
# %%
model = nn.Linear(8, 4)
train(model, train_loader)
print(accuracy(model, test_loader))
""",
    )
    good = (
        bad[0].replace("batch_size=8)  # TNY205 lint, TNY211 live", "batch_size=8, shuffle=True)"),
        # sorted, but each batch has all classes
        bad[0].replace("batch_size=8)  # TNY205 lint, TNY211 live", "batch_size=96)"),
        # class by class is how a test is usually stored
        _START
        + _SORTED
        + """
# %%
model = nn.Linear(8, 4)
train(model, DataLoader(train_set, batch_size=8, shuffle=True))
test_loader = DataLoader(TensorDataset(torch.randn(48, 8), torch.arange(4).repeat_interleave(12)), batch_size=8)
print(accuracy(model, test_loader))
""",
        # the accuracy of each class
        _START
        + _SORTED
        + """
# %%
model = nn.Linear(8, 4)
train(model, DataLoader(train_set, batch_size=8, shuffle=True))
test_set = TensorDataset(torch.randn(96, 8), torch.arange(4).repeat_interleave(24))
for label in range(4):
    test_loader = DataLoader(Subset(test_set, range(24 * label, 24 * label + 24)), batch_size=8)
    print(label, accuracy(model, test_loader))
""",
        # pictures in one folder, of which the labels are not used: the turn of each picture is to be told
        _START
        + """
# %%
data = datasets.ImageFolder("pets", transforms.ToTensor())
loader = DataLoader(data, batch_size=6, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for images, _ in loader:
    turns = torch.arange(len(images)) % 4
    turned = torch.stack([torch.rot90(image, int(turn), (1, 2)) for image, turn in zip(images, turns)])
    optimizer.zero_grad()
    criterion(model(turned), turns).backward()
    optimizer.step()
""",
        # one class is all there is to learn: what is not like it
        _START
        + """
# %%
train_loader = DataLoader(TensorDataset(torch.randn(64, 8), torch.zeros(64)), batch_size=8, shuffle=True)
model = nn.Linear(8, 8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for inputs, _ in train_loader:
    optimizer.zero_grad()
    nn.functional.mse_loss(model(inputs), inputs).backward()
    optimizer.step()
""",
        # an evaluation of each class, and of all of them
        bad[3].replace("[72:]", "[::2]").replace("[:72]", "[1::2]").replace("  # TNY211 live", "")
        + """
one_loader = DataLoader(TensorDataset(inputs[72:], labels[72:]), batch_size=8)
print(accuracy(model, one_loader))
""",
        # few of one kind: one rare class, shuffled
        _START
        + """
# %%
labels = (torch.arange(96) % 24 == 0).long()
train_loader = DataLoader(TensorDataset(torch.randn(96, 8), labels), batch_size=8, shuffle=True)
train(nn.Linear(8, 2), train_loader)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        match event:
            case LabelsAlike() if _trained(event, story):
                if event.distinct == 1:
                    yield from self._one_class(event, story)
                elif class_by_class(event.loader, story) is event:
                    yield from self._sorted(event, story)
            case PassEnded() if not (event.backward or event.stepped) and _is_the_evaluation(event, story):
                for alike in story.all(LabelsAlike):
                    one = alike.loader == event.loader and alike.distinct == 1 and alike.whole
                    if one and not _chosen(alike, event, story):
                        yield from self._one_class(alike, story, evaluated=event)

    def _one_class(self, alike: LabelsAlike, story: Story, *, evaluated: PassEnded | None = None) -> Iterator[Finding]:
        built = loader_of(alike.loader, story)
        if alike.seen < MIN_SAMPLES or data_set_at(alike.samples.root) is not None:
            return  # TinyImageNet's folder is known, and told as what it is
        name = story.name(alike.loader, "this loader")
        what = "evaluated on" if evaluated is not None else "trained on"
        consequence = (
            "an accuracy on one class says nothing: a model that always gives this label has 100 %"
            if evaluated is not None
            else "the model learns to give this label whatever it sees"
        )
        yield self.finding(
            f"all {alike.seen} labels of `{name}`, which is {what}, are {alike.label}",
            _birth(alike, built, story),
            remedy="read the data from the folder that has one folder for each class"
            if alike.samples.kind in FOLDERS
            else "shuffle the data before it is split, and look at the labels: `torch.unique(labels)`",
            cause=consequence,
            related=((f"it is {what} here", (evaluated or alike).decision),),
            label=alike.label,
            samples=alike.seen,
        )

    def _sorted(self, alike: LabelsAlike, story: Story) -> Iterator[Finding]:
        built = loader_of(alike.loader, story)
        name = story.name(alike.loader, "this loader")
        yield self.finding(
            f"`{name}` is trained on class by class: {alike.single} of {alike.batches} batches hold one "
            "class only, and no class comes back",
            built.place if built is not None else alike.place,
            remedy="give `shuffle=True` to the training DataLoader",
            cause="each batch teaches one class and undoes the ones before",
            related=(("the model is trained on it here", alike.decision),),
            batches=alike.batches,
            single=alike.single,
            samples=alike.seen,
        )


def _trained(alike: LabelsAlike, story: Story) -> bool:
    """A model learns these labels from this loader."""
    if not alike.used or is_trial(*story.names(alike.loader)):
        return False
    return any(
        ran.loader == alike.loader and ran.criterion in CLASS_NUMBERS and ran.models for ran in story.all(BackwardRan)
    )


def _is_the_evaluation(passed: PassEnded, story: Story) -> bool:
    """The one evaluation of a classifier, on data that is held out."""
    built = loader_of(passed.loader, story)
    if built is None or not passed.models or any(model.grad for model in passed.models):
        return False
    if not _called_evaluation(built, story):
        return False
    if any(_called_evaluation(other, story) for other in _evaluated_beside(passed, story)):
        return False  # one class after the other
    numbers = {model.model for model in passed.models}
    return any(
        ran.criterion in CLASS_NUMBERS and any(model.model in numbers for model in ran.models)
        for ran in story.all(BackwardRan)
    )


def _evaluated_beside(passed: PassEnded, story: Story) -> Iterator[LoaderBuilt]:
    for other in story.all(PassEnded):
        built = loader_of(other.loader, story)
        if built is not None and other.loader != passed.loader and other.models and not other.backward:
            yield built


def _called_evaluation(built: LoaderBuilt, story: Story) -> bool:
    return held_out(built.samples) or called_evaluation(built.loader, story)


def _chosen(alike: LabelsAlike, passed: PassEnded, story: Story) -> bool:
    """The samples of one class were chosen on purpose: no half of a split whose other half is trained on."""
    if not alike.parts:
        return False
    passes = (ran for ran in reversed(story.all(BackwardRan)) if overlapping(ran.models, passed.models))
    backward = next(passes, None)
    trained = backward.samples if backward is not None else None
    halves = trained is not None and trained.sources == alike.samples.sources and trained.size is not None
    return alike.parts > 1 or not halves or trained is None or (trained.size or 0) >= alike.whole_size


def _birth(alike: LabelsAlike, built: LoaderBuilt | None, story: Story) -> Place:
    """Where the wrong data was asked for: the folder that was read, else the loader."""
    data = story.built(built.dataset) if built is not None else None
    if data is not None and alike.samples.kind in FOLDERS:
        return data.place
    return built.place if built is not None else alike.place
