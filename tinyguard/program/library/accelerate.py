class Accelerator:
    def __init__(self, *args, **kwargs):
        pass

    def prepare(self, *objects):
        return objects[0] if len(objects) == 1 else objects

    def backward(self, loss):
        loss.backward()

    def unwrap_model(self, model):
        return model

    def gather(self, tensor):
        return tensor

    def gather_for_metrics(self, tensor):
        return tensor

    def print(self, *values):
        pass

    def clip_grad_norm_(self, parameters, norm):
        pass

    def wait_for_everyone(self):
        pass
