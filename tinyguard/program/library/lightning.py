import torch
from torch import nn


def seed_everything(seed=None, workers=False):
    torch.manual_seed(seed)


class LightningModule(nn.Module):
    def log(self, name, value, **kwargs):
        pass

    def log_dict(self, values, **kwargs):
        pass

    def save_hyperparameters(self, *args, **kwargs):
        pass

    def configure_optimizers(self):
        return None

    automatic_optimization = True

    def training_step(self, batch, batch_idx):
        return None

    def optimizers(self):
        return self._optimizers[0] if len(self._optimizers) == 1 else self._optimizers

    def manual_backward(self, loss):
        loss.backward()


class LightningDataModule:
    def prepare_data(self):
        pass

    def setup(self, stage=None):
        pass


class Callback:
    pass


def _optimizers_of(configured):
    if isinstance(configured, dict):
        return [configured["optimizer"]]
    if isinstance(configured, tuple):
        first = configured[0]
        return first if isinstance(first, list) else [first]
    if isinstance(configured, list):
        return configured
    return [configured]


class Trainer:
    def __init__(self, *args, max_epochs=None, **kwargs):
        self.max_epochs = max_epochs

    def fit(self, model, train_dataloaders=None, val_dataloaders=None, datamodule=None, train_dataloader=None, **kwargs):
        if isinstance(train_dataloaders, LightningDataModule):
            datamodule = train_dataloaders
            train_dataloaders = None
        if datamodule is not None:
            datamodule.prepare_data()
            datamodule.setup("fit")
            train_dataloaders = datamodule.train_dataloader()
            if hasattr(datamodule, "val_dataloader"):
                val_dataloaders = datamodule.val_dataloader()
        if train_dataloaders is None:
            train_dataloaders = train_dataloader
        if train_dataloaders is None:
            train_dataloaders = model.train_dataloader()
        optimizers = _optimizers_of(model.configure_optimizers())
        model._optimizers = optimizers
        for epoch in range(self.max_epochs):
            model.train()
            torch.set_grad_enabled(True)
            for batch_idx, batch in enumerate(train_dataloaders):
                output = model.training_step(batch, batch_idx)
                if model.automatic_optimization:
                    if isinstance(output, dict):
                        output = output["loss"]
                    for optimizer in optimizers:
                        optimizer.zero_grad()
                    if output is not None:
                        output.backward()
                    for optimizer in optimizers:
                        optimizer.step()
            if val_dataloaders is not None:
                self._evaluate(model, val_dataloaders, "validation_step")
        model.train()

    def _evaluate(self, model, loaders, step):
        model.eval()
        if isinstance(loaders, list):
            loaders = loaders[0]
        with torch.no_grad():
            for batch_idx, batch in enumerate(loaders):
                if step == "validation_step":
                    model.validation_step(batch, batch_idx)
                else:
                    model.test_step(batch, batch_idx)

    def test(self, model=None, dataloaders=None, datamodule=None, test_dataloaders=None, **kwargs):
        if dataloaders is None:
            dataloaders = test_dataloaders
        if datamodule is not None:
            dataloaders = datamodule.test_dataloader()
        if model is not None and dataloaders is not None:
            self._evaluate(model, dataloaders, "test_step")

    def validate(self, model=None, dataloaders=None, datamodule=None, **kwargs):
        if model is not None and dataloaders is not None:
            self._evaluate(model, dataloaders, "validation_step")

    def predict(self, model=None, dataloaders=None, **kwargs):
        return []
