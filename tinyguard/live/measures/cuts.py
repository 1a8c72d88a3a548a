"""Live witness: where the graph of a model is cut, so that no gradient passes."""

from __future__ import annotations

import ast
import linecache
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from tinyguard.events import BackwardRan, ModelUse
from tinyguard.live.batches import readable
from tinyguard.live.graph import Graph, root_of
from tinyguard.live.modules import tensors_in
from tinyguard.measured.training import BackwardPassedBy, FeaturesCutOff

if TYPE_CHECKING:
    from tinyguard.live.witness import Witness

MOST_OUTPUTS = 4096  # of layers, remembered until the next backward pass
MOST_RAN = 64  # forward passes
MOST_TOLD = 200  # pairs of layers
CUTS = frozenset({"detach", "detach_", "data"})
DECIDES = (ast.If, ast.IfExp, ast.Try, ast.Match, ast.While)


class Cuts:
    """Follows the outputs of layers by their storage, which `detach()` shares; while the window is open."""

    def __init__(self) -> None:
        self._outputs: dict[StorageWeakRef, weakref.ref[nn.Module]] = {}
        self._ran: list[tuple[ModelUse, weakref.ref[nn.Module]]] = []
        self._told: set[tuple[int, int]] = set()

    def attach(self, witness: Witness) -> None:
        self._recorder = witness.recorder
        self._modules = witness.modules
        self._names = witness.names
        witness.modules.on_enter.append(self._entered)
        witness.modules.on_leave.append(self._left)
        witness.modules.on_root.append(self._used)
        witness.optimizers.on_backward.append(self._backward)
        witness.attention.on_close.append(self._forget)

    def _forget(self) -> None:
        self._outputs.clear()
        self._ran.clear()

    # --- between layers -----------------------------------------------------------------------------------------------

    def _left(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Who made this output: the outermost module, or the one before it where it has no parameters."""
        if len(self._outputs) >= MOST_OUTPUTS or not torch.is_grad_enabled():
            return
        maker = module if next(module.parameters(), None) is not None else self._maker(inputs)
        for tensor in tensors_in(output) if maker is not None else ():
            if tensor.grad_fn is not None and readable(tensor):
                self._outputs[StorageWeakRef(tensor.untyped_storage())] = weakref.ref(maker)

    def _maker(self, inputs: Any) -> nn.Module | None:
        for tensor in tensors_in(inputs):
            if readable(tensor):
                known = self._outputs.get(StorageWeakRef(tensor.untyped_storage()))
                if known is not None:
                    return known()
        return None

    def _entered(self, running: list[nn.Module], inputs: Any) -> None:
        module = running[-1]
        if not self._outputs or not torch.is_grad_enabled() or next(module.parameters(recurse=False), None) is None:
            return
        if any(tensor.requires_grad for tensor in tensors_in(inputs)):
            return
        maker = self._maker(inputs)
        if maker is None or maker is module:
            return
        number = self._recorder.numbers.of
        pair = number(maker), number(module)
        if pair not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(pair)
            self._tell(maker, module)

    def _tell(self, maker: nn.Module, module: nn.Module) -> None:
        cut_off = [parameter for parameter in maker.parameters() if parameter.requires_grad]
        frames = self._recorder.places.frames()
        line = line_of_cut(frames[0]) if frames else None
        if line is None or not cut_off:
            return
        called = self._names.parameters().get(id(cut_off[0]), "")
        inner = next(name for name, parameter in maker.named_parameters() if parameter is cut_off[0])
        _, via = self._recorder.here()
        self._recorder.emit(
            FeaturesCutOff,
            (self._recorder.places.place_of(frames[0], line), via),
            layer=called.removesuffix(inner).rstrip("."),
            parameters=self._recorder.leaves(cut_off),
            given=self._recorder.leaves(module.parameters()),
            pretrained=self._modules.pretrained(maker),
            training=maker.training,
        )

    # --- between model and loss ---------------------------------------------------------------------------------------

    def _used(self, root: nn.Module) -> None:
        use = self._modules.uses[-1].event if self._modules.uses else None
        if use is not None and use.grad and use.parameters.leaves:
            self._ran = [*self._ran[1 - MOST_RAN :], (use, weakref.ref(root))]

    def _backward(self, tensors: Any, _loaders: tuple[int, ...]) -> None:
        ran, self._ran = self._ran, []
        self._outputs.clear()
        event = self._recorder.last.get(BackwardRan)
        if not ran or not isinstance(event, BackwardRan) or not event.reaches.complete:
            return
        reached = event.reaches
        passed = [(use, reference()) for use, reference in ran if not use.parameters.overlaps(reached)]
        if not passed:
            return
        models = [model for _, model in passed if model is not None]
        frozen = bool(models) and not any(p.requires_grad for model in models for p in model.parameters())
        self._recorder.emit(
            BackwardPassedBy,
            models=tuple({use.model: use for use, _ in passed}.values()),
            reaches=reached,
            numbers=_numbers(tensors) if frozen else None,
            frozen=frozen,
        )


def _numbers(tensors: Any) -> int:
    """Elements of all leaves that a backward pass reaches."""
    roots = [root_of(tensor) for tensor in ((tensors,) if isinstance(tensors, Tensor) else tensors)]
    leaves = {id(leaf): leaf for root in roots for leaf in Graph(root).leaves}
    return sum(leaf.numel() for leaf in leaves.values())


def line_of_cut(frame: FrameType) -> int | None:
    """The one line of the running function, or cell, that takes a tensor out of its graph under no condition.

    None: there is none or several, or a condition decides whether it does.
    """
    code = frame.f_code
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):
        return None
    body: ast.AST | None = tree
    if code.co_name != "<module>":
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        first = code.co_firstlineno
        body = next((node for node in functions if first in (node.lineno, _first_line(node))), None)
    found = list(_cuts(body, certain=True)) if body is not None else []
    return found[0][0] if len(found) == 1 and found[0][1] else None


def _first_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def _cuts(node: ast.AST, *, certain: bool) -> Iterator[tuple[int, bool]]:
    """The lines that cut, and whether they are reached for certain; those of functions within are others'."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        if isinstance(child, ast.Attribute) and child.attr in CUTS:
            yield child.end_lineno or child.lineno, certain
        yield from _cuts(child, certain=certain and not isinstance(child, DECIDES))
