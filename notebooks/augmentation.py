"""Random changes of a whole batch of training images at once.

One image at a time, through PIL, costs ten times as much (0.6 ms an image). The random numbers are torch's, so that a
seed set there, and the seeds of a loader's workers, are all that repeats a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Images: TypeAlias = NDArray[np.uint8]  # (batch, height, width, 3)

PADDING = 8  # of the image's size: it is shifted by up to an eighth
ZOOM = (0.5, 1.0)  # part of the image's area that is seen
JITTER = 0.3  # brightness, contrast and saturation are changed by up to this part
ERASED = 0.25  # of the images lose a patch


def to_tensor(images: Images) -> Tensor:
    """Values from 0 to 1, (batch, 3, height, width), the channels last in memory: that is how convolutions like it."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32).div_(255)


def none(images: Images) -> Tensor:
    return to_tensor(images)


def basic(images: Images) -> Tensor:
    """Each image shifted by up to an eighth of its size, with black round it, and half of them mirrored."""
    count, height, width, channels = images.shape
    margin = height // PADDING
    framed = np.zeros((count, height + 2 * margin, width + 2 * margin, channels), dtype=np.uint8)
    framed[:, margin:-margin, margin:-margin] = images
    shifts = torch.randint(0, 2 * margin + 1, (count, 2)).tolist()
    mirrored = (torch.rand(count) < 0.5).tolist()
    shifted = np.empty_like(images)
    for index, ((top, left), mirror) in enumerate(zip(shifts, mirrored, strict=True)):
        part = framed[index, top : top + height, left : left + width]
        shifted[index] = part[:, ::-1] if mirror else part
    return to_tensor(shifted)


def strong(images: Images) -> Tensor:
    """Each image a part of itself, half of them mirrored, with other colours, and a patch missing in some."""
    batch = to_tensor(images)
    count = len(batch)
    side = torch.empty(count).uniform_(*ZOOM).sqrt()
    centre = (2 * torch.rand(count, 2) - 1) * (1 - side)[:, None]  # such that the part lies within the image
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    seen = torch.zeros(count, 2, 3)
    seen[:, 0, 0], seen[:, 1, 1], seen[:, :, 2] = side * mirror, side, centre
    grid = F.affine_grid(seen, list(batch.shape), align_corners=False)
    batch = F.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)
    batch = _recoloured(batch)
    for index in torch.nonzero(torch.rand(count) < ERASED).flatten().tolist():
        height, width = batch.shape[2:]
        tall, wide = torch.randint(height // 8, height // 2, (2,)).tolist()
        top, left = int(torch.randint(0, height - tall, ())), int(torch.randint(0, width - wide, ()))
        batch[index, :, top : top + tall, left : left + wide] = 0.5
    return batch


def _recoloured(batch: Tensor) -> Tensor:
    brightness, contrast, saturation = torch.empty(3, len(batch), 1, 1, 1).uniform_(1 - JITTER, 1 + JITTER)
    batch = batch * brightness
    grey = (batch * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)  # ITU-R BT.601
    mean = grey.mean(dim=(2, 3), keepdim=True)
    batch = mean + contrast * (batch - mean)
    grey = mean + contrast * (grey - mean)
    return (grey + saturation * (batch - grey)).clamp_(0, 1)


AUGMENTATIONS: dict[str, Callable[[Images], Tensor]] = {"none": none, "basic": basic, "strong": strong}


def augmentation_named(name: str) -> Callable[[Images], Tensor]:
    """The augmentation of that name; ValueError for any other."""
    if name not in AUGMENTATIONS:
        raise ValueError(f"augmentation_type is {name!r}; there are {', '.join(map(repr, AUGMENTATIONS))}")
    return AUGMENTATIONS[name]
