"""The guard beside torch.compile, TorchScript, fx, export and torch.func: they find torch as it is."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tinyguard.finding import Finding
from tinyguard.guard import Guard

pytestmark = pytest.mark.slow


class Net(nn.Module):
    """With everything in it that the guard has a function of its own for."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.2)
        self.last = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.drop(F.relu(self.norm(self.first(x))))
        x = x * F.softmax(x, dim=1) + torch.sigmoid(x)
        return self.last(x + (x == x.max()).float())


class Plain(nn.Module):
    """With nothing of the kind."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))

    def forward(self, x: Any) -> Any:
        return self.body(x)


def data() -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(160, 8, generator=generator)
    labels = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return DataLoader(TensorDataset(x, labels), batch_size=16, shuffle=True, generator=generator)


def loss_of(model: Any, x: Any, labels: Any) -> Any:
    return F.cross_entropy(model(x), labels)


def as_module(model: Any, backend: str) -> tuple[Any, Any]:
    return torch.compile(model, backend=backend), loss_of


def in_place(model: Any, backend: str) -> tuple[Any, Any]:
    model.compile(backend=backend)
    return model, loss_of


def with_loss(model: Any, backend: str) -> tuple[Any, Any]:
    return model, torch.compile(loss_of, backend=backend, fullgraph=True)


@contextmanager
def guarded() -> Iterator[list[Finding]]:
    told: list[Finding] = []
    complaints: list[str] = []
    guard = Guard(tell=told.append, complain=complaints.append)
    guard.start()
    try:
        yield told
    finally:
        guard.end()
    assert complaints == []


def train(
    compiled: Callable[[Any, str], tuple[Any, Any]], backend: str, *, kind: type[Any] = Net, on_from: int | None = None
) -> tuple[list[float], dict[str, Any], list[Finding]]:
    """Losses and hits, what the compiler counted, what the guard told. `on_from`: the step before which it comes."""
    from torch._dynamo import reset
    from torch._dynamo.utils import counters

    reset()
    counters.clear()
    torch.manual_seed(0)
    told: list[Finding] = []
    model = kind()
    loader, optimizer, losses = data(), torch.optim.SGD(model.parameters(), lr=0.1), []
    guard = Guard(tell=told.append, complain=told.append)
    if on_from == 0:
        guard.start()
    model, compute = compiled(model, backend)
    for epoch in range(3):
        model.train()
        for step, (x, labels) in enumerate(loader):
            if on_from and (epoch, step) == (0, on_from):
                guard.start()
            optimizer.zero_grad()
            loss = compute(model, x, labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            losses.append(float(sum((model(x).argmax(1) == labels).sum() for x, labels in loader)))
    guard.end()
    counted = {name: dict(counters[name]) for name in ("frames", "stats", "graph_break")}
    return losses, counted, told


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("compiled", [as_module, in_place, with_loss])
def test_as_much_is_compiled_with_the_guard_as_without(compiled: Any, backend: str) -> None:
    losses, counted, _ = train(compiled, backend)
    assert train(compiled, backend, on_from=0) == (losses, counted, [])


def test_inductor_compiles_as_much_with_the_guard_as_without() -> None:
    losses, counted, _ = train(as_module, "inductor", kind=Plain)
    assert train(as_module, "inductor", kind=Plain, on_from=0) == (losses, counted, [])


@pytest.mark.parametrize("compiled", [as_module, in_place])
def test_a_model_that_was_compiled_before_the_guard_came_is_not_compiled_again(compiled: Any) -> None:
    losses, counted, _ = train(compiled, "eager", kind=Plain)
    assert train(compiled, "eager", kind=Plain, on_from=5) == (losses, counted, [])


def test_a_loss_that_was_compiled_before_the_guard_came_is_compiled_once_more() -> None:
    losses, counted, _ = train(with_loss, "eager")
    again, then_counted, told = train(with_loss, "eager", on_from=5)
    assert (again, told) == (losses, [])
    assert then_counted["stats"]["unique_graphs"] == counted["stats"]["unique_graphs"] + 1


def test_the_optimizer_of_another_model_is_named_at_a_compiled_one() -> None:
    torch._dynamo.reset()
    with guarded() as told:
        model, other = torch.compile(Net(), backend="eager"), Net()
        optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
        for x, labels in data():
            optimizer.zero_grad()
            F.cross_entropy(model(x), labels).backward()
            optimizer.step()
    assert [finding.code for finding in told if finding.code < "TNY7"] == ["TNY501"]


def softened(x: torch.Tensor) -> torch.Tensor:
    return F.softmax(x, dim=1) + torch.sigmoid(x) + F.cross_entropy(x, x.argmax(1))


class Scaled:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def soft(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x * self.factor, 1)


def scripted_class() -> Any:
    class Local:
        def __init__(self, factor: float) -> None:
            self.scaled = Scaled(factor)

    torch.jit.script(Scaled)
    return torch.jit.script(Local)


def as_traced() -> Any:
    return torch.jit.trace(softened, torch.ones(2, 3)).code


def as_fx() -> Any:
    return [(node.op, node.target) for node in torch.fx.symbolic_trace(softened).graph.nodes]


def as_exported() -> Any:
    module = torch.export.export(Net().eval(), (torch.ones(4, 8),)).module()
    return [str(node.target) for node in module.graph.nodes if node.op == "call_function"]


READINGS = {
    "function": lambda: torch.jit.script(softened).code,
    "module": lambda: torch.jit.script(Net()).code,
    "class": lambda: str(scripted_class()),
    "trace": as_traced,
    "fx": as_fx,
    "export": as_exported,
}


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.filterwarnings("ignore")
def test_a_program_that_is_read_is_read_as_without_the_guard(name: str) -> None:
    alone = READINGS[name]()
    with guarded() as told:
        assert str(READINGS[name]()) == str(alone)
    assert told == []


class WithLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.loss, self.squash = nn.Linear(8, 3), F.cross_entropy, torch.sigmoid


def kept(model: Any) -> tuple[Any, Any]:
    """What a model keeps, when it is saved and loaded."""
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    return loaded.loss, loaded.squash


def test_a_model_that_keeps_a_loss_can_be_saved_whether_the_guard_was_there_or_not() -> None:
    before = WithLoss()
    alone = pickle.dumps(before)
    with guarded():
        model = WithLoss()
        assert pickle.dumps(before) == alone
        assert kept(before)[0] == F.cross_entropy
        assert kept(model) == (F.cross_entropy, torch.sigmoid)
    assert kept(before) == kept(model) == (F.cross_entropy, torch.sigmoid)


def test_gradients_of_single_samples_are_no_trouble() -> None:
    def run() -> list[float]:
        torch.manual_seed(0)
        model, losses = Plain().eval(), []
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def loss(weights: Any, x: Any, label: Any) -> Any:
            return F.cross_entropy(torch.func.functional_call(model, weights, (x[None],)), label[None])

        each = torch.func.vmap(torch.func.grad_and_value(loss), in_dims=(None, 0, 0))
        for x, labels in data():
            weights = dict(model.named_parameters())
            gradients, values = each({name: weight.detach() for name, weight in weights.items()}, x, labels)
            for name, weight in weights.items():
                weight.grad = gradients[name].mean(0)
            optimizer.step()
            losses.append(values.mean().item())
        return losses

    alone = run()
    with guarded() as told:
        assert run() == alone
    assert told == []
