"""The evaluation set of the guard: trainings with one silent bug and a twin each, and healthy ones of odd practice.

A file of `tests/trainings/bugs/` is a notebook in the percent format of `tests/examples.py`, and its twin:

    # The second model gets the optimizer of the first.      above the first cell: what is wrong, in words
    # Prompt: yes               one step proves it; no: only many batches, time, or the next cell
    # Score: above 0.80         what the last number printed by the twin (or a healthy notebook) must be: it learns
    # Harm: below 0.40          what the bug makes of that number; left out where this number does not show it
    # Also: TNY704              true of bug and twin alike: small data are learnt by heart, to show what a leak does
    model.eval()  # BUG         a line that only the bug has
    # FIX: model.train()        a line that only the twin has, at its indentation
    train(model)  # TNY301      where the finding must stand; one code on several lines: on any of them

A file of `tests/trainings/healthy/` has neither mark; a guard finds nothing of level warning or error there, nor in a
twin but what stands behind `Also`. All of them run to their end without a word on stderr: no exception, no warning.

Where several codes are expected, each of them names the cause, and one is enough. `judge` compares: a finding counts
for the expected code or for one of `SAME`, which say the same of what a run has shown. Next to it a symptom (TNY7xx)
may be told, as its consequence; anything else is one too many.

Codes that no rule had when the notebooks were written, and where the finding stands:

    TNY210  labels are out of the range of the loss or the head: at the loss, or where they are read
    TNY211  a loader hands out one class only, or sorted by class: where its data are chosen
    TNY212  the same samples again and again: where they are drawn, or where the sampler is built
    TNY213  inputs are not normalised, normalised twice, or otherwise than in training: where it is done, or the loader
    TNY214  labels do not belong to their inputs: where they were mixed up, or where batches are drawn
    TNY215  training and evaluation share samples: where the data were split
    TNY216  every worker of a loader makes the same samples: at the data set, or the loader
    TNY304  randomness that eval() does not switch off: in the forward, or at the evaluation
    TNY306  parameters that are not registered with the model: at the list, or where the model or optimizer is built
    TNY307  tied weights come apart: where they do
    TNY405  prediction and target are broadcast against each other: at the loss
    TNY411  the loss is not finite: where the first tensor is not, or at the loss
    TNY412  gradients vanish: at backward, or where the model is built
    TNY413  gradients explode: at backward, or where the model is built
    TNY414  units are dead: where they were killed, in the forward, or where the model is built
    TNY415  the graph is cut, and no gradient reaches (part of) the model: where it is cut, or at backward
    TNY416  gradients are clipped while the loss scale is still in them: where they are clipped
    TNY510  two optimizers step the same parameters in turn: at the second optimizer
    TNY511  updates are far too large or far too small: at the optimizer, or its step
    TNY512  the learning rate is zero, or brought to nothing: at the scheduler, its step, or the optimizer's
    TNY704  overfitting: where the training is called, or its data are chosen
    TNY706  not learning: where the training is called, or where its cause is
    TNY708  a metric stays the same to the last digit: where it is computed, or printed
    TNY801  best weights are kept by reference: where they are kept
    TNY802  a sample's output depends on the rest of its batch: in the forward, or at the evaluation
    TNY803  the model that is evaluated is not the one that was trained: at the evaluation, or where it was built
    TNY901  memory grows with every step, since something keeps graphs: where it is kept
    TNY902  the input pipeline starves the model: at the loader, the data set, or where batches are drawn
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from examples import OUTPUT, Example, Spot, expectations, notebook, parse, spot

from tinyguard.record import Record

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "trainings")
BUGS = os.path.join(HERE, "bugs")
HEALTHY = os.path.join(HERE, "healthy")

# Codes that say the same of a run: the source or its recorded outputs prove the one, the running training the other.
SAME: dict[str, frozenset[str]] = {
    "TNY205": frozenset({"TNY211"}),
    "TNY411": frozenset({"TNY703"}),
    "TNY706": frozenset({"TNY701", "TNY702"}),
}

BUG = re.compile(r"\s*# BUG\b\s*")
FIX = re.compile(r"(\s*)# FIX: ?(.*)")
EXPECTED = re.compile(r"\s*#\s*TNY\d{3}[\s,TNY\d]*$")
HEADER = re.compile(r"# (Prompt|Score|Harm|Also): (.*)")
BOUND = re.compile(r"(above|below) (-?[\d.]+)")


class Bound(Record):
    """What a score must be: above or below a number."""

    above: bool
    limit: float

    def holds(self, score: float) -> bool:
        return score > self.limit if self.above else score < self.limit


class Training(Record):
    """A notebook that trains something; with a bug also the same without it."""

    name: str
    bug: str = ""  # in percent format, with its expectations; empty: a healthy one
    twin: str  # what is right
    expected: dict[str, frozenset[Spot]] = {}  # of the bug: the codes that name it, each with its lines
    also: frozenset[str] = frozenset()  # codes that may be told of the twin, too
    prompt: bool = False  # provable within the first three steps
    score: Bound | None = None  # of the last number that the twin prints
    harm: Bound | None = None  # of the last number that the bug prints


class Verdict(Record):
    """What findings are worth for a notebook with a bug."""

    hits: tuple[Spot, ...]  # name the cause where it stands; empty: it was missed
    symptoms: tuple[Spot, ...]  # its consequences
    others: tuple[Spot, ...]  # told of nothing that is wrong, or at the wrong line


def judge(training: Training, told: Iterable[Spot]) -> Verdict:
    """Which of the findings, of level warning or error, name the bug."""
    right = {
        (accepted, cell, line)
        for code, spots in training.expected.items()
        for accepted in {code} | SAME.get(code, frozenset())
        for _, cell, line in spots
    }
    spots = sorted(set(told), key=str)
    rest = [spot for spot in spots if spot not in right]
    return Verdict(
        hits=tuple(spot for spot in spots if spot in right),
        symptoms=tuple(spot for spot in rest if spot[0].startswith("TNY7")),
        others=tuple(spot for spot in rest if not spot[0].startswith("TNY7")),
    )


def paths(folder: str) -> list[str]:
    """The notebooks of a folder, by name."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]


