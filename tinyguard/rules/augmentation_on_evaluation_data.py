"""TNY206: validation or test data passes through random transforms."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, LoaderBuilt, PassEnded, RunEnded, Samples
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.data import InputsVary
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import called_evaluation, first_own_place, held_out, loader_of

_START = """
# %%
import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, random_split
from torchvision import datasets, transforms

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()
model = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def train(loader):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

@torch.no_grad()
def accuracy(loader):
    model.eval()
    hits = 0
    for images, labels in loader:
        hits += (model(images).argmax(1) == labels).sum().item()
    return hits / len(loader.dataset)

def pictures(count, transform):
    return datasets.FakeData(count, (3, 4, 4), num_classes=3, transform=transform)

# %%
augmented = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])
plain = transforms.ToTensor()
"""


_OWN = (
    _START
    + """
class Points(torch.utils.data.Dataset):
    def __init__(self, count, transform=None):
        self.points, self.labels, self.transform = torch.randn(count, 48), torch.arange(count) % 3, transform

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        point = self.points[index]
        return point if self.transform is None else self.transform(point), self.labels[index]

def shaken(point):
    return point + 0.1 * torch.randn(48)
"""
)


class AugmentationOnEvaluationData(Rule):
    """Validation or test data passes through the random transforms that are meant for training.

    The measure becomes noisy and lower than the model deserves, and no two evaluations agree. Usual cause: one
    `transform` for both splits, or a split of a data set that augments.
    """

    code = "TNY206"
    severity = Severity.WARNING
    on = (BackwardRan, RunEnded, InputsVary)
    bad = (
        # one transform for both
        _START
        + """
# %%
train_loader = DataLoader(pictures(32, augmented), batch_size=8, shuffle=True)
test_set = pictures(16, augmented)  # TNY206
test_loader = DataLoader(test_set, batch_size=8)
for epoch in range(2):
    train(train_loader)
    print(accuracy(test_loader))
""",
        # a real data set, made in a function
        """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
transform = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])

def get_loaders():
    train_data = datasets.CIFAR10("data", train=True, download=True, transform=transform)
    test_data = datasets.CIFAR10("data", train=False, download=True, transform=transform)  # TNY206 lint
    return (
        torch.utils.data.DataLoader(train_data, batch_size=64, shuffle=True),
        torch.utils.data.DataLoader(test_data, batch_size=64),
    )

# %%
train_loader, test_loader = get_loaders()
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

# %%
for epoch in range(20):
    for images, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    with torch.no_grad():
        hits = sum((model(images).argmax(1) == labels).sum().item() for images, labels in test_loader)
    print(hits / 10_000)
""",
        # part of the augmented training data is held out
        _START
        + """
# %%
train_set, val_set = random_split(pictures(48, augmented), [32, 16])  # TNY206
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
val_loader = DataLoader(val_set, batch_size=8)
for epoch in range(2):
    train(train_loader)
    print(accuracy(val_loader))
""",
        # a model that nobody can read
        """
# %%
import torch
from network import Net
from torch import nn
from torchvision import datasets, transforms

transform = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])
test_data = datasets.CIFAR10("data", train=False, transform=transform)  # TNY206 lint
test_loader = torch.utils.data.DataLoader(test_data, batch_size=64)
model = Net()
model.load_state_dict(torch.load("net.pt"))
model.eval()
loss = 0
with torch.no_grad():
    for images, labels in test_loader:
        loss += nn.functional.cross_entropy(model(images), labels).item()
""",
        # random parts of one's own
        _OWN
        + """
# %%
train_loader = DataLoader(Points(96, shaken), batch_size=32, shuffle=True)
test_set = Points(64, shaken)  # TNY206 live
test_loader = DataLoader(test_set, batch_size=32)
for epoch in range(2):
    train(train_loader)
    print(accuracy(test_loader))
""",
    )
    good = (
        bad[0].replace("pictures(16, augmented)  # TNY206", "pictures(16, plain)"),
        # the part that is held out gets a transform of its own
        _START
        + """
# %%
train_set, val_set = random_split(pictures(48, augmented), [32, 16])
val_set = copy.deepcopy(val_set)  # sees DatasetBuilt live
val_set.dataset.transform = plain
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
val_loader = DataLoader(val_set, batch_size=8)
for epoch in range(2):
    train(train_loader)
    print(accuracy(val_loader))
""",
        # test-time augmentation: several random views, averaged
        _START
        + """
# %%
train(DataLoader(pictures(32, augmented), batch_size=8, shuffle=True))
test_loader = DataLoader(pictures(16, augmented), batch_size=16)
model.eval()
votes = 0
with torch.no_grad():
    for view in range(4):
        for images, labels in test_loader:
            votes = votes + model(images).softmax(1)
            hits = (votes.argmax(1) == labels).sum().item()
""",
        # how well does it know turned pictures? the training has seen none
        _START
        + """
# %%
turned = transforms.Compose([transforms.RandomRotation(180), transforms.ToTensor()])
train_loader = DataLoader(pictures(32, augmented), batch_size=8, shuffle=True)
train(train_loader)
test_loader = DataLoader(pictures(16, turned), batch_size=16)
print(accuracy(test_loader))
""",
        # crops from the middle are not random
        _START
        + """
