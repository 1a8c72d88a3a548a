"""What a training needs to go on after its process was killed, in one file that is always whole."""

from __future__ import annotations

import os
import random
import zipfile
from collections.abc import Iterable, Sized
from typing import Any

import numpy as np
import torch
from torch import nn, optim

from whole_files import refusal, written_whole

History = dict[str, list[float]]

FORMAT = 2  # of the file
PARTS = {"format", "model", "optimizer", "history", "settings", "shapes", "random"}
HYPERPARAMETERS = ("lr", "weight_decay", "momentum", "betas")


class CheckpointError(RuntimeError):
    """The file cannot be used, or not be written; says what to do."""


def settings(optimizer: optim.Optimizer, train_loader: Iterable[Any]) -> dict[str, str]:
    """What a run depends on, its model apart: from the checkpoint of another run none can go on."""
    told = {"optimizer": type(optimizer).__name__, "seed": str(torch.initial_seed())}
    for number, group in enumerate(optimizer.param_groups):
        told |= {f"{name} of group {number}": str(group[name]) for name in HYPERPARAMETERS if name in group}
    if isinstance(train_loader, Sized):
        told["number of batches"] = str(len(train_loader))
    return told


def keep(path: str, model: nn.Module, optimizer: optim.Optimizer, history: History, run: dict[str, str]) -> None:
    """Write everything that the next epoch depends on; `run` has the settings with which the run began.

    Raises CheckpointError; the file before stays as it was.
    """
    kept = {
        "format": FORMAT,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
        "settings": run,
        "shapes": shapes(model),
        "random": _random_state(),
    }
    try:
        with written_whole(path) as file:
            torch.save(kept, file)
    except (OSError, RuntimeError) as error:  # torch tells a full disk by a RuntimeError
        before = "the one of the epoch before is whole: " if os.path.exists(path) else ""
        raise CheckpointError(
            f"the checkpoint {path} cannot be written: {refusal(error)}; {before}make room or name a folder elsewhere "
            "and start again, or pass checkpoint=None and go without"
        ) from error


def restore(path: str, model: nn.Module, optimizer: optim.Optimizer, run: dict[str, str]) -> History:
    """Put model, optimizer and random numbers back as they were; the history so far.

    Raises CheckpointError when the file is damaged, or is of another model or a run with other settings than `run`.
    """
    try:
        _check_sums(path)
        kept = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in many ways
        raise CheckpointError(f"the checkpoint {path} is damaged ({_first_line(error)}); {DELETE}") from error
    if not isinstance(kept, dict) or kept.keys() != PARTS or kept["format"] != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of this version; {DELETE}")
    for what, there, here in (("model", kept["shapes"], shapes(model)), ("run", kept["settings"], run)):
        if there != here:
            raise CheckpointError(f"the checkpoint {path} is of another {what}: {_difference(there, here)}; {DELETE}")
    try:
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        _restore_random_state(kept["random"])
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise CheckpointError(f"the checkpoint {path} does not fit ({_first_line(error)}); {DELETE}") from error
    history: History = kept["history"]
    return history


DELETE = "delete it to train from the beginning, or name another file"


def _check_sums(path: str) -> None:
    """torch.load does not compare the checksums that torch.save has written: a changed weight would go unseen."""
    with zipfile.ZipFile(path) as file:
        if changed := file.testzip():
            raise zipfile.BadZipFile(f"the checksum of {changed} is another")


def shapes(model: nn.Module) -> dict[str, list[int]]:
    """The shape of every tensor that the model keeps."""
    return {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def _difference(there: dict[str, Any], here: dict[str, Any]) -> str:
    name = next(name for name in {**there, **here} if there.get(name) != here.get(name))
    return f"{name} is {there.get(name, 'missing')} there and {here.get(name, 'missing')} here"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _random_state() -> dict[str, Any]:
    version, internal, gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)
    keys, position = numpy["state"]["key"], numpy["state"]["pos"]
    return {
        "python": [version, list(internal), gauss],
        "numpy": [
            numpy["bit_generator"],
            torch.from_numpy(keys.astype(np.int64)),
            int(position),
            int(numpy["has_gauss"]),
            float(numpy["gauss"]),
        ],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore_random_state(kept: dict[str, Any]) -> None:
    version, internal, gauss = kept["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = kept["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(kept["torch"])
    if kept["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(kept["cuda"])
