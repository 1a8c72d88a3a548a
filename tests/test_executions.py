"""Two orders of one notebook: what Restart & Run All gives, and what the execution counts prove."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from examples import notebook, parse

from tinyguard.events import CellRepeated, CountsUnsorted, Event, KernelRestarted, NameRead, ObjectStale
from tinyguard.notebook.cells import Notebook
from tinyguard.program.names.counts import counts
from tinyguard.program.names.definitions import star_exports
from tinyguard.program.names.executions import recorded_order, state_events
from tinyguard.program.witness import witness
from tinyguard.rule import catalogue

NET = "# %%\nclass C:\n    def forward(self): return x\n"


def book(text: str, folder: object = "") -> Notebook:
    return notebook(parse(text), os.fspath(folder) if isinstance(folder, os.PathLike) else "")


def counted(*given: int | None) -> Notebook:
    return book("\n".join(f"# %% In[{count or ' '}]\nx{index} = 1" for index, count in enumerate(given)))


def missing(text: str, folder: object = "") -> set[str]:
    """The names that Restart & Run All would not have."""
    found = book(text, folder)
    events = state_events(found)
    assert state_events(found, witness(found).unbound) == events  # what the witness knows only saves work
    reads = [event for event in events if isinstance(event, NameRead)]
    return {name for event in reads if event.on_restart is None for name in (event.name, *event.also)}


def seen(text: str) -> Sequence[Event]:
    return state_events(book(text))


# --- counts alone


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((1, 2, 3), None),
        ((None, None), None),
        ((1, None, 5), None),
        ((3, 1, 2), (1, 2, 0)),
        ((1, 9, None, 4), (0, 3, 1)),
        ((1, 2, 2, 3), None),  # split cells
    ],
)
def test_the_recorded_order(given: Sequence[int | None], expected: tuple[int, ...] | None) -> None:
    assert recorded_order(counted(*given)) == expected


@pytest.mark.parametrize(
    ("given", "restarted"),
    [
        ((1, 2, 3), []),
        ((5, 6, 3, 4), []),  # out of order, by one kernel
        ((4, 1, 2, 3), []),  # the same: it counted to 4 and no further
        ((1, 2, 3, 1, 2), [{3: 1, 4: 2}]),
        ((5, 6, 7, 1, 2), [{3: 1, 4: 2}]),
        ((1, 2, 9, 10, 2, 3), [{4: 2, 5: 3}]),
        ((1, 2, 3, 2), [{3: 2}]),  # nothing comes after it
        ((1, 2, 3, 2, 4, 5), []),  # a cell that was pasted in
        ((1, 2, 90, 1, 91, 2, 3, 92), [{3: 1, 5: 2, 6: 3}]),  # the new kernel's cells between those of the old
        ((1, 2, 3, 1, 2, 1, 2), [{3: 1, 4: 2}, {5: 1, 6: 2}]),
    ],
)
def test_restarts_are_read_off_the_counts(given: Sequence[int], restarted: list[dict[int, int]]) -> None:
    assert [dict(kernel) for kernel in counts(counted(*given)).restarted] == restarted


def test_the_order_goes_on_after_a_restart() -> None:
    assert recorded_order(counted(1, 2, 4, 3, 1, 2)) == (0, 1, 3, 2, 4, 5)


# --- names that are missing


def test_a_name_is_missing_when_only_a_later_cell_binds_it() -> None:
    (event,) = seen("# %% In[2]\nprint(x)\n# %% In[1]\nx = 1")
    assert isinstance(event, NameRead)
    assert event.later is not None
    assert (event.place.cell, event.place.line, event.place.column, event.place.end_column) == (1, 1, 7, 8)
    assert (event.later.place.cell, event.later.count, event.count) == (2, 1, 2)


def test_columns_count_characters() -> None:
    (event,) = seen("# %%\nprint('Größe', x)")
    assert event.place.column == 16


def test_a_name_that_only_a_function_needs_is_missing_at_its_call() -> None:
    (event,) = seen("# %%\ndef f():\n    return x\n# %%\nf()\n# %%\nx = 1")
    assert (event.place.cell, event.decision.cell) == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "# %%\ndef f(): return g()\ndef g(): return x\n# %%\nf()",
        "# %%\nclass C:\n    def __init__(self): self.y = x\n# %%\nC()",
        "# %%\nfrom torch.nn import Module\nclass B(Module):\n    def forward(self): return x\nclass C(B): pass\n"
        "# %%\nc = C().to(device=1)\nc()",
        "# %%\nclass C:\n    def run(self): self.step()\n    def step(self): x\n# %%\nc = C()\nc.run()",
        NET + "def train(a, model): return model(a)\n# %%\nc = C()\ntrain(1, model=c)",
        NET + "def a(m): m()\ndef b(n): a(n)\n# %%\nc = C()\nb(c)",
        "# %%\nif __name__ == '__main__': print(x)",
        "# %%\nx = 1\ndel x\n# %%\nprint(x)",
        "# %%\nfor i in range(3): y = x",
    ],
)
def test_calls_are_followed(text: str) -> None:
    assert missing(text) == {"x"}


@pytest.mark.parametrize(
    "text",
    [
        "# %%\ndef f(): return x\n# %%\nx = 1\nf()",
        "# %%\ndef f(): return x",  # nobody calls it
        "# %%\ndef f(a):\n    if a: return x\n# %%\nf(0)",
        "# %%\nif len(''): x",
        "# %%\nimport math\ntry:\n    x\nexcept Exception:\n    x = 1",
        "# %%\nexec('x = 1')\nx",
        "# %%\nglobals()['x'] = 1\n# %%\nx",
        "# %%\nfrom nowhere import *\n# %%\nx",
        "# %%\ndef f():\n    global x\n    x = 1\n# %%\nf()\nx",
        "# %%\nprint(_, __, _3, _i3, In, Out, get_ipython, display, __name__, exit)",
        "# %%\nsorted([], key=lambda a: x)",
    ],
)
def test_nothing_is_said_without_proof(text: str) -> None:
    assert missing(text) == set()


def test_star_imports_of_modules_beside_the_notebook_are_known(tmp_path: Path) -> None:
    files = "# %% file: one.py\nfrom two import *\na = 1\n_hidden = 2\n# %% file: two.py\n__all__ = ['b']\nb = c = 1\n"
    assert missing(files + "# %%\nfrom one import *\n# %%\na, b, c, _hidden", tmp_path) == {"c", "_hidden"}
    assert star_exports(os.fspath(tmp_path), "three") is None


def test_a_module_that_imports_itself_is_survived(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from one import *\n")
    assert star_exports(os.fspath(tmp_path), "one") is None


def test_a_cell_that_does_not_parse_may_bind_the_words_in_it() -> None:
    found = book("# %%\npass\n# %%\nx, y, z")
    broken = found.cells[0].replace(tree=None, source="x = = 1\nimport y")
    assert [event.name for event in state_events(found.replace(cells=(broken, found.cells[1])))] == ["z"]


def test_an_unfinished_exercise_is_the_readers_to_finish() -> None:
    text = "# %%\n# TODO: define the model\nloss = criterion(model)"
    assert missing(text) == set()
    assert missing(text.replace("# %%", "# %% In[1]")) == {"criterion"} | {"model"}


def test_names_of_one_cause_are_told_together() -> None:
    (event,) = seen("# %%\na\nb\n# %%\na = b = 1")
    assert isinstance(event, NameRead)
    assert (event.name, event.also) == ("a", ("b",))


def test_a_plain_script_is_left_to_other_linters() -> None:
    assert state_events(book("# %%\nx").replace(script=True)) == ()


# --- what the counts prove


def test_sorted_counts_prove_nothing() -> None:
    assert seen("# %% In[1]\nx = 1\n# %% In[5]\nprint(x)\n# %% In[9]\nx = 2") == ()


def test_a_definition_that_ran_again_is_told_once_for_all_readers() -> None:
    (event,) = seen("# %% In[9]\nx = f = 1\n# %% In[3]\nprint(x)\n# %% In[4]\nprint(x, f)")
    assert isinstance(event, NameRead)
    assert event.on_restart is not None
    assert (event.on_restart.count, event.count, event.found) == (9, 3, None)
    assert [reader.place.cell for reader in event.readers] == [3]


def test_a_reader_that_ran_before_many_is_told_once() -> None:
    (event,) = seen("# %% In[7]\na = 1\n# %% In[8]\nb = 1\n# %% In[9]\nc = 1\n# %% In[3]\nprint(a, b, c)")
    assert isinstance(event, NameRead)
    assert (event.also, len(event.definitions)) == (("b", "c"), 2)


def test_another_definition_was_in_force() -> None:
    (event,) = seen("# %% In[1]\nx = 1\n# %% In[6]\nprint(x)\n# %% In[4]\nx = 2")
    assert isinstance(event, NameRead)
    assert event.found is not None
    assert event.on_restart is not None
    assert (event.found.place.cell, event.on_restart.place.cell) == (3, 1)


def test_numbers_alone_are_a_note() -> None:
    (event,) = seen("# %% In[1]\nx = 1\n# %% In[6]\nprint(x)\n# %% In[4]\nprint(x)")
    assert isinstance(event, CountsUnsorted)


def test_what_was_built_from_the_old_object_is_stale() -> None:
    text = "# %% In[5]\nmodel = build()\n# %% In[3]\nadam = Adam(model.parameters())\n# %% In[6]\nadam.step()"
    (event,) = [event for event in seen(text) if isinstance(event, ObjectStale)]
    assert (event.name, event.source, event.place.cell, event.used.cell) == ("adam", "model", 2, 3)
    rebuilt = text + "\n# %% In[4]\nadam = None"
    assert any(isinstance(event, ObjectStale) for event in seen(text))
    assert not any(isinstance(event, ObjectStale) for event in seen(rebuilt))


def test_a_repeated_change_needs_a_run_that_is_missing() -> None:
    text = "# %% In[1]\nx = 1.0\n# %% In[5]\nx = x / 2\n# %% In[3]\nprint(x)"
    assert [type(event) for event in seen(text)] == [CellRepeated]
    # Without a gap it can have run once only: too late.
    assert CellRepeated not in [
        type(event) for event in seen(text.replace("[5]", "[3]", 1).replace("[3]\nprint", "[2]\nprint"))
    ]


def test_names_lost_in_a_restart() -> None:
    before = "# %% In[1]\nimport os\n# %% In[2]\nx = y = 1\n# %% In[3]\nprint(x)\n"
    text = before + "# %% In[2]\ny = 2\n# %% In[3]\nprint(os, x, y)"
    (event,) = [event for event in seen(text) if isinstance(event, KernelRestarted)]
    assert (dict(event.lost).keys(), event.counts) == ({"x"}, (2, 3))
    assert (event.place.cell, event.lost["x"].cell, event.reads["x"].cell) == (4, 2, 5)


def test_a_missing_count_may_have_built_it_again() -> None:
    text = "# %% In[1]\nx = 1\n# %% In[2]\nprint(x)\n# %% In[1]\nprint()\n# %% In[3]\nprint(x)"
    assert not [event for event in seen(text) if isinstance(event, KernelRestarted)]


def test_a_saved_error_tells_a_restart_from_a_copied_cell() -> None:
    text = "# %% In[1]\nx = 1\n# %% In[1]\nimport os\n# %% In[2]\nprint(x)"
    found = book(text)
    assert not [event for event in state_events(found) if isinstance(event, KernelRestarted)]
    error = {"output_type": "error", "ename": "NameError", "evalue": "name 'x' is not defined", "traceback": []}
    failed = found.replace(cells=(*found.cells[:2], found.cells[2].replace(outputs=(error,))))
    assert [list(event.lost) for event in state_events(failed) if isinstance(event, KernelRestarted)] == [["x"]]


def test_a_host_that_writes_zero_for_cells_that_ran(tmp_path: Path) -> None:
    text = "# %% In[ ]\nx = 1\n# %% In[2]\nprint(x)"
    assert [event.on_restart.count for event in seen(text) if isinstance(event, NameRead) and event.on_restart] == [
        None
    ]
    assert state_events(book(text).replace(text='{"execution_count": 0}')) == ()


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_what_the_witness_found_unbound_only_saves_work(code: str, tmp_path: Path) -> None:
    rule = catalogue()[code]
    for text in (*rule.bad, *rule.good):
        found = notebook(parse(text), str(tmp_path))
        assert state_events(found, witness(found).unbound) == state_events(found)
