"""Live witness: a batch -> its inputs and its labels, and which tensors can be read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LABELS = ("labels", "label", "targets", "target", "y")  # keys of batches that are dicts
INPUTS = ("inputs", "images", "image", "pixel_values", "input_ids", "features", "x")


def readable(tensor: Any) -> bool:
    """An ordinary tensor with values: no subclass, no fake one, and none within `vmap`, which cannot be read."""
    return (
        type(tensor) in (Tensor, nn.Parameter)
        and tensor.layout is torch.strided
        and tensor.device.type != "meta"
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )


def at_hand(tensor: Any) -> bool:
    """It can be read, and at once: it is in the memory of the CPU."""
    return readable(tensor) and tensor.device.type == "cpu"


def inputs_of(batch: Any) -> Tensor | None:
    """The inputs of a batch: a tensor whose first dimension counts the samples. None: nobody can tell, or read them."""
    found = _named(batch, INPUTS) if isinstance(batch, dict) else _part(batch, 0)
    return found if at_hand(found) and found.dim() > 1 else None


def labels_of(batch: Any) -> Tensor | None:
    """The class numbers of a batch, one for each sample: an integer tensor (batch,). None: it has none, or others."""
    found = _named(batch, LABELS) if isinstance(batch, dict) else _part(batch, -1)
    if not at_hand(found) or found.is_floating_point() or found.is_complex():
        return None
    return found.flatten() if found.dim() == 1 or (found.dim() == 2 and found.shape[1] == 1) else None


def _named(batch: dict[Any, Any], names: tuple[str, ...]) -> Any:
    return next((batch[name] for name in names if name in batch), None)


def _part(batch: Any, index: int) -> Any:
    return batch[index] if isinstance(batch, (tuple, list)) and len(batch) > 1 else None
