"""The files behind a data set -> answers: are they there, and can they be read?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from time import perf_counter
from typing import Any

from torch.utils.data import ConcatDataset, Subset, TensorDataset

from tinyguard.doctor.answers import Answer, ok, unknown, wrong
from tinyguard.doctor.drawing import DEEPEST, reason
from tinyguard.live.samples import inner_dataset
from tinyguard.report.text import plural

MOST_FILES = 10_000  # that are looked for
MOST_READ = 48  # that are opened
ROOTS = ("root", "root_dir", "data_dir", "img_dir", "image_dir", "path", "folder")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")


def files(dataset: Any, *, seconds: float) -> list[Answer]:
    """[I4]: the path exists, the files are there, are readable, and their images can be decoded: some from all over."""
    dataset = innermost(dataset)
    if isinstance(dataset, TensorDataset):
        return [ok("data", "they are in memory")]
    root = _root(dataset)
    paths = _paths(dataset, root)
    if root is None and not paths:
        return [unknown("data", f"a {type(dataset).__name__} does not tell which files it reads")]
    answers = []
    if root is not None:
        answers.append(_path(root))
    if paths:
        answers.append(_there(paths))
        answers.append(_read(paths, seconds))
    return answers


def innermost(dataset: Any) -> Any:
    """The data set that holds the samples, behind subsets and wrappers."""
    for _ in range(DEEPEST):
        if isinstance(dataset, Subset):
            dataset = dataset.dataset
        elif isinstance(dataset, ConcatDataset) and dataset.datasets:
            dataset = dataset.datasets[0]
        elif hasattr(dataset, "__dict__") and inner_dataset(dataset) is not None:
            dataset = inner_dataset(dataset)
        else:
            break
    return dataset


def _root(dataset: Any) -> str | None:
    for name in ROOTS:
        value = getattr(dataset, "__dict__", {}).get(name)
        if isinstance(value, (str, os.PathLike)) and os.fspath(value):
            return os.fsdecode(value)
    return None


def _path(root: str) -> Answer:
    if not os.path.exists(root):
        return wrong("data path", f"{root} does not exist", "correct the path, or download the data again")
    if not os.access(root, os.R_OK):
        return wrong("data path", f"{root} may not be read", "change its permissions")
    if os.path.isdir(root) and not os.listdir(root):
        return wrong("data path", f"{root} is empty", "download the data again")
    return ok("data path", root)


def _paths(dataset: Any, root: str | None) -> list[str]:
    """The files that the data set lists: `samples` and `imgs` of torchvision, or a list of paths of one's own."""
    for value in getattr(dataset, "__dict__", {}).values():
        if type(value) not in (list, tuple) or not value:
            continue
        names = [item[0] if type(item) in (tuple, list) and item else item for item in value]
        if not all(isinstance(name, (str, os.PathLike)) for name in names):
            continue
        for folder in ("", root):
            paths = [os.path.join(folder, os.fsdecode(name)) for name in names] if folder is not None else []
            # One that is there shows that these are paths; words could stand there as well.
            if any(os.path.isfile(path) for path in _some(paths, 8)):
                return paths
    return []


def _there(paths: list[str]) -> Answer:
    looked = _some(paths, MOST_FILES)
    missing = [path for path in looked if not os.path.isfile(path)]
    empty = [path for path in looked if path not in set(missing) and not os.path.getsize(path)]
    of = f"of {plural(len(looked), 'file')}" + (
        f" looked for, {len(paths):,} in all" if len(looked) < len(paths) else ""
    )
    if missing:
        told = f"{len(missing):,} {of} are not there, the first {missing[0]}"
        return wrong("files", told, "delete the data and download them again")
    if empty:
        return wrong("files", f"{len(empty):,} {of} are empty, the first {empty[0]}", "download them again")
    return ok("files", f"all {of} are there" if len(looked) > 1 else "the file is there")


def _read(paths: list[str], seconds: float) -> Answer:
    """Opens some and decodes images, as long as there is time."""
    damaged, count, began = [], 0, perf_counter()
    for path in _some([path for path in paths if os.path.isfile(path)], MOST_READ):
        if count and perf_counter() - began > seconds:
            break
        count += 1
        try:
            _decode(path)
        except Exception as error:
            damaged.append((path, reason(error)))
    of = f"{count:,} of {plural(len(paths), 'file')}"
    if damaged:
        path, why = damaged[0]
        told = f"{len(damaged):,} of the {count:,} that were read cannot be, the first {path} ({why})"
        return wrong("damaged files", told, "delete what is damaged and download it again")
    return ok("damaged files", f"none: {of} were read")


def _decode(path: str) -> None:
    if path.lower().endswith(IMAGES):
        try:
            from PIL import Image
        except ModuleNotFoundError:
            pass
        else:
            with Image.open(path) as image:
                image.load()
            return
    with open(path, "rb") as file:
        file.read(1 << 20)


def _some(paths: Iterable[str], most: int) -> list[str]:
    """At most so many, from all over."""
    every = list(paths)
    count = min(most, len(every))
    return [every[position * len(every) // count] for position in range(count)]
