"""Static witness: torch's functions and classes by name."""

from __future__ import annotations

from typing import Any

from tinyguard.events import SeedSet
from tinyguard.program.machine import KNOWN, PACKAGES, Call, Machine
from tinyguard.program.pretend.data import make_concat, make_loader, make_random_split, make_subset, make_tensor_dataset
from tinyguard.program.pretend.known import Handler, data, first_argument, is_class_name, known
from tinyguard.program.pretend.layers import layer_named
from tinyguard.program.pretend.modules import make_layer, make_model
from tinyguard.program.pretend.tensors import combined_tensors, detached
from tinyguard.program.pretend.training import (
    backward,
    logarithm,
    make_optimizer,
    make_parameter,
    make_scheduler,
    tensor_function,
)
from tinyguard.program.pretend.values import Dataset, Model, Optimizer, Scheduler, Tensor
from tinyguard.program.values import Class, Context, Known, List, Tuple, Unknown

_TORCH_DATA = frozenset(
    """
    device Generator Size finfo iinfo manual_seed is_tensor is_grad_enabled get_default_dtype
    set_default_dtype set_default_device set_default_tensor_type set_printoptions set_num_threads
    get_num_threads save load use_deterministic_algorithms set_float32_matmul_precision seed initial_seed
    get_rng_state set_rng_state typename numel cartesian_prod
""".split()
)


def torch_handler(path: str) -> Handler:
    parts = path.split(".")
    name = parts[-1]
    capital = is_class_name(name)
    match parts[1:-1]:
        case [] if name in _TORCH_DATA or (capital and not name.endswith("Tensor")):
            return data
        case ["nn", "functional"] | ["functional"] | ["special"] | ["linalg"] | ["fft"] | []:
            return tensor_function
        case ["nn", *rest] if capital and "init" not in rest and "utils" not in rest:
            return make_layer
        case ["nn", "utils", "rnn"]:
            return padded
        case ["nn", "utils", *_]:
            return weight_wrapper if name.endswith("_norm") and "clip" not in name else data
        case ["optim", "lr_scheduler"] if capital:
            return make_scheduler
        case ["optim", "swa_utils"]:
            return {"AveragedModel": averaged_model, "SWALR": make_scheduler}.get(name, data)
        case ["optim", *_] if capital:
            return make_optimizer
        case ["utils", "data", *_]:
            return data
        case ["autograd"]:
            return tensor_function
    return data


@known("torch.nn.Module")
def bare_module(machine: Machine, call: Call) -> Any:
    return make_model(
        machine, Class(machine.new_number(), "Module", (Known("torch.nn.Module"),), call.frame.source), call
    )


@known("torch.no_grad", "torch.inference_mode", "torch.autograd.no_grad", "torch.enable_grad")
def grad_context(machine: Machine, call: Call) -> Any:
    if call.path == "torch.inference_mode" and call.argument(0, "mode", True) is False:
        return Context("grad", machine.modes["grad"])
    if call.args and call.path != "torch.inference_mode":  # used as a function on a function
        return call.args[0]
    return Context("grad", call.path == "torch.enable_grad")


@known("torch.set_grad_enabled", "torch.autograd.set_grad_enabled")
def set_grad_enabled(machine: Machine, call: Call) -> Any:
    """Works as a statement and as a context."""
    wanted = call.argument(0, "mode", Unknown())
    before = machine.modes["grad"]
    value = wanted if isinstance(wanted, bool) else Unknown()
    machine.heap.write(machine.modes, "grad", value)
    return Context("grad", value, before=before)


@known(
    "torch.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.cuda.manual_seed",
    "torch.random.manual_seed",
    "torch.seed",
)
@known("numpy.random.seed", "random.seed", "torch.mps.manual_seed")
@known("pytorch_lightning.seed_everything", "lightning.seed_everything", "lightning.pytorch.seed_everything")
@known("pytorch_lightning.utilities.seed.seed_everything", "transformers.set_seed", "accelerate.utils.set_seed")
@known(
    "fastai.torch_core.set_seed",
    "tensorflow.random.set_seed",
    "lightning_fabric.seed_everything",
    "monai.utils.set_determinism",
)
def seed(machine: Machine, call: Call) -> Any:
    value = call.argument(0, "seed")
    library = call.path.partition(".")[0]
    if any(word in call.path for word in ("everything", "set_seed", "determinism")):
        library = "torch"
    machine.emit(SeedSet, library=library, value=int(value) if isinstance(value, int) else None)
    return Unknown()


@known("torch.autograd.backward")
def autograd_backward(machine: Machine, call: Call) -> Any:
    tensors = call.argument(0, "tensors")
    backward(machine, combined_tensors(machine, tensors))


@known("torch.autograd.grad")
def autograd_grad(machine: Machine, call: Call) -> Any:
    """Gradients as values; nothing is accumulated in parameters. They have a graph only when that is asked for."""
    gradient = combined_tensors(machine, call.argument(0, "outputs"), call.argument(1, "inputs"))
    return Tuple((gradient if call.argument(4, "create_graph", False) is not False else detached(gradient),))


