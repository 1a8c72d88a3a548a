"""The notebooks of this repository, linted and executed: healthy ones learn, broken ones fail as they say.

All of them run in the small profile of notebooks/profiles.py, two at a time with one thread each: see `executed`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from obstacles import printed, started

from tinyguard.lint import lint
from tinyguard.notebook.reader import read

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CHANCE = 100 / 200  # %
LEARNT = 5 * CHANCE  # %: of a healthy model of the experiment
LIMIT = 900  # s, for one notebook on a busy machine

# The cause that each broken notebook was planted with, and the cell and line that tell it.
PLANTED = {
    "eval_mode": ("TNY301", 7, 2),
    "raw_val_folder": ("TNY207", 4, 3),
    "recreated_loader": ("TNY204", 7, 2),
    "shared_optimizer": ("TNY502", 7, 1),
    "stale_optimizer": ("TNY501", 6, 2),
    "ten_classes": ("TNY209", 5, 1),
    "three_epochs": ("TNY601", 6, 5),
    "wrong_loader": ("TNY201", 6, 1),
}
HEALTHY = ["experiment", "quick_check", *(f"hazard_{name}_fixed" for name in PLANTED)]

# What a notebook is given so that it ends in seconds; the longest come first.
PARAMETERS = {
    "experiment": [],
    "stuck_at_chance": [],
    "quick_check": ["num_epochs=3"],
    "hazard_three_epochs_fixed": ['config={"batch_size": 64, "num_workers": 4, "num_epochs": 6}'],
    "hazard_three_epochs": [],
    **{f"hazard_{name}{end}": ["num_epochs=2"] for name in ("eval_mode", "wrong_loader") for end in ("", "_fixed")},
    **{
        f"hazard_{name}{end}": ["num_epochs=1"]
        for name in ("shared_optimizer", "stale_optimizer", "recreated_loader", "ten_classes")
        for end in ("", "_fixed")
    },
    **{f"hazard_raw_val_folder{end}": ["num_epochs=1", "root={root}"] for end in ("", "_fixed")},
}


def found(name: str) -> list[tuple[str, int | None, int]]:
    path = str(NOTEBOOKS / f"{name}.ipynb")
    told = lint(read(path)).findings
    return [(one.code, one.place.cell, one.place.line) for one in told if one.severity.label != "note"]


def test_every_broken_notebook_has_a_healthy_twin_and_all_of_them_are_executed() -> None:
    names = {path.stem for path in NOTEBOOKS.glob("*.ipynb") if ".executed" not in path.name}
    assert names == set(PARAMETERS)
    assert names == {*HEALTHY, "stuck_at_chance", *(f"hazard_{name}" for name in PLANTED)}


@pytest.mark.parametrize("name", PLANTED)
def test_lint_names_the_planted_cause(name: str) -> None:
    assert PLANTED[name] in found(f"hazard_{name}")
    assert {code for code, *_ in found(f"hazard_{name}")} <= {PLANTED[name][0], "TNY603"}


@pytest.mark.parametrize("name", HEALTHY)
def test_lint_is_silent_about_healthy_notebooks(name: str) -> None:
    assert found(name) == []


def test_a_data_set_has_its_published_name_whatever_the_class_that_reads_it_is_called() -> None:
    (finding,) = lint(read(str(NOTEBOOKS / "hazard_ten_classes.ipynb"))).findings
    assert finding.message == "the model has 10 outputs, but TinyImageNet has 200 classes"


@pytest.mark.parametrize("name", ["experiment", "quick_check"])
def test_the_saved_copy_shows_a_run_from_top_to_bottom_on_synthetic_images(name: str) -> None:
    text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    printed = "".join("".join(output.get("text", ())) for output in outputs)
    assert printed.index("SYNTHETIC") < printed.index("%")
    assert all(output["output_type"] != "error" for output in outputs)
    assert "injected-parameters" not in text
    assert not re.search(r"/(?:home|Users|root|tmp|work|usr|opt|var)/|[A-Z]:\\\\", text)  # of the machine it ran on


# --- checkpoints of the experiment ------------------------------------------------------------------------------------


def sources(name: str) -> list[str]:
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.slow
def test_only_the_full_profile_keeps_checkpoints_unless_told_otherwise() -> None:
    pytest.importorskip("torchvision")
    pytest.importorskip("matplotlib")
    imports, parameters, configuration = sources("experiment")[:3]
    code = f"""
exec({imports!r})
none, mine = "checkpoints = ''", "checkpoints = 'mine'"
for chosen, given in ("full", ""), ("full", none), ("quick", ""), ("ci", ""), ("ci", mine):
    exec({parameters!r})
    data_dir, profile = "my/data", chosen
    exec(given)
    exec({configuration!r})
