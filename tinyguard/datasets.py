"""Ground: what is known of public data sets. A plain table, read by the static witness and by rules."""

from __future__ import annotations

import re

from tinyguard.pattern import pattern
from tinyguard.record import Record


class DataSet(Record):
    """The published figures of a data set."""

    name: str
    classes: int
    train: int  # samples
    test: int  # samples with labels: TinyImageNet's and ImageNet's come from their val split
    validation: int | None = None  # samples; None: it has no split of that name
    pixels: int | None = None  # side of an image; None: sizes differ, or no images
    few_epochs: int = 0  # from scratch, so many passes or fewer leave a model far below what it can; 0: never few

    def size(self, split: str | None) -> int | None:
        """Samples in "train", "validation" or "test"; None when the split is not known."""
        match split:
            case "train":
                return self.train
            case "validation":
                return self.validation
            case "test":
                return self.test
        return None


# few_epochs: TinyImageNet reaches 1-2 % after 1 epoch, 8-15 % after 10, 35-50 % after 50, so 5 is a trial, not a
# training. CIFAR-10 with small networks stands at 50-60 % after 2 epochs and at 75-90 % after 20. MNIST and its
# like are solved (98 %, 85 % for Fashion-MNIST) after one pass.
_TABLE = (
    DataSet(name="TinyImageNet", classes=200, train=100_000, test=10_000, validation=10_000, pixels=64, few_epochs=5),
    DataSet(name="ImageNet", classes=1000, train=1_281_167, test=50_000, validation=50_000, few_epochs=5),
    DataSet(name="CIFAR10", classes=10, train=50_000, test=10_000, pixels=32, few_epochs=3),
    DataSet(name="CIFAR100", classes=100, train=50_000, test=10_000, pixels=32, few_epochs=5),
    DataSet(name="SVHN", classes=10, train=73_257, test=26_032, pixels=32, few_epochs=1),
    DataSet(name="STL10", classes=10, train=5_000, test=8_000, pixels=96, few_epochs=5),
    DataSet(name="MNIST", classes=10, train=60_000, test=10_000, pixels=28),
    DataSet(name="FashionMNIST", classes=10, train=60_000, test=10_000, pixels=28),
    DataSet(name="KMNIST", classes=10, train=60_000, test=10_000, pixels=28),
    DataSet(name="QMNIST", classes=10, train=60_000, test=60_000, pixels=28),
    DataSet(name="EMNIST balanced", classes=47, train=112_800, test=18_800, pixels=28),
    DataSet(name="EMNIST byclass", classes=62, train=697_932, test=116_323, pixels=28),
    DataSet(name="EMNIST bymerge", classes=47, train=697_932, test=116_323, pixels=28),
    DataSet(name="EMNIST digits", classes=10, train=240_000, test=40_000, pixels=28),
    DataSet(name="EMNIST mnist", classes=10, train=60_000, test=10_000, pixels=28),
    DataSet(name="USPS", classes=10, train=7_291, test=2_007, pixels=16),
    DataSet(name="Imagenette", classes=10, train=9_469, test=3_925, validation=3_925, few_epochs=3),
    DataSet(name="GTSRB", classes=43, train=26_640, test=12_630, few_epochs=1),
    DataSet(name="Food101", classes=101, train=75_750, test=25_250, few_epochs=5),
    DataSet(name="Flowers102", classes=102, train=1_020, test=6_149, validation=1_020, few_epochs=5),
    DataSet(name="OxfordIIITPet", classes=37, train=3_680, test=3_669, few_epochs=5),
    DataSet(name="DTD", classes=47, train=1_880, test=1_880, validation=1_880, few_epochs=5),
    DataSet(name="StanfordCars", classes=196, train=8_144, test=8_041, few_epochs=5),
    DataSet(name="Country211", classes=211, train=31_650, test=21_100, validation=10_550, few_epochs=5),
    DataSet(name="RenderedSST2", classes=2, train=6_920, test=1_821, validation=872),
    DataSet(name="AG_NEWS", classes=4, train=120_000, test=7_600),
    DataSet(name="IMDB", classes=2, train=25_000, test=25_000),
)

DATA_SETS = {data_set.name: data_set for data_set in _TABLE}

_BY_KEY = {re.sub(r"[^a-z0-9]", "", name.lower()): data_set for name, data_set in DATA_SETS.items()}
_TINY_IMAGENET = pattern(r"tiny[-_ ]?imagenet", re.IGNORECASE)


def data_set(kind: str) -> DataSet | None:
    """The data set of that name: torchvision's class, a user's class, or a word like 'tiny_imagenet'.

    >>> data_set("tiny-imagenet-200") is data_set("TinyImageNetDataset") is DATA_SETS["TinyImageNet"]
    True
    >>> data_set("ImageFolder") is None
    True
    """
    key = re.sub(r"[^a-z0-9]", "", kind.lower())
    key = key.removesuffix("dataset") or key
    if key.startswith("tinyimagenet"):
        key = "tinyimagenet"
    return _BY_KEY.get(key)


def data_set_at(root: str | None) -> DataSet | None:
    """The data set that a folder's path names: only TinyImageNet's archive has a folder name nobody changes.

    >>> data_set_at("data/tiny-imagenet-200/val").name
    'TinyImageNet'
    """
    return DATA_SETS["TinyImageNet"] if root is not None and _TINY_IMAGENET.search(root) else None
