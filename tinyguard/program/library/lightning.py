import random

import numpy
import torch
from torch import nn


def seed_everything(seed=None, workers=False):
    torch.manual_seed(seed)
    numpy.random.seed(seed)
    random.seed(seed)


class HyperParameters:
    def __init__(self, values):
        self.__dict__.update(values)

    def __getitem__(self, name):
        return getattr(self, name)

    def get(self, name, default=None):
        return getattr(self, name)

    def items(self):
        return vars(self).items()

    def keys(self):
        return vars(self).keys()


class LightningModule(nn.Module):
    automatic_optimization = True
    current_epoch = input()
    global_step = input()
    hparams = input()
    trainer = input()
    logger = input()
    device = input()

    def log(self, name, value, *args, **kwargs):
        pass

    def log_dict(self, values, *args, **kwargs):
        pass

    def print(self, *values):
        pass

    def save_hyperparameters(self, *args, **kwargs):
        self.hparams = HyperParameters(arguments_of_caller())

    def optimizers(self, use_pl_optimizer=True):
        return self._optimizers[0] if len(self._optimizers) == 1 else self._optimizers

    def lr_schedulers(self):
        return self._schedulers[0] if len(self._schedulers) == 1 else self._schedulers

    def manual_backward(self, loss, *args, **kwargs):
        loss.backward()

    def toggle_optimizer(self, optimizer, *args):
        pass

    def untoggle_optimizer(self, optimizer):
        pass

    def freeze(self):
        self.requires_grad_(False)
        self.eval()

    def unfreeze(self):
        self.requires_grad_(True)
        self.train()

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path=None, *args, **kwargs):
        model = cls(**kwargs)
        model.load_state_dict(checkpoint_path)
        return model

    # What a user's module may define; here, that it has nothing to do.
    def configure_optimizers(self):
        return None

    def training_step(self, *args):
        return None

    def validation_step(self, *args):
        return None

    def test_step(self, *args):
        return None

    def predict_step(self, batch, *args):
        return self(batch)

    def prepare_data(self):
        pass

    def setup(self, stage=None):
        pass

    def train_dataloader(self):
        return None

    def val_dataloader(self):
        return None

    def test_dataloader(self):
        return None

    def predict_dataloader(self):
        return None

    def on_fit_start(self):
        pass

    def on_train_start(self):
        pass

    def on_train_epoch_start(self):
        pass

    def on_train_epoch_end(self):
        pass

    def on_validation_epoch_start(self):
        pass

    def on_validation_epoch_end(self):
        pass

    def training_epoch_end(self, outputs):
        pass

    def validation_epoch_end(self, outputs):
        pass

    def test_epoch_end(self, outputs):
        pass


class LightningDataModule:
    trainer = input()
    hparams = input()

    def __init__(self, *args, **kwargs):
        pass

    def save_hyperparameters(self, *args, **kwargs):
        self.hparams = HyperParameters(arguments_of_caller())

    def prepare_data(self):
        pass

    def setup(self, stage=None):
        pass

    def train_dataloader(self):
        return None

    def val_dataloader(self):
        return None

    def test_dataloader(self):
        return None

    def predict_dataloader(self):
        return None


class Callback:
    def __init__(self, *args, **kwargs):
        pass


def _listed(value):
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    return [value]


def _optimizers_and_schedulers(configured):
    """Every form that configure_optimizers may give."""
    if configured is None:
        return [], []
    if isinstance(configured, dict):
        return [configured["optimizer"]], _listed(configured.get("lr_scheduler"))
    if isinstance(configured, (list, tuple)):
        if len(configured) == 2 and isinstance(configured[0], (list, tuple)):
            return list(configured[0]), _listed(configured[1])
        optimizers = []
        schedulers = []
        for item in configured:
            if isinstance(item, dict):
                optimizers.append(item["optimizer"])
                if "lr_scheduler" in item:
                    schedulers.append(item["lr_scheduler"])
            else:
                optimizers.append(item)
        return optimizers, schedulers
    return [configured], []


def _scheduler_of(entry):
    return entry["scheduler"] if isinstance(entry, dict) else entry


