"""TNY601: a training from scratch is planned for too few epochs for its data."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, ModelBuilt, RunEnded, TrainingPlanned
from tinyguard.finding import Finding, Place, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import (
    CLASS_NUMBERS,
    from_scratch,
    is_trial,
    loader_of,
    overlapping,
    published,
    size_of,
    trainings,
)

MANY_CLASSES = 100  # from so many on, 5 epochs leave a network near chance: TinyImageNet stands at 1-2 % after one
FEW_FOR_MANY = 5  # epochs; the founding document has 3, wants 50, and tries whether a model learns at all with 5 to 10
MANY_SAMPLES = 10_000  # samples; a smaller set of unknown kind is a toy or a trial
PART = 0.5  # of the published training split; a smaller part of it is a trial

_START = """
# %%
import torch
from torch import nn
from torchvision import datasets, models, transforms

torch.manual_seed(0)
train_data = datasets.CIFAR10("data", train=True, download=True, transform=transforms.ToTensor())
train_loader = torch.utils.data.DataLoader(train_data, batch_size=64, shuffle=True)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images):
        return self.layers(images)

# %%
def train(model, loader, num_epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(num_epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
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


class FewEpochs(Rule):
    """A classifier is trained from scratch for so few epochs that the data cannot have been learnt.

    The result looks like a broken model and is only an early one: on TinyImageNet 1-2 % after one epoch and 8-15 %
    after ten are healthy, 35-50 % takes fifty. What counts as few depends on the data: 5 epochs for 100 classes or
    more, 3 for CIFAR-10, none for MNIST. Fine-tuning, trials and models that are trained on later are not meant.
    """

    code = "TNY601"
    severity = Severity.WARNING
    needs_whole_program = True
    on = (RunEnded,)
    serves = ("C1", "R1")
    bad = (
        # the number in the call
        _START
        + """
# %%
model = Net()
train(model, train_loader, num_epochs=2)  # TNY601 lint
""",
        # a name some cells earlier
        """
# %%
EPOCHS = 2  # TNY601 lint
"""
        + _START
        + """
# %%
model = Net()
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(EPOCHS):
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
""",
        # a configuration, and several models
        _START
        + """
# %%
config = {
    "lr": 3e-4,
    "num_epochs": 3,  # TNY601 lint
}
class Wide(Net):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(3072, 256), nn.ReLU(), nn.Linear(256, 10))

# %%
for build in (Net, Wide):
    train(build(), train_loader, config["num_epochs"])
""",
        # TinyImageNet: 3 epochs where it takes 50
        _TINY_IMAGENET
        + """
# %%
pictures = datasets.ImageFolder("tiny-imagenet-200/train", transforms.ToTensor())
train_loader = torch.utils.data.DataLoader(pictures, batch_size=64, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(12288, 200))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
num_epochs = 3  # TNY601 lint
# %%
for epoch in range(num_epochs):
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
""",
        # data of one's own, whose size and classes the kernel holds
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

def draw(count):
    labels = torch.arange(count) % 200
    return TensorDataset(torch.randn(200, 8)[labels], labels)

train_loader = DataLoader(draw(10_000), batch_size=1000, shuffle=True)
# %%
model = nn.Linear(8, 200)
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(2):  # TNY601 live
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
""",
    )
    good = (
        _START
        + """
# %%
train(Net(), train_loader, num_epochs=30)
""",
        # fine-tuning
        _START
        + """
# %%
model = models.resnet18(weights="DEFAULT")
model.fc = nn.Linear(512, 10)
train(model, train_loader, num_epochs=3)
""",
        # a trial first, the training afterwards
        _START
        + """
# %%
train(Net(), train_loader, num_epochs=1)
# %%
model = Net()
train(model, train_loader, num_epochs=30)
""",
        # two epochs, again and again
        _START
        + """
# %%
model = Net()
train(model, train_loader, num_epochs=2)
# %%
train(model, train_loader, num_epochs=2)
# %%
train(model, train_loader, num_epochs=2)
""",
        # a smoke test says what it is
        _START
        + """
# %%
def smoke_test():
    train(Net(), train_loader, num_epochs=1)

smoke_test()
""",
        # one pass over MNIST is enough to see it learn
        _START.replace("CIFAR10", "MNIST").replace("3072", "784")
        + """
# %%
train(Net(), train_loader, num_epochs=2)
""",
        # a few of the pictures only
        _START
        + """
# %%
part_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(train_data, range(500)), batch_size=50, shuffle=True)
train(Net(), part_loader, num_epochs=3)
""",
        # the function is defined and never called
        _START
        + """
# %%
def main():
    train(Net(), train_loader, num_epochs=1)
""",
        # an autoencoder: what it should reach is not known
        _START
        + """
# %%
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 32), nn.ReLU(), nn.Linear(32, 3072))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(3):
    for images, _ in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(images), images.flatten(1))
        loss.backward()
        optimizer.step()
