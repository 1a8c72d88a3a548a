"""What the program of a notebook says of a cell that is about to run, and when it says nothing."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tinyguard.events import LoaderBuilt, Samples, SeedSet
from tinyguard.finding import Place
from tinyguard.foresight import Foresight, Run
from tinyguard.rule import catalogue

SETTINGS = "config = {'num_epochs': 10, 'lr': 0.1}\n"
DATA = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
train_loader = DataLoader(read(), batch_size=20, shuffle=True)
"""
DATA = DATA.replace("read()", "TensorDataset(torch.randn(80, 4), torch.randint(0, 3, (80,)))")
TRAINING = """
def train(model, num_epochs):
    optimizer = torch.optim.SGD(model.parameters(), lr=config['lr'])
    for epoch in range(num_epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
"""
CALL = "train(nn.Linear(4, 3), num_epochs=1)\n"
CELLS = [SETTINGS, DATA, TRAINING, CALL]


def told(cells: list[str], *, below: list[str] | None = None, until: int | None = None, **options: bool) -> list[str]:
    """The codes of what is said before the last of these cells runs; `until`: the line that ended the one above it."""
    foresight = walked(cells, below or [], until=until, **options)
    return [finding.code for finding in foresight.findings()]


def walked(cells: list[str], below: list[str], *, until: int | None = None, file_known: bool = True) -> Foresight:
    foresight = Foresight("a.ipynb", catalogue().values(), failed)
    numbered = list(enumerate([*cells, *below], start=1))
    for number, source in numbered[: len(cells)]:
        foresight.begin(Run(number, source), numbered[number:] if file_known else None)
        if number < len(cells):
            foresight.end(until=until if number == len(cells) - 1 else None)
    return foresight


def failed(who: str, error: Exception) -> None:
    raise AssertionError(who) from error


def test_what_a_call_leaves_unused_is_told_before_it_runs() -> None:
    assert told(CELLS) == ["TNY603"]
    assert told(CELLS[:3], below=CELLS[3:]) == []


def test_a_cell_to_come_may_excuse_it() -> None:
    assert told(CELLS, below=["train(nn.Linear(4, 3), config['num_epochs'])"]) == []


def test_nothing_is_said_while_nobody_knows_what_is_to_come() -> None:
    assert told(CELLS, file_known=False) == []


@pytest.mark.parametrize("cell", ["%run settings.py", "print(brought_from_elsewhere)"])
def test_nothing_is_said_when_names_come_from_elsewhere(cell: str) -> None:
    assert told([cell, *CELLS]) == []


def test_a_run_that_shows_more_than_the_program_has_goes_before_it() -> None:
    foresight = walked(CELLS, [])
    foresight.shown(SeedSet(library="torch", place=Place("a.ipynb", 2, 5)))
    assert [finding.code for finding in foresight.findings()] == ["TNY603"]  # there it stands in the program, too
    foresight.shown(SeedSet(library="torch", place=Place("a.ipynb", 1, 1)))
    assert foresight.findings() == []
    assert foresight.plan is None


def test_what_an_exception_left_out_did_not_happen() -> None:
    late = "train(nn.Linear(4, 3), config['num_epochs'])"
    assert told([*CELLS[:3], f"1 / 0\n{late}", CALL]) == []
    assert told([*CELLS[:3], f"1 / 0\n{late}", CALL], until=1) == ["TNY603"]


def test_the_number_of_epochs_is_known_before_the_first() -> None:
    plan = walked(CELLS, []).plan
    assert plan is not None
    assert plan.epochs.value == 1


@pytest.mark.parametrize("call", [CALL + CALL, "train(nn.Linear(4, 3), num_epochs=int(input()))", "print(1)"])
def test_no_number_of_epochs_is_known_of_none_or_several_trainings(call: str) -> None:
    assert walked([*CELLS[:3], call], []).plan is None


def test_the_program_is_judged_with_the_data_that_the_kernel_holds() -> None:
    data = DATA.replace("torch.randn(80, 4), torch.randint(0, 3, (80,))", "*read()")
    cells = ["def read():\n    return open('x').read()", data, "config = {'lr': 0.1}" + TRAINING, CALL]
    foresight = walked(cells, [])
    assert foresight.findings() == []
    held = Samples(kind="TensorDataset", size=20_000, labels=200)
    foresight.shown(LoaderBuilt(loader=7, samples=held, place=Place("a.ipynb", 2, 6)))
    (finding,) = foresight.findings()
    assert (finding.code, finding.place[:3]) == ("TNY601", ("a.ipynb", 4, 1))


def test_a_notebook_too_long_to_be_read_in_time_is_left_alone() -> None:
    many = "\n".join(f"for i{n} in range(3):\n    print(i{n})" for n in range(2000))
    assert told([many, *CELLS]) == []


def test_a_script_is_read_before_it_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tinyguard.watching import run_script

    path = tmp_path / "train.py"
    path.write_text("\n".join([SETTINGS, DATA, TRAINING, CALL]))
    out = io.StringIO()
    run_script([str(path)], out=out)
    assert "TNY603" in out.getvalue()
