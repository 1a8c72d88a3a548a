"""TNY201: the batches of a training step come from the test or validation split."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, LoaderBuilt, NameBound, OptimizerStepped
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import by_name_only, claimed_split, fed, held_out, loader_decision, loader_of

_DATA = """
# %%
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset, random_split

torch.manual_seed(0)
train_set = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
test_set = TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,)))
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
test_loader = DataLoader(test_set, batch_size=16)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
"""

_FUNCTIONS = """
# %%
def train(model, loader):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()

def accuracy(model, loader):
    model.eval()
    hits = 0
    with torch.no_grad():
        for images, labels in loader:
            hits += (model(images).argmax(1) == labels).sum().item()
    return hits / len(loader.dataset)
"""


class TrainedOnEvaluationData(Rule):
    """The model is trained on batches of the test or validation split.

    The training split is not what is learnt, and what the evaluation says afterwards is memory, not skill. Usual
    causes: the wrong loader in the call (`train(model, test_loader)`), a copied loop whose loader was not renamed, a
    `for phase in ["train", "val"]` loop that steps in both phases.
    """

    code = "TNY201"
    severity = Severity.ERROR
    on = (OptimizerStepped,)
    serves = ("C3", "D1")
    bad = (
        # the wrong loader in the call, some cells away from both
        _DATA
        + _FUNCTIONS
        + """
# %%
for epoch in range(3):
    train(model, test_loader)  # TNY201
    print(accuracy(model, test_loader))
""",
        # a loop at the top level
        _DATA
        + """
# %%
for epoch in range(3):
    for images, labels in test_loader:  # TNY201
        optimizer.zero_grad()
        criterion(model(images), labels).backward()
        optimizer.step()
""",
        # loaders made in a function, swapped where they are unpacked
        """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)

def get_loaders(batch_size):
    picture = transforms.ToTensor()
    train_data = datasets.CIFAR10("data", train=True, download=True, transform=picture)
    test_data = datasets.CIFAR10("data", train=False, download=True, transform=picture)
    return (
        torch.utils.data.DataLoader(train_data, batch_size, shuffle=True),
        torch.utils.data.DataLoader(test_data, batch_size),
    )

# %%
test_loader, train_loader = get_loaders(64)
model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

# %%
for epoch in range(20):
    for images, labels in train_loader:  # TNY201 lint
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
""",
        # everything inside main(): the call in it that joins the two decides
        """
# %% file: helpers.py
import torch
from torch.utils.data import DataLoader, TensorDataset

def make_loaders():
    train_set = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
    test_set = TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,)))
    train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=16)
    return train_loader, test_loader

def train(model, optimizer, loader):
    for images, labels in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()

# %%
import torch
from torch import nn
from helpers import make_loaders, train

def main():
    torch.manual_seed(0)
    train_loader, test_loader = make_loaders()
    model = nn.Linear(8, 3)
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(2):
        train(model, optimizer, test_loader)  # TNY201

# %%
main()
""",
        # both phases step: the condition was forgotten
        _DATA
        + """
# %%
loaders = {"train": train_loader, "val": test_loader}
for epoch in range(2):
    for phase in ["train", "val"]:
        if phase == "train":
            model.train()
        else:
            model.eval()
        for images, labels in loaders[phase]:  # TNY201
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
""",
        # iterators of a library that nobody can read: only their names tell
        """
# %%
import torch
from torch import nn
import corpora

torch.manual_seed(0)
train_iterator, valid_iterator, test_iterator = corpora.splits(("train", "valid", "test"), batch_size=16)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
for epoch in range(3):
    for batch in test_iterator:  # TNY201 lint
        optimizer.zero_grad()
        criterion(model(batch.text), batch.label).backward()
        optimizer.step()
""",
    )
    good = (
        bad[0].replace("train(model, test_loader)  # TNY201", "train(model, train_loader)"),
        # the phase loop as it is meant
        _DATA
        + """
# %%
loaders = {"train": train_loader, "val": test_loader}
for epoch in range(2):
    for phase in ["train", "val"]:
        model.train(phase == "train")
        for images, labels in loaders[phase]:
            with torch.set_grad_enabled(phase == "train"):
                loss = criterion(model(images), labels)
            if phase == "train":
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
""",
        # the last fit, on everything there is
        _DATA
        + _FUNCTIONS
        + """
