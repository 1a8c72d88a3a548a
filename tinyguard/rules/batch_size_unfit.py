"""TNY602: the batch size does not fit the data."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from tinyguard.events import BackwardRan, Event, LoaderBuilt, OptimizerStepped, PassEnded, Samples, TrainingPlanned
from tinyguard.finding import Finding, Place, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import CLASS_NUMBERS, from_scratch, is_trial, loader_of, published, size_of

MANY_SAMPLES = 10_000  # samples; on smaller sets small batches are usual
MIN_BATCH = 8  # samples; below it the gradient of a classifier is mostly noise (4 on CIFAR-10 was called a fault)
MIN_BATCH_MANY = (
    64  # samples, for 200 classes or more: the founding document has 32 on TinyImageNet and wants 64 or 128
)
MANY_CLASSES = 200
LARGE = 256  # samples; smaller batches are not the reason for too few steps
MIN_STEPS = 100  # optimizer steps in a whole training from scratch; with fewer, hardly anything has moved

_START = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, models, transforms

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()

def train(model, loader, num_epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(num_epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
"""

_CIFAR = """
# %%
train_data = datasets.CIFAR10("data", train=True, download=True, transform=transforms.ToTensor())
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
"""

_TINY_IMAGENET = """
# %%
import os
import tempfile

import torch
from PIL import Image
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
os.chdir(tempfile.mkdtemp())
for word in ("n01443537", "n01629819"):
    os.makedirs(f"tiny-imagenet-200/train/{word}/images")
    for number in range(4):
        Image.new("RGB", (64, 64)).save(f"tiny-imagenet-200/train/{word}/images/{word}_{number}.JPEG")
"""


