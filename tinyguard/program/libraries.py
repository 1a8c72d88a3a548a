"""Static witness: what libraries' names do when they are called. A name that nobody knows lets its arguments escape."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tinyguard.events import SeedSet
from tinyguard.pattern import pattern
from tinyguard.program.containers import collected
from tinyguard.program.machine import KNOWN, PACKAGES, STAR_NAMES, Call, Machine
from tinyguard.program.modules import Importer
from tinyguard.program.tensors import activated, combined_tensors
from tinyguard.program.torch_data import (
    dataset_of,
    make_concat,
    make_dataset,
    make_loader,
    make_random_split,
    make_subset,
    make_tensor_dataset,
    make_transform,
)
from tinyguard.program.torch_layers import OPAQUE_WITHOUT_MODE
from tinyguard.program.torch_modules import make_layer, make_model, make_opaque
from tinyguard.program.torch_training import (
    backward,
    logarithm,
    make_optimizer,
    make_parameter,
    make_scheduler,
    tensor_function,
)
from tinyguard.program.torch_values import Dataset, Model, Optimizer, Scheduler, Tensor
from tinyguard.program.values import (
    Class,
    Context,
    Dict,
    Factory,
    Instance,
    Iteration,
    Known,
    List,
    Method,
    Partial,
    Tuple,
    Unknown,
)

Handler = Callable[[Machine, Call], Any]


def known(*paths: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for path in paths:
            KNOWN[path] = handler
        return handler

    return register


def data(machine: Machine, call: Call) -> Any:
    """Reads its arguments, keeps none of them, gives data."""
    for value in call.args:
        if isinstance(value, Tensor):
            machine.note_measure(value.loaders)
    return Unknown(("call", call.path) if not call.args and not call.kwargs else None)


def first_argument(machine: Machine, call: Call) -> Any:
    """Gives back what it is given: torch.compile, tqdm, copy.copy."""
    return call.args[0] if call.args else next(iter(call.kwargs.values()), Unknown())


# --- torch ------------------------------------------------------------------------------------------------------------

_CAPITAL = pattern(r"^[A-Z]")
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
    capital = bool(_CAPITAL.match(name))
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


PACKAGES["torch"] = torch_handler


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
@known("numpy.random.seed", "random.seed", "numpy.random.default_rng", "torch.mps.manual_seed")
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
    """Gradients as values; nothing is accumulated in parameters."""
    return Tuple((combined_tensors(machine, *call.args[:2]),))


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
    return make_layer(machine, Call([], {}, call.node, call.frame, path="torch.nn.ParameterList_", open=True))


@known("torch.nn.DataParallel", "torch.nn.parallel.DataParallel", "torch.nn.parallel.DistributedDataParallel")
@known("torch.nn.parallel.data_parallel.DataParallel")
def wrapped_model(machine: Machine, call: Call) -> Any:
    """A wrapper with the model as its `module`; called, it calls it."""
    inner = call.argument(0, "module")
    if not isinstance(inner, Model):
        return Unknown(graph=True)
    wrapper = Model(machine.new_number(), "DataParallel", built=machine.place())
    wrapper.kind, wrapper.fields["module"] = "Sequential", inner
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


@known("torch.compile", "torch.jit.script", "torch.jit.trace", "copy.copy", "functools.wraps_", "typing.cast_")
@known("torch.utils.checkpoint.checkpoint_", "torch.cuda.amp.custom_fwd", "torch.cuda.amp.custom_bwd")
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


@known("sys.path.append", "sys.path.insert", "sys.path.extend")
def more_folders(machine: Machine, call: Call) -> Any:
    """Folders that the notebook imports from."""
    folder = call.args[-1] if call.args else None
    if isinstance(folder, str) and isinstance(machine.import_module, Importer):
        machine.import_module.add(folder)


def padded(machine: Machine, call: Call) -> Any:
    """torch.nn.utils.rnn: pads and packs."""
    result = combined_tensors(machine, *call.values())
    return Tuple((result, Unknown())) if call.path.endswith("pad_packed_sequence") else result


def weight_wrapper(machine: Machine, call: Call) -> Any:
    """torch.nn.utils.weight_norm, spectral_norm: the layer it is given."""
    return first_argument(machine, call)


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

# --- torchvision and other sources of models and data -----------------------------------------------------------------


def torchvision_handler(path: str) -> Handler:
    if path.startswith("torchvision.models."):
        return vision_model
    if path.startswith("torchvision.datasets."):
        return make_dataset if _CAPITAL.match(path.rpartition(".")[2]) else data
    if path.startswith("torchvision.transforms."):
        return make_transform if _CAPITAL.match(path.rpartition(".")[2]) else transform_function
    return data


def vision_model(machine: Machine, call: Call) -> Any:
    name = call.path.rpartition(".")[2]
    if name.endswith("_Weights") or "_Weights." in call.path or name in ("list_models", "get_weight"):
        return Unknown()
    return make_opaque(machine, call, mode_matters=not OPAQUE_WITHOUT_MODE.match(name))


def transform_function(machine: Machine, call: Call) -> Any:
    return combined_tensors(machine, *call.values())


def opaque_model(machine: Machine, call: Call) -> Any:
    return make_opaque(machine, call)


def timm_handler(path: str) -> Handler:
    name = path.rpartition(".")[2]
    if name in ("create_optimizer", "create_optimizer_v2"):
        return timm_optimizer
    return opaque_model if name == "create_model" else data


def timm_optimizer(machine: Machine, call: Call) -> Any:
    """create_optimizer(args, model), create_optimizer_v2(model, opt=..., lr=...)"""
    model = next((value for value in call.values() if isinstance(value, Model)), None)
    if model is None:
        return Unknown(graph=True)
    kind, lr = call.argument(1, "opt"), call.argument(2, "lr")
    given = Call(
        [machine.call(Method(model, "parameters"), Call([], {}, call.node, call.frame)), lr], {}, call.node, call.frame
    )
    return make_optimizer(machine, given, kind if isinstance(kind, str) else "unknown")


def transformers_handler(path: str) -> Handler:
    """Hugging Face: models opaque, tokenizers and configurations data, optimizers and schedules as torch's."""
    name = path.rpartition(".")[2]
    owner = path.split(".")[-2] if "." in path else ""
    if name in ("from_pretrained", "from_config"):
        return opaque_model if re.search(r"Model|For[A-Z]|Transformer|Encoder", owner) else data
    if name in ("AdamW", "Adafactor"):
        return make_optimizer
    if name.startswith("get_") and name.endswith(("schedule", "warmup", "scheduler")):
        return make_scheduler
    if _CAPITAL.match(name) and re.search(r"Model$|For[A-Z]\w+$|LMHeadModel$", name):
        return opaque_model
    return data


