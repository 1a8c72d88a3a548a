"""Loaders that draw from a data set which the notebook has replaced since (TNY103), seen while it runs."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("IPython")

from typing import Any

from tinyguard.finding import Finding
from tinyguard.guard import Guard

DATA = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
inputs, labels = torch.randn(64, 8), torch.arange(64) % 3
train_set = TensorDataset(inputs, labels)
"""
LOADER = "train_loader = DataLoader(train_set, batch_size=16, shuffle=True)"
TRAINING = """
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in train_loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""
OTHER = DATA.replace("torch.randn(64, 8)", "torch.rand(64, 8)")
NORMALISED = "train_set = TensorDataset((inputs - inputs.mean(0)) / inputs.std(0), labels)"


def told(cells: list[str]) -> list[tuple[str, int | None, int]]:
    """Cells with the same number of characters `#` in front are versions of one cell."""
    from live_examples import _shell

    found: list[Finding] = []
    with _shell() as shell:
        guard = Guard(
            tell=found.append, complain=pytest.fail, namespace=lambda: shell.user_ns, shell=shell, path="a.ipynb"
        )
        guard.start()
        try:
            for cell in cells:
                result: Any = shell.run_cell(cell, store_history=True, cell_id=f"{len(cell) - len(cell.lstrip('#'))}")
                result.raise_error()
        finally:
            guard.end()
    return [(finding.code, finding.place.cell, finding.place.line) for finding in found if finding.code < "TNY2"]


def cells(*texts: str) -> list[str]:
    """Cells 1, 2, 3 and 4 are the data, the loader, the training, and another one."""
    order = [DATA, LOADER, TRAINING, OTHER, NORMALISED]
    numbers = {DATA: 1, LOADER: 2, TRAINING: 3, OTHER: 1, NORMALISED: 4}
    assert set(texts) <= set(order)
    return ["#" * numbers[text] + "\n" + text for text in texts]


def test_a_data_set_that_another_cell_replaces_leaves_the_loader_behind() -> None:
    assert told(cells(DATA, LOADER, NORMALISED, TRAINING)) == [("TNY103", 2, 2)]


def test_a_data_cell_that_was_changed_and_run_again_leaves_the_loader_behind() -> None:
    assert told(cells(DATA, LOADER, OTHER, TRAINING)) == [("TNY103", 2, 2)]


@pytest.mark.parametrize(
    "order",
    [
        (DATA, LOADER, NORMALISED, LOADER, TRAINING),  # built again
        (DATA, LOADER, DATA, TRAINING),  # the same data once more
        (DATA, NORMALISED, LOADER, TRAINING),
    ],
)
def test_a_loader_of_the_data_set_at_hand_is_right(order: tuple[str, ...]) -> None:
    assert told(cells(*order)) == []


def test_a_name_that_serves_several_data_sets_is_right() -> None:
    test = NORMALISED + "\ntest_loader = DataLoader(train_set, batch_size=16)"
    run = cells(DATA, LOADER, TRAINING)
    assert told([*run[:2], f"####\n{test}", run[2]]) == []


def test_a_data_set_that_is_kept_under_another_name_is_right() -> None:
    run = cells(DATA, LOADER, NORMALISED, TRAINING)
    assert told([run[0], run[1] + "\nraw_set = train_set", *run[2:]]) == []