""",
        # a search for the learning rate
        _START
        + """
# %%
def lr_range_test(model, loader, lowest=1e-5, highest=1.0):
    optimizer = torch.optim.SGD(model.parameters(), lr=lowest)
    growth = (highest / lowest) ** (1 / len(loader))
    history = []
    for epoch in range(1):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
            optimizer.param_groups[0]["lr"] *= growth
    return history

history = lr_range_test(Net(), train_loader)
""",
        # weights of an earlier run are loaded
        _START
        + """
# %%
torch.save(Net().state_dict(), "net.pt")
model = Net()
model.load_state_dict(torch.load("net.pt"))
train(model, train_loader, num_epochs=2)
""",
        # toy data, for real
        """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,))), batch_size=16, shuffle=True)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RunEnded) or not event.complete:
            return
        plans = story.all(TrainingPlanned)
        learnt = [backward for backward in trainings(story) if backward.criterion in CLASS_NUMBERS]
        told: set[Place] = set()
        for plan in plans:
            few, of_what = _few(plan, story)
            if (
                not few
                or plan.facts
                or not _short(plan, few)
                or not plan.optimizers
                or not from_scratch(plan.models)
                or not _classifies(plan, learnt)
            ):
                continue
            epochs = _epochs_of(plan, plans, story)
            if epochs is None or epochs > few or is_trial(*plan.functions, plan.epochs.name):
                continue
            place = plan.epochs.place or plan.decision
            if place in told:
                continue
            told.add(place)
            count = "1 epoch" if epochs == 1 else f"{epochs} epochs"
            yield self.finding(
                f"{count} from scratch on {of_what}: {few} or fewer leave such a model far below what it can reach",
                place,
                remedy="train longer (the usual number is 20 to 100), or start from pretrained weights",
                related=(("the epochs are counted here", plan.place), ("the training starts here", plan.decision)),
                epochs=epochs,
                few=few,
                data=of_what,
            )


def _few(plan: TrainingPlanned, story: Story) -> tuple[int, str]:
    """How many epochs are few on the plan's samples, 0 when none are or nothing is known, and the data in words."""
    if plan.samples is None:
        return 0, ""
    built = loader_of(plan.loader, story)
    size = size_of(plan.samples, built.dataset if built else None) or 0
    known, classes = published(plan.samples), plan.samples.classes or plan.samples.labels or 0
    if known is not None:
        few = known.few_epochs if size > PART * known.train else 0
        return few, f"{known.name} ({size:,} samples, {known.classes} classes)"
    few = FEW_FOR_MANY if size >= MANY_SAMPLES and classes >= MANY_CLASSES else 0
    return few, f"{size:,} samples of {classes} classes"


def _short(plan: TrainingPlanned, few: int) -> bool:
    return isinstance(plan.epochs.value, int) and plan.epochs.value <= few


def _classifies(plan: TrainingPlanned, learnt: list[BackwardRan]) -> bool:
    return any(backward.loader == plan.loader and overlapping(backward.models, plan.models) for backward in learnt)


def _epochs_of(plan: TrainingPlanned, plans: list[TrainingPlanned], story: Story) -> int | None:
    """The epochs that the plan's model is trained for in the whole notebook.

    None when they are not known, or when a model of the same class is trained otherwise: then this one was a trial.
    """
    kinds = {built.kind for use in plan.models if isinstance(built := story.built(use.model), ModelBuilt)} - {""}
    total = 0
    for other in plans:
        if overlapping(other.models, plan.models):
            if not isinstance(other.epochs.value, int):
                return None
            total += other.epochs.value
        elif other.epochs.value != plan.epochs.value:
            same = {built.kind for use in other.models if isinstance(built := story.built(use.model), ModelBuilt)}
            if not other.models or same & kinds:
                return None
    return total
