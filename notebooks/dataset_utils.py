"""Data sets and loaders of the comparison: TinyImageNet, its drawn stand-in, and CIFAR-10 from torchvision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

import stand_in
import tiny_imagenet
from augmentation import augmentation_named
from image_cache import decoded
from profiles import profile_named

# Of the 100,000 training images. A second set of deviations is in circulation (0.2302, 0.2265, 0.2262): it averages the
# deviations of single images, which is always smaller.
TINY_IMAGENET_MEAN = (0.4802, 0.4481, 0.3975)
TINY_IMAGENET_STD = (0.2770, 0.2691, 0.2821)
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2470, 0.2435, 0.2616)

Batch = tuple[Tensor, Tensor]
Loaders = tuple[DataLoader[Any], DataLoader[Any], int]


class TinyImageNet(Dataset[tuple[Tensor, int]]):
    """TinyImageNet in its published layout: 200 classes, 500 training and 50 validation images each.

    `split` is "train" (`train/<class>/images/*.JPEG`) or "val" (`val/images/*.JPEG`, with the classes in
    `val/val_annotations.txt`: there are no folders of classes there, so `ImageFolder` would give every image class 0).
    The published "test" split has no labels and is not offered. Both splits number the classes in the order of
    `wnids.txt`. Raises DataError when the folder is not what it should be.
    """

    def __init__(
        self, root: str, split: str = "train", transform: Callable[[Image.Image], Tensor] | None = None
    ) -> None:
        layout = tiny_imagenet.check_layout(root)
        self.root = root
        self.split = split
        self.synthetic = layout.synthetic
        self.transform = transform if transform is not None else transforms.ToTensor()
        self.classes = list(layout.classes)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.samples = tiny_imagenet.images_of(root, split)
        self.targets = [target for _, target in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, target = self.samples[index]
        with Image.open(path) as image:
            return self.transform(image.convert("RGB")), target  # some files are greyscale


class TinyImageNetInMemory(TinyImageNet):
    """The same images, decoded once; a loader gets a whole batch of them at a time.

    `augmentation_type` is "none", "basic" (shifted, mirrored) or "strong" (zoomed, mirrored, recoloured, patched).
    Without augmentation its batches are those of `TinyImageNet`, to the last bit.
    """

    def __init__(self, root: str, split: str = "train", augmentation_type: str = "none") -> None:
        self.augment = augmentation_named(augmentation_type)
        super().__init__(root, split)
        self.images = decoded(root, split, [path for path, _ in self.samples])
        self.labels = torch.tensor(self.targets)
        self.mean = torch.tensor(TINY_IMAGENET_MEAN)[:, None, None]
        self.std = torch.tensor(TINY_IMAGENET_STD)[:, None, None]

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        images, labels = self.__getitems__([index])
        return images[0], int(labels[0])

    def __getitems__(self, indices: list[int]) -> Batch:
        """What `DataLoader` asks for when it finds this method: images (batch, 3, 64, 64), labels (batch,)."""
        images = self.augment(np.asarray(self.images[indices]))
        return images.sub_(self.mean).div_(self.std), self.labels[indices]


def as_it_is(batch: Batch) -> Batch:
    """For loaders of batches that are made as a whole."""
    return batch


def get_transforms(
    augmentation_type: str, size: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[transforms.Compose, transforms.Compose]:
    """The transforms of the training and of the test images, one image at a time.

    `augmentation_type` is "none", "basic" (shifted crop, flip) or "strong" (zoomed crop, flip, colours, erased patch);
    test images are only normalised. Raises ValueError for any other.
    """
    normalise = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    if augmentation_type == "none":
        train = transforms.Compose(normalise)
    elif augmentation_type == "basic":
        train = transforms.Compose(
            [transforms.RandomCrop(size, padding=size // 8), transforms.RandomHorizontalFlip(), *normalise]
        )
    elif augmentation_type == "strong":
        train = transforms.Compose(
            [
                transforms.RandomResizedCrop(size, scale=(0.5, 1.0)),
                transforms.RandomHorizontalFlip(),
                transforms.ColorJitter(0.3, 0.3, 0.3),
                *normalise,
                transforms.RandomErasing(p=0.25),
            ]
        )
    else:
        raise ValueError(f"augmentation_type is {augmentation_type!r}; there are 'none', 'basic', 'strong'")
    return train, transforms.Compose(normalise)


def get_dataset_loaders(
    name: str,
    batch_size: int = 64,
    num_workers: int = 4,
    augmentation_type: str = "basic",
    data_dir: str = "./data",
    *,
    profile: str | None = None,
    cached: bool = True,
    download: bool = False,
) -> Loaders:
    """`(train_loader, test_loader, num_classes)` of "tiny_imagenet" or "cifar10".

    The test loader of TinyImageNet reads its labelled validation split. A small `profile` (see profiles.py) takes drawn
    images in the same layout instead, and says so. `cached` decodes all images once; without a GPU such loaders need
    no workers, whatever `num_workers` is. `download` fetches what is not there.

    Raises ValueError for any other name, and DataError, which says what to do, when there is no sound data set.
    """
    train_set: Dataset[Any]
    test_set: Dataset[Any]
    if name == "tiny_imagenet":
        root = _root(data_dir, profile=profile, download=download)
        num_classes = 200
        if cached:
            train_set = TinyImageNetInMemory(root, split="train", augmentation_type=augmentation_type)
            test_set = TinyImageNetInMemory(root, split="val")
            if not torch.cuda.is_available():
                num_workers = 0  # cutting a batch out of memory takes less than handing it over
        else:
            train_transform, test_transform = get_transforms(
                augmentation_type, 64, TINY_IMAGENET_MEAN, TINY_IMAGENET_STD
            )
            train_set = TinyImageNet(root, split="train", transform=train_transform)
            test_set = TinyImageNet(root, split="val", transform=test_transform)
    elif name == "cifar10":
        num_classes = 10
        cached = False
        train_transform, test_transform = get_transforms(augmentation_type, 32, CIFAR10_MEAN, CIFAR10_STD)
        train_set = datasets.CIFAR10(data_dir, train=True, transform=train_transform, download=True)
        test_set = datasets.CIFAR10(data_dir, train=False, transform=test_transform, download=True)
    else:
        raise ValueError(f"no data set is called {name!r}; there are 'tiny_imagenet' and 'cifar10'")

    collate: Callable[[Any], Any] | None = as_it_is if cached else None
    pin_memory = torch.cuda.is_available()
    # No persistent workers: a run that goes on from a checkpoint could not give them the random numbers they had.
    train_loader = DataLoader(
        train_set,
        batch_size=batch_size,
        shuffle=True,
        num_workers=num_workers,
        pin_memory=pin_memory,
        collate_fn=collate,
    )
    test_loader = DataLoader(
        test_set,
        batch_size=batch_size,
        shuffle=False,
        num_workers=num_workers,
        pin_memory=pin_memory,
        collate_fn=collate,
    )
    return train_loader, test_loader, num_classes


def _root(data_dir: str, *, profile: str | None, download: bool) -> str:
    """The folder with the images; drawn or downloaded if need be."""
    if not profile_named(profile).synthetic:
        return tiny_imagenet.locate(data_dir, download=download)
    root = stand_in.make(data_dir)
    print("SYNTHETIC images in the layout of TinyImageNet: no number that follows says anything about TinyImageNet")
    return root
