"""Stand-in data: drawn images in the layout of tiny-imagenet-200, for machines that do not have the real ones.

200 classes, a class being a colour (5), a texture (4) and a shape (10). Every image is drawn from its own random
numbers: any subset, in any order, gives the same pictures. What is measured on them says nothing about TinyImageNet, so
the folder carries a file `synthetic.json`, and whoever shows a number from it says that it is synthetic.
"""

from __future__ import annotations

import colorsys
import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiny_imagenet import FOLDER, DataError
from whole_files import filled_whole, refusal, remove_leftovers

SIZE = 64  # pixels, both ways
GREY_EVERY = 50  # images of a class: some of the real ones are greyscale, and that is what breaks loaders
JPEG_QUALITY = 90
BYTES = 4096  # that an image takes on most disks
VERSION = 1  # of the drawing: another one makes another data set


class StandIn(NamedTuple):
    """Which stand-in: how many images of each class, and the seed of all of them."""

    train_per_class: int = 30
    val_per_class: int = 10
    seed: int = 0

    @property
    def name(self) -> str:
        return f"synthetic-{self.train_per_class}x{self.val_per_class}-seed{self.seed}-v{VERSION}"

    @property
    def images(self) -> int:
        return len(LOOKS) * (self.train_per_class + self.val_per_class + 1)  # one for the test split


# --- what a class looks like ------------------------------------------------------------------------------------------
# In coordinates in which the object reaches from -1 to 1: u to the right, v downwards.

Floats: TypeAlias = NDArray[np.floating[Any]]
Region: TypeAlias = Callable[[Floats, Floats], NDArray[np.bool_]]

SHAPES: dict[str, Region] = {
    "disc": lambda u, v: np.hypot(u, v) < 0.9,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) < 0.8,
    "triangle": lambda u, v: (v < 0.75) & (v > 2 * abs(u) - 0.95),
    "diamond": lambda u, v: abs(u) + abs(v) < 1.0,
    "ring": lambda u, v: abs(np.hypot(u, v) - 0.68) < 0.25,
    "cross": lambda u, v: (np.minimum(abs(u), abs(v)) < 0.28) & (np.maximum(abs(u), abs(v)) < 0.95),
    "flower": lambda u, v: np.hypot(u, v) < 0.55 + 0.4 * np.cos(5 * np.arctan2(v, u)),
    "bar": lambda u, v: (abs(u) < 0.97) & (abs(v) < 0.35),
    "crescent": lambda u, v: (np.hypot(u, v) < 0.92) & (np.hypot(u - 0.45, v) > 0.7),
    "corner": lambda u, v: (np.maximum(abs(u), abs(v)) < 0.9) & ((u < -0.3) | (v > 0.3)),
}
TEXTURES: dict[str, Region] = {  # where the object is dark
    "plain": lambda u, v: np.zeros(u.shape, dtype=bool),
    "barred": lambda u, v: np.floor(4 * v) % 2 == 0,
    "striped": lambda u, v: np.floor(4 * u) % 2 == 0,
    "checked": lambda u, v: (np.floor(4 * u) + np.floor(4 * v)) % 2 == 0,
}
HUES = {"red": 0.0, "yellow": 0.16, "green": 0.36, "blue": 0.6, "violet": 0.8}  # parts of the full circle
LOOKS = [(hue, texture, shape) for hue in HUES for texture in TEXTURES for shape in SHAPES]  # by number of the class


