"""Trainings through a library's call: the pretend module makes the loop, the places are the user's."""

from __future__ import annotations

import pytest
from watched import Watched, watch

from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    Event,
    GradientsCleared,
    LoaderBuilt,
    LossComputed,
    ModeSet,
    OptimizerBuilt,
    OptimizerStepped,
    PassEnded,
    SchedulerStepped,
    SeedSet,
    TrainingPlanned,
)

DATA = """
train_set, test_set = datasets.MNIST('.', train=True), datasets.MNIST('.', train=False)
train_loader = DataLoader(train_set, batch_size=8, shuffle=True)
val_loader = DataLoader(test_set, batch_size=9)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Dropout())
"""
MODULE = """
class Net(pl.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Dropout())
    def forward(self, x):
        return self.body(x)
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log('train_loss', loss)
        return loss
    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log('val_loss', F.cross_entropy(self(x), y))
    test_step = validation_step
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)
"""


def of(text: str) -> Watched:
    return watch(f"# %%\n{DATA}\n# %%\n{text}")


def trained(seen: Watched) -> None:
    """A training was seen: gradients of the training data reach what the optimizer holds, and it steps."""
    backward = seen.all(BackwardRan)
    assert {event.samples.split if event.samples else None for event in backward} == {"train"}
    assert {use.training for event in backward for use in event.models} == {True}
    built = seen.one(OptimizerBuilt)
    assert {event.reaches for event in backward} == {built.parameters}
    assert built.parameters.complete
    assert {event.optimizer for event in seen.all(OptimizerStepped)} == {built.optimizer}
    assert seen.all(GradientsCleared)


def evaluated(seen: Watched) -> None:
    """An evaluation was seen: on the test data, in eval mode, without gradients."""
    passes = [event for event in seen.all(PassEnded) if not event.backward and event.models]
    assert {event.samples.split for event in passes} == {"test"}
    assert {(use.training, use.grad) for event in passes for use in event.models} == {(False, False)}


def lines(seen: Watched, kind: type[Event]) -> set[tuple[int | str | None, int]]:
    return {(cell, line) for _, cell, line in seen.lines(kind)}


# --- Lightning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pytorch_lightning as pl", "lightning as pl", "lightning.pytorch as pl"])
def test_lightning_trains_and_validates_on_the_line_of_fit(name: str) -> None:
    seen = of(
        f"import {name}\n{MODULE}\ntrainer = pl.Trainer(max_epochs=5)\ntrainer.fit(Net(), train_loader, val_loader)"
    )
    trained(seen)
    evaluated(seen)
    fit = 4 + MODULE.count("\n")
    assert lines(seen, OptimizerStepped) == lines(seen, BackwardRan) == {(2, fit)}
    assert lines(seen, LossComputed) == {(2, 12), (2, 17)}
    plan = seen.one(TrainingPlanned)
    assert (plan.epochs.value, plan.batch_size, plan.place.line) == (5, 8, fit)
    assert plan.epochs.place is not None
    assert plan.epochs.place.line == fit - 1
    assert plan.evaluated == (seen.object("val_loader"),)
    assert seen.one(OptimizerBuilt).lr == 0.1


@pytest.mark.parametrize(
    "given",
    [
        "optimizer",
        "[optimizer]",
        "[optimizer], [scheduler]",
        "[optimizer], [{'scheduler': scheduler, 'interval': 'epoch'}]",
        "{'optimizer': optimizer}",
        "{'optimizer': optimizer, 'lr_scheduler': scheduler}",
        "{'optimizer': optimizer, 'lr_scheduler': {'scheduler': scheduler, 'monitor': 'val_loss'}}",
        "({'optimizer': optimizer, 'lr_scheduler': scheduler},)",
    ],
)
def test_lightning_takes_optimizers_in_every_form(given: str) -> None:
    module = MODULE.replace("return torch.optim", "optimizer = torch.optim") + (
        f"        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)\n        return {given}\n"
    )
    seen = of(f"import pytorch_lightning as pl\n{module}\npl.Trainer(max_epochs=5).fit(Net(), train_loader)")
    trained(seen)
    stepped = {event.optimizer for event in seen.all(SchedulerStepped)}
    assert stepped == ({seen.one(OptimizerBuilt).optimizer} if "scheduler" in given else set())


