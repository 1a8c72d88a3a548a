"""TNY209: the model has not as many outputs as the data set has classes."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.datasets import data_set
from tinyguard.events import Event, LossComputed
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.evaluation import LabelsBeyondOutputs
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import first_own_place

CRITERIA = frozenset({"cross_entropy", "nll_loss"})  # those whose targets are class numbers
SPARE = 1  # outputs; one more than the classes is a background class

_START = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()

class Net(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU())
        self.head = nn.Linear(16, num_classes)

    def forward(self, images):
        return self.head(self.features(images))

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

def fake(num_classes):
    return datasets.FakeData(16, (3, 4, 4), num_classes=num_classes, transform=transforms.ToTensor())
"""


class ClassCountMismatch(Rule):
    """The model has fewer outputs than the data set has classes, or many more.

    With fewer, the first label beyond the last output stops the training (on a GPU as "device-side assert") or, when
    labels are mapped, classes cannot be told apart. With many more (a note), training starts at a higher loss and
    spends its first steps on classes that never occur. TinyImageNet has 200 classes, not 10.
    """

    code = "TNY209"
    severity = Severity.ERROR
    on = (LossComputed, LabelsBeyondOutputs)
    serves = ("I5", "F1", "F2")
    bad = (
        # the class's own default fits another data set; the first labels happen to be small
        """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
train_data = datasets.CIFAR100("data", train=True, download=True, transform=transforms.ToTensor())
train_loader = torch.utils.data.DataLoader(train_data, batch_size=64, shuffle=True)

def get_model(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 64), nn.ReLU(), nn.Linear(64, num_classes))

# %%
model = get_model(10)  # TNY209 lint
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(20):
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
""",
        # many more: a head of 1000 for 10
        """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
train_data = datasets.CIFAR10("data", train=True, download=True, transform=transforms.ToTensor())
train_loader = torch.utils.data.DataLoader(train_data, batch_size=64, shuffle=True)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 1000))  # TNY209 lint
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(20):
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
""",
        # the labels of the loss are brought into range, those of the evaluation are not
        _START
        + """
# %%
loader = DataLoader(fake(10), batch_size=8, shuffle=True)
model = Net(num_classes=4)  # TNY209 live
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for images, labels in loader:
    optimizer.zero_grad()
    criterion(model(images), labels.clamp(max=3)).backward()
    optimizer.step()
# %%
with torch.no_grad():
    print(sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader))
""",
    )
    good = (
        bad[0].replace("get_model(10)  # TNY209 lint", "get_model(100)"),
        _START
        + """
# %%
train(Net(), DataLoader(fake(10), batch_size=8, shuffle=True))
train(Net(num_classes=4), DataLoader(fake(4), batch_size=8, shuffle=True))
""",
        # two classes are told apart by one relabelling
        _START
        + """
# %%
loader = DataLoader(fake(10), batch_size=8, shuffle=True)
model = Net(num_classes=2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for images, labels in loader:
    optimizer.zero_grad()
    criterion(model(images), (labels > 4).long()).backward()
    optimizer.step()
""",
        # a class for "none of them"
        _START
        + """
# %%
train(Net(num_classes=5), DataLoader(fake(4), batch_size=8, shuffle=True))
""",
        # a network built for ImageNet, its head replaced
        _START
        + """
# %%
model = models.squeezenet1_1(num_classes=1000)
model.classifier[1] = nn.Conv2d(512, 4, kernel_size=1)
images, labels = torch.randn(2, 3, 64, 64), torch.tensor([0, 3])
criterion(model(images), labels).backward()
""",
        # all classes from the fourth on are one, for the evaluation, too
        _START
        + """
# %%
loader = DataLoader(fake(10), batch_size=8, shuffle=True)
model = Net(num_classes=4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for images, labels in loader:
    optimizer.zero_grad()
    criterion(model(images), labels.clamp(max=3)).backward()
    optimizer.step()
# %%
with torch.no_grad():
    print(sum((model(images).argmax(1) == labels.clamp(max=3)).sum().item() for images, labels in loader))
""",
    )

    def _compared(self, event: LabelsBeyondOutputs, story: Story) -> Iterator[Finding]:
        """The labels of the loss were brought into range, those of the evaluation were not."""
        losses = [
            loss
            for loss in story.all(LossComputed)
            if loss.criterion in CRITERIA
            and loss.outputs == event.outputs
            and [use.model for use in loss.models] == [event.model]
        ]
        classes = event.samples.classes
        if not losses or classes is None or not event.high < classes:
            return
        if any(loss.samples is not None for loss in losses):
            return  # it learns the labels as they are: what it does with classes it never saw is asked on purpose
        yield self.finding(
            f"the model has {event.outputs} outputs, but {event.samples.kind or 'the data set'} has {classes} classes: "
            f"{event.beyond} of {event.labels} labels that its predictions are compared with are {event.outputs} or "
            "more, which it never predicts",
            _head(losses[-1], story),
            remedy=f"build the model with {classes} outputs",
            related=(
                ("the loss is computed here", losses[-1].place),
                ("predictions and labels are compared here", event.place),
            ),
            outputs=event.outputs,
            classes=classes,
        )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, LabelsBeyondOutputs):
            yield from self._compared(event, story)
        if not isinstance(event, LossComputed) or event.criterion not in CRITERIA or event.facts:
            return
        if event.outputs is None or event.classes is None or event.samples is None:
            return
        known = data_set(event.samples.kind)
        kind = known.name if known is not None else event.samples.kind
        data = f"{kind} has {event.classes} classes" if kind else f"{event.classes} classes"
        related: tuple[tuple[str, Place | None], ...] = (("the loss is computed here", event.place),)
        if event.outputs < event.classes:
            yield self.finding(
                f"the model has {event.outputs} outputs, but {data}",
                _head(event, story),
                remedy=f"build the model with {event.classes} outputs",
                related=related,
                outputs=event.outputs,
                classes=event.classes,
            )
        elif event.outputs > event.classes + SPARE:
            yield self.finding(
                f"the model has {event.outputs} outputs, more than needed: {data}",
                _head(event, story),
                remedy=f"build the model with {event.classes} outputs",
                related=related,
                severity=Severity.NOTE,
                outputs=event.outputs,
                classes=event.classes,
            )


def _head(event: LossComputed, story: Story) -> Place:
    """Where the number of outputs was decided: the construction of the one model, else the loss."""
    if len(event.models) != 1:
        return event.place
    built = story.built(event.models[0].model)
    return first_own_place(built, event) if built else event.place
