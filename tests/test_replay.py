"""`tinyguard replay`: the rules read a journal as they read the story in the kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from examples import notebook, parse
from journals import ROOT, damaged, journal
from stories import at, backward, built, cleared, ended, loss, optimizer_built, stepped

from tinyguard.events import CellExecuted
from tinyguard.finding import Finding, Place, Severity
from tinyguard.journal.notes import LeftOut, cell_source
from tinyguard.judge import judge
from tinyguard.measured.data import LabelsOutOfRange
from tinyguard.program.witness import witness
from tinyguard.replay import judged, read
from tinyguard.rule import catalogue

EXAMPLES = {
    f"{code}-{kind}-{index}": text
    for code, rule in catalogue().items()
    for kind, texts in (("bad", rule.bad), ("good", rule.good))
    for index, text in enumerate(texts)
}


@pytest.mark.parametrize("code", catalogue())
def test_the_replay_of_every_example_finds_the_same(code: str, tmp_path: Path) -> None:
    rules = tuple(catalogue().values())
    for name, text in EXAMPLES.items():
        if not name.startswith(code):
            continue
        with tempfile.TemporaryDirectory() as folder:
            seen = witness(notebook(parse(text), folder)).events
        told = read(journal(tmp_path / name, *seen))
        assert list(told.events) == list(seen)
        assert judge(told.events, rules) == judge(seen, rules)


TRAINING = [
    cell_source(Place("a.ipynb", 1), "model = Net()\noptimizer = SGD(model)\nloss.backward()\noptimizer.step()"),
    CellExecuted(place=Place("a.ipynb", 1), count=3, order=1),
    *built(1),
    *optimizer_built(2),
    *(event for _ in range(3) for event in (loss(3), backward(3), stepped(4))),
    ended(),
]


def replay(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    command = [sys.executable, "-m", "tinyguard", "replay", *map(str, arguments)]
    run = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in run.stderr
    return run


def test_what_only_a_run_can_prove_is_replayed_too(tmp_path: Path) -> None:
    outside = LabelsOutOfRange(place=at(4), criterion="cross_entropy", low=0, high=3, outside=1, labels=8, classes=3)
    path = journal(tmp_path, *TRAINING[:-1], outside, ended())
    assert "TNY210" in replay(path, "--output-format", "concise", cwd=tmp_path).stdout


def test_replay_shows_the_findings_with_the_source_that_ran(tmp_path: Path) -> None:
    run = replay(journal(tmp_path, *TRAINING), cwd=tmp_path)
    assert run.returncode == 1
    assert run.stdout.startswith("error[TNY506] ")
    assert "--> a.ipynb cell 1 [In 3] line 4:1\n 4 | optimizer.step()\n" in run.stdout
    assert run.stdout.endswith("Checked 1 file, 1 cell: 1 error.\n")


def test_replay_tells_machines(tmp_path: Path) -> None:
    run = replay(journal(tmp_path, *TRAINING), "--output-format", "json", cwd=tmp_path)
    (found,) = json.loads(run.stdout)["findings"]
    assert (found["code"], found["place"]["cell"], found["place"]["execution_count"]) == ("TNY506", 1, 3)
    concise = replay(journal(tmp_path, *TRAINING), "--output-format", "concise", cwd=tmp_path)
    assert concise.stdout.startswith("a.ipynb:1:4:1: TNY506 ")


def test_replay_names_cells_that_nobody_recorded(tmp_path: Path) -> None:
    told = replay(journal(tmp_path, *TRAINING[2:]), "--output-format", "concise", cwd=tmp_path)
    assert told.stdout.startswith("a.ipynb:1:4:1: TNY506 ")


def test_replay_hears_options_comments_and_configuration(tmp_path: Path) -> None:
    path = journal(tmp_path, *TRAINING)
    assert replay(path, "--ignore", "TNY5", cwd=tmp_path).returncode == 0
    assert replay(path, "--select", "TNY301", cwd=tmp_path).returncode == 0
    (tmp_path / "pyproject.toml").write_text('[tool.tinyguard]\nignore = ["TNY506"]\n')
    assert replay(path, cwd=tmp_path).returncode == 0
    text = "# tinyguard: ignore[TNY506] on purpose\nx\nx\noptimizer.step()"
    silenced = replay(journal(tmp_path, cell_source(Place("a.ipynb", 1), text), *TRAINING[1:]), cwd=tmp_path / "..")
    assert silenced.returncode == 0


def test_replay_lists_what_it_could_not_read(tmp_path: Path) -> None:
    path = journal(tmp_path, *TRAINING)
    damaged(path, 5, b"\x00")
    run = replay(path, "--select", "TNY301", cwd=tmp_path)
    assert run.returncode == 3
    assert f"skipped {path} line 5: is not JSON: it was cut off or changed\n" in run.stdout
    assert replay(path, "--select", "TNY301", "--allow-skipped", cwd=tmp_path).returncode == 0


def test_replay_keeps_what_the_guard_read_off_the_program(tmp_path: Path) -> None:
    finding = Finding(code="TNY603", severity=Severity.WARNING, message="told before it ran", place=at(4))
    told = judged(read(journal(tmp_path, *TRAINING, finding)), lambda: tuple(catalogue().values()))
    assert [found.code for found in told.findings] == ["TNY506", "TNY603"]


def test_replay_takes_what_was_left_out_for_nothing(tmp_path: Path) -> None:
    """Without the steps behind it, each backward would seem to miss its step; what the guard saw then still counts."""
    forgetful = [*built(1), *optimizer_built(2), *(event for _ in range(3) for event in (cleared(3), backward(4)))]
    assert [finding.code for finding in judge([*forgetful, ended()], catalogue().values())] == ["TNY504"]
    finding = Finding(code="TNY506", severity=Severity.ERROR, message="told then", place=at(4))
    full = LeftOut(reason="full", onwards=True)
    path = journal(tmp_path, *forgetful[:5], full, *forgetful[5:], finding, ended())
    told = judged(read(path), lambda: tuple(catalogue().values()))
    assert told.findings == (finding,)
    assert [skipped.reason for skipped in told.partly] == ["left out by the guard: full"]
    damaged(path, 7, b"")
    told = judged(read(path), lambda: tuple(catalogue().values()))
    assert told.findings == (finding,)
    assert [skipped.line for skipped in told.partly] == [7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "replay: wants one JOURNAL"),
        (["a.jsonl", "b.jsonl"], "replay: wants one JOURNAL"),
        (["gone.jsonl"], "gone.jsonl: no such file"),
        (["."], ".: is a folder; its newest journal is ./"),
        (["old.jsonl"], "old.jsonl: is a journal of format 0, written by tinyguard 0.0.1"),
        (["text.txt"], "text.txt: is no journal of tinyguard"),
        (["old.jsonl", "--selct", "TNY5"], 'replay: there is no option "--selct"; did you mean "--select"?'),
    ],
)
def test_replay_explains_what_is_wrong(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "old.jsonl").write_text('{"tinyguard_journal":0,"version":"0.0.1"}\n')
    (tmp_path / "text.txt").write_text("Dear diary\n")
    run = replay(*arguments, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("tinyguard: ")
    assert message in run.stderr
