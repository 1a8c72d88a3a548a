"""Memory, the model's device and mode, and its optimizer -> answers, by reading what is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.optim import Optimizer

from tinyguard.doctor.answers import Answer, ok, unknown, wrong
from tinyguard.live.modules import mode_matters
from tinyguard.panel.words import memory as size
from tinyguard.panel.words import number, percent
from tinyguard.report.text import plural

SCARCE = 0.05  # of the memory, which one more batch may take
NAMED = 4  # parameters, of several that are told


def memory() -> list[Answer]:
    """[I3]: of every GPU in use, else of this process."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return [_of_gpu(index) for index in range(torch.cuda.device_count())]
    held, everything = _of_process()
    if held is None:
        return [unknown("memory", "this system does not tell it")]
    told = f"this process holds {size(held)}" + (f" of {size(everything)}" if everything else "")
    if everything and held > (1 - SCARCE) * everything:
        return [wrong("memory", told, "restart the kernel, or use smaller batches")]
    return [ok("memory", told)]


def _of_gpu(index: int) -> Answer:
    free, everything = torch.cuda.mem_get_info(index)
    held = torch.cuda.memory_allocated(index)
    told = f"{size(held)} in tensors, {size(free)} of {size(everything)} free"
    if free < SCARCE * everything and torch.cuda.memory_reserved(index) - held < SCARCE * everything:
        return wrong(f"memory of GPU {index}", told, "restart the kernel, or use smaller batches")
    return ok(f"memory of GPU {index}", told)


def _of_process() -> tuple[int | None, int | None]:
    """Bytes that are held, and that the machine has."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * page, page * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    try:
        import resource
        import sys
    except ModuleNotFoundError:
        return None, None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024), None


def model(module: nn.Module) -> list[Answer]:
    """[D2]: parameters, their device, the `training` flag."""
    return [_parameters(module), _device(module), _mode(module)]


def _parameters(module: nn.Module) -> Answer:
    every = list(module.parameters())
    count = sum(parameter.numel() for parameter in every)
    learning = sum(parameter.numel() for parameter in every if parameter.requires_grad)
    if any(not _finite(parameter) for parameter in every):
        return wrong("parameters", "not all of them are finite", "build the model again")
    if not learning:
        told = f"all {count:,} are frozen"
        return unknown("parameters", told, "unless it is not to learn: set requires_grad on those that are")
    return ok("parameters", f"{count:,}" + (f", of which {count - learning:,} are frozen" if learning < count else ""))


def _finite(parameter: nn.Parameter) -> bool:
    if parameter.device.type == "meta" or not parameter.is_floating_point():
        return True
    return bool(torch.isfinite(parameter.detach()).all())


def _device(module: nn.Module) -> Answer:
    devices = sorted({str(tensor.device) for tensor in (*module.parameters(), *module.buffers())})
    told = " and ".join(devices)
    if "meta" in devices:
        return wrong(
            "device", "its parameters have no values (device meta)", "load weights into it, or call to_empty()"
        )
    if len(devices) > 1:
        return unknown("device", f"its parameters are on {told}", "unless it is split on purpose: model.to(device)")
    if devices == ["cpu"] and torch.cuda.is_available():
        return wrong("device", "cpu, though there is a GPU", "model.to('cuda'), before the optimizer is built")
    return ok("device", told)


def _mode(module: nn.Module) -> Answer:
    if not module.training:
        told = "training=False"
        if not mode_matters(module):
            return ok("mode", f"{told}; nothing in it differs between the modes")
        return unknown("mode", told, "the training has to begin with model.train()")
    still = [name for name, part in module.named_modules() if name and not part.training and mode_matters(part)]
    if still:
        return unknown("mode", f"training=True, but not in {names(still)}", "right only if these are to stay frozen")
    return ok("mode", "training=True")


def optimizer(
    name: str, subject: Optimizer, models: Mapping[str, nn.Module], others: Iterable[Optimizer]
) -> list[Answer]:
    """[R3], [D4]: whose parameters it holds, and its learning rates."""
    answers = [_rates(subject)]
    held = _held(subject)
    whose = {model: _share(module, held) for model, module in models.items()}
    whose = {model: share for model, share in whose.items() if share}
    if not whose:
        told = f"none of its {plural(len(held), 'parameter')} belongs to " + (
            f"a model here ({names(list(models))})" if models else "a model here, for there is none"
        )
        remedy = f"build {name} again, for the model that is trained"
        # A tensor that is optimised itself, as an image, is no parameter of a model.
        only_parameters = all(isinstance(one, nn.Parameter) for g in subject.param_groups for one in g["params"])
        if models and only_parameters:
            return [*answers, wrong("holds the parameters of", told, remedy)]
        return [*answers, unknown("holds the parameters of", told)]
    elsewhere = held.union(*map(_held, others))
    for model, share in whose.items():
        learning = [(n, p) for n, p in models[model].named_parameters() if p.requires_grad]
        missing = [n for n, parameter in learning if id(parameter) not in elsewhere]
        if missing:
            answers.append(
                wrong(
                    "holds the parameters of",
                    f"`{model}`, but not {names(missing)}: {len(missing)} of {len(learning)} that are to learn",
                    f"build {name} again after these were made, or freeze them",
                )
            )
        else:
            answers.append(ok("holds the parameters of", f"`{model}` ({percent(share)} of them)"))
    return answers


def _rates(subject: Optimizer) -> Answer:
    rates = [float(group["lr"]) for group in subject.param_groups if "lr" in group]
    told = ", ".join(map(number, rates)) or "it has none"
    if not rates or any(rates):
        return ok("learning rate", told)
    if any(group.get("initial_lr") for group in subject.param_groups):
        return unknown("learning rate", told, "a scheduler set it; right if it will rise")
    return wrong("learning rate", told, "give it a rate above 0, or it learns nothing")


def _held(subject: Optimizer) -> set[int]:
    return {id(parameter) for group in subject.param_groups for parameter in group["params"]}


def _share(module: nn.Module, held: set[int]) -> float:
    every = list(module.parameters())
    return sum(id(parameter) in held for parameter in every) / max(len(every), 1)


def names(every: list[str]) -> str:
    """
    >>> names(["a", "b", "c", "d", "e"])
    '`a`, `b`, `c`, `d` and 1 more'
    """
    shown = ", ".join(f"`{name}`" for name in every[:NAMED])
    return shown + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")
