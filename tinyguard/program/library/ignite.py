import torch


class Engine:
    def __init__(self, process):
        self.process = process

    def run(self, data, max_epochs=1):
        for epoch in range(max_epochs):
            for batch in data:
                self.process(self, batch)


class Events:
    pass


def create_supervised_trainer(model, optimizer, loss_fn, device=None, **kwargs):
    def update(engine, batch):
        model.train()
        optimizer.zero_grad()
        x, y = batch
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Engine(update)


def create_supervised_evaluator(model, metrics=None, device=None, **kwargs):
    def inference(engine, batch):
        model.eval()
        with torch.no_grad():
            x, y = batch
            return model(x), y

    return Engine(inference)
