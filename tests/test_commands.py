"""What %tinyguard tells of a session: summary, curves, expect, report, check. One real kernel for all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("nbclient")

from test_magic import ON, Session

from tinyguard.panel.bundle import MIME
from tinyguard.rule import catalogue

pytestmark = pytest.mark.slow

DATA = """
import time
import warnings
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
x = torch.randn(400, 8)
y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
train_loader = DataLoader(TensorDataset(x[:300], y[:300]), batch_size=20, shuffle=True)
test_loader = DataLoader(TensorDataset(x[300:], y[300:]), batch_size=50)
def train_model(model, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    history = {'train_loss': [], 'test_acc': []}
    for epoch in range(epochs):
        model.train()
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in test_loader)
        history['train_loss'].append(loss.item())
        history['test_acc'].append(hits / 100)
        print(f'Epoch {epoch + 1}/{epochs}: train loss {loss.item():.3f} test acc {hits}%')
    return history
def train_with(model, optimizer):
    time.sleep(1)
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
def network(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 4))
"""
TWO = """
histories = {}
for name, width in (('small', 8), ('wide', 64)):
    time.sleep(1)  # a panel is drawn once a second
    model = network(width)
    histories[name] = train_model(model, 5)
"""
WARNS = "warnings.warn('mind the gap')\nnet = network(16)\nhistory = train_model(net, 3)"
STALE = "net = network(8)\nold = torch.optim.SGD(network(8).parameters(), lr=0.1)\ntrain_with(net, old)"
CELLS = [
    ON,
    DATA,
    TWO,
    WARNS,
    "1 / 0",
    "%tinyguard summary",
    "%tinyguard curves wide",
    "%tinyguard curves net",
    "%tinyguard expect --save mine.toml mine",
    "%tinyguard expect mine.toml",
    "history = train_model(net, 3)",
    "%tinyguard summary net",
    "%tinyguard report",
    "%tinyguard report all.md",
    "%tinyguard report all.json",
    "%tinyguard report all.pdf",
    "del test_loader",
    "%tinyguard check",
    "%tinyguard expect residuall",
    "%tinyguard summary nett",
    "%tinyguard expect",
    "test_loader = DataLoader(TensorDataset(x[300:], y[300:]), batch_size=50)",
    STALE,
    "later = 1",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path, Session]:
    folder = tmp_path_factory.mktemp("session")
    session = Session(folder, *CELLS)
    shown = session.run(*range(1, len(CELLS)))  # all but the last
    return dict(zip(CELLS, shown, strict=False)), folder, session


Told = tuple[dict[str, str], Path, Session]


def test_the_panel_shows_the_model_that_trains_now_and_its_own_accuracy(told: Told) -> None:
    panel = told[0][TWO]
    assert "model: Sequential, 836 parameters" in panel
    assert "108 parameters" not in panel
    last = [line for line in panel.splitlines() if line.startswith("Epoch 5/5")][-1]
    accuracy = last.rpartition(" ")[2].rstrip("%")
    assert f"accuracy  test {accuracy}.0 %" in panel
    assert "chance 25.0 %" in panel
    assert "loader    test_loader: test, 100 samples of 50" in panel


def test_a_summary_tells_every_training_apart_also_two_of_one_cell(told: Told) -> None:
    small, wide, net = told[0]["%tinyguard summary"].split("\n\n")
    assert small.startswith("model: Sequential, 108 parameters, 5 epochs, batches of 20, Adam")
    assert wide.startswith("model: Sequential, 836 parameters, 5 epochs, batches of 20, Adam")
    assert net.startswith("net: Sequential, 212 parameters, 3 epochs, batches of 20, Adam")
    printed = [line.rpartition(" ")[2].rstrip("%") for line in told[0][TWO].splitlines() if "test acc" in line]
    for summary, accuracies in ((small, printed[:5]), (wide, printed[5:])):
        told_first = ", ".join(f"{float(value):.1f} %" for value in accuracies)
        assert f"first test_acc       {told_first}" in summary
        assert "group 0              learning rate 0.003" in summary
        assert "epoch 5" in summary
        assert "times chance" in summary


def test_curves_are_pictures_with_words(told: Told) -> None:
    session = told[2]
    cell = session.notebook.cells[CELLS.index("%tinyguard curves net")]
    (output,) = cell.outputs
    assert output["data"]["text/html"].count('<img src="data:image/svg+xml;base64,') == 1
    assert "trained `net`" in output["data"]["text/plain"]
    assert output["data"]["text/plain"].count("loss ") == 1
    assert "no model is called 'wide'" in told[0]["%tinyguard curves wide"]


def test_a_run_is_kept_as_a_band_and_later_ones_are_held_against_it(told: Told) -> None:
    assert "mine.toml expects 3 epochs of mine" in told[0]["%tinyguard expect --save mine.toml mine"]
    assert "mine: epoch 1 " in told[0]["%tinyguard expect mine.toml"]
    assert '[bands."mine"]' in (told[1] / "mine.toml").read_text()
    before, after = told[0]["%tinyguard summary net"].split("\n\n")
    assert "epoch 1" in before
    assert [line.count("expected ") for line in after.splitlines() if line.startswith("  epoch 1")] == [1]
    assert 'did you mean "residual"?' in told[0]["%tinyguard expect residuall"]
    assert "residual         TinyImageNet: epoch 1 1.0 to 2.0 %" in told[0]["%tinyguard expect"]


def test_the_report_holds_all_that_is_asked_for_when_asking_for_help(told: Told) -> None:
    text = (told[1] / "all.md").read_text().replace("\\", "")
    assert told[0]["%tinyguard report all.md"].strip() == "written: all.md"
    for asked in ("Epoch 5/5: train loss", "test_acc: [", "**parameters**: 836", "UserWarning: mind the gap",
                  "cell 5: ZeroDivisionError: division by zero", "**torch**: 2", "memory of this process"):  # fmt: skip
        assert asked in text, asked
    document = json.loads((told[1] / "all.json").read_text())
    assert [model["parameters"] for model in document["models"]] == [108, 836, 212, 212]
    assert len(document["models"][0]["history"]["test_acc"]) == 5
    assert (told[1] / "tinyguard-report.html").read_text().count("<h2>") == 6
    assert "known are .html, .md, .json" in told[0]["%tinyguard report all.pdf"]


def test_check_lints_what_ran_and_says_what_the_kernel_does_not_hold(told: Told) -> None:
    checked = told[0]["%tinyguard check"]
    assert "the kernel does not hold `test_loader`: cell 2 ran as In[2]" in checked
    assert f"the kernel does not hold `later`: cell {len(CELLS)} was not run" in checked
    assert "`train_loader`" not in checked


def test_the_panel_marks_the_step_that_proved_a_finding_of_its_own_cell(told: Told) -> None:
    session = told[2]
    outputs = session.notebook.cells[CELLS.index(STALE)].outputs
    (panel,) = [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]
    assert [(finding["code"], finding["step"]) for finding in panel["findings"]] == [("TNY501", 2)]
    (earlier,) = [
        output["data"][MIME] for output in session.notebook.cells[CELLS.index(TWO)].outputs if "data" in output
    ]
    assert earlier["findings"] == []


def test_a_wrong_name_is_answered_in_words(told: Told) -> None:
    assert told[0]["%tinyguard summary nett"].strip() == ("tinyguard: no model is called 'nett'; did you mean \"net\"?")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%tinyguard su", ["summary"]),
        ("%tinyguard explain TNY50", [code for code in catalogue() if code.startswith("TNY50")]),
        ("%tinyguard expect re", ["residual"]),
        ("%tinyguard on --stop w", ["warning"]),
    ],
)
def test_the_tab_key_offers_what_may_come_next(typed: str, offered: list[str]) -> None:
    from IPython.core.completer import provisionalcompleter
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "tinyguard")
    with provisionalcompleter():
        assert [found.text for found in shell.Completer.completions(typed, len(typed))] == offered


def test_the_question_mark_shows_all_commands() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "tinyguard")
    assert "%tinyguard report [FILE]" in shell.find_line_magic("tinyguard").__doc__
