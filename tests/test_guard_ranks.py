"""The guard in each process of a training under torchrun: two processes, on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from examples import expectations, parse

pytest.importorskip("torch")

from tinyguard.rules.epoch_not_set import EpochNotSet
from tinyguard.rules.ranks_apart import RanksApart

pytestmark = pytest.mark.slow

# What every script ends with: what its process has trained.
END = """
import os
with open(f"weights{os.environ['RANK']}.pt", "wb") as file:
    torch.save(model.state_dict(), file)
"""


def ran(folder: Path, text: str, *, guarded: bool = True) -> tuple[str, list[bytes]]:
    """What both processes of the script print, and the files of their weights."""
    (folder / "train.py").write_text(text.strip("\n").replace("distributed.destroy", END + "distributed.destroy"))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    watch = ["-m", "tinyguard", "watch"] if guarded else []
    result = subprocess.run(
        [*launch, *watch, "train.py"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout, [(folder / f"weights{rank}.pt").read_bytes() for rank in range(2)]


def test_a_distributed_training_gives_the_same_and_nothing_is_told_of_it(tmp_path: Path) -> None:
    _, alone = ran(tmp_path, RanksApart.good[0], guarded=False)
    printed, weights = ran(tmp_path, RanksApart.good[0])
    assert weights == alone
    assert "TNY" not in printed
    assert "tinyguard" not in printed


@pytest.mark.parametrize("text", RanksApart.good[1:])
def test_nothing_is_told_of_ranks_that_stay_together(text: str, tmp_path: Path) -> None:
    printed, _ = ran(tmp_path, text)
    assert "tinyguard" not in printed
    assert "TNY" not in printed


@pytest.mark.parametrize("text", RanksApart.bad)
def test_ranks_that_come_apart_are_told_of_once_by_the_first(text: str, tmp_path: Path) -> None:
    printed, _ = ran(tmp_path, text)
    ((_, _, line),) = expectations(parse(text), "live")
    first = text.strip("\n").split("\n").index("# %%", 1) + 1  # the line above the second cell's first
    assert printed.count("[TNY") == 1
    assert "error[TNY513] the 2 ranks train different models" in printed
    assert f"train.py line {first + line}:" in printed


def test_an_epoch_that_is_never_set_is_told_of_once(tmp_path: Path) -> None:
    text = RanksApart.good[0].replace("    sampler.set_epoch(epoch)\n", "")
    printed, _ = ran(tmp_path, text)
    assert printed.count("[TNY") == 1
    assert f"warning[{EpochNotSet.code}] `train_loader` has the same samples in the same order" in printed
