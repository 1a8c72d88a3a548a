"""Classes of users on top of layers of torch.nn: what they hold and what they compute is that of the layer."""

from __future__ import annotations

from typing import TypeVar

from tinyguard.events import BackwardRan, DimensionGuessed, Event, LossComputed, ModelBuilt
from tinyguard.notebook.reader import read
from tinyguard.program.witness import witness

E = TypeVar("E", bound=Event)

IMPORTS = "import torch\nfrom torch import nn\n"
LOSS = "\nnn.functional.cross_entropy(model(torch.rand(8, 4)), torch.zeros(8).long()).backward()\n"


def events(kind: type[E], code: str) -> list[E]:
    found = witness(read("notebook.py", (IMPORTS + code).encode())).events
    return [event for event in found if isinstance(event, kind)]


def test_a_normalisation_of_ones_own_is_one() -> None:
    code = """
class Norm(nn.BatchNorm2d):
    def __init__(self, features):
        super().__init__(features, eps=1e-3)

class Drop(nn.Dropout):
    pass

model = nn.Sequential(nn.Conv2d(1, 2, 3), Norm(2))
other = nn.Sequential(nn.Linear(4, 2), Drop())
"""
    built = [event for event in events(ModelBuilt, code) if event.kind == "Sequential"]
    assert [(len(event.parameters.leaves), event.mode_matters) for event in built] == [(2, True), (1, True)]
    assert all(event.parameters.complete for event in built)


def test_a_sequential_of_ones_own_runs_its_layers() -> None:
    code = """
class Net(nn.Sequential):
    def __init__(self, width):
        super().__init__(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3), nn.Softmax(dim=1))

model = Net(16)
"""
    (loss,) = events(LossComputed, code + LOSS)
    assert loss.activation is not None
    assert (loss.activation.name, loss.outputs) == ("softmax", 3)
    (backward,) = events(BackwardRan, code + LOSS)
    assert (len(backward.reaches.leaves), backward.reaches.complete) == (2, True)


def test_a_layer_of_ones_own_may_do_more_than_its_base() -> None:
    code = """
class Scaled(nn.Linear):
    def forward(self, x):
        return torch.softmax(super().forward(x) * 2, dim=1)

model = Scaled(4, 3)
"""
    (loss,) = events(LossComputed, code + LOSS)
    assert loss.activation is not None
    assert loss.activation.name == "softmax"


def test_a_criterion_of_ones_own_computes_that_of_its_base() -> None:
    code = """
class Smooth(nn.CrossEntropyLoss):
    def forward(self, scores, labels):
        return super().forward(scores, labels) * 0.9

model = nn.Linear(4, 3)
Smooth()(model(torch.rand(8, 4)), torch.zeros(8).long())
"""
    assert [event.criterion for event in events(LossComputed, code)] == ["cross_entropy"]


def test_a_wrapped_model_is_the_model() -> None:
    code = "model = nn.DataParallel(nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)))"
    (loss,) = events(LossComputed, code + LOSS)
    assert loss.activation is not None


def test_a_layer_that_a_forward_builds_is_marked() -> None:
    code = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)

    def forward(self, x):
        return nn.Linear(8, 3)(self.first(x))

model = Net()
"""
    assert [(event.kind, event.in_forward) for event in events(ModelBuilt, code + LOSS)] == [
        ("Net", False),
        ("Linear", True),
    ]


def test_a_dimension_left_to_torch_is_told_once_a_place() -> None:
    code = """
model = nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax())
for step in range(3):
    scores = nn.functional.softmax(model(torch.rand(8, 4)))
    other = nn.functional.softmax(model(torch.rand(8, 4)), 1) + torch.softmax(scores, -1)
"""
    found = [(event.function, event.place.line) for event in events(DimensionGuessed, code)]
    assert found == [("LogSoftmax", 4), ("softmax", 6)]


NET = """
import os
from typing import NamedTuple

class Size(NamedTuple):
    width: int
    head: nn.Module

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(4, width)
        self.shortcut = nn.Identity() if width == 4 else nn.Linear(4, width)

SIZES = {"small": Size(8, nn.Linear(4, 8)), "large": Size(16, nn.Linear(4, 16))}
size = SIZES[os.environ["SIZE"]]
"""


def test_of_a_size_that_nobody_knows_all_parameters_are_known() -> None:
    (net,) = [event for event in events(ModelBuilt, NET + "model = Net(size.width)") if event.kind == "Net"]
    assert (len(net.parameters.leaves), net.parameters.complete) == (2, True)


def test_of_two_models_that_were_there_before_one_is_somebody_elses() -> None:
    *_, last = events(ModelBuilt, NET + "model = nn.Sequential(size.head, nn.Linear(8, 2))")
    assert (last.kind, len(last.parameters.leaves), last.parameters.complete) == ("Sequential", 3, False)
