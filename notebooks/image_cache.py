"""Decoded images in one file: what is read in every epoch is decoded once.

The file is a plain `.npy` of bytes, opened as a memory map, so that any number of processes share it and nothing is
read that is not asked for. 12 kB an image: 1.23 GB for the training images of TinyImageNet, 0.12 GB for the others.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tiny_imagenet import DataError
from whole_files import refusal, written_whole

Images: TypeAlias = NDArray[np.uint8]

VARIABLE = "TINY_IMAGENET_CACHE"  # environment variable: the folder of these files; else a folder beside the data set
SIZE = 64  # pixels, both ways
FORMAT = 1  # of the file: another one is decoded again
TOLD = 5  # damaged images that a message names


def decode(path: str) -> Images:
    """The image (64, 64, 3) as RGB, whatever it is on the disk. Raises DataError naming the file."""
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be decoded ({error})") from error
    if pixels.shape != (SIZE, SIZE, 3):
        raise DataError(f"{path} is {pixels.shape[1]} x {pixels.shape[0]} pixels, not {SIZE} x {SIZE}")
    return pixels


def decoded(root: str, split: str, paths: Sequence[str]) -> Images:
    """The images (len(paths), 64, 64, 3), as a read-only memory map; decoded now if that was not done yet.

    They are decoded again when a file has another name, size or time of change than it had. Raises DataError when an
    image is damaged, naming it, or when the file cannot be written.
    """
    folder = os.environ.get(VARIABLE) or os.path.join(os.path.dirname(os.path.abspath(root)), "decoded")
    place = hashlib.md5(os.path.abspath(root).encode(), usedforsecurity=False).hexdigest()[:8]
    name = f"{split}-{place}-"  # several data sets may share the folder
    path = os.path.join(folder, f"{name}{fingerprint(root, paths)}.npy")
    if not os.path.isfile(path):
        try:
            _build(path, paths)
        except OSError as error:
            raise DataError(
                f"the decoded images cannot be kept in {folder}: {refusal(error)}; they take "
                f"{len(paths) * SIZE * SIZE * 3 / 1e6:,.0f} MB: make room, set {VARIABLE} to a folder elsewhere, or "
                "pass cached=False"
            ) from error
        _remove_others(folder, name, keep=path)
    images: Images = np.load(path, mmap_mode="r")
    return images


def fingerprint(root: str, paths: Sequence[str]) -> str:
    """Changes when one of the files does, or their order: by name, size in bytes and time of change."""
    digest = hashlib.md5(f"format {FORMAT}\n".encode(), usedforsecurity=False)
    for path in paths:
        status = os.stat(path)
        digest.update(f"{os.path.relpath(path, root)}\t{status.st_size}\t{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _build(path: str, paths: Sequence[str]) -> None:
    """Written, not filled through a memory map: on a full disk that would kill the process."""
    with written_whole(path) as file:
        free = shutil.disk_usage(os.path.dirname(path)).free
        if len(paths) * SIZE * SIZE * 3 > free:
            raise OSError(f"{free / 1e6:,.0f} MB are free")
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(paths), SIZE, SIZE, 3)}
        np.lib.format.write_array_header_1_0(file, header)
        for pixels in _all_decoded(paths):
            file.write(pixels.tobytes())


def _all_decoded(paths: Sequence[str], *, ahead: int = 1024) -> Iterator[Images]:
    """The images in order, decoded by all cores; DataError names the damaged ones, when all were looked at."""
    damaged: list[str] = []

    def attempt(path: str) -> Images | None:
        try:
            return decode(path)
        except DataError as error:
            damaged.append(str(error))
            return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), ahead):
            for pixels in pool.map(attempt, paths[start : start + ahead]):
                if pixels is not None and not damaged:
                    yield pixels
    if damaged:
        more = f" and {len(damaged) - TOLD} others" if len(damaged) > TOLD else ""
        raise DataError(
            f"{len(damaged)} of {len(paths)} images are damaged: {'; '.join(sorted(damaged)[:TOLD])}{more}: "
            "delete the data set's folder and extract the archive again"
        )


def _remove_others(folder: str, name: str, *, keep: str) -> None:
    """Older files of the same images take a gigabyte each and are never opened again."""
    for entry in os.scandir(folder):
        if entry.name.startswith(name) and entry.path != keep:
            with contextlib.suppress(OSError):  # somebody still reads it
                os.remove(entry.path)
