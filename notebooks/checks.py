"""What to look at before a training, right after it, and when it has gone wrong: each check prints its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn, optim
from torch.utils.data import DataLoader

from models_imagenet import count_parameters

History = dict[str, list[float]]

MILESTONES = (1, 5, 10, 20, 30, 50)  # epochs whose test accuracy a summary shows
LEARNS = 3.0  # % test accuracy of `deeper_wider` after five epochs on TinyImageNet: above, it learns normally


def check_loaders(train_loader: DataLoader[Any], test_loader: DataLoader[Any], num_classes: int) -> bool:
    """Numbers of batches and classes, the first batch of each loader; whether they are as they should be."""
    print(f"train batches: {len(train_loader):,}, test batches: {len(test_loader):,}, classes: {num_classes}")
    flaws = []
    for name, loader in (("train", train_loader), ("test", test_loader)):
        images, targets = first_batch(loader)
        print(
            f"{name:<5} batch: images {tuple(images.shape)}, mean {images.mean():.2f}, deviation {images.std():.2f}; "
            f"targets {tuple(targets.shape)} from {targets.min().item()} to {targets.max().item()}"
        )
        known = getattr(loader.dataset, "targets", None)
        labels = set(targets.tolist() if known is None else known)
        if (known is not None and len(labels) != num_classes) or not labels <= set(range(num_classes)):
            flaws.append(
                f"{name}: {len(labels)} different labels from {min(labels)} to {max(labels)}, for {num_classes} classes"
            )
        if not torch.isfinite(images).all():
            flaws.append(f"{name}: values that are not finite")
        if abs(images.mean().item()) > 1 or not 0.3 < images.std().item() < 3:
            flaws.append(f"{name}: the images are not normalised")
    return verdict("loaders", flaws)


def first_batch(loader: DataLoader[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch, without moving the random numbers that the training will use."""
    state = torch.get_rng_state()
    try:
        images, targets = next(iter(loader))
    finally:
        torch.set_rng_state(state)
    return images, targets


def check_model(model: nn.Module, device: torch.device | str, num_classes: int) -> bool:
    """Its parameters, where they are, and its mode."""
    places = {str(parameter.device) for parameter in model.parameters()}
    outputs = [layer.out_features for layer in model.modules() if isinstance(layer, nn.Linear)]
    print(
        f"parameters: {count_parameters(model):,} on {', '.join(sorted(places))}; outputs: {outputs[-1]}; "
        f"training: {model.training}"
    )
    flaws = [] if model.training else ["the model is in eval mode: call model.train()"]
    if any(torch.device(place).type != torch.device(device).type for place in places):
        flaws.append(f"not all of it is on {device}")
    if outputs[-1] != num_classes:
        flaws.append(f"{outputs[-1]} outputs for {num_classes} classes")
    return verdict("model", flaws)


def check_memory(device: torch.device | str) -> None:
    """How much memory of the GPU is in use."""
    if torch.device(device).type != "cuda":
        print("GPU memory: no GPU in use")
        return
    free, total = torch.cuda.mem_get_info()
    used, most = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
    print(
        f"GPU memory: {used / 1e9:.2f} GB in use, {most / 1e9:.2f} at most, {free / 1e9:.2f} of {total / 1e9:.2f} free"
    )


def check_optimizer(optimizer: optim.Optimizer, model: nn.Module) -> bool:
    """The learning rate of every group; whether it holds the parameters of this model."""
    for number, group in enumerate(optimizer.param_groups):
        print(f"group {number}: learning rate {group['lr']:g}, weight decay {group.get('weight_decay', 0):g}")
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    missing = [name for name, parameter in model.named_parameters() if id(parameter) not in held]
    flaws = [f"{len(missing)} parameters of the model are not in the optimizer, {missing[0]} first"] if missing else []
    return verdict("optimizer", flaws)


def check_history(history: History) -> None:
    """What is in it, and how it begins."""
    print(f"history: {', '.join(history)}")
    for name in ("train_acc", "test_acc"):
        print(f"first five {name}: {', '.join(f'{value:.2f}' for value in history[name][:5])} %")


def verdict(what: str, flaws: Sequence[str]) -> bool:
    print(f"{what}: {'; '.join(flaws) if flaws else 'as they should be' if what.endswith('s') else 'as it should be'}")
    return not flaws


def summarise(name: str, history: History) -> None:
    """Best and final test accuracy, and those of the milestones that were reached."""
    accuracies = history["test_acc"]
    best = max(range(len(accuracies)), key=accuracies.__getitem__)
    reached = [f"epoch {epoch}: {accuracies[epoch - 1]:.2f} %" for epoch in MILESTONES if epoch <= len(accuracies)]
    print(f"{name}: best test accuracy {accuracies[best]:.2f} % (epoch {best + 1}), final {accuracies[-1]:.2f} %")
    print(f"{' ' * len(name)}  {', '.join(reached)}")


def quick_verdict(history: History, *, threshold: float = LEARNS) -> bool:
    """Whether a model learns at all, by its test accuracy after a few epochs."""
    last, epochs = history["test_acc"][-1], len(history["test_acc"])
    learns = last > threshold
    told = "the model learns normally" if learns else "it does not learn: look for the cause before training on"
    print(f"{last:.2f} % after {epochs} epochs ({threshold:g} % is the line): {told}")
    return learns
