"""The broken notebook of the founding document: every planted fact is found, at its line, with its cause."""

from __future__ import annotations

from pathlib import Path

from tinyguard.finding import Finding
from tinyguard.lint import lint
from tinyguard.notebook.reader import read

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "stuck_at_chance.ipynb"

PLANTED = {
    ("TNY602", 4, 3),  # C2: batches of 32
    ("TNY104", 5, 2),  # I2: a cell that was never run
    ("TNY209", 10, 1),  # I5: 10 classes in place of 200
    ("TNY601", 15, 1),  # C1: 3 epochs
    ("TNY603", 15, 1),  # C1, R1: ... where the configuration says 50
    ("TNY603", 17, 3),
    ("TNY603", 19, 3),
    ("TNY502", 17, 1),  # R3: the optimizer of the residual model for every other
    ("TNY502", 19, 1),
    ("TNY502", 23, 1),
    ("TNY102", 17, 1),  # I2: out of order
    ("TNY201", 19, 3),  # C3: the test loader in the place of the training loader
    ("TNY204", 21, 1),  # C3: a loader built again that the training does not take
    ("TNY301", 23, 6),  # C4: eval mode since quick_check
    ("TNY105", 28, 1),  # C5, I1: the kernel was restarted
    ("TNY701", 17, 3),  # what it all looks like
    ("TNY701", 19, 3),
    ("TNY701", 23, 5),
}


def told() -> list[Finding]:
    path = str(NOTEBOOK)
    return [one for one in lint(read(path)).findings if one.severity.label != "note"]


def test_every_planted_fact_is_found_at_its_line() -> None:
    found = {(one.code, one.place.cell, one.place.line) for one in told()}
    assert found >= PLANTED
    assert not {code for code, *_ in found - PLANTED} - {"TNY605"}


def test_each_cell_at_chance_names_first_what_alone_explains_it() -> None:
    causes = {one.place.cell: one.evidence["causes"] for one in told() if one.code == "TNY701"}
    assert {cell: codes[0] for cell, codes in causes.items()} == {17: "TNY502", 19: "TNY502", 23: "TNY502"}
    assert causes[19][1] == "TNY201"
    assert set(causes[23][1:3]) == {"TNY301", "TNY204"}