# %%
middle = transforms.Compose([transforms.Resize(5), transforms.CenterCrop(4), transforms.ToTensor()])
train_loader = DataLoader(pictures(32, augmented), batch_size=8, shuffle=True)
val_loader = DataLoader(pictures(16, middle), batch_size=8)
train(train_loader)
print(accuracy(val_loader))
""",
        # the augmented training data itself is measured
        _START
        + """
# %%
train_loader = DataLoader(pictures(32, augmented), batch_size=8, shuffle=True)
train(train_loader)
print(accuracy(train_loader))
""",
        # only looked at
        _START
        + """
# %%
test_loader = DataLoader(pictures(16, augmented), batch_size=8)
for images, labels in test_loader:
    print(images.shape, labels)
""",
        _OWN
        + """
# %%
train_loader = DataLoader(Points(96, shaken), batch_size=32, shuffle=True)
test_loader = DataLoader(Points(64), batch_size=32)
for epoch in range(2):
    train(train_loader)
    print(accuracy(test_loader))
""",
        # of one's own, and nothing random
        _OWN.replace("torch.randn(48)", "torch.ones(48)")
        + """
# %%
train_loader = DataLoader(Points(96, shaken), batch_size=32, shuffle=True)
test_loader = DataLoader(Points(64, shaken), batch_size=32)
for epoch in range(2):
    train(train_loader)
    print(accuracy(test_loader))
""",
        # several random views of each, one after the other
        _OWN
        + """
# %%
train_loader = DataLoader(Points(96, shaken), batch_size=32, shuffle=True)
test_loader = DataLoader(Points(64, shaken), batch_size=32)
for epoch in range(2):
    train(train_loader)
    print(sum(accuracy(test_loader) for view in range(4)) / 4)
""",
    )

    def _varying(self, event: InputsVary, story: Story) -> Iterator[Finding]:
        """No transform is known to be random, but the inputs are others in each pass."""
        if not (held_out(event.samples) or called_evaluation(event.loader, story)) or event.samples.augmentation:
            return
        built, trained = loader_of(event.loader, story), loader_of(event.trained, story)
        data = story.built(built.dataset) if built else None
        shared = built is not None and trained is not None and built.dataset == trained.dataset
        name = story.name(event.loader, "this loader")
        yield self.finding(
            f"`{name}` gives other inputs in each pass ({event.compared} were compared): its data set shares the "
            f"random transform `{event.transform}` with the training data",
            data.place if data is not None and data.place.line and not shared else event.place,
            remedy="give this data set a transform without random parts, or none",
            related=(
                ("the loader was built here", built.place if built else None),
                ("it is evaluated here", event.place),
            ),
            transforms=[event.transform],
        )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, InputsVary):
            yield from self._varying(event, story)
            return
        for passed in _passes_since_training(event, story):
            samples = passed.samples
            if not _evaluates(passed) or not held_out(samples) or not samples.augmentation or passed.facts:
                continue
            if _is_meant(samples, story):
                continue
            built = loader_of(passed.loader, story)
            transforms = ", ".join(samples.augmentation)
            yield self.finding(
                f"{samples.split} data ({samples.evidence}) is measured through random transforms: {transforms}",
                _chosen(built, story) if built else passed.place,
                remedy="give this data a transform without random parts: resize, centre crop, tensor, normalise",
                related=(
                    ("the loader was built here", built.place if built else None),
                    ("it is evaluated here", first_own_place(passed, built)),
                ),
                transforms=list(samples.augmentation),
            )


def _is_meant(samples: Samples, story: Story) -> bool:
    """The training data has none of these transforms: turned or noisy test pictures are what is asked about."""
    training = [built.samples for built in story.all(LoaderBuilt) if built.samples.split == "train"]
    training += [backward.samples for backward in story.all(BackwardRan) if backward.samples is not None]
    return bool(training) and not any(set(samples.augmentation) & set(trained.augmentation) for trained in training)


def _evaluates(passed: PassEnded) -> bool:
    """It is compared with the labels; of what model, may be known to nobody."""
    return passed.measured and not passed.backward and not passed.stepped


def _chosen(built: LoaderBuilt, story: Story) -> Place:
    """Where this data got its transform: its construction, or the loader, when it is the training data."""
    training = next((loader for loader in story.all(LoaderBuilt) if loader.samples.split == "train"), None)
    data = story.built(built.dataset)
    if data is None or (training is not None and training.dataset == built.dataset):
        return built.place
    return first_own_place(data, story.built(training.dataset) if training else None)


def _passes_since_training(event: Event, story: Story) -> list[PassEnded]:
    """The passes between the last backward pass and this event, less those that one line made several of.

    Several passes over one loader at one line, with no training in between, are test-time augmentation.
    """
    passes: list[PassEnded] = []
    for earlier in reversed(story.events):
        if isinstance(earlier, BackwardRan) and earlier is not event:
            break
        if isinstance(earlier, PassEnded):
            passes.append(earlier)
    lines = [(passed.loader, passed.place, passed.via) for passed in passes]
    return [passed for passed, line in zip(passes, lines, strict=True) if lines.count(line) == 1]
