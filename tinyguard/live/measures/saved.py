"""Live witness: what the nodes of an autograd graph have saved for the backward pass, read without a side effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

PREFIX = "_saved_"


def saved(node: Any, name: str) -> Any:
    """A saved value; None where it is not known.

    Whoever packs saved tensors (checkpointing, offloading) would compute or copy them again: those are not asked for.
    """
    raw = getattr(node, f"_raw{name}", None)
    if raw is not None and getattr(raw, "unpack_hook", raw) is not None:
        return None  # packed, or a torch that does not tell
    try:
        return getattr(node, name, None)
    except RuntimeError:
        return None  # released, or changed in place since


def saved_tensors(node: Any) -> Iterator[tuple[str, Tensor]]:
    """The saved tensors of floating numbers, with their names in torch's table: "self", "result", "mat1"."""
    for name in dir(node):
        if name.startswith(PREFIX):
            value = saved(node, name)
            if isinstance(value, Tensor) and value.is_floating_point() and value.layout is torch.strided:
                yield name.removeprefix(PREFIX), value