def draw(number: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """An image (64, 64, 3) of class `number`: the object before a blurred background, with noise and a distractor."""
    hue, texture, shape = LOOKS[number]
    background = Image.fromarray(random.integers(0, 256, (3, 3, 3), dtype=np.uint8))
    canvas = np.asarray(background.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    grey = random.uniform(0.2, 0.8, 3) * 0.2 + random.uniform(0.1, 0.7)
    _paint(canvas, SHAPES["disc"], grey, centre=random.uniform(0, SIZE, 2), radius=random.uniform(3, 7), angle=0.0)
    colour = colorsys.hsv_to_rgb(
        (HUES[hue] + random.normal(0, 0.02)) % 1, random.uniform(0.75, 1), random.uniform(0.75, 1)
    )
    _paint(
        canvas,
        SHAPES[shape],
        np.array(colour),
        centre=SIZE / 2 + random.uniform(-7, 7, 2),
        radius=random.uniform(16, 24),
        angle=random.uniform(-0.2, 0.2),
        dark=TEXTURES[texture],
    )
    canvas *= random.uniform(0.8, 1.2)  # exposure
    canvas += 0.05 * random.standard_normal(canvas.shape, dtype=np.float32)
    return (255 * canvas.clip(0, 1)).astype(np.uint8)


def _paint(
    canvas: Floats,
    shape: Region,
    colour: NDArray[Any],
    *,
    centre: NDArray[Any],
    radius: float,
    angle: float,
    dark: Region | None = None,
) -> None:
    """Paint an object; only the pixels round it are looked at."""
    low = np.maximum(centre - 1.5 * radius, 0).astype(int)
    high = np.minimum(centre + 1.5 * radius, SIZE).astype(int) + 1
    box = canvas[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[low[1] : low[1] + box.shape[0], low[0] : low[0] + box.shape[1]].astype(np.float32)
    x, y = (x - centre[0]) / radius, (y - centre[1]) / radius
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = shape(u, v)
    box[inside] = colour
    if dark is not None:
        box[inside & dark(u, v)] = 0.4 * colour


# --- the folder -------------------------------------------------------------------------------------------------------


def class_ids(seed: int) -> list[str]:
    """200 names as WordNet's are, by number of the class; none is a real one. Not in the order of the alphabet."""
    order = np.random.default_rng((seed, 200)).permutation(len(LOOKS))
    return [f"n{90_000_000 + int(place)}" for place in order]


def make(data_dir: str, stand_in: StandIn = StandIn()) -> str:  # noqa: B008 (a NamedTuple never changes)
    """The root of that stand-in below `data_dir`, drawn if it is not there yet. About 1 ms an image.

    What is there is complete, though a process was killed that drew it. Raises DataError when it cannot be written, or
    something else is there.
    """
    root = os.path.join(data_dir, stand_in.name, FOLDER)
    remove_leftovers(root)
    if os.path.isdir(root):
        if not os.path.isfile(os.path.join(root, "synthetic.json")):
            raise DataError(f"{root} has lost its synthetic.json: delete that folder, it will be drawn again")
        return root
    try:
        with filled_whole(root) as unfinished:
            _write(unfinished, stand_in)
    except OSError as error:
        raise DataError(
            f"the stand-in data cannot be written to {os.path.abspath(data_dir)}: {refusal(error)}; they take "
            f"{stand_in.images * BYTES / 1e6:,.0f} MB: make room, or pass a data_dir that can be written to"
        ) from error
    return root


def _write(root: str, stand_in: StandIn) -> None:
    names = class_ids(stand_in.seed)
    for split in ("val", "test"):
        os.makedirs(os.path.join(root, split, "images"))
    for number, name in enumerate(names):
        folder = os.path.join(root, "train", name, "images")
        os.makedirs(folder)
        boxes = []
        for index in range(stand_in.train_per_class):
            _save(os.path.join(folder, f"{name}_{index}.JPEG"), number, index, (stand_in.seed, 0))
            boxes.append(f"{name}_{index}.JPEG\t0\t0\t{SIZE - 1}\t{SIZE - 1}\n")
        _write_text(os.path.join(root, "train", name, f"{name}_boxes.txt"), "".join(boxes))

    order = np.random.default_rng((stand_in.seed, 201)).permutation(len(names) * stand_in.val_per_class)
    annotations = []
    for file, place in enumerate(order.tolist()):
        number, index = divmod(place, stand_in.val_per_class)
        _save(os.path.join(root, "val", "images", f"val_{file}.JPEG"), number, index, (stand_in.seed, 1))
        annotations.append(f"val_{file}.JPEG\t{names[number]}\t0\t0\t{SIZE - 1}\t{SIZE - 1}\n")
    _write_text(os.path.join(root, "val", "val_annotations.txt"), "".join(annotations))
    for file, number in enumerate(np.random.default_rng((stand_in.seed, 202)).permutation(len(names)).tolist()):
        _save(os.path.join(root, "test", "images", f"test_{file}.JPEG"), number, 0, (stand_in.seed, 2))

    _write_text(os.path.join(root, "wnids.txt"), "".join(f"{name}\n" for name in names))
    words = (f"{name}\t{' '.join(look)}, synthetic\n" for name, look in zip(names, LOOKS, strict=True))
    _write_text(os.path.join(root, "words.txt"), "".join(words))
    told = {"synthetic": True, "version": VERSION, **stand_in._asdict()}
    _write_text(os.path.join(root, "synthetic.json"), json.dumps(told, indent=1) + "\n")


def _save(path: str, number: int, index: int, which: tuple[int, int]) -> None:
    image = Image.fromarray(draw(number, np.random.default_rng((*which, number, index))))
    if index % GREY_EVERY == GREY_EVERY - 1 or (number, index) == (0, 0):
        image = image.convert("L")
    image.save(path, format="JPEG", quality=JPEG_QUALITY)


def _write_text(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
