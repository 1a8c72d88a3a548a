"""Static witness: the pretend torch.optim and autograd: optimizers, schedulers, backward, what tensors can do."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.events import (
    Activation,
    BackwardRan,
    GradientsCleared,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    SchedulerBuilt,
    SchedulerStepped,
)
from tinyguard.program.attributes import attribute_native
from tinyguard.program.containers import collected
from tinyguard.program.machine import ATTRIBUTE, CALL, MAKERS, SET_ATTRIBUTE, Call, Machine
from tinyguard.program.pretend.anatomy import freeze
from tinyguard.program.pretend.forward import compute_loss
from tinyguard.program.pretend.layers import DIMENSIONED, FUNCTIONAL_ACTIVATIONS, FUNCTIONAL_LOSSES
from tinyguard.program.pretend.tensors import (
    activated,
    combined_tensors,
    compared_tensors,
    cut,
    detached,
    passed,
)
from tinyguard.program.pretend.values import Leaves, Optimizer, Scheduler, Tensor
from tinyguard.program.values import Bound, Class, Dict, Function, List, Method, Partial, Tuple, Unknown

# --- optimizers -------------------------------------------------------------------------------------------------------


def parameters_in(machine: Machine, value: Any, call: Call) -> Parameters:
    """What an optimizer is given: parameters, a list of them, of tensors, of groups, a filter over them."""
    match value:
        case Leaves(parameters=parameters):
            return Parameters(
                frozenset(leaf for leaf in parameters.leaves if machine.frozen.get(leaf) is not True),
                parameters.complete and not any(isinstance(machine.frozen.get(x), Unknown) for x in parameters.leaves),
            )
        case Tensor(reaches=reaches, complete=complete):
            return Parameters(reaches, complete)
        case Dict() if "params" in value.fields:
            return parameters_in(machine, value.fields["params"], call)
        case str() | None | bool() | int() | float():
            return Parameters()
        case Unknown():
            return Parameters(complete=not value.graph)
        case Tuple() | List() | Dict():
            items, exact = collected(machine, value, call.frame)
        case _:
            items, exact = collected(machine, value, call.frame)
            exact = exact or isinstance(value, (Leaves,))
    found = Parameters(complete=exact)
    for item in items:
        if isinstance(item, Tuple) and len(item.items) == 2 and not isinstance(item.items[0], (Leaves, Tensor)):
            item = item.items[1]  # a named parameter
        found = found.union(parameters_in(machine, item, call))
    return found


def make_optimizer(machine: Machine, call: Call, kind: str = "") -> Optimizer:
    """torch.optim.<Something>(parameters, lr=...)"""
    kind = kind or call.path.rpartition(".")[2]
    parameters = parameters_in(machine, call.argument(0, "params", Unknown(graph=True)), call)
    optimizer = Optimizer(machine.new_number(), kind, parameters, built=machine.place())
    lr = call.argument(1, "lr")
    settings = {
        name: value
        for name, value in call.kwargs.items()
        if name not in ("params", "lr") and isinstance(value, (int, float, bool, str))
    }
    machine.emit(
        OptimizerBuilt,
        optimizer=optimizer.number,
        parameters=parameters,
        kind=kind,
        lr=float(lr) if isinstance(lr, (int, float)) else None,
        settings=settings,
    )
    return optimizer


def make_optimizer_subclass(machine: Machine, cls: Class, call: Call) -> Optimizer:
    return make_optimizer(machine, call, cls.name)


def step(machine: Machine, optimizer: Optimizer, call: Call) -> Any:
    closure = call.argument(0, "closure")
    result = None
    if isinstance(closure, (Function, Bound, Partial)):
        result = machine.call(closure, Call([], {}, call.node, call.frame))
    machine.emit(OptimizerStepped, optimizer=optimizer.number, parameters=optimizer.parameters)
    for entry in machine.passes:
        if entry.backward and optimizer.number not in entry.stepped:
            entry.stepped.append(optimizer.number)
    return result


def call_method_of_optimizer(machine: Machine, optimizer: Optimizer, name: str, call: Call) -> Any:
    match name:
        case "step":
            return step(machine, optimizer, call)
        case "zero_grad":
            machine.emit(GradientsCleared, parameters=optimizer.parameters, by="optimizer.zero_grad()")
            return None
        case "add_param_group":
            more = parameters_in(machine, call.argument(0, "param_group"), call)
            machine.heap.write(optimizer.fields, "parameters", optimizer.parameters.union(more))
            return None
    return Unknown()


def attribute_of_optimizer(machine: Machine, optimizer: Optimizer, name: str) -> Any:
    if name == "param_groups":
        group = Dict(machine.new_number(), {"params": Leaves(optimizer.parameters), "lr": Unknown()})
        group.state["exact"] = False
        return List(machine.new_number(), {"items": (group,), "exact": False})
    return optimizer.fields[name] if name in optimizer.fields and name != "parameters" else Method(optimizer, name)


def step_unknown(machine: Machine, unknown: Unknown, name: str, call: Call) -> Any:
    """Words that only torch uses still happen on an unknown value."""
    nobody = Parameters(complete=False)
    if name == "backward":
        for argument in call.args:
            if isinstance(argument, Tensor):  # `engine.backward(loss)`
                return backward(machine, argument)
        machine.emit(BackwardRan, reaches=nobody)
    elif name == "zero_grad":
        machine.emit(GradientsCleared, parameters=nobody, by="zero_grad()")
    elif name == "step" and not call.args:
        number = machine.caches.setdefault(("optimizer", unknown.key), machine.new_number())
        machine.emit(OptimizerStepped, optimizer=number, parameters=nobody)
        for entry in machine.passes:
            if entry.backward and number not in entry.stepped:
                entry.stepped.append(number)
    return Unknown(graph=unknown.graph)


# --- schedulers -------------------------------------------------------------------------------------------------------


def make_scheduler(machine: Machine, call: Call) -> Scheduler:
    """torch.optim.lr_scheduler.<Something>(optimizer, ...)"""
    optimizer = call.argument(0, "optimizer")
    if isinstance(optimizer, Tuple) or (isinstance(optimizer, List) and call.path.endswith("ChainedScheduler")):
        inner = next((item for item in optimizer.items if isinstance(item, Scheduler)), None)
        optimizer = inner.fields["optimizer"] if inner else Unknown()
    scheduler = Scheduler(machine.new_number(), {"optimizer": optimizer}, built=machine.place())
    machine.emit(
        SchedulerBuilt,
        scheduler=scheduler.number,
        optimizer=optimizer.number if isinstance(optimizer, Optimizer) else None,
        kind=call.path.rpartition(".")[2],
    )
    return scheduler


def call_method_of_scheduler(machine: Machine, scheduler: Scheduler, name: str, call: Call) -> Any:
    if name == "step":
        optimizer = scheduler.fields["optimizer"]
        machine.emit(
            SchedulerStepped,
            scheduler=scheduler.number,
            optimizer=optimizer.number if isinstance(optimizer, Optimizer) else None,
        )
    return Unknown()


# --- tensors ----------------------------------------------------------------------------------------------------------


def backward(machine: Machine, tensor: Tensor) -> None:
    loaders = tensor.loaders
    loss, criterion = tensor.loss or (None, "")
    reached = frozenset(leaf for leaf in tensor.reaches if machine.frozen.get(leaf, False) is not True)
    machine.emit(
        BackwardRan,
        reaches=Parameters(reached, tensor.complete),
        models=tensor.models,
        loader=loaders[0].number if len(loaders) == 1 else None,
        samples=loaders[0].samples if len(loaders) == 1 else None,
        loss=loss,
        criterion=criterion,
    )
    machine.differentiated[id(tensor)] = tensor
    for graph in tensor.graphs:
        graph.used = True
    for entry in machine.passes:
        if entry.loader in loaders:
            entry.backward = True


PASSING = frozenset(
    """
    view reshape squeeze unsqueeze flatten contiguous to cuda cpu float double half long int bfloat16 clone
    requires_grad_ retain_grad type type_as expand expand_as view_as reshape_as unflatten pin_memory ravel
