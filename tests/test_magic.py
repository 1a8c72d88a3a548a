"""%tinyguard in a real kernel: what a user sees in the notebook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

pytestmark = pytest.mark.slow

ON = "%load_ext tinyguard\n%tinyguard on"
SETUP = """
import torch
from torch import nn
torch.manual_seed(0)
def train(model, optimizer, steps=12):
    for step in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
        optimizer.step()
    return "trained"
"""
MODEL = "model = nn.Linear(4, 3)"
OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)"


class Session:
    """A notebook in a folder of its own, executed in one kernel; each part is started with the file in place."""

    def __init__(self, folder: Path, *sources: str) -> None:
        (folder / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
        self.path = folder / "experiment.ipynb"
        self.notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        nbformat.write(self.notebook, self.path)

    def run(self, *cells: int, named: bool = True) -> list[str]:
        """What these cells show, in a new kernel; `named`: the front end tells which file it runs."""
        os.environ["JPY_SESSION_NAME"] = str(self.path) if named else ""
        client = nbclient.NotebookClient(
            self.notebook, allow_errors=True, coalesce_streams=True, resources={"metadata": {"path": self.path.parent}}
        )
        try:
            with client.setup_kernel():
                shown = []
                for number in cells:
                    self.notebook.cells[number - 1].outputs = []
                    client.execute_cell(self.notebook.cells[number - 1], number - 1)
                    shown.append(text_of(self.notebook.cells[number - 1]))
                return shown
        finally:
            del os.environ["JPY_SESSION_NAME"]


def text_of(cell: Any) -> str:
    return "".join(
        output.get("text", "") or output.get("evalue", "") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


def test_the_cause_is_named_in_the_cell_that_trains_with_its_cell_and_line(tmp_path: Path) -> None:
    session = Session(tmp_path, ON, SETUP, MODEL, OPTIMIZER, MODEL, "train(model, optimizer)", "%tinyguard status")
    told = session.run(1, 2, 3, 4, 5, 6, 7)
    assert "error[TNY501] `optimizer` holds the parameters of an earlier `model`" in told[5]
    assert "experiment.ipynb cell 5 [In 5] line 1:9" in told[5]
    assert "remedy: build `optimizer` again after this line" in told[5]
    assert "trained" in told[5]
    assert not any("TNY" in text for text in told[:5])
    assert "it found 1 hazard" in told[6]


CONFIGURED = """
from torch.utils.data import DataLoader, TensorDataset
config = {"num_epochs": 10}
loader = DataLoader(TensorDataset(torch.randn(32, 4), torch.arange(32) % 3), batch_size=8)
def fit(model, num_epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(num_epochs):
        print("epoch", epoch)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            print("stepped")
"""
FIT = "fit(nn.Linear(4, 3), num_epochs=1)"


def test_what_only_the_program_tells_is_told_before_the_cell_runs(tmp_path: Path) -> None:
    session = Session(tmp_path, ON, SETUP, CONFIGURED, FIT)
    told = session.run(1, 2, 3, 4, named=False)[3]
    assert told.index("warning[TNY603] `config['num_epochs']` is 10 and never read") < told.index("epoch 0")
    assert "experiment.ipynb cell 4 [In 4] line 1" in told
    stopped = Session(tmp_path, ON + " --stop warning", SETUP, CONFIGURED, FIT).run(1, 2, 3, 4)[3]
    assert "TrainingStoppedError" in stopped or "TNY603" in stopped
    assert stopped.count("stepped") == 0


def test_a_cell_to_come_that_reads_the_setting_excuses_it(tmp_path: Path) -> None:
    session = Session(tmp_path, ON, SETUP, CONFIGURED, FIT, "fit(nn.Linear(4, 3), config['num_epochs'])")
    assert not any("TNY" in text for text in session.run(1, 2, 3, 4, 5, named=False))


def test_models_and_optimizers_from_before_are_watched_too(tmp_path: Path) -> None:
    session = Session(tmp_path, SETUP, MODEL, OPTIMIZER, MODEL, ON, "train(model, optimizer)")
    assert "TNY501" in session.run(1, 2, 3, 4, 5, 6)[5]


def test_a_healthy_training_hears_nothing_and_off_says_so(tmp_path: Path) -> None:
    session = Session(tmp_path, ON, SETUP, MODEL, OPTIMIZER, "train(model, optimizer)", "%tinyguard off")
    told = session.run(1, 2, 3, 4, 5, 5, 5, 6)
    assert told[4:7] == ["'trained'"] * 3
    assert "it found nothing" in told[7]


def test_a_training_is_stopped_if_that_is_wanted(tmp_path: Path) -> None:
    session = Session(tmp_path, f"{ON} --stop error", SETUP, MODEL, OPTIMIZER, MODEL, "train(model, optimizer)")
    told = session.run(1, 2, 3, 4, 5, 6)
    assert "'trained'" not in told[5]
    assert "TNY501" in told[5]
    error = session.notebook.cells[5].outputs[-1]
    assert error.ename == "TrainingStoppedError"


def test_one_cell_alone_can_be_watched(tmp_path: Path) -> None:
    session = Session(
        tmp_path, "%load_ext tinyguard", SETUP, MODEL, OPTIMIZER, MODEL, "%%tinyguard\ntrain(model, optimizer)",
        "train(model, optimizer)",
    )  # fmt: skip
    told = session.run(1, 2, 3, 4, 5, 6, 7)
    assert "TNY501" in told[5]
    assert "TNY501" not in told[6]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("%tinyguard onn", "no command is called 'onn'; did you mean \"on\"?"),
        ("%tinyguard on --stop sometimes", "--stop takes error or warning, not 'sometimes'"),
        ("%tinyguard explain", "say which rule"),
        ("%tinyguard explain TNY501", "optimizer"),
        ("%tinyguard help", "%tinyguard off"),
        ("%tinyguard findings", "found nothing so far"),
    ],
)
def test_commands_answer_in_words(tmp_path: Path, line: str, answer: str) -> None:
    assert answer in Session(tmp_path, "%load_ext tinyguard", line).run(1, 2)[1]


def test_after_a_restart_the_guard_says_what_is_gone_and_which_cells_to_run(tmp_path: Path) -> None:
    session = Session(tmp_path, ON, SETUP, MODEL, OPTIMIZER, "train(model, optimizer)")
    session.run(1, 2, 3, 4, 5)
    told = session.run(1, 5)  # a new kernel
    assert "TNY105" in told[1]
    assert "`train`, `model` and `optimizer`" in told[1]
    assert "run cells 2, 3 and 4" in told[1]


def test_the_journal_is_replayed_to_the_same_finding_without_torch(tmp_path: Path) -> None:
    session = Session(tmp_path, ON, SETUP, MODEL, OPTIMIZER, MODEL, "train(model, optimizer)", "%tinyguard journal")
    told = session.run(1, 2, 3, 4, 5, 6, 7)
    path = tmp_path / told[6].strip()
    code = "import sys; sys.modules['torch'] = None; from tinyguard.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "replay", str(path), "--output-format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = [(finding["code"], finding["place"]["cell"]) for finding in json.loads(done.stdout)["findings"]]
    assert ("TNY501", 5) in found
    assert (tmp_path / ".tinyguard" / ".gitignore").read_text() == "*\n"