def test_lightning_steps_by_hand_where_the_user_does() -> None:
    module = MODULE.replace(
        "self.log('train_loss', loss)",
        "opt = self.optimizers()\n        opt.zero_grad()\n        self.manual_backward(loss)\n        opt.step()",
    ).replace("self.save_hyperparameters()", "self.save_hyperparameters()\n        self.automatic_optimization = False")
    seen = of(f"import pytorch_lightning as pl\n{module}\npl.Trainer(max_epochs=5).fit(Net(), train_loader)")
    trained(seen)
    assert lines(seen, OptimizerStepped) == {(2, 17)}


DATA_MODULE = """
class Data(pl.LightningDataModule):
    def __init__(self, batch_size=8):
        super().__init__()
        self.batch_size = batch_size
    def setup(self, stage=None):
        self.train, self.val = datasets.MNIST('.', train=True), datasets.MNIST('.', train=False)
    def train_dataloader(self):
        return DataLoader(self.train, batch_size=self.batch_size, shuffle=True)
    def val_dataloader(self):
        return DataLoader(self.val, batch_size=self.batch_size)
    test_dataloader = val_dataloader
"""


@pytest.mark.parametrize("given", ["Data()", "datamodule=Data()"])
def test_lightning_asks_a_data_module_for_its_loaders(given: str) -> None:
    seen = of(f"import pytorch_lightning as pl\n{MODULE}{DATA_MODULE}\npl.Trainer(max_epochs=5).fit(Net(), {given})")
    trained(seen)
    evaluated(seen)


@pytest.mark.parametrize(
    "call",
    [
        "test(net, val_loader)",
        "test(net, dataloaders=val_loader)",
        "validate(net, val_loader)",
        "test(net, datamodule=Data())",
    ],
)
def test_lightning_evaluates_without_gradients(call: str) -> None:
    seen = of(f"import pytorch_lightning as pl\n{MODULE}{DATA_MODULE}\nnet = Net()\npl.Trainer().{call}")
    evaluated(seen)
    assert seen.all(PassEnded)
    assert seen.all(BackwardRan) == []


def test_lightning_seeds_everything() -> None:
    seen = watch("import pytorch_lightning as pl\npl.seed_everything(42)")
    assert {event.value for event in seen.all(SeedSet)} == {42}
    assert {event.library for event in seen.all(SeedSet)} >= {"torch", "numpy", "random"}


def test_callbacks_and_loggers_of_lightning_change_nothing() -> None:
    seen = of(
        "import pytorch_lightning as pl\nfrom pytorch_lightning.callbacks import ModelCheckpoint, EarlyStopping\n"
        f"from pytorch_lightning.loggers import TensorBoardLogger\n{MODULE}\n"
        "pl.Trainer(max_epochs=5, callbacks=[ModelCheckpoint(), EarlyStopping('val_loss')], "
        "logger=TensorBoardLogger('logs')).fit(Net(), train_loader)"
    )
    trained(seen)


# --- others -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["fit(5)", "fit_one_cycle(5, 1e-3)", "fine_tune(5)"])
def test_fastai_trains_and_validates(fit: str) -> None:
    seen = of(
        "from fastai.vision.all import *\n"
        "learn = Learner(DataLoaders(train_loader, val_loader), model, loss_func=nn.CrossEntropyLoss())\n"
        f"learn.{fit}"
    )
    trained(seen)
    evaluated(seen)
    assert (seen.one(TrainingPlanned).epochs.value, seen.one(TrainingPlanned).place.line) == (5, 3)


