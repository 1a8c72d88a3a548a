"""Live witness: the autograd graph: what a loss reaches, and what was applied on the way."""

from __future__ import annotations

from typing import Any

from torch import Tensor

MOST_NODES = 200_000  # a walk of 134 nodes, a ResNet-18, takes 0.3 ms
KEY = "tinyguard"  # in the metadata of a node, which dies with the graph

# Nodes that change the form of a tensor, and not its values.
FORM = frozenset(
    """
    ViewBackward0 UnsafeViewBackward0 ReshapeAliasBackward0 SqueezeBackward0 SqueezeBackward1 SqueezeBackward2
    UnsqueezeBackward0 SliceBackward0 SelectBackward0 TransposeBackward0 PermuteBackward0 CloneBackward0 ToCopyBackward0
    TBackward0 AliasBackward0 ExpandBackward0 AsStridedBackward0 IndexBackward0
    """.split()
)
ACTIVATIONS = {
    "SoftmaxBackward0": "softmax",
    "LogSoftmaxBackward0": "log_softmax",
    "SigmoidBackward0": "sigmoid",
    "LogSigmoidBackward0": "logsigmoid",
}
LAYERS = {
    "AddmmBackward0": "Linear",
    "ReluBackward0": "ReLU",
    "LeakyReluBackward0": "LeakyReLU",
    "TanhBackward0": "Tanh",
    "GeluBackward0": "GELU",
    "EluBackward0": "ELU",
    "ConvolutionBackward0": "Conv2d",
}


class Graph:
    """What a walk from a tensor to its leaves found."""

    def __init__(self, root: Any) -> None:
        self.leaves: list[Tensor] = []
        self.tags: list[Any] = []
        self.complete = True  # False: too large, or parts of it are computed again out of sight
        if root is not None:
            self._walk(root)

    def _walk(self, root: Any) -> None:
        seen, queue = {root}, [root]
        while queue:
            node = queue.pop()
            if len(seen) > MOST_NODES:
                self.complete = False
                return
            variable = getattr(node, "variable", None)
            if isinstance(variable, Tensor):
                self.leaves.append(variable)
                continue
            self.tags += node.metadata.get(KEY, ())
            if node.name() in HIDING:
                self.complete = False
            for following, _ in node.next_functions:
                if following is not None and following not in seen:
                    seen.add(following)
                    queue.append(following)


HIDING = frozenset({"CheckpointFunctionBackward"})


def root_of(tensor: Tensor) -> Any:
    """The node that the walk begins at; None: nothing is to be differentiated."""
    if tensor.grad_fn is not None:
        return tensor.grad_fn
    return tensor.view_as(tensor).grad_fn if tensor.requires_grad else None


def a_leaf(node: Any, most: int = 24) -> Tensor | None:
    """Some leaf that a loss reaches, the same of equal graphs: always the last of what an operation was given."""
    for _ in range(most):
        inputs = node.next_functions
        if not inputs:
            variable = getattr(node, "variable", None)
            return variable if isinstance(variable, Tensor) else None
        node = next((each for each, _ in reversed(inputs) if each is not None), None)
        if node is None:
            return None
    return None


def tag(tensor: Tensor, thing: Any) -> None:
    """Attaches something to the operation that made this tensor; a walk finds it."""
    if tensor.grad_fn is not None:
        tensor.grad_fn.metadata.setdefault(KEY, []).append(thing)


def tag_first(tensor: Tensor, thing: Any) -> None:
    """The same, before all others."""
    if tensor.grad_fn is not None and thing is not None:
        tensor.grad_fn.metadata.setdefault(KEY, []).insert(0, thing)


def tags(node: Any) -> list[Any]:
    found: list[Any] = node.metadata.get(KEY, [])
    return found


def last_operation(tensor: Tensor) -> Any:
    """The node of the operation that gave the tensor its values, changes of its form aside."""
    node = tensor.grad_fn
    while node is not None and node.name() in FORM and node.next_functions:
        node = node.next_functions[0][0]
    return node