def load(path: str) -> Training:
    """The training in a file of `BUGS` or `HEALTHY`. Raises ValueError when a bound cannot be read."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    name = os.path.splitext(os.path.basename(path))[0]
    fields = dict(match.groups() for match in map(HEADER.fullmatch, text.splitlines()) if match)
    bug = with_bug(text)
    return Training(
        name=name,
        bug=bug if bug != without_bug(text) else "",
        twin=without_bug(text),
        expected=_by_code(expectations(parse(bug), "live")),
        also=frozenset(fields.get("Also", "").split()),
        prompt=fields.get("Prompt") == "yes",
        score=_bound(fields.get("Score")),
        harm=_bound(fields.get("Harm")),
    )


def with_bug(text: str) -> str:
    """The notebook with its bug: no remedy, no mark but what is expected."""
    return _joined(BUG.sub("  ", line).rstrip() for line in text.splitlines() if not FIX.fullmatch(line))


def without_bug(text: str) -> str:
    """The twin: the lines of the bug are gone, those of the remedy in force, and nothing is expected."""
    kept = (line for line in text.splitlines() if not BUG.search(line))
    return _joined(EXPECTED.sub("", FIX.sub(r"\1\2", line)) for line in kept)


def told_by_lint(text: str) -> set[Spot]:
    """What the linter says of a notebook, of level warning or error."""
    from tinyguard.finding import Severity
    from tinyguard.lint import lint
    from tinyguard.rule import catalogue

    with tempfile.TemporaryDirectory() as folder:
        findings = lint(notebook(parse(text), folder), list(catalogue().values())).findings
    return {spot(finding.code, finding.place) for finding in findings if finding.severity > Severity.NOTE}


def as_notebook(example: Example, prepend: Sequence[str] = ()) -> Any:
    """The example as a notebook for nbclient, behind other code cells, which shift its cell numbers.

    Its modules are not in it: `examples.notebook(example, folder)` writes them.
    """
    import nbformat.v4 as v4

    cells = [v4.new_code_cell(source) for source in prepend]
    for part in example.stretches:
        if isinstance(part.where, int):
            source = source_of(part.lines)
            cells.append(v4.new_code_cell(source) if part.code else v4.new_markdown_cell(source))
    return v4.new_notebook(cells=cells)


def script(example: Example) -> str:
    """All code cells as one program."""
    code = (part for part in example.stretches if isinstance(part.where, int) and part.code)
    return "\n".join(source_of(part.lines) for part in code) + "\n"


class Ran(Record):
    """What came of executing a notebook."""

    printed: str
    complaint: str  # all of stderr: warnings, and the traceback where it did not reach its end
    seconds: float  # of processor time

    @property
    def score(self) -> float | None:
        return score(self.printed)


def score(printed: str) -> float | None:
    """The last number that was printed."""
    numbers = re.findall(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+|nan|inf", printed)
    return float(numbers[-1]) if numbers else None


def run(text: str) -> Ran:
    """Execute the code cells one after another, on one core, in a process of their own.

    A fork of this process, so that torch is imported once for all of them.
    """
    import torch
    import torch._dynamo  # the first optimizer imports it, in each fork anew

    torch.set_num_threads(1)
    example = parse(text)
    with tempfile.TemporaryDirectory() as folder:
        notebook(example, folder)
        streams = [os.path.join(folder, name) for name in ("stdout", "stderr")]
        child = os.fork()
        if child == 0:
            _execute(script(example), folder, streams)
        _, _, used = os.wait4(child, 0)
        printed, complaint = (_content(path) for path in streams)
    return Ran(printed=printed, complaint=complaint, seconds=used.ru_utime + used.ru_stime)


def _execute(program: str, folder: str, streams: Sequence[str]) -> None:
    """Run a program in `folder` and leave this process."""
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    # What pytest has put in their place would swallow prints and warnings.
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    warnings.showwarning = _show
    warnings.resetwarnings()
    warnings.simplefilter("ignore", DeprecationWarning)
    os.chdir(folder)
    sys.path.insert(0, folder)
    try:
        exec(compile(program, "notebook", "exec"), {"__name__": "__main__"})
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def _content(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def source_of(lines: Sequence[str]) -> str:
    """A cell without its marker line and its recorded outputs."""
    return "\n".join(line for line in lines[1:] if not line.startswith(OUTPUT))


def _bound(text: str | None) -> Bound | None:
    if text is None:
        return None
    match = BOUND.match(text)
    if match is None:
        raise ValueError(f"neither `above` nor `below` a number: {text}")
    return Bound(above=match[1] == "above", limit=float(match[2]))


def _by_code(spots: Iterable[Spot]) -> dict[str, frozenset[Spot]]:
    codes: dict[str, set[Spot]] = {}
    for each in spots:
        codes.setdefault(each[0], set()).add(each)
    return {code: frozenset(of) for code, of in sorted(codes.items())}


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
