"""Models that code nobody can read has made: an optimizer and a loss tell what they are."""

from __future__ import annotations

import pytest

from tinyguard.events import BackwardRan, Event, ModelBuilt, OptimizerBuilt, Parameters
from tinyguard.notebook.reader import read
from tinyguard.program.witness import witness

NET = """
import torch
from zoo import Net, wrapped

net = Net().to("cuda")
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""
STEP = """
loss = torch.nn.functional.cross_entropy(net(torch.rand(8, 4)), torch.zeros(8).long())
loss.backward()
"""


def events(code: str) -> tuple[Event, ...]:
    return witness(read("notebook.py", code.encode())).events


def held(code: str) -> tuple[Parameters, Parameters]:
    """What the optimizer holds, and what the loss reaches."""
    found = events(code)
    (optimizer,) = (event for event in found if isinstance(event, OptimizerBuilt))
    (backward,) = (event for event in found if isinstance(event, BackwardRan))
    return optimizer.parameters, backward.reaches


def test_the_optimizer_holds_what_the_loss_reaches() -> None:
    parameters, reached = held(NET + STEP)
    assert parameters == reached
    assert (parameters.complete, len(parameters.leaves)) == (True, 1)


@pytest.mark.parametrize(
    ("made", "pretrained"),
    [("Net()", False), ("Net(3, width=64)", False), ("Net('base.pt')", None), ("load_net()", None)],
)
def test_its_mode_is_not_known_and_what_is_made_of_numbers_is_untrained(made: str, pretrained: bool | None) -> None:
    (model,) = (event for event in events(NET.replace("Net()", made)) if isinstance(event, ModelBuilt))
    assert (model.mode_matters, model.pretrained) == (None, pretrained)


def test_another_one_is_another_model() -> None:
    parameters, reached = held(NET + "net = Net()\n" + STEP)
    assert parameters.disjoint(reached)


def test_what_is_made_of_a_model_may_be_that_model() -> None:
    parameters, reached = held(NET + "net = wrapped(net)\n" + STEP)
    assert not parameters.disjoint(reached)


def test_its_methods_and_parts_use_its_parameters() -> None:
    parameters, reached = held(NET + STEP.replace("net(", "net.forward_input("))
    assert parameters == reached


def test_a_value_whose_parameters_nobody_takes_is_no_model() -> None:
    assert not [event for event in events("import zoo\nnet = zoo.table()") if isinstance(event, ModelBuilt)]
