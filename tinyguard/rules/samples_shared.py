"""TNY215: a model is evaluated on samples that it was trained on."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, LoaderBuilt, PassEnded
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.data import SamplesShared as Seen
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import claimed_split, loader_of, overlapping

LEAST = 0.01  # of the samples evaluated on: by fewer nobody's accuracy is misled
LEAST_ALIKE = 0.1  # the same where samples are known by their content: CIFAR10 has 3 % of its test in its training set

_START = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, SubsetRandomSampler, TensorDataset, random_split

torch.manual_seed(0)
inputs, labels = torch.randn(96, 8), torch.arange(96) % 3
data = TensorDataset(inputs, labels)
criterion = nn.CrossEntropyLoss()

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for features, target in loader:
        optimizer.zero_grad()
        criterion(model(features), target).backward()
        optimizer.step()

def validate(model, loader):
    total = 0
    with torch.no_grad():
        for features, target in loader:
            total += criterion(model(features), target).item()
    return total / len(loader)
"""

_RUN = """
# %%
model = nn.Linear(8, 3)
for epoch in range(2):
    train(model, train_loader)
    print(validate(model, val_loader))
"""


_LOADERS = """
train_loader = DataLoader(TensorDataset(train_inputs, answers[ours]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(val_inputs, answers[theirs]), batch_size=16)
"""


