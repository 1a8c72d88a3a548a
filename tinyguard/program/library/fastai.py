import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.models import alexnet, densenet121, resnet18, resnet34, resnet50, resnet101, resnet152, squeezenet1_1
from torchvision.models import vgg16_bn, vgg19_bn


def set_seed(seed, reproducible=False):
    torch.manual_seed(seed)


class DataLoaders:
    def __init__(self, *loaders, **kwargs):
        self.train = loaders[0]
        self.valid = loaders[1] if len(loaders) > 1 else None
        self.c = input()
        self.vocab = input()

    def test_dl(self, items, *args, **kwargs):
        return DataLoader(items)

    def show_batch(self, *args, **kwargs):
        pass

    def one_batch(self):
        return next(iter(self.train))

    def to(self, device):
        return self

    def cuda(self):
        return self

    # `from_folder` and its like, and `DataBlock.dataloaders`, come here.
    @classmethod
    def from_something(cls, bs=64):
        train = DataLoader(input(), batch_size=bs, shuffle=True)
        valid = DataLoader(input(), batch_size=bs)
        return DataLoaders(train, valid)

    @classmethod
    def from_dsets(cls, train, valid, bs=64, **kwargs):
        return DataLoaders(DataLoader(train, batch_size=bs, shuffle=True), DataLoader(valid, batch_size=bs))

    @classmethod
    def from_folder(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_csv(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_df(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_name_func(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_name_re(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_path_func(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_path_re(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_lists(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)

    @classmethod
    def from_label_func(cls, *args, bs=64, **kwargs):
        return cls.from_something(bs)


class ImageDataLoaders(DataLoaders):
    pass


class TextDataLoaders(DataLoaders):
    pass


class TabularDataLoaders(DataLoaders):
    pass


class SegmentationDataLoaders(DataLoaders):
    pass


class DataBlock:
    def __init__(self, *args, **kwargs):
        pass

    def dataloaders(self, source, *args, bs=64, **kwargs):
        return DataLoaders.from_something(bs)

    def datasets(self, source, *args, **kwargs):
        return input()

    def new(self, *args, **kwargs):
        return self

    def summary(self, *args, **kwargs):
        pass


class Recorder:
    def __init__(self):
        self.losses = input()
        self.values = input()

    def plot_loss(self, *args, **kwargs):
        pass

    def plot_sched(self, *args, **kwargs):
        pass


class Learner:
    def __init__(self, dls, model, loss_func=None, opt_func=None, lr=1e-3, metrics=None, **kwargs):
        self.dls = dls
        self.model = model
        self.loss_func = nn.CrossEntropyLoss() if loss_func is None else loss_func
        self.opt_func = torch.optim.Adam if opt_func is None else opt_func
        self.lr = lr
        self.opt = None
        self.recorder = Recorder()

    def create_opt(self):
        self.opt = self.opt_func(self.model.parameters(), lr=self.lr)

    def fit(self, n_epoch, lr=None, *args, **kwargs):
        if self.opt is None:
            self.create_opt()
        for epoch in range(n_epoch):
            self.model.train()
            for xb, yb in self.dls.train:
                loss = self.loss_func(self.model(xb), yb)
                loss.backward()
                self.opt.step()
                self.opt.zero_grad()
            if self.dls.valid is not None:
                self.validate()

    def fit_one_cycle(self, n_epoch, *args, **kwargs):
        self.fit(n_epoch)

    def fit_flat_cos(self, n_epoch, *args, **kwargs):
        self.fit(n_epoch)

    def fit_sgdr(self, n_cycles, cycle_len, *args, **kwargs):
        self.fit(input())

    def fine_tune(self, epochs, base_lr=2e-3, freeze_epochs=1, *args, **kwargs):
        self.fit(epochs)

    def validate(self, *args, **kwargs):
        self.model.eval()
        with torch.no_grad():
            for xb, yb in self.dls.valid:
                self.loss_func(self.model(xb), yb)
        return input()

    def get_preds(self, *args, **kwargs):
        return input(), input()

    def predict(self, *args, **kwargs):
        return input(), input(), input()

    def lr_find(self, *args, **kwargs):
        return input()

    def freeze(self):
        pass

    def unfreeze(self):
        pass

    def freeze_to(self, n):
        pass

    def to_fp16(self, *args, **kwargs):
        return self

    def to_fp32(self, *args, **kwargs):
        return self

    def summary(self):
        pass

    def show_results(self, *args, **kwargs):
        pass

    def save(self, *args, **kwargs):
        pass

    def load(self, *args, **kwargs):
        return self

    def export(self, *args, **kwargs):
        pass

    def add_cb(self, *args, **kwargs):
        return self


def vision_learner(dls, arch, *args, loss_func=None, opt_func=None, pretrained=True, **kwargs):
    return Learner(dls, arch(pretrained=pretrained), loss_func=loss_func, opt_func=opt_func)


def cnn_learner(dls, arch, *args, loss_func=None, opt_func=None, pretrained=True, **kwargs):
    return Learner(dls, arch(pretrained=pretrained), loss_func=loss_func, opt_func=opt_func)


def unet_learner(dls, arch, *args, loss_func=None, opt_func=None, pretrained=True, **kwargs):
    return Learner(dls, arch(pretrained=pretrained), loss_func=loss_func, opt_func=opt_func)
