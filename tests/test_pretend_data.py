"""What the static witness knows of data: sizes and classes of whole sets and of their parts."""

from __future__ import annotations

import pytest

from tinyguard.events import Event, LoaderBuilt, Samples, SeedSet
from tinyguard.notebook.reader import read
from tinyguard.program.witness import witness

IMPORTS = """
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split
from torchvision import datasets
"""


def events(code: str) -> tuple[Event, ...]:
    return witness(read("notebook.py", (IMPORTS + code).encode())).events


def loaded(code: str) -> list[Samples]:
    """The samples of the loaders that the code builds, in order."""
    return [event.samples for event in events(code) if isinstance(event, LoaderBuilt)]


def sizes(code: str) -> list[int | None]:
    return [samples.size for samples in loaded(code)]


CIFAR = "data = datasets.CIFAR10('data', train=True)\n"


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("[45000, 5000]", [45_000, 5_000]),
        ("[int(len(data) * 0.9), len(data) - int(len(data) * 0.9)]", [45_000, 5_000]),
        ("[0.9, 0.1]", [45_000, 5_000]),
        ("[0.8, 0.3]", [None, None]),
        ("lengths", [None, None]),
    ],
)
def test_parts_of_a_random_split(split: str, expected: list[int | None]) -> None:
    assert sizes(CIFAR + f"one, two = random_split(data, {split})\nDataLoader(one)\nDataLoader(two)") == expected


def test_a_subset_of_the_first_samples_has_all_classes() -> None:
    for first in ("range(1000)", "torch.arange(1000)", "torch.arange(0, 1000)", "torch.arange(500, 1500)"):
        (samples,) = loaded(CIFAR + f"DataLoader(Subset(data, {first}))")
        assert (samples.size, samples.classes) == (1000, 10)


def test_a_subset_of_chosen_samples_may_have_fewer_classes() -> None:
    (samples,) = loaded(CIFAR + "DataLoader(Subset(data, [i for i, t in enumerate(data.targets) if t in (3, 5)]))")
    assert (samples.size, samples.classes) == (None, None)


@pytest.mark.parametrize("change", ["data.targets = labels == 3", "data.data = data.data[:100]"])
def test_a_changed_data_set_is_not_the_published_one_any_more(change: str) -> None:
    (samples,) = loaded(CIFAR + change + "\nDataLoader(data)")
    assert (samples.size, samples.classes) == (None, None)
    assert len(samples.sources) == 2


def test_a_target_transform_may_change_the_classes() -> None:
    (samples,) = loaded("DataLoader(datasets.CIFAR10('data', target_transform=lambda target: target % 2))")
    assert (samples.size, samples.classes) == (50_000, None)


def test_emnist_names_its_data_set_as_a_split() -> None:
    code = (
        "DataLoader(datasets.EMNIST('data', split='balanced', train=False))\nDataLoader(datasets.EMNIST('d', 'digits'))"
    )
    assert [(samples.split, samples.size, samples.classes) for samples in loaded(code)] == [
        ("test", 18_800, 47),
        ("train", 240_000, 10),
    ]


def test_an_iterable_data_set_decides_its_own_order() -> None:
    code = """
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        yield from range(8)

class Points(torch.utils.data.Dataset):
    def __getitem__(self, index):
        return index

DataLoader(Stream())
DataLoader(Points())
"""
    assert [event.shuffle for event in events(code) if isinstance(event, LoaderBuilt)] == [None, False]


def test_a_name_that_nothing_binds_means_what_everybody_means_by_it() -> None:
    found = witness(read("notebook.py", b"model = nn.Linear(2, 3)\noptimizer = optim.SGD(model.parameters())")).events
    assert [type(event).__name__ for event in found if type(event).__name__.endswith("Built")] == [
        "ModelBuilt",
        "OptimizerBuilt",
    ]


def test_a_generator_of_ones_own_seeds_nothing_else() -> None:
    code = b"import numpy as np\nrandom = np.random.default_rng(0)\nnp.random.seed(1)\n"
    seeds = [event for event in witness(read("notebook.py", code)).events if isinstance(event, SeedSet)]
    assert [(seed.library, seed.value) for seed in seeds] == [("numpy", 1)]
