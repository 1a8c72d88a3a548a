"""Hand-made stories about loaders and trainings; `stories` has those about models and optimizers."""

from __future__ import annotations

from typing import Any

from stories import told

from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    DatasetBuilt,
    Event,
    LoaderBuilt,
    LossComputed,
    ModelBuilt,
    ModelUse,
    NameBound,
    Number,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    PassEnded,
    RunEnded,
    Samples,
    TrainingPlanned,
)
from tinyguard.finding import Place
from tinyguard.rule import Rule

MODEL, OPTIMIZER, TRAIN_LOADER, TEST_LOADER, TRAIN_SET, TEST_SET = 1, 2, 3, 4, 5, 6

CIFAR_TRAIN = Samples(kind="CIFAR10", split="train", evidence="train=True", size=50_000, classes=10, root="data")
CIFAR_TEST = Samples(kind="CIFAR10", split="test", evidence="train=False", size=10_000, classes=10, root="data")
NAMED_TEST = Samples(kind="TensorDataset", split="test", evidence="its name `test_loader`")


def at(cell: int, line: int = 1) -> Place:
    return Place("notebook.ipynb", cell, line)


def parameters(*leaves: int) -> Parameters:
    return Parameters(frozenset(leaves or (10, 11)))


def use(model: int = MODEL, **fields: Any) -> ModelUse:
    ordinary = {"training": True, "mode_matters": False, "parameters": parameters(), "pretrained": False}
    return ModelUse(model=model, **{**ordinary, **fields})


def model_built(model: int = MODEL, **fields: Any) -> ModelBuilt:
    return ModelBuilt(model=model, **{"place": at(2), "parameters": parameters(), "kind": "Net", **fields})


def optimizer_built(optimizer: int = OPTIMIZER, **fields: Any) -> OptimizerBuilt:
    ordinary = {"place": at(2, 2), "parameters": parameters(), "kind": "Adam", "lr": 3e-4}
    return OptimizerBuilt(optimizer=optimizer, **{**ordinary, **fields})


def dataset_built(dataset: int = TRAIN_SET, samples: Samples = CIFAR_TRAIN, **fields: Any) -> DatasetBuilt:
    return DatasetBuilt(dataset=dataset, samples=samples, **{"place": at(1, dataset), **fields})


def loader_built(loader: int = TRAIN_LOADER, samples: Samples = CIFAR_TRAIN, **fields: Any) -> LoaderBuilt:
    ordinary = {"place": at(1, loader), "batch_size": 64, "shuffle": samples.split == "train", "drop_last": False}
    return LoaderBuilt(loader=loader, samples=samples, **{**ordinary, **fields})


def named(name: str, number: int, **fields: Any) -> NameBound:
    return NameBound(name=name, object=number, **{"place": at(1, number), **fields})


def both_loaders() -> list[Event]:
    """Training and test loader over their own data sets, under their usual names."""
    return [
        dataset_built(TRAIN_SET),
        dataset_built(TEST_SET, CIFAR_TEST),
        loader_built(TRAIN_LOADER, dataset=TRAIN_SET),
        named("train_loader", TRAIN_LOADER),
        loader_built(TEST_LOADER, CIFAR_TEST, dataset=TEST_SET),
        named("test_loader", TEST_LOADER),
    ]


def step(loader: int = TRAIN_LOADER, samples: Samples = CIFAR_TRAIN, **fields: Any) -> list[Event]:
    """A batch is drawn in cell 5 line 1, its loss flows back in line 3, the optimizer steps in line 4."""
    via = fields.pop("via", ())
    ordinary = {"reaches": parameters(), "models": (use(),), "criterion": "cross_entropy"}
    return [
        BatchDrawn(place=at(5, 1), via=via, loader=loader, samples=samples),
        BackwardRan(place=at(5, 3), via=via, loader=loader, samples=samples, **{**ordinary, **fields}),
        OptimizerStepped(place=at(5, 4), via=via, optimizer=OPTIMIZER, parameters=parameters()),
    ]


def epoch(loader: int = TRAIN_LOADER, samples: Samples = CIFAR_TRAIN, **fields: Any) -> list[Event]:
    """A pass over the loader that trains: its last step, and its end."""
    steps = step(loader, samples, **fields)
    models = fields.get("models", (use(),))
    passed = PassEnded(
        place=at(5), loader=loader, samples=samples, models=models, backward=True, stepped=(OPTIMIZER,), measured=True
    )
    return [*steps, passed]


def evaluation(loader: int = TEST_LOADER, samples: Samples = CIFAR_TEST, **fields: Any) -> PassEnded:
    """A pass over the loader in cell 6 that counts hits."""
    ordinary = {"place": at(6), "models": (use(training=False),), "measured": True}
    return PassEnded(loader=loader, samples=samples, **{**ordinary, **fields})


def loss(outputs: int, classes: int, **fields: Any) -> LossComputed:
    ordinary = {"place": at(5, 2), "criterion": "cross_entropy", "samples": CIFAR_TRAIN, "models": (use(),)}
    return LossComputed(outputs=outputs, classes=classes, **{**ordinary, **fields})


def plan(epochs: int | None, **fields: Any) -> TrainingPlanned:
    """A loop over the epochs in cell 5; the number is written in cell 4."""
    ordinary = {
        "place": at(5),
        "epochs": Number(value=epochs, place=at(4), name="num_epochs"),
        "models": (use(),),
        "optimizers": (OPTIMIZER,),
        "loader": TRAIN_LOADER,
        "samples": CIFAR_TRAIN,
        "batch_size": 64,
    }
    return TrainingPlanned(**{**ordinary, **fields})


END = RunEnded(place=at(9), complete=True)


def places(rule: Rule, *story: Event | list[Event]) -> list[Place]:
    """The places of the findings."""
    return [finding.place for finding in told(rule, *story)]
