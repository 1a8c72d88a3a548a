import torch


class State:
    def __init__(self):
        self.epoch = input()
        self.iteration = input()
        self.output = input()
        self.metrics = input()
        self.max_epochs = input()
        self.batch = input()


class Every:
    """An event that can be asked for every so many times: Events.ITERATION_COMPLETED(every=100)."""

    def __init__(self, name):
        self.name = name

    def __call__(self, *args, **kwargs):
        return self.name


class Events:
    STARTED = "started"
    EPOCH_STARTED = "epoch_started"
    ITERATION_STARTED = "iteration_started"
    ITERATION_COMPLETED = Every("iteration_completed")
    EPOCH_COMPLETED = Every("epoch_completed")
    COMPLETED = "completed"


class Engine:
    def __init__(self, process_function):
        self.process_function = process_function
        self.state = State()
        self.handlers = []
        self.last_handlers = []

    def add_event_handler(self, event, handler, *args, **kwargs):
        if isinstance(event, Every):
            event = event.name
        if event == "epoch_completed":
            self.handlers.append((handler, args))
        elif event == "completed":
            self.last_handlers.append((handler, args))

    def on(self, event, *args, **kwargs):
        def register(handler):
            self.add_event_handler(event, handler, *args)
            return handler

        return register

    def run(self, data=None, max_epochs=1, *args, **kwargs):
        for epoch in range(max_epochs):
            for batch in data:
                self.process_function(self, batch)
            for handler, args in self.handlers:
                handler(self, *args)
        for handler, args in self.last_handlers:
            handler(self, *args)
        return self.state

    def has_event_handler(self, *args):
        return input()

    def terminate(self):
        pass


def create_supervised_trainer(model, optimizer, loss_fn, device=None, *args, **kwargs):
    def update(engine, batch):
        model.train()
        optimizer.zero_grad()
        x, y = batch
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Engine(update)


def create_supervised_evaluator(model, metrics=None, device=None, *args, **kwargs):
    def inference(engine, batch):
        model.eval()
        with torch.no_grad():
            x, y = batch
            return model(x) == y, y

    return Engine(inference)