class SamplesShared(Rule):
    """Data that a model is evaluated on is, in part, data that it is trained on.

    The accuracy then says how well the model remembers, not how well it generalises: the more samples are shared, the
    more it flatters. Usual causes: parts that were cut by hand and overlap, `random_split` called once for each of two
    copies of the data set, one list of indices for both samplers.
    """

    code = "TNY215"
    severity = Severity.WARNING
    on = (Seen, PassEnded)
    serves = ("F2",)
    bad = (
        # a slip of the hand
        _START
        + """
# %%
train_loader = DataLoader(Subset(data, range(0, 80)), batch_size=16, shuffle=True)
val_loader = DataLoader(Subset(data, range(64, 96)), batch_size=16)  # TNY215 live
"""
        + _RUN,
        # split twice: each time otherwise
        _START
        + """
# %%
train_set, _ = random_split(data, [80, 16])
_, val_set = random_split(data, [80, 16])  # TNY215 live
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)
"""
        + _RUN,
        # the same for tensors
        _START
        + """
# %%
train_loader = DataLoader(TensorDataset(inputs[:80], labels[:80]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[70:], labels[70:]), batch_size=16)  # TNY215 live
"""
        + _RUN,
        # one folder, split once for each of the two transforms
        _START
        + """
# %%
import os
import tempfile

from PIL import Image
from torchvision import datasets, transforms

folder = tempfile.mkdtemp()
for word in ("cat", "dog"):
    os.makedirs(os.path.join(folder, word))
    for number in range(20):
        Image.new("RGB", (2, 2), (number, 0, 0)).save(os.path.join(folder, word, f"{number:02}.png"))
plain = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda image: image.flatten()[:8])])
train_set, _ = random_split(datasets.ImageFolder(folder, plain), [20, 20])
_, val_set = random_split(datasets.ImageFolder(folder, plain), [20, 20])  # TNY215 live
train_loader = DataLoader(train_set, batch_size=10, shuffle=True)
val_loader = DataLoader(val_set, batch_size=10)
"""
        + _RUN,
        # one list for both samplers
        _START
        + """
# %%
order = torch.randperm(96).tolist()
train_loader = DataLoader(data, batch_size=16, sampler=SubsetRandomSampler(order[:80]))
val_loader = DataLoader(data, batch_size=16, sampler=SubsetRandomSampler(order[:16]))  # TNY215 live
"""
        + _RUN,
        # one batch for the evaluation, drawn by hand
        _START
        + """
# %%
train_set, _ = random_split(data, [80, 16])
_, val_set = random_split(data, [80, 16])  # TNY215 live
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)
model = nn.Linear(8, 3)
for epoch in range(2):
    train(model, train_loader)
    with torch.no_grad():
        features, target = next(iter(val_loader))
        print((model(features).argmax(1) == target).float().mean())
""",
        # a class that was made more frequent before the split
        _START
        + """
# %%
rare = labels == 0
more, answers = torch.cat([inputs, inputs[rare].repeat(3, 1)]), torch.cat([labels, labels[rare].repeat(3)])
order = torch.randperm(len(more))
train_loader = DataLoader(TensorDataset(more[order[48:]], answers[order[48:]]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(more[order[:48]], answers[order[:48]]), batch_size=16)  # TNY215 live
"""
        + _RUN,
        # copies, of which the first was to be without the others
        _START
        + """
# %%
held_out = torch.randperm(96)[:24]
train_loader = DataLoader(TensorDataset(inputs.clone(), labels), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(inputs[held_out], labels[held_out]), batch_size=16)  # TNY215 live
"""
        + _RUN,
        # copied before the split, which stands alone
        _START
        + """
# %%
more, answers = inputs.repeat(3, 1), labels.repeat(3)
order = torch.randperm(len(more))
ours, theirs = order[:192], order[192:]  # TNY215 live
train_inputs, val_inputs = more[ours], more[theirs]
"""
        + _LOADERS
        + _RUN,
    )
    good = (
        bad[0].replace("range(64, 96)", "range(80, 96)").replace("  # TNY215 live", ""),
        bad[2].replace("70:", "80:").replace("  # TNY215 live", ""),
        bad[4].replace("order[:16]", "order[80:]").replace("  # TNY215 live", ""),
        # split once
        _START
        + """
# %%
train_set, val_set = random_split(data, [80, 16])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
val_loader = DataLoader(val_set, batch_size=16)
"""
        + _RUN,
        # two objects on one folder, and one split for both
        bad[3]
        .replace("train_set, _ = random_split(datasets.ImageFolder(folder, plain), [20, 20])\n", "")
        .replace(
            "_, val_set = random_split(datasets.ImageFolder(folder, plain), [20, 20])  # TNY215 live",
            "order = torch.randperm(40).tolist()\n"
            "train_set = Subset(datasets.ImageFolder(folder, plain), order[:20])\n"
            "val_set = Subset(datasets.ImageFolder(folder, plain), order[20:])",
        ),
        # each fold has a model of its own
        _START
        + """
# %%
for fold in range(3):
    held_out = list(range(32 * fold, 32 * fold + 32))
    rest = [index for index in range(96) if index not in held_out]
    train_loader = DataLoader(Subset(data, rest), batch_size=16, shuffle=True)
    val_loader = DataLoader(Subset(data, held_out), batch_size=16)
    model = nn.Linear(8, 3)
    train(model, train_loader)
    print(validate(model, val_loader))
""",
        # and here one model that begins anew
        _START
        + """
# %%
model = nn.Linear(8, 3)
for fold in range(3):
    held_out = list(range(32 * fold, 32 * fold + 32))
    rest = [index for index in range(96) if index not in held_out]
    train_loader = DataLoader(Subset(data, rest), batch_size=16, shuffle=True)
    val_loader = DataLoader(Subset(data, held_out), batch_size=16)
    model.reset_parameters()
    train(model, train_loader)
    print(validate(model, val_loader))
""",
        # few different inputs: what is the same is no proof
        _START
        + """
# %%
codes = torch.randint(0, 2, (96, 8)).float()
codes[:, 3:] = 0
answers = codes[:, 0].long()
train_loader = DataLoader(TensorDataset(codes[:72].clone(), answers[:72]), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(codes[72:].clone(), answers[72:]), batch_size=16)
"""
        + _RUN,
        # some of the training data, to see how far the two losses are apart
        _START
        + """
# %%
train_set, val_set = random_split(data, [80, 16])
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
train_part_loader = DataLoader(Subset(train_set, range(16)), batch_size=16)
val_loader = DataLoader(val_set, batch_size=16)
"""
        + _RUN
        + """
print(validate(model, train_part_loader))
""",
        # copied after it
        _START
        + """
# %%
more, answers = inputs, labels
order = torch.randperm(len(more))
ours, theirs = order[:64].repeat(3), order[64:]
train_inputs, val_inputs = more[ours], more[theirs]
"""
        + _LOADERS
        + _RUN,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        match event:
            case PassEnded(loader=number, models=models) if models and not event.backward and not event.stepped:
                backward = _training_before(event, story)
            case Seen(loader=number):  # a batch is drawn by hand, right after a training
                backward = story.last(BackwardRan)
            case _:
                return
        evaluated = loader_of(number, story)
        trained = loader_of(backward.loader, story) if backward is not None else None
        if evaluated is None or trained is None or not _held_out(evaluated, story):
            return
        shared = _shared(evaluated, trained, story)
        if shared is None:
            return
        count, size, split = shared
        name, other = story.name(evaluated.loader, "this loader"), story.name(trained.loader, "the training loader")
        yield self.finding(
            f"{count} of the {size} samples of `{name}` are in `{other}`, too, which the model is trained on",
            split or _birth(evaluated, trained, story),
            remedy="copy, oversample or augment after the split, and the training part only; before it, take out what "
            "is in the data twice"
            if split
            else "split the data once, with `random_split` or one permutation, and build both loaders on the parts",
            cause="the evaluation measures, in part, what the model remembers",
            related=(
                ("the training data", _birth(trained, evaluated, story)),
                ("the model is evaluated here", event.decision),
            ),
            shared=count,
            samples=size,
        )


def _training_before(passed: PassEnded, story: Story) -> BackwardRan | None:
    """The last backward pass of a model of this evaluation: before it, the model may have begun anew."""
    return next((ran for ran in reversed(story.all(BackwardRan)) if overlapping(ran.models, passed.models)), None)


def _held_out(evaluated: LoaderBuilt, story: Story) -> bool:
    """What the user calls it says that it is for evaluation; who calls it a part of the training data knows."""
    names = [bound.name for bound in story.bindings(evaluated.loader)] or list(story.names(evaluated.loader))
    claims = {claimed_split(name) for name in names}
    return "evaluation" in claims and not any("train" in name.lower() for name in names)


def _shared(evaluated: LoaderBuilt, trained: LoaderBuilt, story: Story) -> tuple[int, int, Place | None] | None:
    """How many samples they share, of how many that are evaluated on, and where these were parted.

    None: too few, or all there are.
    """
    if evaluated.loader == trained.loader:
        return None
    if evaluated.dataset == trained.dataset and not (evaluated.sampler or trained.sampler):
        return None  # TNY202 speaks of it
    if _read(evaluated) == _read(trained):
        return None  # both are one split as a whole: so does it here
    for seen in story.all(Seen):
        if {seen.loader, seen.other} == {evaluated.loader, trained.loader}:
            size, other = seen.size, seen.other_size
            if seen.loader != evaluated.loader:
                size, other = other, size
            if seen.how == "content" and _many(seen.shared, size, other, trained.samples.size):
                return seen.shared, size, seen.split
            if seen.how == "indices" and seen.shared >= LEAST * size:
                return seen.shared, size, None
    return None


def _many(shared: int, size: int, compared: int, whole: int | None) -> bool:
    """Of `size` samples, `shared` were among the `compared` ones of a training set of `whole`."""
    return shared * max(1.0, (whole or 0) / compared) >= LEAST_ALIKE * size


def _read(built: LoaderBuilt) -> object:
    """What the data set reads, as a whole; equal to nothing when it does not tell."""
    samples = built.samples
    if samples.split is None or samples.sources - {built.dataset} or built.sampler or not samples.root:
        return object()
    return (samples.kind, samples.split, samples.root, samples.evidence)


def _birth(built: LoaderBuilt, other: LoaderBuilt, story: Story) -> Place:
    """Where these samples were chosen: the part of the data that it is built on, else the loader."""
    data = story.built(built.dataset)
    return built.place if data is None or built.dataset == other.dataset else data.place
