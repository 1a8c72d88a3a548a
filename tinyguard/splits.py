"""Ground: what names, paths and arguments tell of the split that samples belong to. Read by both witnesses."""

from __future__ import annotations

import re

from tinyguard.pattern import pattern

_SPLITS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "tst": "test",
}
_WORD = "|".join(sorted(_SPLITS, key=len, reverse=True))
LOADER_NAME = pattern(
    rf"(?:^|_)({_WORD})_?(?:data_?)?(?:loader|dl|iter|iterator|batches|generator|gen)s?(?:_?\d*$|_)", re.IGNORECASE
)
DATA_NAME = pattern(
    rf"(?:^|_)({_WORD})_?(?:images?_?|img_?)?(?:data)?_?(?:set|ds|data|subset)s?(?:_?\d*$|_)", re.IGNORECASE
)
_SPLIT_WORD = pattern(rf"(?:^|[_\W])({_WORD})(?:$|[_\W\d])", re.IGNORECASE)

PART = "part of the training data"  # evidence that a name may overrule: the part may be held out

# Arguments of constructors (and attributes of data sets) that name the split, and the words for it.
SPLIT_ARGUMENTS = ("split", "image_set", "mode", "phase", "subset", "partition", "usage", "stage", "data_type")
SPLIT_WORDS = {word: split for word, split in _SPLITS.items() if word not in ("trn", "tst")}

FOLDERS = ("ImageFolder", "DatasetFolder")  # a data set that is a folder of folders, one a class

# Transforms that give another image each time.
_RANDOM = pattern(
    r"^(Random\w+|ColorJitter|RandAugment|AutoAugment|TrivialAugmentWide|AugMix|ElasticTransform|GaussianBlur|"
    r"Cutout|CutMix|MixUp|HorizontalFlip|VerticalFlip|ShiftScaleRotate|CoarseDropout)$"
)
_NOT_RANDOM = frozenset({"RandomApply", "RandomChoice", "RandomOrder", "GaussianBlur"})


def split_in_name(name: str, pattern: re.Pattern[str] = _SPLIT_WORD) -> str | None:
    """The split that a name speaks of: "test" for `testloader_2`; None if of none or of several."""
    found = {_SPLITS[match.lower()] for match in pattern.findall(name)}
    return found.pop() if len(found) == 1 else None


def split_of_variable(name: str) -> str | None:
    """The split that the name of a loader or of a data set speaks of."""
    return split_in_name(name, LOADER_NAME) or split_in_name(name, DATA_NAME) or split_in_name(name)


def split_of_path(path: str) -> str | None:
    """The split that the last parts of a path name: "data/val/images" is validation."""
    parts = [part for part in re.split(r"[/\\]", path) if part not in ("", ".", "images", "imgs")]
    for part in reversed(parts[-2:]):
        split = split_in_name(part)
        if split is not None:
            return split
    return None


def is_random_transform(name: str) -> bool:
    """A transform of this class gives another image each time.

    >>> is_random_transform("RandomCrop"), is_random_transform("RandomApply"), is_random_transform("Resize")
    (True, False, False)
    """
    return bool(_RANDOM.match(name)) and name not in _NOT_RANDOM