@known(
    "torch.hub.load", "efficientnet_pytorch.EfficientNet.from_pretrained", "efficientnet_pytorch.EfficientNet.from_name"
)
@known("timm.create_model", "pretrainedmodels.__dict__", "segmentation_models_pytorch.Unet", "clip.load")
def hub_model(machine: Machine, call: Call) -> Any:
    return make_opaque(machine, call)


PACKAGES["torchvision"] = torchvision_handler
PACKAGES["timm"] = timm_handler
PACKAGES["transformers"] = transformers_handler

# --- optimizers and losses of others ----------------------------------------------------------------------------------


def optimizer_package(path: str) -> Handler:
    name = path.rpartition(".")[2]
    return make_optimizer if _CAPITAL.match(name) and not name.endswith(("Scheduler", "LR")) else data


for _name in ("torch_optimizer", "bitsandbytes", "adabelief_pytorch", "madgrad", "lion_pytorch"):
    PACKAGES[_name] = optimizer_package


# --- Python's standard library and the usual companions ---------------------------------------------------------------

HARMLESS = """
    abc argparse array ast base64 bisect bz2 calendar cmath codecs collections colorsys contextlib copy csv
    ctypes dataclasses datetime decimal difflib enum errno fractions functools gc getpass glob gzip hashlib
    heapq hmac html http importlib inspect io itertools json keyword linecache locale logging lzma math
    mimetypes multiprocessing numbers operator os pathlib pickle pickletools platform pprint queue random re
    sched secrets select shelve shlex shutil signal socket sqlite3 statistics string struct subprocess sys
    tarfile tempfile textwrap threading time timeit token tokenize traceback types typing typing_extensions
    unicodedata unittest urllib uuid warnings weakref xml zipfile zlib numpy pandas scipy matplotlib seaborn
    sklearn skimage cv2 PIL imageio plotly bokeh altair tqdm tensorboard tensorboardX torchsummary torchinfo
    torchviz torchmetrics wandb mlflow neptune comet_ml visdom IPython ipywidgets google requests yaml h5py
    joblib nltk spacy gensim tokenizers sentencepiece datasets evaluate sacrebleu rouge_score psutil GPUtil
    humanize thop fvcore ptflops netron onnx onnxruntime albumentations imgaug imutils librosa soundfile
    networkx sympy numba cupy xgboost lightgbm statsmodels gym gymnasium kaggle gdown wget torchaudio
    torchdata livelossplot prettytable tabulate rich colorama termcolor dotenv omegaconf hydra pycocotools
    faiss umap shap lime captum tensorflow keras jax flax pydantic attr einops_
""".split()


