"""Live witness: the graph of a loss that is not finite -> where the first value comes from that is not.

Nothing is computed again: the parameters are there, and what the forward pass saved for the backward pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tinyguard.live.frames import variables
from tinyguard.live.graph import Graph
from tinyguard.live.measures.saved import saved, saved_tensors

MOST_NODES = 20_000
RESULTS = frozenset({"result", "output", "result0", "result1"})

# Where the inputs of an operation come from: the number of the one that was saved under this name. Others: the first.
POSITIONS = {"other": 1, "mat1": 1, "mat2": 2, "weight": 1, "tensor1": 1, "tensor2": 2, "batch1": 1, "batch2": 2}

# Operations whose slope has no bound where their result is zero.
STEEP = frozenset("Sqrt Rsqrt Norm LinalgVectorNorm Std Acos Asin Cdist EuclideanDist PairwiseDistance".split())


class Origin(NamedTuple):
    """Where the first value comes from that is not finite; see `LossNotFinite`."""

    kind: str = ""
    name: str = ""
    seen: str = ""
    behind: str = ""
    steep: tuple[str, ...] = ()


def origin(loss: Tensor, frames: Iterable[FrameType], parameters: Mapping[int, str]) -> Origin:
    """`parameters`: the names of parameters by their id."""
    nodes = _nodes(loss)
    leaves = [leaf for leaf in Graph(loss.grad_fn).leaves if leaf.is_floating_point()]
    for leaf in leaves:
        if not finite(leaf):
            name = parameters.get(id(leaf)) or _variable(leaf, frames)
            return Origin("parameter", name, counted(leaf), steep=_steep(nodes))
    for node in nodes:
        found = _breaks(node, frames)
        if found is not None:
            return found._replace(behind=_behind(node, parameters))
    return Origin(behind="")


def finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor.detach()).all())


def counted(tensor: Tensor) -> str:
    """ "3 of 120 values are not finite" """
    return _count(~torch.isfinite(tensor.detach()), "not finite")


def operation(node: Any) -> str:
    """ "log_softmax" for LogSoftmaxBackward0"""
    name = re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
    return re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", name).lower()


def _count(where: Tensor, what: str) -> str:
    count = int(where.sum())
    return f"{count:,} of {where.numel():,} values {'is' if count == 1 else 'are'} {what}"


def _nodes(loss: Tensor) -> list[Any]:
    """The operations of the graph, in the order in which they ran."""
    seen: set[Any] = set()
    queue = [loss.grad_fn]
    while queue and len(seen) < MOST_NODES:
        node = queue.pop()
        if node is None or node in seen or getattr(node, "variable", None) is not None:
            continue
        seen.add(node)
        queue += [following for following, _ in node.next_functions]
    return sorted(seen, key=lambda node: node._sequence_nr())


def _breaks(node: Any, frames: Iterable[FrameType]) -> Origin | None:
    """This operation has an input or a result that is not finite, or an input for which it has no finite result."""
    for name, tensor in saved_tensors(node):
        if finite(tensor):
            continue
        if name in RESULTS:
            return Origin("operation", operation(node), counted(tensor))
        source = _source(node, name)
        if source is None and name != "total_weight":
            return Origin("data", _variable(tensor, frames), counted(tensor))
        if source is not None:
            return Origin("operation", operation(source), counted(tensor))
    wrong = _out_of_domain(node)
    return Origin("operation", operation(node), wrong) if wrong else None


def _source(node: Any, name: str) -> Any:
    """The operation whose result was saved under this name; None: it comes from outside of the graph."""
    position = POSITIONS.get(name, 0) if name != "target" else None
    inputs = node.next_functions
    if name == "weight" and "Convolution" not in node.name():
        position = None
    return inputs[position][0] if position is not None and position < len(inputs) else None


def _out_of_domain(node: Any) -> str:
    """What is wrong with the input of a logarithm or a quotient; "" when nothing is."""
    name = node.name()
    if name in ("LogBackward0", "Log2Backward0", "Log10Backward0", "Log1PBackward0"):
        given = saved(node, "_saved_self")
        low = -1.0 if name == "Log1PBackward0" else 0.0
        if isinstance(given, Tensor) and bool((given <= low).any()):
            return f"{_count(given.detach() <= low, f'{low:g} or less')}"
    if name == "DivBackward0":
        other = saved(node, "_saved_other")
        if isinstance(other, Tensor) and bool((other == 0).any()):
            return f"{_count(other.detach() == 0, 'divided by zero')}"
    return ""


def _behind(node: Any, parameters: Mapping[int, str]) -> str:
    """The name of the nearest parameter below the node."""
    queue, seen = [node], {node}
    for current in queue:
        variable = getattr(current, "variable", None)
        if isinstance(variable, Tensor):
            return parameters.get(id(variable), "")
        for following, _ in current.next_functions:
            if following is not None and following not in seen and len(seen) < MOST_NODES:
                seen.add(following)
                queue.append(following)
    return ""


def _steep(nodes: list[Any]) -> tuple[str, ...]:
    names = [operation(node) for node in nodes if re.sub(r"Backward\d*$", "", node.name()) in STEEP]
    return tuple(dict.fromkeys(names))


def _variable(tensor: Tensor, frames: Iterable[FrameType]) -> str:
    """What the user calls a tensor, or one of which it is another view."""
    for frame in frames:
        for name, value in variables(frame).items():
            if not name.startswith("_") and isinstance(value, Tensor) and _same(value, tensor):
                return name
    return ""


def _same(one: Tensor, other: Tensor) -> bool:
    if one is other:
        return True
    plain = one.layout is torch.strided and other.layout is torch.strided
    return plain and one.numel() == other.numel() and one.data_ptr() == other.data_ptr() != 0
