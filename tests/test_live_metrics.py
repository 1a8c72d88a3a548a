"""What the guard hears and measures while cells run in a real IPython shell."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("IPython")

from live_examples import Watching, _shell

from tinyguard.events import Event, MetricReported
from tinyguard.finding import Finding

pytestmark = pytest.mark.slow

TRAINING = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
inputs, labels = torch.randn(1040, 8), torch.arange(1040) % 10
train_loader = DataLoader(TensorDataset(inputs, labels), batch_size=8, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.randn(2000, 8), torch.arange(2000) % 10), batch_size=500)
model = nn.Linear(8, 10)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

def run(epochs):
    for epoch in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        correct = 0
        with torch.no_grad():
            for x, y in test_loader:
                correct += (model(x).argmax(1) == y).sum().item()
        print(f"Epoch {epoch + 1}: train loss {loss.item():.4f}, test acc {correct / 2000:.2%}")
"""


class Notebook:
    """A shell with the guard in it."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.out = io.StringIO()
        self.told: list[tuple[str, str]] = []  # code, and the last line that had been printed
        self.guard = Watching(tell=self._tell, complain=pytest.fail, namespace=lambda: shell.user_ns, shell=shell)

    def _tell(self, finding: Finding) -> None:
        self.told.append((finding.code, self.out.getvalue().rstrip().rpartition("\n")[2]))

    def run(self, source: str) -> None:
        with contextlib.redirect_stdout(self.out):
            result = self.shell.run_cell(source, store_history=True)
        result.raise_error()

    def seen(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.guard.seen if type(event) is kind]


def is_clean(stream: Any) -> bool:
    """Nothing of ours is left (IPython 9 leaves a `write` of its own, the stream's)."""
    return not hasattr(stream.write, "__wrapped__")


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    with _shell() as shell:
        book = Notebook(shell)
        book.guard.start()
        try:
            yield book
        finally:
            book.guard.end()


def test_an_accuracy_at_chance_is_told_at_the_end_of_the_epoch_that_shows_it(notebook: Notebook) -> None:
    notebook.run(TRAINING)
    notebook.run("run(4)")
    told = [line for code, line in notebook.told if code == "TNY701"]
    assert len(told) == 1  # once, though the end of the cell shows it again
    assert told[0].startswith("Epoch 2")  # 260 steps; the 130 of a single epoch are too few


def test_what_a_cell_prints_goes_where_it_went_and_the_stream_is_left_as_it_was(notebook: Notebook) -> None:
    notebook.run("import torch, sys\nbefore = sys.stdout, sys.stdout.write\nprint('test acc 12%')")
    assert notebook.out.getvalue() == "test acc 12%\n"
    assert [metric.value for metric in notebook.seen(MetricReported)] == [0.12]
    assert notebook.shell.user_ns["before"][0] is notebook.out
    assert is_clean(notebook.out)
    stream = notebook.shell.user_ns["before"][0]
    assert stream.write("x") == 1


def test_the_guard_does_not_read_what_it_says_itself(notebook: Notebook) -> None:
    notebook.run("import torch")
    notebook.shell.user_ns["say"] = __import__("tinyguard.magic").magic.Magic(notebook.shell)._say
    notebook.run("say('the test accuracy: 10%')\nprint('train loss 1.5')")
    assert [metric.name for metric in notebook.seen(MetricReported)] == ["train loss"]


def test_off_in_the_middle_of_a_cell_ends_it(notebook: Notebook) -> None:
    notebook.shell.user_ns["off"] = notebook.guard.end
    notebook.run("import torch\nprint('test acc 12%')\noff()\nprint('test acc 13%')")
    assert [metric.value for metric in notebook.seen(MetricReported)] == [0.12]
    assert is_clean(notebook.out) and is_clean(sys.stderr)


def test_a_history_in_the_namespace_is_read_once(notebook: Notebook) -> None:
    notebook.run("import torch")
    notebook.run("history = {'train_loss': [2.3, torch.tensor(2.2)], 'test_acc': [0.1, 0.2], 'lr': [1, 1]}")
    notebook.run("1")
    notebook.run("history['test_acc'].append(0.3)")
    found = [(metric.name, metric.place.cell, metric.epoch) for metric in notebook.seen(MetricReported)]
    assert found == [
        ("train loss", 2, 1),
        ("train loss", 2, 2),
        ("test accuracy", 2, 1),
        ("test accuracy", 2, 2),
        ("test accuracy", 4, 3),
    ]
