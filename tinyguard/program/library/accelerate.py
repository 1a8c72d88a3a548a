import torch
from contextlib import contextmanager


def set_seed(seed, **kwargs):
    torch.manual_seed(seed)


class Accelerator:
    def __init__(self, *args, **kwargs):
        self.device = input()
        self.is_main_process = True
        self.is_local_main_process = True
        self.num_processes = 1
        self.sync_gradients = input()
        self.state = input()

    def prepare(self, *objects, **kwargs):
        return objects[0] if len(objects) == 1 else objects

    def prepare_model(self, model, **kwargs):
        return model

    def backward(self, loss, **kwargs):
        loss.backward()

    @contextmanager
    def accumulate(self, *models):
        yield None

    @contextmanager
    def autocast(self, *args, **kwargs):
        yield None

    @contextmanager
    def no_sync(self, model):
        yield None

    def unwrap_model(self, model, **kwargs):
        return model

    def gather(self, tensor):
        return tensor

    def gather_for_metrics(self, tensor, **kwargs):
        return tensor

    def reduce(self, tensor, *args, **kwargs):
        return tensor

    def pad_across_processes(self, tensor, *args, **kwargs):
        return tensor

    def print(self, *values, **kwargs):
        pass

    def clip_grad_norm_(self, parameters, max_norm, **kwargs):
        pass

    def clip_grad_value_(self, parameters, clip_value):
        pass

    def wait_for_everyone(self):
        pass

    def init_trackers(self, *args, **kwargs):
        pass

    def log(self, *args, **kwargs):
        pass

    def end_training(self):
        pass

    def free_memory(self, *args):
        pass

    def save(self, *args, **kwargs):
        pass

    def save_state(self, *args, **kwargs):
        pass

    def load_state(self, *args, **kwargs):
        pass

    def register_for_checkpointing(self, *objects):
        pass


def notebook_launcher(function, args=(), **kwargs):
    return function(*args)
