import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets


def load_data_fashion_mnist(batch_size, resize=None):
    train = datasets.FashionMNIST(root="../data", train=True)
    test = datasets.FashionMNIST(root="../data", train=False)
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, batch_size, shuffle=False)


def load_array(data_arrays, batch_size, is_train=True):
    return DataLoader(torch.utils.data.TensorDataset(*data_arrays), batch_size, shuffle=is_train)


def evaluate_accuracy(net, data_iter):
    if isinstance(net, nn.Module):
        net.eval()
    with torch.no_grad():
        for X, y in data_iter:
            correct = net(X).argmax(1) == y
    return input()


def evaluate_accuracy_gpu(net, data_iter, device=None):
    return evaluate_accuracy(net, data_iter)


def evaluate_loss(net, data_iter, loss):
    for X, y in data_iter:
        loss(net(X), y)
    return input()


def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def train_epoch_ch3(net, train_iter, loss, updater):
    if isinstance(net, nn.Module):
        net.train()
    for X, y in train_iter:
        l = loss(net(X), y)
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
            l.mean().backward()
            updater.step()
        else:
            l.sum().backward()
            updater(len(X))
    return input(), input()


def train_ch3(net, train_iter, test_iter, loss, num_epochs, updater):
    for epoch in range(num_epochs):
        train_epoch_ch3(net, train_iter, loss, updater)
        evaluate_accuracy(net, test_iter)


def train_ch6(net, train_iter, test_iter, num_epochs, lr, device=None):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    for epoch in range(num_epochs):
        net.train()
        for X, y in train_iter:
            optimizer.zero_grad()
            l = loss(net(X), y)
            l.backward()
            optimizer.step()
        evaluate_accuracy_gpu(net, test_iter)


def train_batch_ch13(net, X, y, loss, trainer, devices=None):
    net.train()
    trainer.zero_grad()
    l = loss(net(X), y)
    l.sum().backward()
    trainer.step()
    return input(), input()


def train_ch13(net, train_iter, test_iter, loss, trainer, num_epochs, devices=None):
    for epoch in range(num_epochs):
        for features, labels in train_iter:
            train_batch_ch13(net, features, labels, loss, trainer, devices)
        evaluate_accuracy_gpu(net, test_iter)


def try_gpu(i=0):
    return torch.device("cuda")


def try_all_gpus():
    return [torch.device("cuda")]


class Module(nn.Module):
    def loss(self, y_hat, y):
        raise NotImplementedError

    def forward(self, X):
        return self.net(X)

    def plot(self, *args, **kwargs):
        pass

    def training_step(self, batch):
        return self.loss(self(*batch[:-1]), batch[-1])

    def validation_step(self, batch):
        self.loss(self(*batch[:-1]), batch[-1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)

    def save_hyperparameters(self, ignore=[]):
        self.__dict__.update(arguments_of_caller())

    def apply_init(self, *args, **kwargs):
        pass


class Classifier(Module):
    def validation_step(self, batch):
        y_hat = self(*batch[:-1])
        self.loss(y_hat, batch[-1])

    def accuracy(self, y_hat, y, averaged=True):
        return (y_hat.argmax(1) == y).float().mean()

    def loss(self, y_hat, y, averaged=True):
        return nn.functional.cross_entropy(y_hat, y)


class DataModule:
    def __init__(self, root="../data", num_workers=4):
        self.root = root

    def save_hyperparameters(self, ignore=[]):
        self.__dict__.update(arguments_of_caller())

    def train_dataloader(self):
        return self.get_dataloader(train=True)

    def val_dataloader(self):
        return self.get_dataloader(train=False)

    def get_tensorloader(self, tensors, train, indices=None):
        return DataLoader(torch.utils.data.TensorDataset(*tensors), self.batch_size, shuffle=train)


class FashionMNIST(DataModule):
    def __init__(self, batch_size=64, resize=(28, 28)):
        self.batch_size = batch_size
        self.train = datasets.FashionMNIST(root="../data", train=True)
        self.val = datasets.FashionMNIST(root="../data", train=False)

    def get_dataloader(self, train):
        return DataLoader(self.train if train else self.val, self.batch_size, shuffle=train)


class Trainer:
    def __init__(self, max_epochs, num_gpus=0, gradient_clip_val=0):
        self.max_epochs = max_epochs

    def fit(self, model, data):
        train = data.train_dataloader()
        val = data.val_dataloader()
        optimizer = model.configure_optimizers()
        for epoch in range(self.max_epochs):
            model.train()
            for batch in train:
                loss = model.training_step(batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if val is not None:
                model.eval()
                for batch in val:
                    with torch.no_grad():
                        model.validation_step(batch)
