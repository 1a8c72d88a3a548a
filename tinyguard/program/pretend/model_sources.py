"""Static witness: torchvision, timm, Hugging Face and others that models, data and optimizers come from."""

from __future__ import annotations

import re
from typing import Any

from tinyguard.program.machine import PACKAGES, Call, Machine
from tinyguard.program.pretend.data import make_dataset, make_transform
from tinyguard.program.pretend.known import Handler, data, is_class_name, known
from tinyguard.program.pretend.layers import OPAQUE_WITHOUT_MODE
from tinyguard.program.pretend.modules import make_opaque
from tinyguard.program.pretend.tensors import combined_tensors
from tinyguard.program.pretend.training import make_optimizer, make_scheduler
from tinyguard.program.pretend.values import Model
from tinyguard.program.values import Method, Unknown


def torchvision_handler(path: str) -> Handler:
    if path.startswith("torchvision.models."):
        return vision_model
    if path.startswith("torchvision.datasets."):
        return make_dataset if is_class_name(path.rpartition(".")[2]) else data
    if path.startswith("torchvision.transforms."):
        return make_transform if is_class_name(path.rpartition(".")[2]) else transform_function
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
    if is_class_name(name) and re.search(r"Model$|For[A-Z]\w+$|LMHeadModel$", name):
        return opaque_model
    return data


@known(
    "torch.hub.load", "efficientnet_pytorch.EfficientNet.from_pretrained", "efficientnet_pytorch.EfficientNet.from_name"
)
@known("timm.create_model", "pretrainedmodels.__dict__", "segmentation_models_pytorch.Unet", "clip.load")
def hub_model(machine: Machine, call: Call) -> Any:
    return make_opaque(machine, call)


def optimizer_package(path: str) -> Handler:
    name = path.rpartition(".")[2]
    return make_optimizer if is_class_name(name) and not name.endswith(("Scheduler", "LR")) else data


PACKAGES["torchvision"] = torchvision_handler
PACKAGES["timm"] = timm_handler
PACKAGES["transformers"] = transformers_handler
for _name in ("torch_optimizer", "bitsandbytes", "adabelief_pytorch", "madgrad", "lion_pytorch"):
    PACKAGES[_name] = optimizer_package
