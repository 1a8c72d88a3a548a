"""The files of TinyImageNet: where they are, whether all are there, which image is of which class."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from archive import ARCHIVE, FOLDER, MD5, PUBLISHED, SIZE, URL, Archive, DataError, verify
from download import fetch
from extraction import extract

__all__ = [
    "ARCHIVE",
    "FOLDER",
    "MD5",
    "PUBLISHED",
    "SIZE",
    "URL",
    "VARIABLE",
    "Archive",
    "DataError",
    "Layout",
    "check_layout",
    "class_names",
    "extract",
    "fetch",
    "images_of",
    "locate",
    "verify",
]

VARIABLE = "TINY_IMAGENET"  # environment variable: an extracted folder or the archive
CLASSES = 200
TRAIN_PER_CLASS = 500
VAL_PER_CLASS = 50
# The first lines of the published wnids.txt: many sets of 200 classes are named by the same kind of id.
KNOWN = ("n02124075", "n04067472", "n04540053", "n04099969", "n07749582")
STAND_IN = "synthetic.json"  # at the root of made images: {"train_per_class": 50, "val_per_class": 10, "seed": 0}


class Layout(NamedTuple):
    """A data set of which every file is there.

    The index of a class is its place in `classes`, for both splits: the order of the lines in wnids.txt, which is not
    sorted. `synthetic` is True for the stand-in data.
    """

    root: str
    classes: tuple[str, ...]
    train_per_class: int
    val_per_class: int
    synthetic: bool


def locate(data_dir: str = "./data", *, download: bool = False, archive: Archive = PUBLISHED) -> str:
    """The root folder of the extracted data set.

    Looked for in $TINY_IMAGENET (the folder or the archive), then in `data_dir` itself and its tiny-imagenet-200; an
    archive is verified and extracted into `data_dir`. Downloads the archive into `data_dir` only when told to. Whether
    the data set is whole is for `check_layout` to say. Raises DataError when there is none.
    """
    data_dir = os.path.expanduser(data_dir)
    named = os.path.expanduser(os.environ.get(VARIABLE, ""))
    if named:
        if os.path.isfile(named):
            return _extracted(named, data_dir, archive)
        if root := _root(named):
            return root
        raise DataError(
            f"{VARIABLE} is {named!r}, which is neither an extracted {FOLDER} nor its archive: correct it or unset it."
        )
    if root := _root(data_dir):
        return root
    path = os.path.join(data_dir, ARCHIVE)
    if download and not os.path.exists(path):
        fetch(data_dir, archive)
    if os.path.exists(path):
        return _extracted(path, data_dir, archive)
    part = path + ".part"
    begun = f" {part} is an interrupted download, which goes on from there." if os.path.exists(part) else ""
    raise DataError(
        f"TinyImageNet is not here: the environment variable {VARIABLE} is not set, and there is neither "
        f"{os.path.join(data_dir, FOLDER)} nor {path}, nor is {os.path.abspath(data_dir)} itself the data set. Call "
        f"with download=True ({archive.size:,} bytes from {archive.url}), or let {VARIABLE} name an extracted folder "
        f"or the archive, or take the stand-in data.{begun}"
    )


def check_layout(root: str) -> Layout:
    """What is in the data set, when every file is where it belongs; else a DataError that tells all that is wrong."""
    problems: list[str] = []
    train_per_class, val_per_class, synthetic = _counts(root, problems)
    classes = _classes(root, problems)
    if classes and not synthetic and not set(KNOWN) <= set(classes):
        missing = [name for name in KNOWN if name not in classes]
        problems.append(f"wnids.txt does not name {_some(missing)}: this is another data set than {FOLDER}")
    for split, per_class in (("train", train_per_class), ("val", val_per_class)):
        samples = _samples(root, split, classes, problems)
        problems += _miscounted(samples, classes, split, per_class)
        empty = [os.path.relpath(path, root) for path, _ in samples if not _size(path)]
        if empty:
            problems.append(f"{split}: {len(empty):,} empty files: {_some(empty)}")
    if problems:
        raise DataError(_complaint(root, problems, synthetic=synthetic))
    return Layout(root, classes, train_per_class, val_per_class, synthetic)


def images_of(root: str, split: str) -> list[tuple[str, int]]:
    """(path, index of the class) of each image of "train" or "val".

    Training images come class by class, validation images mixed, each by number: the order and the targets are the
    same on every machine, and the same when val/ has been re-arranged into folders of classes.
    """
    if split == "test":
        raise ValueError("the test split of TinyImageNet has no labels: take 'val'")
    if split not in ("train", "val"):
        raise ValueError(f"split is {split!r}; there are 'train' and 'val'")
    problems: list[str] = []
    classes = _classes(root, problems)
    samples = _samples(root, split, classes, problems)
    if problems:
        synthetic = os.path.exists(os.path.join(root, STAND_IN))
        raise DataError(_complaint(root, problems, synthetic=synthetic))
    return samples


def class_names(root: str) -> dict[str, str]:
    """A word for each class, by its id and in the order of wnids.txt: the first of words.txt, else the id."""
    words = dict(line.split("\t", 1) for line in _lines(root, "words.txt") if "\t" in line)
    return {name: words.get(name, name).split(",")[0].strip() for name in _classes(root, [])}


def _root(place: str) -> str:
    """The data set at `place`, or in the folders that extracting makes there; nothing if there is none."""
    inner = os.path.join(place, FOLDER)
    for root in (place, inner, os.path.join(inner, FOLDER)):
        has_splits = all(os.path.isdir(os.path.join(root, split)) for split in ("train", "val"))
        if has_splits or os.path.isfile(os.path.join(root, "wnids.txt")):
            return root
    return inner if os.path.isdir(inner) and os.listdir(inner) else ""  # hopeless, but check_layout can say why


def _extracted(path: str, data_dir: str, archive: Archive) -> str:
    root = _root(data_dir)
    if not root:
        verify(path, archive)
        root = extract(path, data_dir)
    elif archive == PUBLISHED and os.path.exists(os.path.join(root, STAND_IN)):
        raise DataError(f"{root} has stand-in data where {path} would be extracted: move it away or delete it.")
    return root


def _lines(root: str, *name: str) -> list[str]:
    """The lines of a text file, none when it cannot be read."""
    try:
        with open(os.path.join(root, *name), encoding="utf-8-sig", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _counts(root: str, problems: list[str]) -> tuple[int, int, bool]:
    """Images of each class for training and validation, and whether the data are stand-ins."""
    try:
        with open(os.path.join(root, STAND_IN), encoding="utf-8") as file:
            counts = json.load(file)
        return int(counts["train_per_class"]), int(counts["val_per_class"]), True
    except FileNotFoundError:
        return TRAIN_PER_CLASS, VAL_PER_CLASS, False
    except (OSError, ValueError, KeyError, TypeError) as error:
        problems.append(f"{STAND_IN} does not tell train_per_class and val_per_class ({error!r})")
        return TRAIN_PER_CLASS, VAL_PER_CLASS, True


def _classes(root: str, problems: list[str]) -> tuple[str, ...]:
    lines = [line.strip() for line in _lines(root, "wnids.txt")]
    classes = tuple(dict.fromkeys(line for line in lines if line))
    if not classes:
        problems.append("wnids.txt, the list of the classes, is missing or empty")
        return ()
    malformed = [f"line {n} is {line!r}" for n, line in enumerate(lines, 1) if line and not _is_class(line)]
    if malformed:
        problems.append(f"wnids.txt: {len(malformed)} lines are not n and 8 digits: {_some(malformed)}")
    repeated = [name for name, times in Counter(filter(None, lines)).items() if times > 1]
    if repeated:
        problems.append(f"wnids.txt names classes more than once: {_some(repeated)}")
    if len(classes) != CLASSES:
        problems.append(f"wnids.txt names {len(classes)} classes instead of {CLASSES}")
    return classes


def _miscounted(samples: list[tuple[str, int]], classes: tuple[str, ...], split: str, per_class: int) -> Iterator[str]:
    if not samples:
        return  # told already
    counts = Counter(target for _, target in samples)
    absent = [name for target, name in enumerate(classes) if not counts[target]]
    if absent:
        yield f"{split}: {len(absent)} of {len(classes)} classes have no images: {_some(absent)}"
    wrong = [
        f"{name} has {counts[target]}" for target, name in enumerate(classes) if counts[target] not in (0, per_class)
    ]
    if wrong:
        yield f"{split}: {len(wrong)} classes have other than {per_class} images: {_some(wrong)}"


def _samples(root: str, split: str, classes: tuple[str, ...], problems: list[str]) -> list[tuple[str, int]]:
    samples = (_train if split == "train" else _val)(root, classes, problems)
    if classes and not samples:
        problems.append(f"{split}: there are no images of the classes in wnids.txt")
    return samples


def _train(root: str, classes: tuple[str, ...], problems: list[str]) -> list[tuple[str, int]]:
    folders = _folders(root, "train")
    strange = sorted(folders.difference(classes))
    if folders and classes and folders.isdisjoint(classes):
        problems.append(f"train/ has {len(folders)} folders, but of other names: {_some(strange)}; is this {FOLDER}?")
    elif strange and classes:
        problems.append(f"train/ has {len(strange)} folders that wnids.txt does not name: {_some(strange)}")
    samples: list[tuple[str, int]] = []
    foreign: list[str] = []
    for target, name in enumerate(classes):
        folder, files = _images(root, "train", name)
        samples += [(os.path.join(folder, file), target) for file in files]
        foreign += [f"{file} in {name}" for file in files if not file.startswith(name + "_")]
    if foreign:
        problems.append(f"train: {len(foreign)} images do not have the name of their class: {_some(foreign)}")
    return samples


def _val(root: str, classes: tuple[str, ...], problems: list[str]) -> list[tuple[str, int]]:
    labels = _annotations(root, classes, problems)
    flat, files = _images(root, "val")
    index = {name: target for target, name in enumerate(classes)}
    found = [
        (folder, file, name) for name in classes for folder, names in [_images(root, "val", name)] for file in names
    ]
    if found and not (labels and files):  # somebody has re-arranged val/
        wrong = [f"{file} in {name}" for _, file, name in found if labels.get(file, name) != name]
        if wrong:
            problems.append(
                f"val: {len(wrong)} images are in another class than val_annotations.txt says: {_some(wrong)}"
            )
    else:
        if files and not labels:
            problems.append(f"val/val_annotations.txt is missing or empty: the {len(files):,} images have no labels")
        elif unlabelled := [file for file in files if file not in labels]:
            problems.append(f"val: {len(unlabelled)} images without annotation: {_some(unlabelled)}")
        if absent := sorted(labels.keys() - set(files), key=_number):
            moved = ", though val/ has folders of classes too: was it re-arranged half-way?" if found else ""
            problems.append(
                f"val_annotations.txt names {len(absent)} images that are not there: {_some(absent)}{moved}"
            )
        found = [(flat, file, labels[file]) for file in files if labels.get(file) in index]
    found.sort(key=lambda image: _number(image[1]))
    return [(os.path.join(folder, file), index[name]) for folder, file, name in found]


def _annotations(root: str, classes: tuple[str, ...], problems: list[str]) -> dict[str, str]:
    """The class of each validation image, by the name of its file; the box of the object is left out."""
    labels: dict[str, str] = {}
    malformed, unknown, repeated = [], [], []
    known = set(classes)
    for number, line in enumerate(_lines(root, "val", "val_annotations.txt"), 1):
        match line.split("\t"):
            case [file, name, *_] if file and _is_class(name):
                if classes and name not in known:
                    unknown.append(f"{name} (line {number})")
                if file in labels:
                    repeated.append(f"{file} (line {number})")
                labels[file] = name
            case _ if line.strip():
                malformed.append(f"line {number} is {line[:40]!r}")
    for what, places in (
        ("lines are not an image, a tab and a class", malformed),
        ("classes are not in wnids.txt", unknown),
        ("images are named again", repeated),
    ):
        if places:
            problems.append(f"val_annotations.txt: {len(places)} {what}: {_some(places)}")
    return labels


def _images(root: str, *folders: str) -> tuple[str, list[str]]:
    """A folder of images, which may be in a folder `images` there, and the names in it by number."""
    outer = os.path.join(root, *folders)
    for folder in (os.path.join(outer, "images"), outer):
        with contextlib.suppress(OSError):
            # macOS leaves a hidden "._name.JPEG" beside each file on some disks
            names = [name for name in os.listdir(folder) if name.endswith(".JPEG") and not name.startswith(".")]
            if names:
                return folder, sorted(names, key=_number)
    return outer, []


def _folders(root: str, split: str) -> set[str]:
    try:
        with os.scandir(os.path.join(root, split)) as entries:
            return {entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")}
    except OSError:
        return set()


def _number(file: str) -> tuple[int, str]:
    """val_2.JPEG before val_10.JPEG."""
    digits = file.removesuffix(".JPEG").rpartition("_")[2]
    return int(digits) if digits.isdecimal() else -1, file


def _is_class(name: str) -> bool:
    return re.fullmatch(r"n\d{8}", name) is not None


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _some(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _complaint(root: str, problems: list[str], *, synthetic: bool) -> str:
    if synthetic:
        remedy = f"Delete {root} and make the stand-in data again."
    elif os.path.isfile(os.path.join(root, "wnids.txt")):
        remedy = (
            f"Delete {root} and extract {ARCHIVE} again (download=True gets it), or let {VARIABLE} name a whole one."
        )
    else:  # perhaps a folder of something else, which nobody should delete on our word
        remedy = f"Let {VARIABLE} or data_dir name the folder that was extracted from {ARCHIVE}."
    return f"{root} is not the whole data set:\n" + "".join(f"  - {problem}\n" for problem in problems) + remedy
