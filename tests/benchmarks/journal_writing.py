"""What one training step costs the journal, and how many bytes it takes, in a folder on this machine's disk.

python tests/benchmarks/journal_writing.py [--steps 20000] [--leaves 62] [--rounds 5]

A step is four events: a batch, a loss, a backward pass, an optimizer's step. Told is the CPU time of the fastest round.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    Event,
    LossComputed,
    ModelUse,
    OptimizerStepped,
    Parameters,
    Samples,
)
from tinyguard.finding import Place
from tinyguard.journal.writing import Journal


def step(leaves: int) -> list[Event]:
    """The events of one step; the witness makes them anew each time, and so does this."""
    parameters = Parameters(frozenset(range(leaves)))
    models = (ModelUse(model=1, training=True, mode_matters=True, parameters=parameters),)
    samples = Samples(kind="CIFAR10", split="train", evidence="train=True", size=50_000, classes=10)
    places = [Place("training.ipynb", 7, line) for line in range(3, 7)]
    return [
        BatchDrawn(place=places[0], loader=3, samples=samples),
        LossComputed(place=places[1], criterion="cross_entropy", input_known=True, models=models),
        BackwardRan(place=places[2], reaches=parameters, models=models, loader=3, samples=samples),
        OptimizerStepped(place=places[3], optimizer=2, parameters=parameters),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--leaves", type=int, default=62, help="parameters of the model; ResNet-18 has 62")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    fastest, size = float("inf"), 0
    for _ in range(options.rounds):
        happened = [step(options.leaves) for _ in range(options.steps)]
        with tempfile.TemporaryDirectory() as folder:
            journal = Journal(folder, on_fault=print, max_bytes=1 << 40)
            began = time.process_time()
            for events in happened:
                for event in events:
                    journal.write(event)
            journal.close()
            fastest = min(fastest, time.process_time() - began)
            size = os.path.getsize(journal.path)
    print(f"{fastest / options.steps * 1e6:.0f} microseconds of CPU a step, {size / options.steps:.0f} bytes a step")


if __name__ == "__main__":
    main()
