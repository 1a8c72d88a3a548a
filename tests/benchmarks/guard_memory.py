"""What the guard holds after a long training: memory and objects, counted on the way.

    python tests/benchmarks/guard_memory.py [--steps 100000] [--most-mb 8]

A small MLP is trained with the guard on. Printed at each tenth of the steps: the memory of the process, the objects
that Python's collector knows, the events that the story holds, the seconds that the guard has taken. The exit code is
1 when the memory grows by more than `--most-mb` between the second tenth and the last, in which all is looked at that
is new.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tinyguard


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--most-mb", type=float, default=8.0)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(6400, 16)
    loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=64, shuffle=True)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    step, grown = 0, []
    print("   steps  memory MB   objects   events   guard s   CPU s")
    with tinyguard.watch() as guard:
        while step < arguments.steps:
            for inputs, labels in loader:
                loss = nn.functional.cross_entropy(model(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                step += 1
                if step % (arguments.steps // 10) == 0:
                    gc.collect()
                    grown.append(resident_mb())
                    counts = len(gc.get_objects()), len(guard._judge.story.events)
                    spent = guard.spent_s, time.process_time()
                    print(f"{step:8} {grown[-1]:10.1f} {counts[0]:9} {counts[1]:8} {spent[0]:9.2f} {spent[1]:7.1f}")
    growth = grown[-1] - grown[1]
    print(f"from the second tenth to the last: {growth:+.1f} MB")
    return growth > arguments.most_mb


if __name__ == "__main__":
    sys.exit(main())
