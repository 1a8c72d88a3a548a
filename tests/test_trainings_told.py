"""Which trainings a program had, how far each came, and what it told of itself."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tinyguard
from tinyguard.panel.summary import TrainedModel

pytestmark = pytest.mark.slow


def loader(samples: int = 40) -> Any:
    torch.manual_seed(0)
    return DataLoader(TensorDataset(torch.randn(samples, 4), torch.randint(3, (samples,))), batch_size=10)


def network() -> Any:
    return nn.Linear(4, 3)


def epoch(model: Any, optimizer: Any, batches: Any) -> None:
    for inputs, labels in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()


def sgd(model: Any, lr: float = 0.1) -> Any:
    return torch.optim.SGD(model.parameters(), lr=lr)


def trained(program: Any) -> tuple[TrainedModel, ...]:
    with tinyguard.watch(out=io.StringIO()) as guard:
        program()
    return guard.handover.models()


def test_models_one_after_another_are_trainings_of_their_own() -> None:
    def program() -> None:
        batches = loader()
        for lr in (0.1, 0.2, 0.3, 0.4):
            model = network()
            optimizer = sgd(model, lr)
            for _ in range(2):
                epoch(model, optimizer, batches)

    told = trained(program)
    assert [(model.epochs, model.steps, model.rates) for model in told] == [
        (2, 4, (0.1,)), (2, 4, (0.2,)), (2, 4, (0.3,)), (2, 4, (0.4,))
    ]  # fmt: skip


def test_optimizers_that_step_in_turns_train_together() -> None:
    def program() -> None:
        one, other = network(), network()
        first, second = sgd(one), sgd(other, 0.2)
        for inputs, labels in loader():
            for model, optimizer in ((one, first), (other, second)):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), labels).backward()
                optimizer.step()

    (told,) = trained(program)
    assert (told.optimizer, told.rates, told.epochs) == ("SGD, SGD", (0.1, 0.2), 1)


def test_a_new_optimizer_for_the_same_model_goes_on_with_its_training() -> None:
    def program() -> None:
        model, batches = network(), loader()
        for lr in (0.1, 0.05, 0.025):
            epoch(model, sgd(model, lr), batches)

    (told,) = trained(program)
    assert told.epochs == 3
    assert len(next(one for one in told.series if one.unit == "step").points) == 12


@pytest.mark.parametrize(("passes", "trainings"), [(2, 0), (40, 1)])
def test_weights_moved_by_hand_are_a_training_and_a_gradient_looked_at_is_none(passes: int, trainings: int) -> None:
    def program() -> None:
        weights = torch.randn(4, 3, requires_grad=True)
        inputs, labels = loader().dataset.tensors
        for _ in range(passes):
            loss = nn.functional.cross_entropy(inputs @ weights, labels)
            loss.backward()
            weights.data -= 0.1 * weights.grad
            weights.grad = None

    told = trained(program)
    assert len(told) == trainings
    assert all(len(model.series[-1].points) == passes for model in told)


def test_what_is_logged_is_a_curve() -> None:
    def program() -> None:
        model, batches = network(), loader()
        optimizer = sgd(model)
        for number in (1, 2):
            epoch(model, optimizer, batches)
            tinyguard.log(epoch=number, train_loss=torch.tensor(1.5 / number), test_accuracy=0.3 * number, note="ok")

    (told,) = trained(program)
    assert told.history() == {"train_loss": (1.5, 0.75), "test_acc": (0.3, 0.6)}
    assert told.chance == pytest.approx(1 / 3)


def test_a_log_without_a_guard_is_nothing() -> None:
    tinyguard.log(epoch=1, test_accuracy=0.5)


def test_the_longest_training_keeps_some_hundred_points() -> None:
    def program() -> None:
        model = network()
        optimizer = sgd(model)
        for _ in range(15):
            epoch(model, optimizer, loader(400))

    (told,) = trained(program)
    (losses,) = [one for one in told.series if one.unit == "step"]
    assert 200 < len(losses.points) <= 401
    assert losses.points[-1][0] > 590


def test_findings_are_plain_values_through_one_call() -> None:
    def program() -> None:
        model = network()
        optimizer = sgd(network())
        epoch(model, optimizer, loader())

    with tinyguard.watch(out=io.StringIO()):
        program()
    (found,) = json.loads(json.dumps(tinyguard.as_json(tinyguard.findings())))
    assert (found["code"], found["severity"], found["place"]["path"]) == ("TNY501", "error", __file__)