""".split()
)
CUTTING = frozenset(
    """
    item tolist numpy argmax argmin eq ne lt le gt ge data nonzero bool byte size shape dim ndim numel argsort
    equal allclose isnan isinf tobytes __len__ unique bincount histc
""".split()
)
MEASURING = frozenset({"argmax", "eq", "ne", "topk", "argsort"})
METHODS_OF_TENSORS = (
    PASSING
    | CUTTING
    | MEASURING
    | frozenset(FUNCTIONAL_ACTIVATIONS)
    | frozenset(
        """
        backward log log_ detach detach_ max min sort topk sum mean add sub mul div add_ sub_ mul_ div_ permute
        transpose chunk split unbind repeat matmul mm bmm norm pow exp sqrt abs clamp round t copy_ fill_ zero_ new
        new_zeros new_ones new_tensor index_select gather scatter_ narrow cumsum std var any all items keys next
        """.split()
    )
)
WIDTH_FREE = frozenset({"view", "reshape"})


def call_method_of_tensor(machine: Machine, tensor: Tensor, name: str, call: Call) -> Any:
    if name == "backward":
        return backward(machine, tensor)
    if name in PASSING:
        return _reshaped(machine, tensor, name, call)
    if name in FUNCTIONAL_ACTIVATIONS:
        return activated(machine, tensor, FUNCTIONAL_ACTIVATIONS[name])
    if name in ("log", "log_"):
        return logarithm(machine, tensor)
    if name in ("detach", "detach_"):
        return detached(tensor)
    if name in ("max", "min", "sort", "topk"):
        if tensor.models:
            machine.note_measure(tensor.loaders)
        if call.args or call.kwargs:
            return Tuple((combined_tensors(machine, tensor), cut(tensor)))
        return combined_tensors(machine, tensor, width=None)
    if name in MEASURING:
        return compared_tensors(machine, tensor, call.argument(0))
    if name in ("item", "tolist"):
        return Unknown()
    if name in CUTTING:
        return cut(tensor) if name not in ("size", "shape", "dim", "ndim", "numel", "__len__") else Unknown()
    if name in ("chunk", "split", "unbind"):
        part = combined_tensors(machine, tensor, width=None)
        return List(machine.new_number(), {"items": (part, part), "exact": False})
    if name == "items":  # a batch that is a dict
        return List(machine.new_number(), {"items": (Tuple((Unknown(), tensor)),), "exact": False})
    if name in ("add", "sub", "mul", "div", "add_", "sub_", "mul_", "div_"):
        return combined_tensors(machine, tensor, *call.values())
    return combined_tensors(machine, tensor, *call.values(), width=None)


def _reshaped(machine: Machine, tensor: Tensor, name: str, call: Call) -> Any:
    if name == "requires_grad_":
        wanted = call.argument(0, "requires_grad", True)
        if tensor.reaches or wanted is not True:
            return tensor
        return new_leaf(machine, tensor)
    result = passed(machine, tensor)
    if name in WIDTH_FREE and isinstance(result, Tensor):
        last = call.args[-1] if call.args else None
        if isinstance(last, Tuple) and last.items:
            last = last.items[-1]
        known = isinstance(last, int) and last > 1 and bool(result.models or machine.forwards)
        width = int(last) if isinstance(last, int) and known else None
        result = result.with_(width=result.width if last == -1 else width)
    return result


def new_leaf(machine: Machine, tensor: Tensor) -> Tensor:
    """A tensor that wants a gradient of its own."""
    return tensor.with_(reaches=frozenset((machine.new_number(),)), grad=True)


def logarithm(machine: Machine, value: Any) -> Any:
    """log of a softmax is a log-softmax; of anything else it is a log of something."""
    name = "log"
    if isinstance(value, Tensor) and value.activation is not None:
        name = {"softmax": "log_softmax", "sigmoid": "logsigmoid"}.get(value.activation.name, "log")
    result = combined_tensors(machine, value)
    return result.with_(activation=Activation(name, machine.place()))


def attribute_of_tensor(machine: Machine, tensor: Tensor, name: str) -> Any:
    match name:
        case "data":
            return detached(tensor)
        case "grad":
            return Leaves(Parameters(tensor.reaches, tensor.complete))
        case "shape" | "device" | "dtype" | "ndim" | "requires_grad" | "is_cuda" | "names" | "grad_fn" | "is_leaf":
            return Unknown()
        case "T" | "mT" | "real" | "imag":
            return tensor.with_(width=None)
        case "loss" | "logits" | "last_hidden_state" | "pooler_output" | "hidden_states":
            fields = {"loss": (machine.place(), "the model's own loss")} if name == "loss" else {}
            return tensor.with_(known=False, width=None, activation=None, **fields)
    if tensor.loaders and not tensor.models and name not in METHODS_OF_TENSORS:
        return tensor.with_(role="target" if "label" in name or "target" in name else "input")  # a part of a batch
    return Method(tensor, name)


def call_tensor(machine: Machine, tensor: Tensor, call: Call) -> Any:
    return combined_tensors(machine, tensor, *call.values())


def attribute_of_leaves(machine: Machine, leaves: Leaves, name: str) -> Any:
    if name in ("grad", "data"):
        return leaves
    if name in ("requires_grad", "shape", "device", "dtype", "is_cuda"):
        return Unknown()
    return Method(leaves, name)


def call_method_of_leaves(machine: Machine, leaves: Leaves, name: str, call: Call) -> Any:
    if name == "zero_" and _of_gradient(call):
        machine.emit(GradientsCleared, parameters=leaves.parameters, by=".grad.zero_()")
        return leaves
    if name == "requires_grad_":
        freeze(machine, leaves.parameters, call.argument(0, "requires_grad", True))
        return leaves
    if name in ("numel", "size", "dim", "item", "__len__", "tolist"):
        return Unknown()
    if name.endswith("_") or name in ("to", "cuda", "cpu", "float", "double", "copy_"):
        return leaves
    if name in ("detach", "clone") and name == "detach":
        return Tensor()
    return combined_tensors(machine, leaves, *call.values())


def _of_gradient(call: Call) -> bool:
    """`p.grad.zero_()`, `p.grad.data.zero_()`, not `p.data.zero_()`."""
    node = call.node
    while isinstance(node, (ast.Call, ast.Attribute)):
        if isinstance(node, ast.Attribute) and node.attr == "grad":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


# --- functions of torch and torch.nn.functional -----------------------------------------------------------------------

CREATING = frozenset(
    """
    tensor as_tensor from_numpy zeros ones rand randn randint arange linspace full empty eye normal randperm
    zeros_like ones_like rand_like randn_like full_like empty_like logspace Tensor FloatTensor LongTensor
    IntTensor DoubleTensor BoolTensor ByteTensor stack_ multinomial bernoulli
