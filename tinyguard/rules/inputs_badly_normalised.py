"""TNY213: pictures are not normalised, twice, or otherwise for the evaluation than for the training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tinyguard.events import BackwardRan, Event, PassEnded
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.data import InputsMeasured, InputsNormalisedAgain, InputsUnscaled, Normalisation, TransformsRead
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import called_evaluation, is_trial, loader_of, overlapping

SHIFT = 0.1  # standard deviations between the means; statistics of the test split differ from those of training by 0.02
STRETCH = 1.1  # ratio of the standard deviations

# As measured: the scales of most features differ by so much, where data of one kind differs by little.
MOST_FEATURES = 0.8
FAR = 1.0  # standard deviations, the larger one, between the means
WIDE = 3.0  # ratio of the standard deviations; 10 is proof by itself
PROOF = 10.0
CENTRED, UNIT = 0.1, 1.25  # a mean below and a deviation within are what normalising by one's own statistics leaves
MIN_TRAINED = 256  # samples that were measured

_START = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()

class Pictures(torch.utils.data.Dataset):
    def __init__(self, split, transform=None):
        self.split, self.transform = split, transform
        self.pictures = torch.randint(0, 256, (32, 3, 8, 8), dtype=torch.uint8)

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        picture = self.pictures[index].permute(1, 2, 0).numpy()
        return self.transform(picture), index % 3

def get_model():
    return nn.Sequential(nn.Conv2d(3, 4, kernel_size=3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))

def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    for images, labels in loader:
        optimizer.zero_grad()
        criterion(model(images), labels).backward()
        optimizer.step()

def validate(model, loader):
    total = 0
    with torch.no_grad():
        for images, labels in loader:
            total += criterion(model(images), labels).item()
    return total / len(loader)

normalize = transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
"""

_AGAIN = """
# %%
data = Pictures("train", transforms.Compose([transforms.ToTensor(), normalize]))
loader = DataLoader(data, batch_size=8, shuffle=True)
model = get_model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
for images, labels in loader:
    images = normalize(images)
    optimizer.zero_grad()
    criterion(model(images), labels).backward()  # TNY213 live
    optimizer.step()
"""

_RAW = """
# %%
images = torch.randint(0, 256, (32, 3, 8, 8), dtype=torch.uint8)
loader = DataLoader(TensorDataset(images.float(), torch.arange(32) % 3), batch_size=8, shuffle=True)  # TNY213 live
train(get_model(), loader)
"""

_BOTH = """
# %%
train_set = Pictures("train", transforms.Compose([transforms.ToTensor(), normalize]))
test_set = Pictures("test", transforms.Compose([transforms.ToTensor()]))  # TNY213 live
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
test_loader = DataLoader(test_set, batch_size=8)
# %%
model = get_model()
train(model, train_loader)
print(validate(model, test_loader))
"""

_TABLE = """
# %%
offset = torch.tensor([20.0, 5.0, -8.0, 100.0])

def measured(count):
    labels = torch.arange(count) % 3
    return torch.randn(count, 4) * 2 + labels[:, None] + offset, labels

train_x, train_y = measured(320)
test_x, test_y = measured(96)
"""

_FIT = """
# %%
model = nn.Linear(4, 3)
train(model, train_loader)
print(validate(model, test_loader))
"""


