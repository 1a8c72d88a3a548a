"""The benchmarks run, on generated notebooks: their figures are read by hand, their working is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = os.path.dirname(__file__)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two generated notebooks that train."""
    import samples

    samples.write(str(tmp_path), 2)
    return tmp_path


@pytest.fixture(autouse=True)
def scripts_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def script(name: str, *arguments: str | Path) -> str:
    command = [sys.executable, os.path.join(HERE, name), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_generated_notebooks_are_healthy(folder: Path) -> None:
    from corpus_findings import linted

    for path in sorted(folder.iterdir()):
        found = linted(str(path), notes=False)
        assert (found.crash, found.partly, found.findings) == ("", (), ())


def test_every_mutant_of_a_generated_notebook_still_parses() -> None:
    import samples
    from mutable import Draft
    from mutations import HAZARDS

    draft = Draft.read(samples.notebook(11).encode())
    assert draft is not None
    made = {hazard.name: list(hazard.mutation(draft)) for hazard in HAZARDS}
    assert sum(map(bool, made.values())) >= 12  # the others want what this notebook has not
    for mutants in made.values():
        for mutant in mutants:
            assert all(mutant.draft.trees[index] for index in mutant.draft.code())
            assert mutant.draft.dumps() != draft.dumps()


def test_labels_are_met_by_code_and_line() -> None:
    import labels

    from tinyguard.finding import Finding, Place, Severity

    def finding(code: str, cell: int, line: int) -> Finding:
        return Finding(code=code, severity=Severity.ERROR, message="", place=Place("a.ipynb", cell, line))

    label = {"class": "loss_tensor_accumulated", "cell": 4, "line": 10, "flag": "yes"}
    near, far, other = finding("TNY403", 5, 11), finding("TNY403", 5, 20), finding("TNY205", 5, 10)
    result = labels.compared([near, far, other], [label])
    assert (result.found, result.missed) == ([label], [])
    assert (result.right, result.false) == ([near], [far, other])


@pytest.mark.slow
def test_lint_speed_writes_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    script("lint_speed.py", "--generate=2", "--rounds=1", "--starts=1", "--cells", "10", "20", f"--json={out}")
    figures = {figure["name"]: figure for figure in json.loads(out.read_text())}
    assert figures["start-up: tinyguard / python -c pass"]["goal"] == 4
    assert figures["all but start-up / floor, median notebook"]["value"] > 0
    assert figures["20 cells: a cell"]["remark"] == ""


@pytest.mark.slow
def test_start_up_names_the_modules_that_the_command_imports() -> None:
    told = script("start_up.py", "--rounds=1", "--top=100")
    assert "tinyguard.cli" in told
    assert "frozen classes as dataclasses" in told


@pytest.mark.slow
def test_mutants_and_findings_report_on_a_folder(folder: Path) -> None:
    assert "eval_mode_in_training" in script("mutants.py", folder, "--per-class=1", "--misses")
    assert "2 notebooks" in script("corpus_findings.py", folder)


@pytest.mark.slow
def test_the_training_loop_is_measured_and_the_full_profile_counted() -> None:
    pytest.importorskip("torchvision")
    told = script("training_overhead.py", "--model", "baseline", "--batches", "2", "--rounds", "1")
    assert "baseline: the loop's own share of CPU time" in told
    assert "deeper_wider: full profile" in told
    assert "6.35e9 multiply-adds an image" in told


@pytest.mark.slow
def test_the_journal_tells_what_a_step_costs() -> None:
    assert "microseconds of CPU a step" in script("journal_writing.py", "--steps=100", "--rounds=1")


def test_the_linter_is_measured_on_the_trainings() -> None:
    told = script("training_findings.py", "step_forgotten", "regression").splitlines()
    assert told[0].split() == ["step_forgotten", "TNY504", "yes"]
    assert told[1].split() == ["regression"]