# %%
for epoch in range(2):
    train(model, train_loader)
print(accuracy(model, test_loader))
# %%
all_loader = DataLoader(ConcatDataset([train_set, test_set]), batch_size=16, shuffle=True)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
train(model, all_loader)
""",
        # the last fit as two passes over the labelled data
        _DATA
        + _FUNCTIONS
        + """
# %%
rest_set, val_set = random_split(train_set, [48, 16])
rest_loader = DataLoader(rest_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16, shuffle=True)
for epoch in range(2):
    for loader in (rest_loader, val_loader):
        train(model, loader)
print(accuracy(model, test_loader))
""",
        # cross validation
        _DATA
        + _FUNCTIONS
        + """
# %%
indices = torch.randperm(64).tolist()
for fold in range(4):
    held_out = indices[fold * 16 : fold * 16 + 16]
    rest = [index for index in indices if index not in held_out]
    fold_train_loader = DataLoader(Subset(train_set, rest), batch_size=16, shuffle=True)
    fold_val_loader = DataLoader(Subset(train_set, held_out), batch_size=16)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train(model, fold_train_loader)
    print(fold, accuracy(model, fold_val_loader))
""",
        # an adversarial example: the test picture is what is optimised, the model stays as it is
        _DATA
        + _FUNCTIONS
        + """
# %%
train(model, train_loader)
model.eval()
for images, labels in test_loader:
    noise = torch.zeros_like(images, requires_grad=True)
    attack = torch.optim.SGD([noise], lr=0.1)
    for _ in range(3):
        attack.zero_grad()
        (-criterion(model(images + noise), labels)).backward()
        attack.step()
""",
        # nothing but a test split: a small set for a demonstration
        """
# %%
import torch
from torch import nn
from torchvision import datasets, transforms

torch.manual_seed(0)
pictures = datasets.FakeData(size=32, image_size=(1, 4, 4), num_classes=3, transform=transforms.ToTensor())
test_loader = torch.utils.data.DataLoader(pictures, batch_size=8)
model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for images, labels in test_loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, OptimizerStepped):
            return
        for backward in fed(event, story):
            samples = backward.samples
            if samples is None or not held_out(samples) or not _has_training_data(story):
                continue
            if by_name_only(samples) and not backward.criterion:
                continue  # test-time adaptation: entropy, consistency ... on unlabelled test batches
            if _is_episodic(backward, story) or _is_last_fit(backward, story):
                continue
            built = story.built(backward.loader)
            loader = story.name(backward.loader, "this loader")
            yield self.finding(
                f"the model is trained on `{loader}`, which is {samples.split} data ({samples.evidence})",
                loader_decision(backward, backward.loader, story),
                remedy="train on the training loader and keep this one for evaluation",
                related=(
                    ("the loader was built here", built.place if built else None),
                    ("the optimizer steps here", event.place),
                ),
                loader=loader,
                split=samples.split,
                split_evidence=samples.evidence,
            )


def _has_training_data(story: Story) -> bool:
    """There is something else to train on: a loader of the training split, or one that is called so."""
    return any(loader.samples.split == "train" for loader in story.all(LoaderBuilt)) or any(
        claimed_split(bound.name) == "train" and isinstance(story.built(bound.object), LoaderBuilt | None)
        for bound in story.all(NameBound)
    )


def _is_episodic(backward: BackwardRan, story: Story) -> bool:
    """Few-shot learning adapts a copy of the model to each task of the test split: a batch sampler makes the tasks."""
    built = loader_of(backward.loader, story)
    return built is not None and built.sampler and built.batch_size is None


def _is_last_fit(backward: BackwardRan, story: Story) -> bool:
    """One line trains, in train mode, on the training and on the validation loader in turn: meant as one data set."""
    if backward.samples is None or backward.samples.split != "validation":
        return False
    if any(model.training is False for model in backward.models):
        return False  # `for phase in ...` without its condition evaluates and steps at once
    return any(
        other.samples is not None
        and other.samples.split == "train"
        and other.loader != backward.loader
        and (other.place, other.via) == (backward.place, backward.via)
        for other in story.all(BackwardRan)
    )
