"""What the guard costs a training step, against the same step without it, and against other tools that watch.

    python tests/benchmarks/guard_overhead.py [--model mlp|resnet|both] [--pairs 12]

Blocks of steps with and without a watcher take turns in one process, the order changing each time; the ratio is that of
the medians of CPU time a step, with a 90 % bootstrap interval. The first steps, at which the guard looks closely, are
not in the blocks: the first three passes over the loader. What these cost is told apart, in milliseconds. Only ratios
hold on a busy machine.

torcheck and wandb are measured when they are installed (`pip install wandb; pip install --no-deps torcheck`, which
would ask for another torch).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("WANDB_SILENT", "true")

import torch
from figure import Figure
from torch import nn

import tinyguard

BATCHES = {"mlp": 64, "resnet": 4}  # in one pass over the loader
WARM_UP = {"mlp": 3 * 64, "resnet": 3 * 4}  # steps behind which the guard has seen what is new
BLOCK = {"mlp": 3 * 64, "resnet": 4}  # steps: whole passes
LIMIT = {"mlp": 1.05, "resnet": 1.01}


class Job:
    """A training whose step can be run again and again."""

    def __init__(self, kind: str) -> None:
        torch.manual_seed(0)
        if kind == "mlp":
            self.model: Any = nn.Sequential(
                nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
            )
            count, batch = 64 * BATCHES[kind], 64
            inputs, labels = torch.randn(count, 64), torch.randint(0, 10, (count,))
        else:
            from torchvision import models

            self.model = models.resnet18(num_classes=200)
            count, batch = 32 * BATCHES[kind], 32
            inputs, labels = torch.randn(count, 3, 64, 64), torch.randint(0, 200, (count,))
        data = torch.utils.data.TensorDataset(inputs, labels)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.criterion = nn.CrossEntropyLoss()
        self.loader = torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True)

    def train(self, steps: int) -> float:
        """CPU seconds a step."""
        began = time.process_time()
        left = steps
        while left:
            for inputs, labels in self.loader:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(inputs), labels)
                loss.backward()
                self.optimizer.step()
                left -= 1
                if not left:
                    break
        return (time.process_time() - began) / steps


@contextlib.contextmanager
def nothing(_job: Job) -> Iterator[None]:
    yield


@contextlib.contextmanager
def guard(_job: Job) -> Iterator[None]:
    said = io.StringIO()
    with tinyguard.watch(out=said):
        yield
    if said.getvalue():
        raise AssertionError(said.getvalue())  # it has found something, or failed: this is not its ordinary work


@contextlib.contextmanager
def torcheck(job: Job) -> Iterator[None]:
    """Its three checks that need no expectation. It cannot be taken away again: the job is made for it."""
    import torcheck

    torcheck.register(job.optimizer)
    torcheck.add_module_changing_check(job.model, module_name="model")
    torcheck.add_module_nan_check(job.model)
    torcheck.add_module_inf_check(job.model)
    yield


@contextlib.contextmanager
def wandb(job: Job) -> Iterator[None]:
    """Gradients and parameters, as its documentation shows it, every 100 steps."""
    import wandb

    run = wandb.init(project="overhead", mode="offline")
    run.watch(job.model, log="all", log_freq=100)
    yield
    run.unwatch(job.model)
    run.finish()


WATCHERS = {"nothing (noise)": nothing, "tinyguard": guard, "torcheck": torcheck, "wandb.watch": wandb}
NEEDS = {"torcheck": "torcheck", "wandb.watch": "wandb"}


def compared(kind: str, watcher: Callable[[Job], Any], pairs: int) -> tuple[list[float], list[float]]:
    """CPU seconds a step without and with the watcher, of blocks that take turns."""
    without, watched = list[float](), list[float]()
    plain = Job(kind)
    plain.train(BLOCK[kind])
    for pair in range(pairs):
        seen = Job(kind)
        for on in (False, True) if pair % 2 else (True, False):
            if on:
                with watcher(seen):
                    seen.train(WARM_UP[kind])
                    watched.append(seen.train(BLOCK[kind]))
            else:
                without.append(plain.train(BLOCK[kind]))
    return without, watched


def interval(without: list[float], watched: list[float]) -> tuple[float, float, float]:
    """The ratio of the medians and its 90 % bootstrap interval over pairs."""
    draw = random.Random(0)
    pairs = list(zip(without, watched, strict=True))
    ratios = []
    for _ in range(2000):
        chosen = [draw.choice(pairs) for _ in pairs]
        ratios.append(statistics.median(b for _, b in chosen) / statistics.median(a for a, _ in chosen))
    ratios.sort()
    return statistics.median(watched) / statistics.median(without), ratios[100], ratios[1900]


def first_look(kind: str) -> float:
    """Milliseconds, of the guard's own clock, that it takes before it has seen what is new."""
    job = Job(kind)
    with tinyguard.watch(out=io.StringIO()) as watching:
        job.train(WARM_UP[kind])
        return 1e3 * watching.spent_s


def figures(kinds: list[str], pairs: int) -> Iterator[Figure]:
    for kind in kinds:
        for name, watcher in WATCHERS.items():
            if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
                continue
            ratio, low, high = interval(*compared(kind, watcher, pairs))
            limit = LIMIT[kind] if name == "tinyguard" else None
            yield Figure(f"{kind}: {name}", ratio, "x", limit, remark=f"90 % interval {low:.3f} to {high:.3f}")
        yield Figure(f"{kind}: all that the guard takes in its first steps", first_look(kind), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("mlp", "resnet", "both"), default="both")
    parser.add_argument("--pairs", type=int, default=12)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for figure in figures(["mlp", "resnet"] if given.model == "both" else [given.model], given.pairs):
        print(figure, flush=True)


if __name__ == "__main__":
    main()
