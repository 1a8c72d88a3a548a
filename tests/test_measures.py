"""What is measured while a training runs, and what measuring must not do."""

from __future__ import annotations

import gc
import math
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

from tinyguard.events import BackwardRan, Event, Measured
from tinyguard.live.cells import Cells
from tinyguard.live.measures.evidence import Evidence
from tinyguard.live.measures.readings import plain_cross_entropy, without_factor
from tinyguard.live.measures.saved import saved
from tinyguard.live.session import Session
from tinyguard.measured.training import LossMeasured, LossNotFinite, OutputKept, StepMeasured, UnitsMeasured

nn, functional = torch.nn, torch.nn.functional


@contextmanager
def watched() -> Iterator[list[Event]]:
    """Everything that happens inside, as events."""
    seen: list[Event] = []
    faults: list[Exception] = []
    session = Session(
        seen.append, cells=Cells(), namespace=dict, on_fault=lambda _who, error: faults.append(error), shell=None
    )
    session.attach()
    try:
        yield seen
    finally:
        session.detach()
    assert not faults


def train(steps: int, *, model: Any = None, lr: float = 1e-2, labels: Any = None, scale: float = 1.0) -> Any:
    """Trains a small classifier on samples that can be told apart; gives the model."""
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(steps):
        inputs = torch.randn(32, 8)
        targets = inputs[:, :4].argmax(1) if labels is None else labels()
        optimizer.zero_grad()
        (functional.cross_entropy(model(inputs), targets) * scale).backward()
        optimizer.step()
    return model


def of(kind: type[Event], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_losses_of_a_guess_prove_nothing() -> None:
    noise = random.Random(0)
    proofs = 0
    for _ in range(200):
        evidence = Evidence(classes=10)
        for _ in range(300):
            # Scores that know nothing of the label, of spread 0.3: the label is one of them by chance.
            losses = []
            for _ in range(8):
                scores = [noise.gauss(0, 0.3) for _ in range(10)]
                losses.append(math.log(sum(map(math.exp, scores))) - scores[0])
            evidence.add(sum(losses) / 8, samples=8)
        proofs += evidence.proven
    assert proofs == 0


def test_a_loss_that_falls_is_proven_to_learn_within_batches() -> None:
    evidence = Evidence(classes=200)
    batches = 0
    while not evidence.proven:
        evidence.add(5.32 - 0.002 * batches, samples=64)
        batches += 1
    assert 20 < batches < 60


def test_a_network_that_is_better_by_its_draw_has_not_learnt() -> None:
    evidence = Evidence(classes=10)
    for batch in range(500):
        evidence.add(2.27 + 0.02 * (batch % 3), samples=64)  # below ln(10) = 2.303 in the mean, from the first batch on
    assert not evidence.proven


def test_a_loss_that_is_that_of_a_guess_again_needs_new_evidence() -> None:
    evidence = Evidence(classes=10)
    for batch in range(100):
        evidence.add(2.3 - 0.01 * batch, samples=64)
    assert evidence.proven
    for _ in range(300):
        evidence.add(2.31, samples=64)
    assert not evidence.proven
    assert evidence.batches == 200


# --- readings ---------------------------------------------------------------------------------------------------------


def test_a_plain_cross_entropy_is_known_by_its_graph() -> None:
    scores, labels = torch.randn(6, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1, 2])
    loss = functional.cross_entropy(scores, labels)
    assert plain_cross_entropy(loss.grad_fn) == (3, 6)
    assert plain_cross_entropy(without_factor((loss / 4).grad_fn)[0]) == (3, 6)
    assert without_factor((1024 * loss).grad_fn)[1] == 1024


@pytest.mark.parametrize(
    "loss",
    [
        lambda scores, labels: functional.cross_entropy(scores, labels, label_smoothing=0.1),
        lambda scores, labels: functional.cross_entropy(scores, labels, weight=torch.tensor([1.0, 2.0, 1.0])),
        lambda scores, labels: functional.cross_entropy(scores, labels, reduction="sum"),
        lambda scores, labels: functional.cross_entropy(scores, functional.one_hot(labels, 3).float()),
        lambda scores, labels: functional.cross_entropy(scores, labels) + scores.pow(2).mean(),
        lambda scores, labels: functional.mse_loss(scores, functional.one_hot(labels, 3).float()),
    ],
    ids=["smoothed", "weighted", "summed", "soft labels", "regularised", "squares"],
)
def test_other_losses_are_not_taken_for_one(loss: Callable[[Any, Any], Any]) -> None:
    scores, labels = torch.randn(6, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1, 2])
    assert plain_cross_entropy(loss(scores, labels).grad_fn) == (None, 0)


# --- what measuring must not do ---------------------------------------------------------------------------------------


def test_a_checkpointed_forward_pass_is_not_run_again_for_us() -> None:
    from torch.utils.checkpoint import checkpoint

    runs = []
    layer = nn.Linear(4, 4)

    def forward(inputs: Any) -> Any:
        runs.append(1)
        return torch.relu(layer(inputs))

    output = checkpoint(forward, torch.randn(2, 4), use_reentrant=False)
    assert saved(output.grad_fn, "_saved_result") is None
    assert len(runs) == 1


def test_a_training_is_the_same_with_and_without_measures() -> None:
    alone = train(60)
    state = torch.get_rng_state()
    with watched() as seen:
        measured = train(60)
    assert of(StepMeasured, seen)
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(alone.parameters(), measured.parameters(), strict=True):
        assert torch.equal(one, other)


