"""Training and evaluation of one model, the same for every model of the comparison."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn, optim

import checkpoints

Batches = Iterable[tuple[Tensor, Tensor]]
History = dict[str, list[float]]


def seed_everything(seed: int) -> None:
    """One seed for Python's, NumPy's and torch's random numbers; deterministic kernels where there are any.

    Call it before each model, so that the order in which models are trained does not change what they learn.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or matrix products on a GPU differ from run to run
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


def best_device() -> torch.device:
    """The GPU (CUDA or MPS) if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


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


def half_precision(device: torch.device | str) -> Any:
    """Mixed precision in bfloat16 on a GPU that has it, nothing elsewhere: a CPU takes ten times as long for it."""
    if torch.device(device).type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def to_device(inputs: Tensor, targets: Tensor, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """A batch where the model is, images with their channels last in memory."""
    moved = inputs.to(device, non_blocking=True, memory_format=torch.channels_last)
    return moved, targets.to(device, non_blocking=True)


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
        inputs, targets = to_device(inputs, targets, device)
        optimizer.zero_grad()
        with half_precision(device):
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
            inputs, targets = to_device(inputs, targets, device)
            with half_precision(device):
                outputs = model(inputs)
                loss = criterion(outputs, targets)
            total_loss += loss * targets.size(0)
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
    checkpoint: str | None = None,
) -> History:
    """Trains for `num_epochs` epochs, with an evaluation after each; prints a line every `print_every` epochs.

    The history has one number an epoch under each of `train_loss`, `train_acc`, `test_loss` and `test_acc`; accuracies
    are in percent. After each epoch everything is kept in the file `checkpoint`, and a run that was killed goes on
    from there when it is started again, with the same result. Raises CheckpointError when that file cannot be used.
    """
    model.to(memory_format=torch.channels_last)
    history: History = {"train_loss": [], "train_acc": [], "test_loss": [], "test_acc": []}
    run = checkpoints.settings(optimizer, train_loader)
    if checkpoint is not None and os.path.exists(checkpoint):
        history = checkpoints.restore(checkpoint, model, optimizer, run)
        done = f"{len(history['test_acc'])} of {num_epochs} epochs are done"
        print(f"goes on from {checkpoint}: {done} (delete it to train from the beginning)")
    for epoch in range(len(history["test_acc"]), num_epochs):
        started = time.perf_counter()
        train_loss, train_acc = train_one_epoch(model, train_loader, optimizer, criterion, device)
        test_loss, test_acc = evaluate(model, test_loader, criterion, device)
        history["train_loss"].append(train_loss)
        history["train_acc"].append(train_acc)
        history["test_loss"].append(test_loss)
        history["test_acc"].append(test_acc)
        if checkpoint is not None:
            checkpoints.keep(checkpoint, model, optimizer, history, run)
        if (epoch + 1) % print_every == 0 or epoch + 1 == num_epochs:
            print(
                f"Epoch {epoch + 1}/{num_epochs} | "
                f"Train Loss: {train_loss:.4f}, Train Acc: {train_acc:.2f}% | "
                f"Test Loss: {test_loss:.4f}, Test Acc: {test_acc:.2f}% | "
                f"{time.perf_counter() - started:.1f}s"
            )
    return history