def harmless_handler(path: str) -> Handler:
    return data


for _name in HARMLESS:
    PACKAGES.setdefault(_name.rstrip("_"), harmless_handler)


@known("einops.rearrange", "einops.reduce", "einops.repeat", "einops.einsum")
def einops(machine: Machine, call: Call) -> Any:
    return combined_tensors(machine, *call.values()).with_(width=None)


@known(
    "tqdm.tqdm",
    "tqdm.notebook.tqdm",
    "tqdm.auto.tqdm",
    "tqdm.tqdm_notebook",
    "tqdm.autonotebook.tqdm",
    "rich.progress.track",
)
@known(
    "tqdm.notebook.tqdm_notebook",
    "fastprogress.progress_bar",
    "fastprogress.master_bar",
    "fastprogress.fastprogress.progress_bar",
)
@known(
    "fastprogress.fastprogress.master_bar",
    "tqdm.std.tqdm",
    "alive_progress.alive_it",
    "tqdm.contrib.tenumerate_",
    "tqdm.asyncio.tqdm",
)
@known(
    "progressbar.progressbar", "torch.utils.data._utils_", "tqdm.autonotebook.tqdm_notebook", "tqdm", "tqdm.rich.tqdm"
)
def progress_bar(machine: Machine, call: Call) -> Any:
    """A progress bar around an iterable is that iterable."""
    if call.args:
        return call.args[0]
    return call.kwargs.get("iterable", Unknown())


@known("tqdm.trange", "tqdm.notebook.trange", "tqdm.auto.trange", "tqdm.tnrange", "tqdm.autonotebook.trange")
def trange(machine: Machine, call: Call) -> Any:
    return KNOWN["builtins.range"](machine, Call(call.args, {}, call.node, call.frame))


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


@known("itertools.islice", "itertools.cycle", "itertools.tee_", "itertools.takewhile_")
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


@known("sklearn.model_selection.train_test_split")
def train_test_split(machine: Machine, call: Call) -> Any:
    parts: list[Any] = []
    for value in call.args:
        dataset = dataset_of(machine, value)
        for _ in range(2):
            parts.append(
                make_subset(machine, Call([value], {}, call.node, call.frame)) if dataset else split_part(value)
            )
    return Tuple(tuple(parts))


def split_part(value: Any) -> Any:
    return Tensor() if isinstance(value, Tensor) else Unknown()


@known("scipy.special.softmax", "scipy.special.expit")
def scipy_activation(machine: Machine, call: Call) -> Any:
    value = call.argument(0)
    return activated(machine, value, "softmax") if isinstance(value, Tensor) else Unknown()


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
