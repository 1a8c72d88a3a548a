"""What the guard measures of data and labels, in real trainings that an example of a rule cannot hold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from tinyguard.errors import TrainingStoppedError
from tinyguard.finding import Finding, Severity
from tinyguard.guard import Guard
from tinyguard.live.loaders import address, addresses
from tinyguard.live.measures import waiting

pytestmark = pytest.mark.slow


@pytest.fixture
def found() -> Iterator[list[Finding]]:
    """What a guard tells, in the order in which it tells it; at the end it must have had no fault."""
    told: list[Finding] = []
    faults: list[str] = []
    guard = Guard(tell=told.append, complain=faults.append)
    guard.start()
    yield told
    guard.end()
    assert faults == []


def codes(found: list[Finding]) -> list[str]:
    return [finding.code for finding in found]


# --- TNY210 -----------------------------------------------------------------------------------------------------------


def test_labels_out_of_range_are_told_before_the_loss_raises(found: list[Finding]) -> None:
    with pytest.raises(IndexError):
        nn.functional.cross_entropy(torch.zeros(4, 3), torch.tensor([0, 3, 1, 2]))
    assert codes(found) == ["TNY210"]
    assert found[0].evidence["outside"] == 1


def test_labels_out_of_range_stop_the_training_where_a_gpu_would_die() -> None:
    guard = Guard(tell=lambda finding: None, complain=print, stop=Severity.ERROR)
    guard.start()
    try:
        with pytest.raises(TrainingStoppedError, match="TNY210"):
            nn.functional.cross_entropy(torch.zeros(4, 3), torch.tensor([0, 3, 1, 2]))
    finally:
        guard.end()


def test_labels_out_of_range_are_told_of_at_the_thousandth_step_too(found: list[Finding]) -> None:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(labels: Any) -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(4, 4)), labels).backward()
        optimizer.step()

    for _ in range(50):
        step(torch.tensor([0, 1, 2, 0]))
    with pytest.raises(IndexError):
        step(torch.tensor([0, 1, 3, 0]))
    assert "TNY210" in codes(found)


def test_losses_of_single_samples_in_vmap_are_left_alone(found: list[Finding]) -> None:
    loss = torch.func.vmap(nn.functional.cross_entropy)
    assert loss(torch.randn(4, 3), torch.tensor([0, 1, 2, 0])).shape == (4,)
    assert codes(found) == []


# --- TNY902 -----------------------------------------------------------------------------------------------------------


class Slow(torch.utils.data.Dataset[Any]):
    """Takes a while for each sample."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __len__(self) -> int:
        return 200

    def __getitem__(self, index: int) -> tuple[Any, int]:
        time.sleep(self.seconds)
        return torch.randn(4), index % 3


def train(loader: Any, seconds: float = 0.0) -> None:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for inputs, labels in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        time.sleep(seconds)


def test_waiting_for_batches_is_told_with_its_share(found: list[Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0.5)
    train(torch.utils.data.DataLoader(Slow(0.04), batch_size=1, shuffle=True))
    assert codes(found) == ["TNY902"]
    assert found[0].evidence["share"] > 0.8


def test_a_slow_model_waits_for_nobody(found: list[Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0.5)
    train(torch.utils.data.DataLoader(Slow(0.0), batch_size=1, shuffle=True), seconds=0.01)
    assert codes(found) == []


# --- odd data ---------------------------------------------------------------------------------------------------------


class Odd(torch.utils.data.Dataset[Any]):
    """Gives what it is made of, and does not know how long it is."""

    def __init__(self, *samples: Any) -> None:
        self.samples = samples

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


def word(length: int) -> dict[str, Any]:
    return {"input_ids": torch.arange(length), "labels": torch.tensor(length > 1), "text": "a" * length}


ODD = {
    "dicts with text": [word(2), word(2), word(2), word(2)],
    "true and false": [(torch.randn(3), index % 2 == 0) for index in range(4)],
    "bytes of 16 bits": [(torch.zeros(3, dtype=torch.uint16), torch.tensor(1, dtype=torch.uint16))] * 4,
    "nothing in it": [(torch.empty(0), 1)] * 4,
    "numbers only": [1.0, 2.0, 3.0, 4.0],
    "complex": [(torch.randn(3, dtype=torch.complex64), 1)] * 4,
    "half": [(torch.randn(3, 8, 8).bfloat16(), float("nan"))] * 4,
    "nested": [((torch.randn(3), [torch.randn(2), "x"]), {"y": 1})] * 4,
}


@pytest.mark.parametrize("samples", ODD.values(), ids=ODD)
def test_odd_batches_are_left_alone(samples: list[Any], found: list[Finding]) -> None:
    part = torch.utils.data.Subset(Odd(*samples), range(len(samples)))
    loader = torch.utils.data.DataLoader(part, batch_size=2)
    weight = torch.ones(1, requires_grad=True)
    for _ in range(4):
        for _batch in loader:
            weight.sum().backward()
    for _ in range(4):
        next(iter(loader))
        weight.sum().backward()
    assert set(codes(found)) <= {"TNY212"}  # the first batch again and again, which is true


# --- where a batch comes from -----------------------------------------------------------------------------------------


def test_memory_that_a_batch_has_left_is_not_that_batch() -> None:
    memory = bytearray(8 * 100)
    inputs, labels = torch.frombuffer(memory, dtype=torch.float32), torch.zeros(100)
    known = addresses((inputs, labels))
    shaped, where = inputs.view(2, 100), inputs.data_ptr()
    del inputs
    assert address(shaped, known) is not None  # it still is, under another name
    del shaped
    later = torch.frombuffer(memory, dtype=torch.float32)
    assert (later.data_ptr(), address(later, known)) == (where, None)
    assert address(labels, known) == known[labels.data_ptr()]