""".split()
)


_LAYER_OF = {"relu": "ReLU", "relu_": "ReLU", "leaky_relu": "LeakyReLU", "tanh": "Tanh", "gelu": "GELU", "elu": "ELU"}


def tensor_function(machine: Machine, call: Call) -> Any:
    """torch.<name>(...) and torch.nn.functional.<name>(...) that no table says more about."""
    name = call.path.rpartition(".")[2]
    first = call.argument(0, "input")
    if name in FUNCTIONAL_LOSSES:
        return compute_loss(machine, name, call)
    if name in FUNCTIONAL_ACTIVATIONS:
        if name in DIMENSIONED and call.path.startswith("torch.nn.") and call.argument(1, "dim") is None:
            machine.note_guess(name)
        return activated(machine, first, FUNCTIONAL_ACTIVATIONS[name])
    if name in (
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "alpha_dropout",
        "feature_dropout",
        "feature_alpha_dropout",
    ):
        if call.argument(2 if name == "dropout" else -1, "training") is not False:
            machine.note_mode_use()
        return passed(machine, first)
    if name == "batch_norm":
        machine.note_mode_use()
    if name in _LAYER_OF:
        return combined_tensors(machine, first, layer=_LAYER_OF[name], width=getattr(first, "width", None))
    if name in CREATING:
        return _created(machine, call)
    if isinstance(first, (Tensor, Leaves)):
        owner = first if isinstance(first, Tensor) else combined_tensors(machine, first)
        return call_method_of_tensor(machine, owner, name, Call(call.args[1:], call.kwargs, call.node, call.frame))
    if name in CUTTING:
        return Unknown()
    return combined_tensors(machine, *call.values())


def _created(machine: Machine, call: Call) -> Tensor:
    """A new tensor; `requires_grad=True` makes it a leaf of its own."""
    size = call.argument(0, "size")
    if isinstance(size, (Tuple, List)):
        size = size.items[0] if size.items else None
    sized = call.path.rpartition(".")[2] in ("rand", "randn", "zeros", "ones", "empty", "full", "arange", "randperm")
    if call.path.endswith("randint"):
        shape = call.argument(2, "size", call.argument(1))
        size, sized = (shape.items[0], True) if isinstance(shape, (Tuple, List)) and shape.items else (None, False)
    if call.path.endswith("arange") and len(call.args) > 1:
        start, stop = call.args[:2]
        size = stop - start if isinstance(start, int) and isinstance(stop, int) and len(call.args) == 2 else None
    tensor = Tensor(length=int(size) if sized and isinstance(size, int) and size > 0 else None)
    return new_leaf(machine, tensor) if call.argument(-1, "requires_grad") is True else tensor


def make_parameter(machine: Machine, call: Call) -> Leaves:
    """torch.nn.Parameter(...)"""
    leaves = Leaves(Parameters(frozenset((machine.new_number(),))))
    if call.argument(1, "requires_grad", True) is False:
        freeze(machine, leaves.parameters, False)
    return leaves


def set_attribute_of_leaves(machine: Machine, leaves: Leaves, name: str, value: Any) -> None:
    if name == "requires_grad":
        freeze(machine, leaves.parameters, value)
    elif name == "grad" and value is None:
        machine.emit(GradientsCleared, parameters=leaves.parameters, by=".grad = None")
    elif name == "grad":  # a gradient made by hand takes the place of the old one
        machine.emit(GradientsCleared, parameters=leaves.parameters, by=".grad = ...")
        machine.emit(BackwardRan, reaches=leaves.parameters)


METHODS_OF = {
    Optimizer: call_method_of_optimizer,
    Scheduler: call_method_of_scheduler,
    Tensor: call_method_of_tensor,
    Leaves: call_method_of_leaves,
}
ATTRIBUTE[Scheduler] = attribute_native
ATTRIBUTE[Optimizer] = attribute_of_optimizer
ATTRIBUTE[Tensor] = attribute_of_tensor
ATTRIBUTE[Leaves] = attribute_of_leaves
SET_ATTRIBUTE[Leaves] = set_attribute_of_leaves
MAKERS["torch.optim.Optimizer"] = MAKERS["torch.optim.optimizer.Optimizer"] = make_optimizer_subclass
CALL[Tensor] = call_tensor