class BatchSizeUnfit(Rule):
    """The batch size is too small for the data, or so large that there are hardly any steps, or none.

    A few samples of hundreds of classes say little about the gradient: use 64 or 128 for TinyImageNet. With batches
    larger than the data and `drop_last=True` there is no batch at all (an error), and nothing is trained. Small sets,
    fine-tuning and accumulated gradients are not meant.
    """

    code = "TNY602"
    severity = Severity.WARNING
    on = (LoaderBuilt, PassEnded, TrainingPlanned)
    serves = ("C2", "R1", "W3")
    bad = (
        # the last batch is dropped, and it is the only one
        _START
        + """
# %%
train_set = datasets.FakeData(size=48, image_size=(3, 4, 4), num_classes=3, transform=transforms.ToTensor())
train_loader = DataLoader(train_set, batch_size=64, shuffle=True, drop_last=True)  # TNY602
# %%
train(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)), train_loader, num_epochs=3)
""",
        # a batch of 4, the number in the call
        _START
        + _CIFAR
        + """
# %%
train_loader = DataLoader(train_data, batch_size=4, shuffle=True)  # TNY602 lint
# %%
train(model, train_loader, num_epochs=20)
""",
        # a configuration and a function
        _START
        + _CIFAR
        + """
# %%
config = {
    "batch_size": 2,  # TNY602 lint
    "num_epochs": 20,
}

def get_loader(batch_size):
    return DataLoader(train_data, batch_size=batch_size, shuffle=True)

# %%
train_loader = get_loader(config["batch_size"])
train(model, train_loader, config["num_epochs"])
""",
        # TinyImageNet has 200 classes: 32 samples show few of them
        _TINY_IMAGENET
        + """
# %%
def get_loader(batch_size):
    pictures = datasets.ImageFolder("tiny-imagenet-200/train", transforms.ToTensor())
    return torch.utils.data.DataLoader(pictures, batch_size=batch_size, shuffle=True)

# %%
train_loader = get_loader(batch_size=32)  # TNY602 lint
model = nn.Sequential(nn.Flatten(), nn.Linear(12288, 200))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
for epoch in range(50):
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
""",
        # 5 steps an epoch
        _START
        + _CIFAR
        + """
# %%
train_loader = DataLoader(train_data, batch_size=10_000, shuffle=True)  # TNY602 lint
train(model, train_loader, num_epochs=10)
""",
    )
    good = (
        bad[0].replace("drop_last=True)  # TNY602", "drop_last=False)"),
        _START
        + _CIFAR
        + """
# %%
train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
train(model, train_loader, num_epochs=20)
""",
        # gradients of 16 batches are accumulated
        _START
        + _CIFAR
        + """
# %%
train_loader = DataLoader(train_data, batch_size=4, shuffle=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(20):
    for number, (images, labels) in enumerate(train_loader, start=1):
        (criterion(model(images), labels) / 16).backward()
        if number % 16 == 0:
            optimizer.step()
            optimizer.zero_grad()
""",
        # a small set
        _START
        + """
# %%
train_set = TensorDataset(torch.randn(48, 8), torch.randint(0, 3, (48,)))
train(nn.Linear(8, 3), DataLoader(train_set, batch_size=4, shuffle=True), num_epochs=3)
""",
        # the whole set in one batch, many times
        _START
        + """
# %%
train_set = TensorDataset(torch.randn(48, 8), torch.randint(0, 3, (48,)))
train(nn.Linear(8, 3), DataLoader(train_set, batch_size=48, shuffle=True, drop_last=True), num_epochs=30)
""",
        # large batches, and epochs to match
        _START
        + _CIFAR
        + """
# %%
train_loader = DataLoader(train_data, batch_size=4096, shuffle=True)
train(model, train_loader, num_epochs=100)
""",
        # fine-tuning
        _START
        + """
# %%
train_data = datasets.CIFAR10("data", train=True, download=True, transform=transforms.ToTensor())
train_loader = DataLoader(train_data, batch_size=4, shuffle=True)
model = models.resnet18(weights="DEFAULT")
model.fc = nn.Linear(512, 10)
train(model, train_loader, num_epochs=2)
""",
        # single pictures are looked at or measured
        _START
        + _CIFAR
        + """
# %%
for image, label in DataLoader(train_data, batch_size=1):
    print(image.mean(), label)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        match event:
            case LoaderBuilt(drop_last=True, batch_size=int(batch), samples=Samples(size=int(size))) if batch > size:
                yield self.finding(
                    f"a batch of {batch} is more than all {size} samples, and `drop_last` drops it: no batches",
                    event.batch_size_at or event.place,
                    remedy=f"use a batch size of at most {size}, or `drop_last=False`",
                    related=(("the loader is built here", event.place),),
                    severity=Severity.ERROR,
                    batch_size=batch,
                    samples=size,
                )
            case PassEnded(backward=True):
                yield from self._small(event, story)
            case TrainingPlanned():
                yield from self._large(event, story)

    def _small(self, passed: PassEnded, story: Story) -> Iterator[Finding]:
        built, backward = loader_of(passed.loader, story), _whole_step(passed, story)
        if built is None or backward is None or backward.loader != passed.loader:
            return
        if backward.criterion not in CLASS_NUMBERS or not from_scratch(backward.models):
            return
        size, classes, data = _figures(built)
        smallest = MIN_BATCH_MANY if classes >= MANY_CLASSES else MIN_BATCH
        if built.batch_size is None or size < MANY_SAMPLES or built.batch_size >= smallest:
            return
        if built.facts or is_trial(*story.names(built.loader)):
            return
        yield self.finding(
            f"batches of {built.batch_size} are small for training from scratch on {data}",
            _written(built),
            remedy=f"use {'64 or 128' if smallest == MIN_BATCH_MANY else '32 to 128'} samples a batch",
            related=(("the loader is built here", built.place), ("a model is trained with it here", backward.decision)),
            batch_size=built.batch_size,
            samples=size,
            classes=classes,
        )

    def _large(self, plan: TrainingPlanned, story: Story) -> Iterator[Finding]:
        built, epochs = loader_of(plan.loader, story), plan.epochs.value
        if built is None or built.batch_size is None or not isinstance(epochs, int) or plan.facts or built.facts:
            return
        size, _, data = _figures(built)
        if size < MANY_SAMPLES or not LARGE <= built.batch_size < size:
            return
        steps = ceil(size / built.batch_size) * epochs
        if steps >= MIN_STEPS or not plan.optimizers or not from_scratch(plan.models) or is_trial(*plan.functions):
            return
        yield self.finding(
            f"batches of {built.batch_size:,} make only {steps} steps in the whole training on {data}",
            _written(built),
            remedy="use smaller batches, or train for more epochs",
            related=(("the loader is built here", built.place), ("the epochs are counted here", plan.place)),
            batch_size=built.batch_size,
            steps=steps,
            samples=size,
        )


def _whole_step(passed: PassEnded, story: Story) -> BackwardRan | None:
    """The one backward pass of the last step on these batches; None when a step accumulates several."""
    step = next((step for step in reversed(story.all(OptimizerStepped)) if step.optimizer in passed.stepped), None)
    passes = story.gradients(step) if step is not None else []
    return passes[0] if len(passes) == 1 else None


def _figures(built: LoaderBuilt) -> tuple[int, int, str]:
    """Samples and classes, 0 when they are not known, and the data in words."""
    known, size = published(built.samples), size_of(built.samples, built.dataset) or 0
    if known is None:
        return size, built.samples.classes or 0, f"{size:,} samples"
    return size, known.classes, f"{known.name} ({size:,} samples, {known.classes} classes)"


def _written(built: LoaderBuilt) -> Place:
    """Where the batch size is written; when that is not known, where the loader was asked for."""
    return built.batch_size_at or built.decision