"""
    told = [line for line in printed(code).splitlines() if line.startswith("checkpoints: ")]
    folder = os.path.join("my/data", "checkpoints")
    assert told == [f"checkpoints: {place}" for place in (folder, "none", "none", "none", "mine")]


@pytest.mark.slow
def test_a_full_run_that_was_killed_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    pytest.importorskip("matplotlib")
    draw = "import stand_in; print(stand_in.make(sys.argv[1], stand_in.StandIn(1, 1)))"
    data = Path(printed(draw, tmp_path).strip()).parent  # where TinyImageNet would be, and small
    code = "\n".join(sources("experiment")[:5])
    assert code.count('get_model(name, num_classes, profile=config["size"])') == 1
    code = code.replace('profile=config["size"])', 'profile="ci")')  # a small model
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TINY_IMAGENET")}
    environment |= {"TINY_IMAGENET_DATA": str(data), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with started(code, env=environment) as run:
        before = lines_to("Epoch 3/50 ", run)
        run.kill()
    checkpoint = data / "checkpoints" / "baseline-full.pt"
    assert f"checkpoints: {checkpoint.parent}\n" in before
    with started(code, env=environment) as run:
        told = lines_to("goes on from ", run)[-1]
    epochs = re.match(rf"goes on from {re.escape(str(checkpoint))}: (\d+) of 50 epochs are done", told)
    assert epochs is not None, told
    assert int(epochs[1]) >= 3


def lines_to(start: str, process: subprocess.Popen[str]) -> list[str]:
    """What it prints, to the first line that starts like this."""
    lines: list[str] = []
    assert process.stdout is not None
    while not lines or not lines[-1].startswith(start):
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    return lines


# --- executed ---------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """An executed notebook."""

    code: int
    text: str  # what its cells printed
    log: str

    def percent(self, before: str) -> float:
        """The last number followed by % that stands behind these words."""
        numbers = re.findall(re.escape(before) + r"[^\n]*?(\d+\.\d\d) %", self.text)
        assert numbers, self.log
        return float(numbers[-1])


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    pytest.importorskip("torchvision")
    pytest.importorskip("nbclient")
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("executed")
    environment = {
        **os.environ,
        "TINY_IMAGENET_PROFILE": "ci",
        "TINY_IMAGENET_DATA": str(folder / "data"),
        "OMP_NUM_THREADS": "1",  # two notebooks at a time with a thread each are faster than one with two
    }
    draw = "import sys, stand_in; print(stand_in.make(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", draw, str(folder / "data")], cwd=NOTEBOOKS, check=True, capture_output=True, text=True
    )

    def run(name: str) -> Run:
        out = folder / f"{name}.ipynb"
        given = [part for value in PARAMETERS[name] for part in ("-p", value.replace("{root}", made.stdout.strip()))]
        command = [sys.executable, "-m", "tinyguard", "run", f"{name}.ipynb", "-o", str(out), "--timeout", str(LIMIT)]
        done = subprocess.run([*command, *given], cwd=NOTEBOOKS, env=environment, capture_output=True, text=True)
        cells = json.loads(out.read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        text = "".join("".join(output.get("text", ())) for output in outputs)
        return Run(done.returncode, text, done.stdout + done.stderr)

    with ThreadPoolExecutor(2) as pool:
        yield dict(zip(PARAMETERS, pool.map(run, PARAMETERS), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "hazard_ten_classes"])
def test_the_notebook_runs_to_its_end(executed: dict[str, Run], name: str) -> None:
    assert executed[name].code == 0, executed[name].log
    assert "synthetic" in executed[name].text.lower()  # wherever a number is shown


@pytest.mark.slow
@pytest.mark.parametrize("model", ["baseline", "residual", "deeper_wider", "se_attention"])
def test_every_model_of_the_experiment_learns(executed: dict[str, Run], model: str) -> None:
    assert executed["experiment"].percent(f"\n{model}: best test accuracy") > LEARNT
    assert re.search(rf"{model}: [\d.]+ x chance, it learns\n", executed["experiment"].text)


@pytest.mark.slow
def test_the_quick_check_says_that_the_model_learns(executed: dict[str, Run]) -> None:
    assert "the model learns normally" in executed["quick_check"].text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["recreated_loader", "stale_optimizer", "shared_optimizer", "raw_val_folder"])
def test_a_broken_notebook_stays_near_chance_where_its_twin_learns(executed: dict[str, Run], name: str) -> None:
    broken, twin = (executed[f"hazard_{name}{end}"].percent("test accuracy:") for end in ("", "_fixed"))
    assert broken <= 2.2 * CHANCE  # 22 hits of 2,000: above, chance is ruled out at 1e-3
    assert twin > 2.2 * CHANCE


@pytest.mark.slow
def test_three_epochs_are_behind_the_ones_that_were_configured(executed: dict[str, Run]) -> None:
    broken, twin = (executed[f"hazard_three_epochs{end}"].percent("test accuracy:") for end in ("", "_fixed"))
    assert broken < 0.8 * twin


@pytest.mark.slow
def test_eval_mode_is_behind_train_mode(executed: dict[str, Run]) -> None:
    broken, twin = (executed[f"hazard_eval_mode{end}"].percent("test accuracy:") for end in ("", "_fixed"))
    assert broken < 0.7 * twin


@pytest.mark.slow
def test_trained_on_the_test_images_it_knows_little_of_the_others(executed: dict[str, Run]) -> None:
    broken, twin = (executed[f"hazard_wrong_loader{end}"].percent("images of train_loader:") for end in ("", "_fixed"))
    assert broken < 0.7 * twin


@pytest.mark.slow
def test_ten_classes_end_in_the_first_batch(executed: dict[str, Run]) -> None:
    run = executed["hazard_ten_classes"]
    assert run.code == 1
    assert re.search(r"hazard_ten_classes\.ipynb cell 6 failed: IndexError: Target \d+ is out of bounds", run.log)


@pytest.mark.slow
def test_only_the_residual_model_of_the_broken_comparison_learns(executed: dict[str, Run]) -> None:
    text = executed["stuck_at_chance"].text
    best = {name: float(value) for name, value in re.findall(r"^(\w+) +best test acc ([\d.]+)%", text, re.MULTILINE)}
    assert best.pop("residual") > 4 * CHANCE
    assert max(best.values()) <= 2.2 * CHANCE
