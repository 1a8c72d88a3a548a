"""What the training loop of notebooks/training_utils.py costs beside forward, backward and step; and what `full` costs.

    python tests/benchmarks/training_overhead.py [--model baseline] [--batches 20] [--rounds 5]

Needs `pip install -e '.[notebooks]'`. The loop (loader, augmentation, counting) and the bare work on batches that are
there already are measured in turns, on one thread, in CPU time; the ratio of the minima is the loop's own share. The
cost of the full profile is counted, not measured: operations by torch's FlopCounterMode, divided by a rate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from figure import Figure

sys.path.insert(0, str(Path(__file__).parents[2] / "notebooks"))

IMAGES, EPOCHS = 100_000, 50
PASSES = 3  # forward, and twice as much for backward
# Operations a second that a ResNet-18 of this size was seen to train at on one GPU (RTX 5090, batches of 128): 3,320
# images a second of 2.22e9 multiply-adds, forward and backward. A GPU of another kind has another rate.
RATE = 44e12


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def overhead(name: str, batches: int, rounds: int, data_dir: str) -> Figure:
    """The share of an epoch's CPU time that is neither forward, backward nor step."""
    import torch

    from dataset_utils import get_dataset_loaders
    from models_imagenet import get_model
    from training_utils import get_optimizer, get_optimizer_config, train_one_epoch

    torch.set_num_threads(1)
    loader, *_ = get_dataset_loaders("tiny_imagenet", 64, 0, "basic", data_dir=data_dir, profile="ci")
    model: Any = get_model(name, 200, profile="ci").to(memory_format=torch.channels_last)
    optimizer = get_optimizer(model, "Adam", **get_optimizer_config("Adam"))
    criterion = torch.nn.CrossEntropyLoss()
    ready = list(islice(loader, batches))

    def bare() -> None:
        model.train()
        for inputs, targets in ready:
            optimizer.zero_grad()
            criterion(model(inputs), targets).backward()
            optimizer.step()

    def whole() -> None:
        train_one_epoch(model, islice(loader, batches), optimizer, criterion, "cpu")

    bare()
    times = [(cpu(bare), cpu(whole)) for _ in range(rounds)]
    least, most = (min(column) for column in zip(*times, strict=True))
    return Figure(f"{name}: the loop's own share of CPU time", 100 * max(0.0, 1 - least / most), "%", 5.0)


def full_cost(name: str) -> Figure:
    """Hours of one GPU for 50 epochs of the full profile."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from models_imagenet import get_model

    model = get_model(name, 200, profile="full").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    operations = counter.get_total_flops() * PASSES * IMAGES * EPOCHS
    remark = f"{counter.get_total_flops() / 2e9:.2f}e9 multiply-adds an image, {operations:.1e} operations in all"
    return Figure(
        f"{name}: full profile at {RATE / 1e12:.0f}e12 operations a second",
        operations / RATE / 3600,
        "h",
        remark=remark,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="baseline and deeper_wider if not given")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        for name in options.model or ("baseline", "deeper_wider"):
            print(overhead(name, options.batches, options.rounds, data_dir), flush=True)
    for name in ("baseline", "residual", "deeper_wider", "se_attention"):
        print(full_cost(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