def test_no_tensor_outlives_its_training() -> None:
    with watched():
        train(2)
        gc.collect()
        before = sum(torch.is_tensor(thing) for thing in gc.get_objects())
        for _ in range(3):
            train(8)
        gc.collect()
        after = sum(torch.is_tensor(thing) for thing in gc.get_objects())
    assert after - before <= 8  # which units of a layer were alive


def test_a_step_that_was_skipped_leaves_nothing_for_the_next() -> None:
    with watched() as seen:
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
        for _ in range(12):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(50 * torch.randn(8, 4)), torch.arange(8) % 3)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    assert not of(LossNotFinite, seen)


def test_many_steps_leave_few_events() -> None:
    with watched() as seen:
        train(3_000)
    assert len(of(Measured, seen)) < 12


def test_a_step_behind_the_first_ones_makes_few_calls() -> None:
    """On a machine that others use no clock says what a step costs: tests/benchmarks/guard_overhead.py needs a quiet
    one. Each call takes 0.2 to 0.5 microseconds."""
    batches = torch.utils.data.TensorDataset(torch.randn(1024, 8), torch.randint(0, 4, (1024,)))
    loader = torch.utils.data.DataLoader(batches, batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def epochs(count: int) -> None:
        for _ in range(count):
            for inputs, labels in loader:
                optimizer.zero_grad()
                functional.cross_entropy(model(inputs), labels).backward()
                optimizer.step()

    with watched():
        epochs(4)
        ours = calls_into_the_guard(lambda: epochs(4))
    assert ours / (4 * len(loader)) < 95  # 89 were counted


def calls_into_the_guard(act: Callable[[], None]) -> int:
    count = 0

    def called(frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_globals.get("__name__", "").startswith("tinyguard.")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def test_a_model_whose_turn_comes_late_is_seen_soon() -> None:
    """It is trained in the same loop, by an optimizer that nobody has stepped before, without a loader."""
    one, other = nn.Linear(8, 4), nn.Linear(8, 4)
    with watched() as seen:
        optimizers = [torch.optim.SGD(model.parameters(), lr=0.01) for model in (one, other)]
        for model, optimizer in zip((one, other), optimizers, strict=True):
            for _ in range(40):
                optimizer.zero_grad()
                model(torch.randn(16, 8)).square().mean().backward()
                optimizer.step()
    reached = [event.reaches for event in of(BackwardRan, seen)]
    assert len({parameters.leaves for parameters in reached}) == 2


# --- what is measured -------------------------------------------------------------------------------------------------


def test_a_loss_with_a_factor_is_read_without_it() -> None:
    with watched() as seen:
        train(3, scale=1024.0, lr=1e-5)
    (event,) = of(StepMeasured, seen)
    assert all(0 < loss < 3 for loss in event.losses)


def test_random_labels_are_measured_as_no_sign_of_learning() -> None:
    with watched() as seen:
        train(600, lr=0.1, labels=lambda: torch.randint(0, 4, (32,)))
    event = of(LossMeasured, seen)[-1]
    assert event.evidence < event.needed
    assert (event.classes, event.samples) == (4, 32 * event.batches)


def test_the_operation_that_breaks_a_loss_is_named_with_the_layer_before_it() -> None:
    with watched() as seen:
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss = (model(torch.ones(2, 4)) - 1e3).log().pow(2).mean()
        loss.backward()
        optimizer.step()
    (event,) = of(LossNotFinite, seen)
    assert (event.origin, event.name, event.behind) == ("operation", "log", "model.bias")


def test_a_loss_that_recovers_is_not_told() -> None:
    with watched() as seen:
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(30):
            loss = model(torch.ones(2, 4)).pow(2).mean() * (math.inf if step % 5 == 2 else 1.0)
            optimizer.zero_grad()
            loss.backward()
            if torch.isfinite(loss):
                optimizer.step()
    assert not of(LossNotFinite, seen)


def test_units_that_fire_for_some_sample_are_alive() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    with watched() as seen:
        train(30, model=model)
        assert not of(UnitsMeasured, seen)
        dying = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
        nn.init.constant_(dying[0].bias[:12], -20.0)
        train(30, model=dying)
    assert {(event.units, event.dead) for event in of(UnitsMeasured, seen)} == {(16, 12)}


def test_outputs_in_a_list_of_detached_tensors_are_not_told() -> None:
    with watched() as seen:
        model = nn.Linear(8, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        kept, values = [], []
        for _ in range(8):
            scores = model(torch.randn(6, 8))
            optimizer.zero_grad()
            functional.cross_entropy(scores, torch.zeros(6, dtype=torch.long)).backward()
            optimizer.step()
            values.append(scores.detach())
        assert not of(OutputKept, seen)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(8):
            scores = model(torch.randn(6, 8))
            optimizer.zero_grad()
            functional.cross_entropy(scores, torch.zeros(6, dtype=torch.long)).backward()
            optimizer.step()
            kept.append(scores)
    assert [event.name for event in of(OutputKept, seen)] == ["kept"]


def test_a_unit_that_fires_in_one_batch_of_four_is_alive() -> None:
    with watched() as seen:
        model = nn.Sequential(nn.Linear(1, 16, bias=False), nn.ReLU(), nn.Linear(16, 4))
        nn.init.constant_(model[0].weight, 1.0)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        for step in range(40):
            inputs = torch.rand(32, 1) * (1 if step % 4 == 0 else -1)
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), torch.arange(32) % 4).backward()
            optimizer.step()
    assert not of(UnitsMeasured, seen)