@known("torch.autograd.Variable", "torch.Variable")
def variable(machine: Machine, call: Call) -> Any:
    if call.argument(1, "requires_grad") is True:
        return tensor_function(machine, Call([], {"requires_grad": True}, call.node, call.frame, path="torch.empty"))
    value = call.argument(0, "data", Unknown())
    return value if isinstance(value, Tensor) else Tensor()


@known("torch.log")
def log(machine: Machine, call: Call) -> Any:
    return logarithm(machine, call.argument(0, "input"))


@known("torch.nn.Parameter", "torch.nn.parameter.Parameter", "torch.nn.UninitializedParameter")
def parameter(machine: Machine, call: Call) -> Any:
    return make_parameter(machine, call)


@known("torch.nn.ParameterList", "torch.nn.ParameterDict")
def parameter_list(machine: Machine, call: Call) -> Any:
    """It holds parameters; which, is not looked into."""
    model = make_layer(machine, Call([], {}, call.node, call.frame, path="torch.nn.ParameterList"))
    model.fields["incomplete"] = True
    return model


@known("torch.nn.DataParallel", "torch.nn.parallel.DataParallel", "torch.nn.parallel.DistributedDataParallel")
@known("torch.nn.parallel.data_parallel.DataParallel")
def wrapped_model(machine: Machine, call: Call) -> Any:
    """A wrapper with the model as its `module`; called, it calls it."""
    inner = call.argument(0, "module")
    if not isinstance(inner, Model):
        return Unknown(graph=True)
    wrapper = Model(machine.new_number(), "Sequential", layer=layer_named("Sequential"), built=machine.place())
    wrapper.fields["module"] = inner
    wrapper.fields["training"] = inner.fields["training"]
    return wrapper


@known("torch.optim.swa_utils.AveragedModel", "copy.deepcopy")
def averaged_model(machine: Machine, call: Call) -> Any:
    return twin_of(machine, first_argument(machine, call), {})


def twin_of(machine: Machine, value: Any, memo: dict[int, Any]) -> Any:
    """A deep copy: a model has parameters of its own."""
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, (Model, List)):
        twin: Any = (
            Model(machine.new_number(), value.kind, cls=value.cls, layer=value.layer, built=machine.place())
            if isinstance(value, Model)
            else List(machine.new_number(), {})
        )
        memo[id(value)] = twin
        for name, part in value.fields.items():
            twin.fields[name] = machine.new_number() if name == "leaf" else twin_of(machine, part, memo)
        return twin
    if isinstance(value, Dataset):
        copied = Dataset(machine.new_number(), value.samples, built=value.built)
        copied.instance = value.instance
        return copied
    if isinstance(value, tuple):
        return tuple(twin_of(machine, part, memo) for part in value)
    if isinstance(value, (Optimizer, Scheduler)):
        return Unknown(graph=True)
    return value


@known("torch.compile", "torch.jit.script", "torch.jit.trace", "copy.copy")
@known("torch.cuda.amp.custom_fwd", "torch.cuda.amp.custom_bwd")
def same(machine: Machine, call: Call) -> Any:
    return first_argument(machine, call)


@known(
    "torch.utils.checkpoint.checkpoint",
    "torch.func.functional_call",
    "torch.vmap",
    "torch.utils.checkpoint.checkpoint_sequential",
)
def checkpoint(machine: Machine, call: Call) -> Any:
    return machine.call(call.argument(0), Call(call.args[1:], {}, call.node, call.frame))


@known("torch.cuda.amp.GradScaler", "torch.amp.GradScaler", "torch.GradScaler")
def grad_scaler(machine: Machine, call: Call) -> Any:
    scaler = machine.attribute(machine.import_module("torch_amp", call.frame), "GradScaler")
    return machine.call(scaler, Call([], {}, call.node, call.frame))


def padded(machine: Machine, call: Call) -> Any:
    """torch.nn.utils.rnn: pads and packs."""
    result = combined_tensors(machine, *call.values())
    return Tuple((result, Unknown())) if call.path.endswith("pad_packed_sequence") else result


def weight_wrapper(machine: Machine, call: Call) -> Any:
    """torch.nn.utils.weight_norm, spectral_norm: the layer it is given."""
    return first_argument(machine, call)


PACKAGES["torch"] = torch_handler
KNOWN.update(
    {
        "torch.utils.data.DataLoader": make_loader,
        "torch.utils.data.dataloader.DataLoader": make_loader,
        "torch.utils.data.TensorDataset": make_tensor_dataset,
        "torch.utils.data.Subset": make_subset,
        "torch.utils.data.dataset.Subset": make_subset,
        "torch.utils.data.random_split": make_random_split,
        "torch.utils.data.dataset.random_split": make_random_split,
        "torch.utils.data.ConcatDataset": make_concat,
        "torch.utils.data.ChainDataset": make_concat,
        "torch.autograd.Function.apply": tensor_function,
    }
)
