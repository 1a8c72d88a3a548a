"""The evaluation set keeps its own rules: marks, expectations, a silent linter, and trainings that really learn."""

from __future__ import annotations

import os
import re

import pytest
import trainings
from examples import Spot, notebook, parse
from trainings import (
    BUGS,
    HEALTHY,
    Bound,
    Training,
    as_notebook,
    judge,
    load,
    paths,
    run,
    script,
    told_by_lint,
    with_bug,
    without_bug,
)

from tinyguard.rule import catalogue

WITH_BUG = {training.name: training for training in map(load, paths(BUGS))}
WELL = {training.name: training for training in map(load, paths(HEALTHY))}
RIGHT = {f"twin-{name}": training.twin for name, training in WITH_BUG.items()} | {
    f"healthy-{name}": training.twin for name, training in WELL.items()
}

TEXT = """
# A bug for the tests.
# Prompt: yes
# Score: above 0.5
# Harm: below 0.25
# Also: TNY704
# %%
from helpers import loader
for batch in loader:
    model.eval()  # BUG
    # FIX: if model:
    # FIX:     model.train()
    train(batch)  # BUG  # TNY301, TNY504
    # FIX: train(batch)
    print(batch)  # TNY301
# %% [markdown]
Some text.
# %% file: helpers.py
loader = []
"""


@pytest.fixture
def training(tmp_path: os.PathLike[str]) -> Training:
    path = os.path.join(tmp_path, "small.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(TEXT)
    return load(path)


def test_a_bug_keeps_its_lines_and_what_is_expected() -> None:
    assert with_bug(TEXT).splitlines()[9:12] == [
        "    model.eval()",
        "    train(batch)  # TNY301, TNY504",
        "    print(batch)  # TNY301",
    ]


def test_a_twin_has_the_remedy_and_expects_nothing() -> None:
    assert without_bug(TEXT).splitlines()[9:13] == [
        "    if model:",
        "        model.train()",
        "    train(batch)",
        "    print(batch)",
    ]


def test_a_training_says_what_is_expected_of_it(training: Training) -> None:
    assert training.expected == {
        "TNY301": {("TNY301", 1, 4), ("TNY301", 1, 5)},
        "TNY504": {("TNY504", 1, 4)},
    }
    assert training.prompt
    assert training.also == {"TNY704"}
    assert (training.score, training.harm) == (Bound(above=True, limit=0.5), Bound(above=False, limit=0.25))


def test_a_finding_hits_is_a_symptom_or_is_one_too_many(training: Training) -> None:
    hit, elsewhere, symptom = ("TNY301", 1, 5), ("TNY504", 1, 5), ("TNY702", 1, 2)
    verdict = judge(training, {hit, elsewhere, symptom})
    assert (verdict.hits, verdict.others, verdict.symptoms) == ((hit,), (elsewhere,), (symptom,))


def test_a_code_that_says_the_same_counts() -> None:
    training = Training(name="", twin="", expected={"TNY411": frozenset({("TNY411", 2, 1)})})
    assert judge(training, {("TNY703", 2, 1)}).hits == (("TNY703", 2, 1),)


def test_cells_can_be_put_in_front_of_a_notebook() -> None:
    book = as_notebook(parse(with_bug(TEXT)), prepend=("%load_ext tinyguard", "%tinyguard on"))
    assert [cell.cell_type for cell in book.cells] == ["code", "code", "code", "markdown"]
    assert book.cells[2].source.startswith("from helpers import loader\nfor batch")
    assert book.cells[3].source == "Some text."


def test_there_are_enough_of_them() -> None:
    assert len(WITH_BUG) >= 44
    assert len(WELL) >= 32
    assert not set(WITH_BUG) & set(WELL)


@pytest.mark.parametrize("path", [*paths(BUGS), *paths(HEALTHY)], ids=os.path.basename)
def test_every_notebook_parses_and_says_how_well_it_learns(path: str, tmp_path: os.PathLike[str]) -> None:
    training = load(path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for version in filter(None, (training.bug, training.twin)):
        assert notebook(parse(version), os.fspath(tmp_path)).cells  # parses each cell
        compile(script(parse(version)), path, "exec")
    assert training.score is not None
    assert text.startswith("# ")
    assert not any("# BUG" in line or "# FIX" in line for line in (training.bug + training.twin).splitlines())


@pytest.mark.parametrize("name", WITH_BUG)
def test_bug_and_twin_differ_in_marked_lines_only(name: str) -> None:
    with open(os.path.join(BUGS, f"{name}.py"), encoding="utf-8") as file:
        raw = file.read()
    marked = {
        re.sub(r"^(\s*)# FIX: ", r"\1", line).split("  # ")[0].rstrip()
        for line in raw.splitlines()
        if "# BUG" in line or "# FIX" in line
    }
    bug, twin = (
        [line.split("  # ")[0] for line in text.splitlines()] for text in (WITH_BUG[name].bug, WITH_BUG[name].twin)
    )
    assert bug != twin
    assert [line for line in bug if line not in marked] == [line for line in twin if line not in marked]


def known_codes() -> set[str]:
    """Those that have a rule, and those of the table in the evaluation set's documentation."""
    return set(catalogue()) | set(re.findall(r"^    (TNY\d{3})  ", trainings.__doc__ or "", re.MULTILINE))


@pytest.mark.parametrize("name", WITH_BUG)
def test_every_bug_is_expected_by_known_codes_on_lines_of_code(name: str) -> None:
    training = WITH_BUG[name]
    assert training.expected
    with open(os.path.join(BUGS, f"{name}.py"), encoding="utf-8") as file:
        assert re.search(r"^# Prompt: (yes|no)$", file.read(), re.MULTILINE)
    assert set(training.expected) <= known_codes()
    lines = {part.where: part.lines for part in parse(training.bug).stretches if part.code}
    for spots in training.expected.values():
        for _, cell, line in spots:
            assert lines[cell][line].split("#")[0].strip()


@pytest.mark.parametrize("name", WELL)
def test_nothing_is_wrong_with_a_healthy_notebook(name: str) -> None:
    assert not WELL[name].bug
    assert not WELL[name].expected


@pytest.mark.parametrize("name", RIGHT)
def test_the_linter_is_silent_about_what_is_right(name: str) -> None:
    silence: set[Spot] = set()
    assert told_by_lint(RIGHT[name]) == silence


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WITH_BUG | WELL)[::12])  # test_guarded_trainings.py runs all of them
def test_a_notebook_runs_to_its_end_in_silence_and_the_right_ones_learn(name: str) -> None:
    pytest.importorskip("torch")
    training = (WITH_BUG | WELL)[name]
    for text, bound in ((training.bug, training.harm), (training.twin, training.score)):
        if text:
            ran = run(text)
            assert ran.complaint == ""
            assert ran.score is not None
            assert bound is None or bound.holds(ran.score), ran.printed


@pytest.mark.slow
def test_a_notebook_runs_under_nbclient_with_the_module_beside_it(tmp_path: os.PathLike[str]) -> None:
    pytest.importorskip("torch")
    from nbclient import NotebookClient

    training = WITH_BUG["trained_on_the_test_loader"]
    example = parse(training.twin)
    notebook(example, os.fspath(tmp_path))
    book = as_notebook(example, prepend=("before = 1",))
    NotebookClient(book, timeout=120, resources={"metadata": {"path": os.fspath(tmp_path)}}).execute()
    printed = "".join(output["text"] for output in book.cells[-1].outputs)
    assert training.score is not None
    assert training.score.holds(float(printed.split()[-1]))
