"""Training and evaluation of one model, the same for every model of the comparison."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn, optim

Batches = Iterable[tuple[Tensor, Tensor]]
History = dict[str, list[float]]


def get_optimizer_config(name: str) -> dict[str, Any]:
    """The settings that go with an optimizer, the same for CIFAR-10 and TinyImageNet: "Adam", "AdamW" or "SGD"."""
    configs: dict[str, dict[str, Any]] = {
        "Adam": {"lr": 3e-4, "weight_decay": 1e-6},
        "AdamW": {"lr": 1e-3, "weight_decay": 1e-2},
        "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
    }
    if name not in configs:
        raise ValueError(f"no optimizer is called {name!r}; there are {', '.join(map(repr, configs))}")
    return dict(configs[name])


def get_optimizer(model: nn.Module, name: str, **config: Any) -> optim.Optimizer:
    """A new optimizer of the parameters of `model`. Every model needs its own."""
    if name == "Adam":
        return optim.Adam(model.parameters(), **config)
    if name == "AdamW":
        return optim.AdamW(model.parameters(), **config)
    if name == "SGD":
        return optim.SGD(model.parameters(), **config)
    raise ValueError(f"no optimizer is called {name!r}; there are 'Adam', 'AdamW', 'SGD'")


def train_one_epoch(
    model: nn.Module,
    train_loader: Batches,
    optimizer: optim.Optimizer,
    criterion: nn.Module,
    device: torch.device | str,
) -> tuple[float, float]:
    """One pass over the training data: mean loss, accuracy in percent."""
    model.train()
    total_loss = torch.zeros((), device=device)
    correct = torch.zeros((), device=device)
    seen = 0
    for inputs, targets in train_loader:
        inputs, targets = inputs.to(device), targets.to(device)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        total_loss += loss.detach() * targets.size(0)
        correct += (outputs.argmax(dim=1) == targets).sum()
        seen += targets.size(0)
    return total_loss.item() / seen, 100.0 * correct.item() / seen


def evaluate(
    model: nn.Module,
    loader: Batches,
    criterion: nn.Module,
    device: torch.device | str,
) -> tuple[float, float]:
    """Mean loss and accuracy in percent. The model is left in the mode in which it came."""
    was_training = model.training
    model.eval()
    total_loss = torch.zeros((), device=device)
    correct = torch.zeros((), device=device)
    seen = 0
    with torch.no_grad():
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            outputs = model(inputs)
            total_loss += criterion(outputs, targets) * targets.size(0)
            correct += (outputs.argmax(dim=1) == targets).sum()
            seen += targets.size(0)
    model.train(was_training)
    return total_loss.item() / seen, 100.0 * correct.item() / seen


def train_model(
    model: nn.Module,
    train_loader: Batches,
    test_loader: Batches,
    num_epochs: int = 50,
    *,
    optimizer: optim.Optimizer,
    criterion: nn.Module,
    device: torch.device | str,
    print_every: int = 1,
) -> History:
    """Trains for `num_epochs` epochs, with an evaluation after each; prints a line every `print_every` epochs.

    The history has one number an epoch under each of `train_loss`, `train_acc`, `test_loss` and `test_acc`; accuracies
    are in percent.
    """
    history: History = {"train_loss": [], "train_acc": [], "test_loss": [], "test_acc": []}
    for epoch in range(num_epochs):
        started = time.perf_counter()
        train_loss, train_acc = train_one_epoch(model, train_loader, optimizer, criterion, device)
        test_loss, test_acc = evaluate(model, test_loader, criterion, device)
        history["train_loss"].append(train_loss)
        history["train_acc"].append(train_acc)
        history["test_loss"].append(test_loss)
        history["test_acc"].append(test_acc)
        if (epoch + 1) % print_every == 0 or epoch + 1 == num_epochs:
            print(
                f"Epoch {epoch + 1}/{num_epochs} | "
                f"Train Loss: {train_loss:.4f}, Train Acc: {train_acc:.2f}% | "
                f"Test Loss: {test_loss:.4f}, Test Acc: {test_acc:.2f}% | "
                f"{time.perf_counter() - started:.1f}s"
            )
    return history
