"""Story -> who was trained and evaluated on what, and where that was decided. Shared by the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tinyguard.datasets import DataSet, data_set, data_set_at
from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    Event,
    LoaderBuilt,
    ModelUse,
    OptimizerStepped,
    Parameters,
    PassEnded,
    Samples,
)
from tinyguard.finding import Place
from tinyguard.measured.data import LabelsAlike
from tinyguard.pattern import pattern
from tinyguard.steps import stray_backward
from tinyguard.story import Story, certain

# Criteria of torch.nn.functional: with class numbers as targets, and with labels of any kind.
CLASS_NUMBERS = frozenset({"cross_entropy", "nll_loss", "multi_margin_loss"})
CLASSIFICATION = CLASS_NUMBERS | {"binary_cross_entropy", "binary_cross_entropy_with_logits"}

# Words that a name is made of; `testloader` and `valset` are two words written as one.
_WORDS = pattern(
    r"(?<![a-z])(train|training|test|testing|val|valid|validation|dev|eval|evaluation|holdout)"
    r"(?=[^a-z]|$|(?:data)?(?:loaders?|sets?|ds|dl|iter)\b|data\b)"
)
_TRIAL = pattern(
    r"smoke|sanity|debug|overfit|dry_?run|quick|trial|demo|toy|warm_?up|lr_?find|range_test|"
    r"(?<![a-z])(?:check(?!point)|try)(?![a-z])"
)


def claimed_split(name: str) -> str | None:
    """What a name says of the data behind it: "train", "evaluation" or, when it says neither or both, None.

    >>> claimed_split("test_loader"), claimed_split("trainloader"), claimed_split("latest")
    ('evaluation', 'train', None)
    """
    words = set(_WORDS.findall(re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))
    training = {word for word in words if word.startswith("train")}
    if training == words:
        return "train" if words else None
    return None if training else "evaluation"


def is_trial(*names: str) -> bool:
    """One of the names says that the training is a check of the machinery and no result is wanted of it."""
    return any(_TRIAL.search(name.lower()) for name in names)


def held_out(samples: Samples | None) -> bool:
    """The samples are of the validation or test split."""
    return samples is not None and samples.split in ("validation", "test")


def called_evaluation(loader: int, story: Story) -> bool:
    """A name of the notebook says that the loader is for evaluation, whatever its data is."""
    return any(claimed_split(bound.name) == "evaluation" for bound in story.bindings(loader))


def by_name_only(samples: Samples) -> bool:
    """The split is read off nothing but a variable's name."""
    return samples.evidence.startswith("its name")


def published(samples: Samples) -> DataSet | None:
    """The public data set that these are samples of."""
    return data_set(samples.kind) or data_set_at(samples.root)


def size_of(samples: Samples, dataset: int | None) -> int | None:
    """How many samples there are; of a public data set that is read whole, its published size."""
    known = published(samples)
    if samples.size is not None or known is None or samples.sources - {dataset}:
        return samples.size  # a subset, and nobody knows of how many
    return known.size(samples.split)


def first_own_place(event: Event, other: Event | None) -> Place:
    """Where the user decided on `event`: the outermost line that did not lead to `other` as well.

    When `main()` led both to the loader and to the step, it decided nothing; the call in it that joins them did.
    """
    way = (*event.via, event.place)
    way_to_other = (*other.via, other.place) if other is not None else ()
    for index, place in enumerate(way):
        if index >= len(way_to_other) or place != way_to_other[index]:
            return place
    return event.place


def loader_decision(event: Event, loader: int | None, story: Story) -> Place:
    """Where the user decided to feed this loader: the call that passes it on, or the loop that draws from it."""
    built = story.built(loader)
    place = first_own_place(event, built)
    if place != event.place:
        return place
    for drawn in reversed(story.all(BatchDrawn)):
        if drawn.loader == loader:
            return first_own_place(drawn, built)
    return place


def fed(step: OptimizerStepped, story: Story) -> Iterator[BackwardRan]:
    """The backward passes on known samples that certainly train a model of this optimizer in this step.

    When the optimizer holds nothing of the model that was differentiated for it, that backward pass tells all the
    same on what the step was meant to train.
    """
    stray = stray_backward(step, story)
    if stray is not None and stray[0].samples is not None:
        yield stray[0]
    for backward in story.gradients(step):
        if (
            backward.samples is not None
            and certain(backward, given=step)
            and (_trains(backward, step) or _trains_unknown(backward, step))
        ):
            yield backward


def _trains(backward: BackwardRan, step: OptimizerStepped) -> bool:
    return any(model.parameters.overlaps(step.parameters) for model in backward.models)


def _trains_unknown(backward: BackwardRan, step: OptimizerStepped) -> bool:
    """A loss on the labels of a batch, and a step of an optimizer, of a model from code that nobody can read."""
    return (
        backward.criterion in CLASSIFICATION
        and not backward.models
        and not (backward.reaches.leaves or step.parameters.leaves)
    )


def stepped_parameters(story: Story) -> Parameters:
    """All parameters that an optimizer has stepped so far."""
    everything = Parameters()
    for optimizer_step in story.all(OptimizerStepped):
        if not optimizer_step.parameters.leaves <= everything.leaves:
            everything = everything.union(optimizer_step.parameters)
    return everything


def trainings(story: Story) -> Iterator[BackwardRan]:
    """The backward passes so far whose gradients some optimizer uses: one for each loader, line and models."""
    stepped = stepped_parameters(story)
    seen = set()
    for backward in story.all(BackwardRan):
        key = (backward.loader, backward.place, backward.via, *(use.model for use in backward.models))
        if key not in seen and any(model.parameters.overlaps(stepped) for model in backward.models):
            seen.add(key)
            yield backward


def is_evaluation(passed: PassEnded) -> bool:
    """The pass measured a model on its batches and trained nothing with them."""
    return passed.measured and bool(passed.models) and not passed.backward and not passed.stepped


def overlapping(models: tuple[ModelUse, ...], others: tuple[ModelUse, ...]) -> bool:
    """Some model is in both."""
    return any(one.model == two.model or one.parameters.overlaps(two.parameters) for one in models for two in others)


def class_by_class(loader: int, story: Story) -> LabelsAlike | None:
    """What was measured of a loader whose batches hold one class each, most of them, and then the next class.

    With a loss on these labels: batches of which only the pictures are used may come in any order.
    """
    for alike in story.all(LabelsAlike):
        if alike.loader == loader and alike.used and alike.distinct > 1 and 2 * alike.single > alike.batches:
            return alike
    return None


def from_scratch(models: tuple[ModelUse, ...]) -> bool:
    """Whether these models, one at least, certainly start with random weights."""
    return bool(models) and all(model.pretrained is False for model in models)


def loader_of(number: int | None, story: Story) -> LoaderBuilt | None:
    """The construction of this loader; None when nobody saw it."""
    built = story.built(number)
    return built if isinstance(built, LoaderBuilt) else None
