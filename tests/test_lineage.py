"""The statement at which the ways of two loaders' data part."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from tinyguard.live.cells import Execution
from tinyguard.live.lineage import parting


def parted(*cells: str) -> tuple[int, int] | None:
    """For the loaders that `train_loader = ...` and `test_loader = ...` build."""
    executions = [Execution(number=number, count=number, source=source) for number, source in enumerate(cells, 1)]
    lines = {
        name: (number, line)
        for number, source in enumerate(cells, 1)
        for line, text in enumerate(source.splitlines(), 1)
        for name in ("train", "test")
        if text.startswith(f"{name}_loader")
    }
    return parting(executions, lines["train"], lines["test"])


LOADERS = "train_loader = DataLoader(x_train)\ntest_loader = DataLoader(x_test)"


def test_it_is_the_first_that_binds_a_name_for_each() -> None:
    cells = ["x = read()", "n = 6\na, b = order[:n], order[n:]", "x_train, x_test = x[a], x[b]", LOADERS]
    assert parted(*cells) == (2, 2)
    assert parted("x_train, x_test = train_test_split(x)", LOADERS) == (1, 1)


def test_the_last_binding_before_the_loader_counts() -> None:
    assert parted("x_train, x_test = one()", "x_train, x_test = other()", LOADERS) == (2, 1)
    assert parted(LOADERS, "x_train, x_test = other()") is None


@pytest.mark.parametrize(
    "cells",
    [
        ("x = read()", "x_train = x[:9]", "x_test = x[5:]", LOADERS),  # two statements, each for one
        ("x = read()", "train_loader = DataLoader(x)\ntest_loader = DataLoader(x)"),
        ("x_train, x_test = 1 +", LOADERS),
    ],
)
def test_there_may_be_none(cells: tuple[str, ...]) -> None:
    assert parted(*cells) is None
