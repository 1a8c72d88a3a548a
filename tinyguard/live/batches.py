"""Live witness: a batch -> its inputs and its labels, and which tensors can be read."""

from __future__ import annotations

import ctypes
import zlib
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from tinyguard.live.modules import tensors_in

LABELS = ("labels", "label", "targets", "target", "y")  # keys of batches that are dicts
INPUTS = ("inputs", "images", "image", "pixel_values", "input_ids", "features", "x")

MOST_ELEMENTS = 256  # of each tensor that make its fingerprint
MOST_IN_ROW = 1024  # elements of a sample that make its hash: all of a picture of 32 by 32 pixels


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


def fingerprint(batch: Any) -> tuple[object, ...] | None:
    """Equal for batches of equal content, and hardly for others. None: they are not at hand."""
    tensors = list(islice(tensors_in(batch), 4))
    if not tensors or not all(map(at_hand, tensors)):
        return None
    return tuple(found for tensor in tensors for found in (tensor.shape, checksum(some(tensor))))


def some(tensor: Tensor) -> Tensor:
    """Elements from all over the tensor, in a row."""
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // MOST_ELEMENTS)]


def checksum(tensor: Tensor) -> int:
    """Of the bytes of all elements. Read from memory: numpy may not be there, and does not know all types."""
    row = tensor.contiguous()
    return zlib.crc32(ctypes.string_at(row.data_ptr(), row.numel() * row.element_size()))


def row_hashes(rows: Tensor) -> list[int]:
    """A number for each row, the same for rows of the same values; numbers differ from one kernel to the next."""
    flat = rows.detach().flatten(1)
    sampled = flat[:, :: -(-flat.shape[1] // MOST_IN_ROW)].contiguous()
    width = sampled.shape[1] * sampled.element_size()
    data = ctypes.string_at(sampled.data_ptr(), len(sampled) * width)
    return [hash(data[start : start + width]) for start in range(0, len(data), width)]


def varied(tensor: Tensor) -> bool:
    """Its rows are not all the same: made-up data often is."""
    return len(tensor) > 1 and not bool((tensor[0] == tensor[1:]).all())