def test_fastai_builds_a_learner_on_a_folder() -> None:
    seen = watch(
        "from fastai.vision.all import *\ndls = ImageDataLoaders.from_folder(untar_data(URLs.PETS), bs=32)\n"
        "learn = vision_learner(dls, resnet34, metrics=error_rate)\nlearn.fine_tune(3)"
    )
    assert seen.lines(OptimizerStepped)[0] == ("OptimizerStepped", 1, 4)
    assert {use.pretrained for event in seen.all(BackwardRan) for use in event.models} == {True}
    assert seen.one(TrainingPlanned).batch_size == 32


def test_a_trainer_of_transformers_trains_and_evaluates() -> None:
    seen = of(
        "from transformers import AutoModelForImageClassification, Trainer, TrainingArguments\n"
        "model = AutoModelForImageClassification.from_pretrained('vit', num_labels=10)\n"
        "args = TrainingArguments('out', num_train_epochs=5, per_device_train_batch_size=8)\n"
        "trainer = Trainer(model=model, args=args, train_dataset=train_set, eval_dataset=test_set)\n"
        "trainer.train()\ntrainer.evaluate()"
    )
    trained(seen)
    evaluated(seen)
    assert lines(seen, OptimizerStepped) == {(2, 5)}
    assert (seen.one(TrainingPlanned).epochs.value, seen.one(TrainingPlanned).batch_size) == (5, 8)


def test_a_trainer_of_transformers_takes_the_user_s_loss() -> None:
    seen = of(
        "from transformers import Trainer, TrainingArguments\nclass Mine(Trainer):\n"
        "    def compute_loss(self, model, inputs, return_outputs=False):\n"
        "        return F.cross_entropy(model(inputs['x']), inputs['labels'])\n"
        "Mine(model, TrainingArguments('out'), train_dataset=train_set).train()"
    )
    trained(seen)
    assert lines(seen, LossComputed) == {(2, 4)}


def test_what_accelerate_prepares_is_what_it_was_given() -> None:
    seen = of(
        "from accelerate import Accelerator\naccelerator = Accelerator()\n"
        "optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
        "model, optimizer, train_loader = accelerator.prepare(model, optimizer, train_loader)\n"
        "for x, y in train_loader:\n    with accelerator.accumulate(model):\n        optimizer.zero_grad()\n"
        "        loss = F.cross_entropy(model(x), y)\n        accelerator.backward(loss)\n        optimizer.step()"
    )
    trained(seen)
    assert lines(seen, BackwardRan) == {(2, 9)}


def test_an_engine_of_ignite_runs_its_update_and_its_handlers() -> None:
    seen = of(
        "from ignite.engine import Engine, Events, create_supervised_evaluator, create_supervised_trainer\n"
        "optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
        "trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss())\n"
        "evaluator = create_supervised_evaluator(model)\n"
        "@trainer.on(Events.EPOCH_COMPLETED)\n"
        "def validate(engine):\n    evaluator.run(val_loader)\n"
        "@trainer.on(Events.ITERATION_COMPLETED(every=10))\n"
        "def log(engine):\n    print(engine.state.output)\n"
        "trainer.run(train_loader, max_epochs=5)"
    )
    trained(seen)
    evaluated(seen)
    assert seen.one(TrainingPlanned).epochs.value == 5
    assert lines(seen, OptimizerStepped) == {(2, 11)}


def test_iterators_of_torchtext_are_loaders() -> None:
    seen = watch(
        "from torchtext import data, datasets\nTEXT, LABEL = data.Field(tokenize='spacy'), data.LabelField()\n"
        "train_data, test_data = datasets.IMDB.splits(TEXT, LABEL)\nTEXT.build_vocab(train_data)\n"
        "train_iterator, test_iterator = data.BucketIterator.splits((train_data, test_data), batch_size=64)\n"
        "for batch in train_iterator:\n    nn.Linear(1, 1)(batch.text)"
    )
    train, test = seen.all(LoaderBuilt)
    assert (train.batch_size, train.shuffle, test.shuffle) == (64, True, False)
    assert {event.samples.split for event in seen.all(BatchDrawn)} == {"train"}