class Trainer:
    def __init__(self, *args, max_epochs=None, fast_dev_run=False, **kwargs):
        self.max_epochs = input() if fast_dev_run else max_epochs
        self.callback_metrics = input()
        self.logger = input()
        self.current_epoch = input()
        self.global_step = input()

    def fit(self, model, train_dataloaders=None, val_dataloaders=None, datamodule=None, ckpt_path=None, **old):
        # Until 1.4 the arguments were called train_dataloader and, second, could be the data module.
        if train_dataloaders is None:
            train_dataloaders = old.get("train_dataloader")
        if isinstance(train_dataloaders, LightningDataModule):
            datamodule = train_dataloaders
            train_dataloaders = None
        model.trainer = self
        self.model = model
        source = model
        if datamodule is not None:
            source = datamodule
            self.datamodule = datamodule
        source.prepare_data()
        source.setup("fit")
        if train_dataloaders is None:
            train_dataloaders = source.train_dataloader()
            val_dataloaders = source.val_dataloader()
        optimizers, schedulers = _optimizers_and_schedulers(model.configure_optimizers())
        schedulers = [_scheduler_of(entry) for entry in schedulers]
        model._optimizers = optimizers
        model._schedulers = schedulers
        model.on_fit_start()
        model.train()
        model.on_train_start()
        for epoch in range(self.max_epochs):
            self._train_one_epoch(model, train_dataloaders, optimizers)
            if val_dataloaders is not None:
                self._evaluate(model, val_dataloaders, model.validation_step)
                model.on_validation_epoch_end()
                model.train()
            model.on_train_epoch_end()
            if model.automatic_optimization:
                for scheduler in schedulers:
                    scheduler.step()

    def _train_one_epoch(self, model, loader, optimizers):
        model.on_train_epoch_start()
        for batch_idx, batch in enumerate(loader):
            if not model.automatic_optimization:
                model.training_step(batch, batch_idx)
            elif len(optimizers) == 1:
                self._step(optimizers[0], model.training_step(batch, batch_idx))
            else:
                # Until 1.9 a step was made with each optimizer in turn.
                for optimizer_idx, optimizer in enumerate(optimizers):
                    self._step(optimizer, model.training_step(batch, batch_idx, optimizer_idx))

    def _step(self, optimizer, output):
        if isinstance(output, dict):
            output = output["loss"]
        optimizer.zero_grad()
        if output is not None:
            output.backward()
        optimizer.step()

    def _evaluate(self, model, loaders, step):
        model.eval()
        with torch.no_grad():
            if isinstance(loaders, (list, tuple)):
                for dataloader_idx, loader in enumerate(loaders):
                    for batch_idx, batch in enumerate(loader):
                        step(batch, batch_idx, dataloader_idx)
            else:
                for batch_idx, batch in enumerate(loaders):
                    step(batch, batch_idx)

    def _loaders(self, loaders, datamodule, model, stage):
        if isinstance(loaders, LightningDataModule):
            datamodule = loaders
            loaders = None
        if loaders is None:
            source = datamodule if datamodule is not None else model
            source.setup(stage)
            if stage == "test":
                loaders = source.test_dataloader()
            elif stage == "predict":
                loaders = source.predict_dataloader()
            else:
                loaders = source.val_dataloader()
        return loaders

    def test(self, model=None, dataloaders=None, datamodule=None, ckpt_path=None, verbose=True, **old):
        if dataloaders is None:
            dataloaders = old.get("test_dataloaders")
        if model is None:
            model = self.model
        loaders = self._loaders(dataloaders, datamodule, model, "test")
        if loaders is not None:
            self._evaluate(model, loaders, model.test_step)
        model.train()
        return input()

    def validate(self, model=None, dataloaders=None, datamodule=None, ckpt_path=None, verbose=True, **old):
        if model is None:
            model = self.model
        loaders = self._loaders(dataloaders, datamodule, model, "validate")
        if loaders is not None:
            self._evaluate(model, loaders, model.validation_step)
        model.train()
        return input()

    def predict(self, model=None, dataloaders=None, datamodule=None, return_predictions=None, ckpt_path=None):
        if model is None:
            model = self.model
        loaders = self._loaders(dataloaders, datamodule, model, "predict")
        model.eval()
        results = []
        if loaders is not None:
            with torch.no_grad():
                for batch_idx, batch in enumerate(loaders):
                    results.append(model.predict_step(batch, batch_idx))
        model.train()
        return results

    def tune(self, *args, **kwargs):
        return input()

    def save_checkpoint(self, *args, **kwargs):
        pass
