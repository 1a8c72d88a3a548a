"""What the guard hears and measures while cells run in a real IPython shell."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("IPython")

from live_examples import Watching, _shell
from torch.nn.modules import module as module_hooks

from tinyguard.bands import Band, BandPoint
from tinyguard.events import Event, MetricReported
from tinyguard.finding import Finding
from tinyguard.measured.evaluation import EvaluationMeasured

pytestmark = pytest.mark.slow

TRAINING = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
inputs, labels = torch.randn(1040, 8), torch.arange(1040) % 10
train_loader = DataLoader(TensorDataset(inputs, labels), batch_size=8, shuffle=True)
test_inputs, test_labels = torch.randn(2000, 8), torch.arange(2000) % 10
test_loader = DataLoader(TensorDataset(test_inputs, test_labels), batch_size=500)
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
        with torch.no_grad():
            evaluate(epoch)
"""

PRINTING = """
def evaluate(epoch):
    correct = (model(test_inputs).argmax(1) == test_labels).sum().item()
    print(f"Epoch {epoch + 1}: test acc {correct}/2000")
"""

SILENT = """
def evaluate(epoch):
    for x, y in test_loader:
        model(x)
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
    notebook.run(TRAINING + PRINTING)
    notebook.run("run(4)")
    told = [line for code, line in notebook.told if code == "TNY701"]
    assert len(told) == 1  # once, though the end of the cell shows it again
    assert told[0].startswith("Epoch 2")  # 260 steps; the 130 of a single epoch are too few


def test_an_evaluation_is_counted_by_the_guard_and_its_hooks_are_gone_when_it_is_over(notebook: Notebook) -> None:
    notebook.run(TRAINING + SILENT)
    notebook.run("run(2)")
    found = notebook.seen(EvaluationMeasured)
    assert [(one.count, one.labels, one.steps, one.epochs) for one in found] == [(2000, 10, 130, 1), (2000, 10, 260, 2)]
    notebook.run("correct = (model(test_inputs).argmax(1) == test_labels).sum().item()")
    assert found[-1].correct == notebook.shell.user_ns["correct"]
    notebook.guard.end()
    assert not module_hooks._global_forward_hooks
    assert not module_hooks._global_forward_pre_hooks


def test_an_accuracy_below_the_chosen_band_is_told_at_its_epoch(notebook: Notebook) -> None:
    notebook.run(TRAINING + PRINTING)
    notebook.guard.expect(Band(name="mine", points=(BandPoint(1, 0.02, 0.5), BandPoint(2, 0.3, 0.6))))
    notebook.run("run(2)")
    assert [line.partition(":")[0] for code, line in notebook.told if code == "TNY705"] == ["Epoch 2"]
    assert "30.0 % to 60.0 % in epoch 2" in next(one for one in notebook.guard.findings if one.code == "TNY705").message


def test_a_batch_that_was_drawn_to_look_at_leaves_no_hook_in_a_training(notebook: Notebook) -> None:
    notebook.run(TRAINING + SILENT)
    notebook.run("iterator = iter(test_loader)\nx, y = next(iterator)\nmodel(x)")
    notebook.run("for _ in range(40):\n    optimizer.step()")
    assert not module_hooks._global_forward_hooks


def test_what_is_trained_on_is_no_evaluation(notebook: Notebook) -> None:
    notebook.run(TRAINING + SILENT)
    notebook.run("model.eval()\nfor x, y in train_loader:\n    model(x).sum().backward()\n    optimizer.step()")
    assert notebook.seen(EvaluationMeasured) == []


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
    notebook.run("import sys, torch\nprint('test acc 12%')\noff()\nprint('test acc 13%')\nstream = sys.stdout.write")
    assert [metric.value for metric in notebook.seen(MetricReported)] == [0.12]
    assert not hasattr(notebook.shell.user_ns["stream"], "__wrapped__")


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
