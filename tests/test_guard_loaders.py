"""The guard beside loaders with workers, and in cells that are timed, captured, or show a progress bar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("IPython")

from live_examples import _shell as shell_of_its_own
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tinyguard.finding import Finding
from tinyguard.guard import Guard

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def train(**options: Any) -> list[float]:
    torch.manual_seed(0)
    x = torch.randn(64, 8)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8, shuffle=True, **options)
    model, losses = nn.Linear(8, 2), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return [*losses, torch.rand(1).item()]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_bring_the_same_batches(method: str, persistent: bool) -> None:
    options = {"num_workers": 2, "multiprocessing_context": method, "persistent_workers": persistent}
    alone = train(**options)
    told: list[Finding | str] = []
    guard = Guard(tell=told.append, complain=told.append)
    guard.start()
    try:
        assert train(**options) == alone
    finally:
        guard.end()
    assert told == []


SCRIPT = """
import atexit, torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Rows(Dataset):
    def __len__(self):
        return 32
    def __getitem__(self, index):
        x = torch.full((4,), index / 32)
        return x, int(index > 15)

def main():
    atexit.register(print, "at exit")
    loader = DataLoader(Rows(), batch_size=8, shuffle=True, num_workers=1, multiprocessing_context="spawn")
    model, other = nn.Linear(4, 2), nn.Linear(4, 2)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

if __name__ == "__main__":
    main()
"""


def test_a_watched_script_may_start_workers_and_ends_as_it_would_without_the_guard(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "tinyguard", "watch", "train.py"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0
    assert result.stdout == "at exit\n"
    assert result.stderr.count("[TNY") == 1
    assert "error[TNY501]" in result.stderr


BUILDING = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm.auto import tqdm
x = torch.randn(64, 8)
train_loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=8, shuffle=True)
model, other = nn.Linear(8, 2), nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
TRAINING = """{magic}
for epoch in range(2):
    for inputs, labels in {loader}:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy({model}(inputs), labels)
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())
"""
FORMS = {
    "time": {"magic": "%%time", "loader": "train_loader"},
    "capture": {"magic": "%%capture", "loader": "train_loader"},
    "tqdm": {"magic": "", "loader": "tqdm(train_loader, leave=False)"},
}


def told_in(*cells: str) -> list[Finding]:
    """What the guard tells while the cells run in a shell."""
    told: list[Finding] = []
    complaints: list[str] = []
    with shell_of_its_own() as shell:
        guard = Guard(tell=told.append, complain=complaints.append, namespace=lambda: shell.user_ns, shell=shell)
        guard.start()
        try:
            for cell in cells:
                shell.run_cell(cell, store_history=True).raise_error()
        finally:
            guard.end()
    assert complaints == []
    return told


@pytest.mark.parametrize("form", FORMS)
def test_a_cell_is_watched_whatever_is_around_it(form: str) -> None:
    assert told_in(BUILDING, TRAINING.format(model="model", **FORMS[form])) == []
    (finding,) = (one for one in told_in(BUILDING, TRAINING.format(model="other", **FORMS[form])) if one.code < "TNY7")
    assert finding.code == "TNY501"
    assert (finding.place.cell, finding.place.line) == (1, 9)
    lines = {(related.place.cell, related.place.line) for related in finding.related}
    assert {(2, 6), (2, 7)} <= lines  # backward() and step()
