"""TNY208: training and evaluation number the classes in different orders."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, PassEnded
from tinyguard.finding import Finding, Severity
from tinyguard.measured.data import ClassesReordered
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import is_evaluation, loader_of, overlapping, trainings

_START = """
# %%
import os
import tempfile

import torch
from PIL import Image
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
os.chdir(tempfile.mkdtemp())
with open("wnids.txt", "w") as words:
    words.write("n02124075\\nn01443537\\n")
for split in ("train", "val"):
    for word in ("n01443537", "n02124075"):
        os.makedirs(f"{split}/{word}")
        for number in range(8):
            Image.new("RGB", (4, 4), (number, 0, 0)).save(f"{split}/{word}/{number}.png")

class Pictures(torch.utils.data.Dataset):
    def __init__(self, folder, classes):
        self.files = []
        for label, word in enumerate(classes):
            self.files += [(f"{folder}/{word}/{file}", label) for file in os.listdir(f"{folder}/{word}")]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        file, label = self.files[index]
        return transforms.functional.to_tensor(Image.open(file)), label
"""

_RUN = """
# %%
train_loader = torch.utils.data.DataLoader(train_set, batch_size=4, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_set, batch_size=4)
model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    hits = 0
    with torch.no_grad():
        for images, labels in val_loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    print(hits / len(val_set))
"""


_NUMBERED = (
    _START
    + """
class Numbered(Pictures):
    def __init__(self, folder, classes):
        super().__init__(folder, classes)
        self.class_to_idx = {word: number for number, word in enumerate(classes)}
"""
)


class ClassOrderDiffers(Rule):
    """Training and evaluation number the classes in different orders.

    `ImageFolder` sorts the folder names; a list such as TinyImageNet's `wnids.txt` is not sorted. Labels of the same
    class then differ between the splits, and even a perfect model scores at chance.
    """

    code = "TNY208"
    severity = Severity.ERROR
    on = (PassEnded, ClassesReordered)
    serves = ("D1", "I4")
    bad = (
        _START
        + """
# %%
words = [line.strip() for line in open("wnids.txt")]
train_set = datasets.ImageFolder("train", transforms.ToTensor())
val_set = Pictures("val", words)  # TNY208 lint
"""
        + _RUN,
        # both say how they number the classes
        _NUMBERED
        + """
# %%
words = ["n02124075", "n01443537"]
train_set = Numbered("train", sorted(words))
val_set = Numbered("val", words)  # TNY208 live
"""
        + _RUN,
    )
    good = (
        # one order for both
        _START
        + """
# %%
words = sorted(line.strip() for line in open("wnids.txt"))
train_set = datasets.ImageFolder("train", transforms.ToTensor())
val_set = Pictures("val", words)
"""
        + _RUN,
        # unsorted, but for both
        _START
        + """
# %%
words = [line.strip() for line in open("wnids.txt")]
train_set = Pictures("train", words)
val_set = Pictures("val", words)
"""
        + _RUN,
        # both sorted by ImageFolder
        _START
        + """
# %%
train_set = datasets.ImageFolder("train", transforms.ToTensor())
val_set = datasets.ImageFolder("val", transforms.ToTensor())
"""
        + _RUN,
        # the order of the training set is taken over
        _START
        + """
# %%
train_set = datasets.ImageFolder("train", transforms.ToTensor())
val_set = Pictures("val", train_set.classes)
"""
        + _RUN,
        # both say how they number the classes, and do it alike
        _NUMBERED
        + """
# %%
words = ["n02124075", "n01443537"]
train_set = Numbered("train", words)
val_set = Numbered("val", words)
"""
        + _RUN,
        # other classes
        _NUMBERED
        + """
# %%
train_set = Numbered("train", ["n01443537", "n02124075"])
val_set = Numbered("val", ["n02124075", "n01443537"])
val_set.class_to_idx = {"cat": 0, "fish": 1}
"""
        + _RUN,
    )

    def _reordered(self, event: ClassesReordered, story: Story) -> Iterator[Finding]:
        evaluated, trained = loader_of(event.loader, story), loader_of(event.trained, story)
        data = story.built(evaluated.dataset) if evaluated else None
        training_data = story.built(trained.dataset) if trained else None
        yield self.finding(
            f"{event.moved} of {event.classes} classes have another number here than in the training data: "
            f"{event.name!r} is {event.number}, and was {event.trained_number}",
            data.decision if data and data.decision.line else event.decision,
            remedy="number the classes of all splits by one mapping, such as the training set's `class_to_idx`",
            related=(
                ("the training data was built here", training_data.decision if training_data else None),
                ("the model is evaluated here", event.decision),
            ),
            moved=event.moved,
            classes=event.classes,
        )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, ClassesReordered):
            yield from self._reordered(event, story)
        if not isinstance(event, PassEnded) or not is_evaluation(event) or event.facts:
            return
        order = event.samples.class_order
        if order is None:
            return
        for backward in trainings(story):
            samples = backward.samples
            if samples is None or samples.class_order in (None, order) or backward.facts:
                continue
            if samples.split == event.samples.split or not overlapping(backward.models, event.models):
                continue
            evaluated, trained = loader_of(event.loader, story), loader_of(backward.loader, story)
            data = story.built(evaluated.dataset) if evaluated else None
            training_data = story.built(trained.dataset) if trained else None
            yield self.finding(
                f"the classes are numbered in the order {order} here, but {samples.class_order} in the training data",
                data.decision if data else event.decision,
                remedy="number the classes of all splits by one mapping, such as the training set's `class_to_idx`",
                related=(
                    ("the training data was built here", training_data.decision if training_data else None),
                    ("the model is evaluated here", event.decision),
                ),
                training_order=samples.class_order,
                evaluation_order=order,
            )
            return