@pytest.mark.parametrize(
    "call",
    [
        "train_ch3(model, train_loader, val_loader, nn.CrossEntropyLoss(), 5, optim.SGD(model.parameters(), lr=0.1))",
        "train_ch6(model, train_loader, val_loader, 5, 0.1, d2l.try_gpu())",
    ],
)
def test_d2l_trains_and_evaluates(call: str) -> None:
    seen = of(f"from d2l import torch as d2l\nd2l.{call}")
    trained(seen)
    evaluated(seen)
    assert (seen.one(TrainingPlanned).epochs.value, seen.one(TrainingPlanned).place.line) == (5, 2)


def test_a_trainer_of_d2l_fits_a_module_of_the_user_s() -> None:
    seen = watch(
        "from d2l import torch as d2l\nclass Net(d2l.Classifier):\n"
        "    def __init__(self, lr=0.1):\n        super().__init__()\n        self.save_hyperparameters()\n"
        "        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
        "d2l.Trainer(max_epochs=5).fit(Net(), d2l.FashionMNIST(batch_size=8))"
    )
    trained(seen)
    evaluated(seen)


def test_a_net_of_skorch_fits() -> None:
    seen = of(
        "from skorch import NeuralNetClassifier\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.out = nn.Linear(784, 10)\n"
        "    def forward(self, x):\n        return F.softmax(self.out(x), dim=-1)\n"
        "net = NeuralNetClassifier(Net, max_epochs=5, lr=0.1)\nnet.fit(train_set, y=None)"
    )
    trained(seen)
    assert seen.one(TrainingPlanned).epochs.value == 5
    assert {event.activation.name for event in seen.all(LossComputed) if event.activation} == {"log_softmax"}


def test_an_averaged_model_is_a_copy() -> None:
    seen = of(
        "from torch.optim.swa_utils import AveragedModel, SWALR, update_bn\n"
        "optimizer = optim.SGD(model.parameters(), lr=0.1)\naveraged = AveragedModel(model)\n"
        "scheduler = SWALR(optimizer, swa_lr=0.05)\nfor x, y in train_loader:\n    optimizer.zero_grad()\n"
        "    F.cross_entropy(model(x), y).backward()\n    optimizer.step()\n"
        "averaged.update_parameters(model)\nscheduler.step()\nupdate_bn(train_loader, averaged)"
    )
    trained(seen)
    assert seen.one(SchedulerStepped).optimizer == seen.object("optimizer")
    assert seen.object("averaged") != seen.object("model")


def test_timm_makes_models_and_optimizers() -> None:
    seen = of(
        "import timm\nfrom timm.optim import create_optimizer_v2\n"
        "model = timm.create_model('resnet18', pretrained=True, num_classes=10)\n"
        "optimizer = create_optimizer_v2(model, opt='sgd', lr=0.1)\n"
        "for x, y in train_loader:\n    optimizer.zero_grad()\n    F.cross_entropy(model(x), y).backward()\n"
        "    optimizer.step()"
    )
    trained(seen)
    assert {use.pretrained for event in seen.all(BackwardRan) for use in event.models} == {True}


def test_metrics_measure_and_change_nothing() -> None:
    seen = of(
        "import torchmetrics\naccuracy = torchmetrics.Accuracy(task='multiclass', num_classes=10).to('cuda')\n"
        "model.eval()\nwith torch.no_grad():\n    for x, y in val_loader:\n        accuracy.update(model(x), y)\n"
        "accuracy.compute()"
    )
    evaluated(seen)
    assert seen.last(PassEnded).measured
    assert [event.training for event in seen.all(ModeSet)] == [False]
