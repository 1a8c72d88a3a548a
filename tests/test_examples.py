"""The harness itself: a harness that cannot fail proves nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from examples import Example, disagreements, event_set, expectations, notebook, one_sided, parse

from tinyguard.events import BackwardRan, Event, GraphKept, OptimizerStepped, Parameters
from tinyguard.finding import Place

TEXT = """
# TNY605
# %% In[3]
from helpers import train
loss.backward()  # TNY301, TNY401 lint
losses.append(loss)  # sees GraphKept live
# Out: epoch 1
# Out: loss 5.3
# %% file: helpers.py
def train():
    optimizer.step()  # TNY504 live  # sees OptimizerStepped lint
# %% [markdown]
Some text.
# %% In[ ]  # TNY701
x = 1
"""


def test_modules_are_written_beside_the_notebook(tmp_path: os.PathLike[str]) -> None:
    book = notebook(parse(TEXT), os.fspath(tmp_path))
    with open(os.path.join(tmp_path, "helpers.py"), encoding="utf-8") as file:
        assert file.readline() == "def train():\n"
    assert os.path.dirname(book.path) == os.fspath(tmp_path)
    assert [(cell.number, cell.count, cell.code) for cell in book.cells] == [
        (1, 3, True),
        (2, None, False),
        (3, None, True),
    ]
    assert book.cells[0].outputs[0]["text"] == ["epoch 1\n", "loss 5.3\n"]
    assert "Out" not in book.cells[0].source


def test_expectations_stand_on_their_own_line() -> None:
    example = parse(TEXT)
    both = {("TNY605", None, 0), ("TNY301", 1, 2), ("TNY701", 3, 0)}
    assert expectations(example) == both | {("TNY401", 1, 2)}
    assert expectations(example, "live") == both | {("TNY504", "helpers.py", 2)}


def test_a_suppression_is_no_expectation() -> None:
    assert expectations(parse("# %%\nstep()  # tinyguard: ignore[TNY501] on purpose")) == set()


@pytest.mark.parametrize("text", ["# %% In[3\nx = 1", "x = 1\n# %%"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cell marker"):
        parse(text)


def seen(*events: tuple[type[Event], int, int]) -> list[Event]:
    """Hand-made events of these kinds at these cells and lines."""
    fields = {
        BackwardRan: {"reaches": Parameters()},
        OptimizerStepped: {"optimizer": 1, "parameters": Parameters()},
        GraphKept: {"name": "losses"},
    }
    return [kind(place=Place("a.ipynb", cell, line), **fields[kind]) for kind, cell, line in events]


def told(text: str, lint: Sequence[Event], live: Sequence[Event]) -> list[str]:
    def lint_witness(_: Example) -> Sequence[Event]:
        return lint

    def live_witness(_: Example) -> Sequence[Event]:
        return live

    return disagreements(parse(text), {"lint": lint_witness, "live": live_witness})


def test_witnesses_agree_when_their_whole_sets_are_equal() -> None:
    story = seen((BackwardRan, 1, 2), (OptimizerStepped, 1, 3))
    assert told("# %%\n", story, [*story, *story]) == []


def test_an_event_that_one_witness_misses_is_a_disagreement() -> None:
    both, more = seen((BackwardRan, 1, 2)), seen((BackwardRan, 1, 2), (OptimizerStepped, 1, 3))
    sentence = "OptimizerStepped at 1:3: seen by ['lint'], expected of ['lint', 'live']"
    assert told("# %%\n", more, both) == [sentence]
    assert told("# %%\n", both, more) == [sentence.replace("by ['lint']", "by ['live']")]


def test_the_same_event_on_another_line_is_two_disagreements() -> None:
    assert len(told("# %%\n", seen((BackwardRan, 1, 2)), seen((BackwardRan, 1, 3)))) == 2


def test_an_example_can_allow_an_event_to_one_witness() -> None:
    text = "# %%\nlosses.append(loss)  # sees GraphKept live"
    assert one_sided(parse(text)) == {("GraphKept", 1, 1): "live"}
    kept = seen((GraphKept, 1, 1))
    assert told(text, [], kept) == []
    assert told(text, kept, []) == ["GraphKept at 1:1: seen by ['lint'], expected of ['live']"]


def test_an_allowance_that_is_not_needed_any_more_is_a_disagreement() -> None:
    text = "# %%\nlosses.append(loss)  # sees GraphKept live"
    kept = seen((GraphKept, 1, 1))
    assert told(text, kept, kept) == ["GraphKept at 1:1: seen by ['lint', 'live'], expected of ['live']"]
    assert told(text, [], []) == ["GraphKept at 1:1: seen by [], expected of ['live']"]


def test_files_go_by_their_name() -> None:
    event = OptimizerStepped(place=Place("folder/helpers.py", None, 7), optimizer=1, parameters=Parameters())
    assert event_set([event]) == {("OptimizerStepped", "helpers.py", 7)}
