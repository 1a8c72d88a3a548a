"""Static witness: what of Python's standard library training code leans on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyguard.program.containers import collected
from tinyguard.program.machine import KNOWN, STAR_NAMES, Call, Machine
from tinyguard.program.modules import Importer
from tinyguard.program.pretend.known import known
from tinyguard.program.values import Class, Dict, Factory, Instance, Iteration, Known, List, Partial, Tuple, Unknown


@known("sys.path.append", "sys.path.insert", "sys.path.extend")
def more_folders(machine: Machine, call: Call) -> Any:
    """Folders that the notebook imports from."""
    folder = call.args[-1] if call.args else None
    if isinstance(folder, str) and isinstance(machine.import_module, Importer):
        machine.import_module.add(folder)


@known("itertools.chain", "itertools.chain.from_iterable")
def chain(machine: Machine, call: Call) -> Any:
    values = call.args
    if call.path.endswith("from_iterable"):
        values = collected(machine, call.argument(0), call.frame)[0]
    items: list[Any] = []
    exact = True
    for value in values:
        more, known_all = collected(machine, value, call.frame)
        items.extend(more)
        exact = exact and known_all
    return List(machine.new_number(), {"items": tuple(items), "exact": exact})


@known("itertools.islice", "itertools.cycle")
def lazily(machine: Machine, call: Call) -> Any:
    return Iteration((call.argument(0),), lambda parts, lap: parts[0])


@known("itertools.zip_longest")
def zip_longest(machine: Machine, call: Call) -> Any:
    return Iteration(tuple(call.args), lambda parts, lap: Tuple(parts))


@known("itertools.product")
def product(machine: Machine, call: Call) -> Any:
    columns = [collected(machine, value, call.frame) for value in call.args]
    rows: list[tuple[Any, ...]] = [()]
    for items, _ in columns:
        rows = [(*row, item) for row in rows for item in items][:13]
    return List(
        machine.new_number(),
        {"items": tuple(Tuple(row) for row in rows), "exact": all(exact for _, exact in columns) and len(rows) <= 12},
    )


@known("functools.partial")
def partial(machine: Machine, call: Call) -> Any:
    return Partial(call.args[0], call.args[1:], call.kwargs) if call.args else Unknown()


@known("functools.reduce")
def reduce(machine: Machine, call: Call) -> Any:
    return Unknown(graph=True)


@known("collections.OrderedDict")
def ordered_dict(machine: Machine, call: Call) -> Any:
    return KNOWN["builtins.dict"](machine, call)


@known("collections.defaultdict")
def default_dict(machine: Machine, call: Call) -> Any:
    result = Dict(machine.new_number())
    if call.args and call.args[0] is not None:
        result.state["default"] = call.args[0]
    return result


@known("collections.deque")
def deque(machine: Machine, call: Call) -> Any:
    items, exact = collected(machine, call.args[0], call.frame) if call.args else ([], True)
    return List(machine.new_number(), {"items": tuple(items), "exact": exact})


@known("collections.namedtuple", "types.SimpleNamespace", "argparse.Namespace", "easydict.EasyDict")
def namespace(machine: Machine, call: Call) -> Any:
    if call.path == "collections.namedtuple":
        names = call.argument(1, "field_names")
        if isinstance(names, str):
            names = names.replace(",", " ").split()
        elif isinstance(names, (List, Tuple)):
            names = [name for name in names.items if isinstance(name, str)]
        else:
            return Unknown(graph=True)
        cls = Class(machine.new_number(), "namedtuple", (), call.frame.source)
        cls.dataclass, cls.fields["__annotated__"] = True, tuple(names)
        return cls
    instance = Instance(machine.new_number(), None)
    instance.fields.update(call.kwargs)
    if call.args and isinstance(call.args[0], Dict):
        instance.fields.update((name, value) for name, value in call.args[0].fields.items() if isinstance(name, str))
    return instance


@known("dataclasses.dataclass")
def dataclass(machine: Machine, call: Call) -> Any:
    """The decorator, bare or with options."""
    if not call.args or not isinstance(call.args[0], Class):
        return Known(call.path)
    call.args[0].dataclass = True
    return call.args[0]


@known("dataclasses.field")
def dataclass_field(machine: Machine, call: Call) -> Any:
    if "default_factory" in call.kwargs:
        return Factory(call.kwargs["default_factory"])
    return call.kwargs.get("default", Unknown(graph=True))


@known("os.path.join", "posixpath.join")
def path_join(machine: Machine, call: Call) -> Any:
    parts = [value if isinstance(value, str) else "*" for value in call.args]
    if all(part == "*" for part in parts):
        return Unknown()
    joined = ""
    for part in parts:
        joined = part if part.startswith("/") or not joined else f"{joined.rstrip('/')}/{part}"
    return joined


@known("pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath")
def path(machine: Machine, call: Call) -> Any:
    """Paths are kept as text."""
    return path_join(machine, call) if call.args else "."


@known("os.path.abspath", "os.path.expanduser", "os.path.normpath", "os.path.realpath", "os.fspath")
def same_path(machine: Machine, call: Call) -> Any:
    return call.args[0] if call.args and isinstance(call.args[0], str) else Unknown()


# What `from <library> import *` brings, as far as training notebooks use it.
_STAR: dict[str, Sequence[str]] = {
    "torch": ("nn", "optim", "utils", "cuda", "device", "tensor", "Tensor", "no_grad", "manual_seed", "load", "save"),
    "torch.nn": """
    functional Module Sequential ModuleList Linear Conv2d ReLU Dropout BatchNorm2d BatchNorm1d MaxPool2d
    CrossEntropyLoss MSELoss BCELoss NLLLoss LogSoftmax Softmax Sigmoid Embedding LSTM GRU RNN Parameter
    Flatten
""".split(),
    "torch.optim": ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "lr_scheduler", "Optimizer"],
    "torch.utils.data": ["DataLoader", "Dataset", "TensorDataset", "Subset", "random_split", "ConcatDataset"],
    "torch.nn.functional": [
        "relu",
        "softmax",
        "log_softmax",
        "cross_entropy",
        "nll_loss",
        "dropout",
        "max_pool2d",
        "sigmoid",
        "tanh",
    ],
    "tqdm": ("tqdm", "trange"),
    "dataclasses": ("dataclass", "field", "asdict", "astuple", "replace"),
    "math": ["sqrt", "exp", "log", "pi", "floor", "ceil", "sin", "cos"],
}


STAR_NAMES.update(_STAR)
