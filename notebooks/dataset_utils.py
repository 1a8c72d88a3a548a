"""Data sets and loaders of the comparison: TinyImageNet from its extracted folder, CIFAR-10 from torchvision."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

FOLDER = "tiny-imagenet-200"

# Of the 100,000 training images. A second set of deviations is in circulation (0.2302, 0.2265, 0.2262): it averages the
# deviations of single images, which is always smaller.
TINY_IMAGENET_MEAN = (0.4802, 0.4481, 0.3975)
TINY_IMAGENET_STD = (0.2770, 0.2691, 0.2821)
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2470, 0.2435, 0.2616)


class TinyImageNet(Dataset[tuple[Tensor, int]]):
    """TinyImageNet in its published layout: 200 classes, 500 training and 50 validation images each.

    `split` is "train" (`train/<class>/images/*.JPEG`) or "val" (`val/images/*.JPEG`, with the classes in
    `val/val_annotations.txt`: there are no folders of classes there, so `ImageFolder` would give every image class 0).
    The published "test" split has no labels and is not offered. Both splits number the classes in the sorted order of
    their names, whatever the order of the lines in `wnids.txt`.
    """

    def __init__(
        self, root: str, split: str = "train", transform: Callable[[Image.Image], Tensor] | None = None
    ) -> None:
        if split not in ("train", "val"):
            raise ValueError(f"split is {split!r}; there are 'train' and 'val'")
        if not os.path.isfile(os.path.join(root, "wnids.txt")):
            raise FileNotFoundError(f"{root} has no wnids.txt: extract tiny-imagenet-200.zip there")
        self.root = root
        self.split = split
        self.transform = transform if transform is not None else transforms.ToTensor()
        with open(os.path.join(root, "wnids.txt"), encoding="utf-8") as lines:
            self.classes = sorted(line.strip() for line in lines if line.strip())
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.samples = self._train_samples() if split == "train" else self._val_samples()
        self.targets = [target for _, target in self.samples]

    def _train_samples(self) -> list[tuple[str, int]]:
        samples = []
        for name in self.classes:
            folder = os.path.join(self.root, "train", name, "images")
            for file in sorted(os.listdir(folder)):
                samples.append((os.path.join(folder, file), self.class_to_idx[name]))
        return samples

    def _val_samples(self) -> list[tuple[str, int]]:
        samples = []
        with open(os.path.join(self.root, "val", "val_annotations.txt"), encoding="utf-8") as lines:
            for line in lines:  # file, class, then the box of the object, separated by tabs
                file, name = line.rstrip("\n").split("\t")[:2]
                samples.append((os.path.join(self.root, "val", "images", file), self.class_to_idx[name]))
        return samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, target = self.samples[index]
        with Image.open(path) as image:
            return self.transform(image.convert("RGB")), target  # some files are greyscale


def get_transforms(
    augmentation_type: str, size: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[transforms.Compose, transforms.Compose]:
    """The transforms of the training and of the test images.

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
) -> tuple[DataLoader[tuple[Tensor, Tensor]], DataLoader[tuple[Tensor, Tensor]], int]:
    """`(train_loader, test_loader, num_classes)` of "tiny_imagenet" or "cifar10".

    The test loader of TinyImageNet reads its labelled validation split. Raises ValueError for any other name and
    FileNotFoundError when TinyImageNet has not been extracted into `data_dir`.
    """
    if name == "tiny_imagenet":
        root = os.path.join(data_dir, FOLDER)
        train_transform, test_transform = get_transforms(augmentation_type, 64, TINY_IMAGENET_MEAN, TINY_IMAGENET_STD)
        train_set = TinyImageNet(root, split="train", transform=train_transform)
        test_set = TinyImageNet(root, split="val", transform=test_transform)
        num_classes = 200
    elif name == "cifar10":
        train_transform, test_transform = get_transforms(augmentation_type, 32, CIFAR10_MEAN, CIFAR10_STD)
        train_set = datasets.CIFAR10(data_dir, train=True, transform=train_transform, download=True)
        test_set = datasets.CIFAR10(data_dir, train=False, transform=test_transform, download=True)
        num_classes = 10
    else:
        raise ValueError(f"no data set is called {name!r}; there are 'tiny_imagenet' and 'cifar10'")

    pin_memory = torch.cuda.is_available()
    train_loader = DataLoader(
        train_set,
        batch_size=batch_size,
        shuffle=True,
        num_workers=num_workers,
        pin_memory=pin_memory,
        persistent_workers=num_workers > 0,
    )
    test_loader = DataLoader(
        test_set,
        batch_size=batch_size,
        shuffle=False,
        num_workers=num_workers,
        pin_memory=pin_memory,
        persistent_workers=num_workers > 0,
    )
    return train_loader, test_loader, num_classes