class InputsBadlyNormalised(Rule):
    """Pictures reach the model as bytes, normalised twice, or otherwise in evaluation than in training.

    Weights are initialised for inputs of about unit size: 255 times that gives a loss in the hundreds and gradients to
    match, unless a normalisation layer mends it. Normalised twice, pictures lie far off what pretrained weights know.
    A model that is evaluated on other scales than it was trained on shows a worse accuracy than it has.
    """

    code = "TNY213"
    severity = Severity.WARNING
    on = (InputsUnscaled, InputsNormalisedAgain, TransformsRead, PassEnded)
    serves = ("F2",)
    bad = (
        # bytes
        _START + _RAW,
        # in the transform, and in the loop once more
        _START + _AGAIN,
        # twice in the transforms
        _START
        + """
# %%
steps = [transforms.ToTensor(), normalize]
data = Pictures("train", transforms.Compose(steps + [normalize]))  # TNY213 live
train(get_model(), DataLoader(data, batch_size=8, shuffle=True))
""",
        # the evaluation without
        _START + _BOTH,
        # no pictures: the training data is normalised, and the result of the same for the test is thrown away
        _START
        + _TABLE
        + """
mean, std = train_x.mean(0), train_x.std(0)
train_x = (train_x - mean) / std
(test_x - mean) / std
train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(test_x, test_y), batch_size=32)  # TNY213 live
"""
        + _FIT,
    )
    good = (
        _START + _AGAIN.replace("  # TNY213 live", "").replace("    images = normalize(images)\n", ""),
        # the first layer brings the values to a scale; or the model does it in its forward
        _START
        + _RAW.replace("get_model()", "nn.Sequential(nn.BatchNorm2d(3), get_model())").replace("  # TNY213 live", ""),
        _START
        + """
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = get_model()

    def forward(self, images):
        return self.layers(images / 255)
"""
        + _RAW.replace("get_model()", "Net()").replace("  # TNY213 live", ""),
        # between 0 and 1 is fine
        _START + _RAW.replace("images.float()", "images.float() / 255").replace("  # TNY213 live", ""),
        # counts on a board are no picture
        _START
        + """
# %%
boards = torch.randint(0, 3, (32, 3, 8, 8)).float()
train(get_model(), DataLoader(TensorDataset(boards, torch.arange(32) % 3), batch_size=8, shuffle=True))
""",
        # to a scale of 1 first, then normalised
        _START
        + """
# %%
steps = [transforms.PILToTensor(), transforms.ConvertImageDtype(torch.float), normalize]
scale = transforms.Normalize((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
to_float = transforms.Lambda(lambda picture: torch.from_numpy(picture).permute(2, 0, 1).float())
data = Pictures("train", transforms.Compose([to_float, scale, normalize]))
train(get_model(), DataLoader(data, batch_size=8, shuffle=True))
""",
        # the same for both, but for the augmentation
        _START
        + _BOTH.replace("[transforms.ToTensor()]))  # TNY213 live", "[transforms.ToTensor(), normalize]))")
        .replace("[transforms.ToTensor(), normalize]))\ntest", "[transforms.ToTensor(), flip, normalize]))\ntest")
        .replace("\n# %%\ntrain_set", "\n# %%\nflip = transforms.RandomHorizontalFlip()\ntrain_set"),
        # the statistics of each split differ a little
        _START
        + _BOTH.replace(
            "[transforms.ToTensor()]))  # TNY213 live",
            "[transforms.ToTensor(), transforms.Normalize((0.49, 0.5, 0.51), (0.25, 0.26, 0.25))]))",
        ),
        bad[4].replace("(test_x - mean)", "test_x = (test_x - mean)").replace("  # TNY213 live", ""),
        # neither is normalised
        _START
        + _TABLE
        + """
train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(test_x, test_y), batch_size=32)
"""
        + _FIT,
        # the test has drifted, as data does from one year to the next
        _START
        + _TABLE
        + """
mean, std = train_x.mean(0), train_x.std(0)
train_x, test_x = (train_x - mean) / std, (test_x + 1 - mean) / std
train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True)
test_loader = DataLoader(TensorDataset(test_x, test_y), batch_size=32)
"""
        + _FIT,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        match event:
            case InputsUnscaled(normalises=False, model=model):
                first = next(seen for seen in story.all(InputsUnscaled) if seen.model == model)
                if event is first:  # further loaders of the same data are no other cause
                    yield self._unscaled(event, story)
            case InputsNormalisedAgain():
                yield self._again(event, story)
            case TransformsRead(normalisations=normalisations) if len(normalisations) > 1:
                if len([one for one in normalisations if _of_unit_scale(one)]) > 1:
                    yield self._twice(event, story)
            case PassEnded(models=models) if models and not event.backward:
                told = list(self._otherwise(event, story))
                yield from told or self._measured_otherwise(event, story)

    def _unscaled(self, event: InputsUnscaled, story: Story) -> Finding:
        built = loader_of(event.loader, story)
        return self.finding(
            f"the first layer, {event.layer}, gets pictures of whole numbers from {event.low:g} to {event.high:g}",
            built.place if built is not None else event.place,
            remedy="divide by 255, or give `transforms.ToTensor()` or `ToDtype(torch.float32, scale=True)` to the "
            "data set, then normalise",
            cause="weights are initialised for inputs of about unit size, and no layer of the model scales them",
            related=(("the model gets them here", event.place),),
            low=event.low,
            high=event.high,
        )

    def _again(self, event: InputsNormalisedAgain, story: Story) -> Finding:
        built = loader_of(event.loader, story)
        return self.finding(
            f"pictures are normalised twice: `{story.name(event.loader, 'the loader')}` gives values from "
            f"{event.low:.2f} to {event.high:.2f}, the first layer gets {event.low_after:.2f} to "
            f"{event.high_after:.2f}",
            event.place,
            remedy="normalise once: in the transform of the data set or in the program",
            cause=f"both subtract {_words(event.normalisation)}",
            related=(("the loader was built here", built.place if built is not None else None),),
            low=event.low,
            high=event.high,
            low_after=event.low_after,
            high_after=event.high_after,
        )

    def _twice(self, event: TransformsRead, story: Story) -> Finding:
        first, second, *_ = [one for one in event.normalisations if _of_unit_scale(one)]
        return self.finding(
            f"the transforms of `{story.name(event.loader, 'the loader')}` have `Normalize` twice",
            _birth(event, story),
            remedy="take one of them out",
            cause=f"black becomes {_black(first, second):.2f} instead of {_black(first):.2f}",
            normalisations=[[list(one.mean), list(one.std)] for one in event.normalisations],
        )

    def _otherwise(self, passed: PassEnded, story: Story) -> Iterator[Finding]:
        evaluated = _transforms(passed.loader, story)
        if evaluated is None or is_trial(*story.names(passed.loader)):
            return
        for trained in _trained(passed, story):
            same_kind = trained.samples.kind == evaluated.samples.kind != ""
            if same_kind and _differ(trained.normalisations, evaluated.normalisations):
                yield self.finding(
                    f"`{story.name(passed.loader, 'the evaluation loader')}` is not normalised as "
                    f"`{story.name(trained.loader, 'the training loader')}` is, which the model was trained on",
                    _birth(evaluated, story),
                    remedy="give both the same `Normalize`, with the statistics of the training data",
                    cause=f"evaluation subtracts {_all(evaluated)}, training {_all(trained)}",
                    related=(
                        ("the training data", _birth(trained, story)),
                        ("the model is evaluated here", passed.decision),
                    ),
                    evaluated=_all(evaluated),
                    trained=_all(trained),
                )
                return

    def _measured_otherwise(self, passed: PassEnded, story: Story) -> Iterator[Finding]:
        """Nobody can read how they were normalised; the values tell."""
        evaluated = _scale(passed.loader, story)
        backward = next(
            (ran for ran in reversed(story.all(BackwardRan)) if overlapping(ran.models, passed.models)), None
        )
        trained = _scale(backward.loader, story) if backward is not None else None
        if evaluated is None or trained is None or evaluated.loader == trained.loader:
            return
        if trained.samples.kind != evaluated.samples.kind or len(trained.means) != len(evaluated.means):
            return
        if not called_evaluation(passed.loader, story) or not _far_apart(trained, evaluated):
            return
        built, origin = loader_of(evaluated.loader, story), loader_of(trained.loader, story)
        yield self.finding(
            f"the inputs of `{story.name(evaluated.loader, 'the evaluation loader')}` have another scale than those of "
            f"`{story.name(trained.loader, 'the training loader')}`, which the model is trained on: "
            f"{_spread(evaluated)} against {_spread(trained)}",
            built.place if built is not None else passed.decision,
            remedy="prepare both in the same way, with the mean and deviation of the training data",
            cause="the model meets, in evaluation, inputs far from all that it has seen",
            related=(
                ("the training loader was built here", origin.place if origin is not None else None),
                ("the model is evaluated here", passed.decision),
            ),
            evaluated=_spread(evaluated),
            trained=_spread(trained),
        )


def _scale(loader: int | None, story: Story) -> InputsMeasured | None:
    return next((seen for seen in story.all(InputsMeasured) if seen.loader == loader), None)


def _far_apart(trained: InputsMeasured, evaluated: InputsMeasured) -> bool:
    """Most features differ, and one of the two was normalised, or they differ by more than any data does."""
    if trained.count < MIN_TRAINED:
        return False
    pairs = [
        (mean, max(deviation, TINY), mean_, max(deviation_, TINY))
        for mean, deviation, mean_, deviation_ in zip(
            trained.means, trained.deviations, evaluated.means, evaluated.deviations, strict=True
        )
        if max(deviation, deviation_) > TINY
    ]

    def most(true: Iterable[bool]) -> bool:
        return sum(true) >= MOST_FEATURES * max(1, len(pairs))

    def ratio(one: float, other: float) -> float:
        return max(one / other, other / one)

    if most(ratio(spread, spread_) > PROOF for _, spread, _, spread_ in pairs):
        return True
    if not most(abs(mean) < CENTRED and ratio(spread, 1.0) < UNIT for mean, spread, _, _ in pairs):
        return False
    return most(
        abs(mean - mean_) > FAR * max(spread, spread_) or ratio(spread, spread_) > WIDE
        for mean, spread, mean_, spread_ in pairs
    )


TINY = 1e-6  # below, a feature is constant


def _spread(seen: InputsMeasured) -> str:
    """ "mean 0.0 and deviation 1.0": of the middle feature, by its mean."""
    pairs = sorted(zip(seen.means, seen.deviations, strict=True))
    mean, deviation = pairs[len(pairs) // 2]
    return f"mean {mean:.2g} and deviation {deviation:.2g}"


def _of_unit_scale(one: Normalisation) -> bool:
    """For values between 0 and 1; not one that scales bytes, or that undoes another."""
    return all(0 <= mean <= 1 for mean in one.mean) and any(one.mean) and all(0 < std < 1 for std in one.std)


def _black(*chain: Normalisation) -> float:
    """What 0 becomes in the first channel."""
    value = 0.0
    for one in chain:
        value = (value - one.mean[0]) / one.std[0]
    return value


def _transforms(loader: int, story: Story) -> TransformsRead | None:
    return next((read for read in story.all(TransformsRead) if read.loader == loader), None)


def _trained(passed: PassEnded, story: Story) -> Iterator[TransformsRead]:
    """The transforms of the loaders that a model of this evaluation was trained on."""
    loaders = {
        ran.loader: None
        for ran in story.all(BackwardRan)
        if ran.loader not in (None, passed.loader) and overlapping(ran.models, passed.models)
    }
    for loader in loaders:
        read = _transforms(loader, story) if loader is not None else None
        if read is not None:
            yield read


def _differ(one: tuple[Normalisation, ...], other: tuple[Normalisation, ...]) -> bool:
    if len(one) > 1 or len(other) > 1:
        return False
    if not one or not other:
        return bool(one) != bool(other)
    channels = zip(one[0].mean, one[0].std, other[0].mean, other[0].std, strict=False)
    return any(
        abs(mean - mean_) > SHIFT * std or not 1 / STRETCH < std / std_ < STRETCH
        for mean, std, mean_, std_ in channels
        if std > 0 and std_ > 0
    )


def _words(one: Normalisation) -> str:
    mean, std = (", ".join(f"{value:g}" for value in values) for values in one)
    return f"({mean}) and divide by ({std})"


def _all(read: TransformsRead) -> str:
    return " and ".join(map(_words, read.normalisations)) or "nothing"


def _birth(read: TransformsRead, story: Story) -> Place:
    """Where the data set was built, else its loader."""
    built = loader_of(read.loader, story)
    data = story.built(built.dataset) if built is not None else None
    return data.place if data is not None else built.place if built is not None else read.place
