"""Live witness: losses that are kept with their graph, step after step."""

from __future__ import annotations

import ast
import linecache
import weakref
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import Any

from torch import Tensor

from tinyguard.events import GraphKept
from tinyguard.finding import Place
from tinyguard.live.frames import variables
from tinyguard.live.graph import root_of, tag, tags
from tinyguard.live.recorder import Recorder

LAPS = 2  # a variable holds the loss of the last lap until it is given the next one
MOST_NODES = 500  # that are searched for a kept loss, from each variable


class Mark:
    """Dies with the graph that it is attached to."""

    __slots__ = ("__weakref__",)


class Kept:
    """Watches the graphs of the last laps of each backward pass."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._marks: dict[Place, deque[weakref.ref[Mark]]] = {}
        self._told: set[Place] = set()

    def forget(self) -> None:
        self._marks.clear()

    def look(self, loss: Any, place: Place) -> None:
        """Before the backward pass of this line: is the graph of the last but one still there?"""
        if not isinstance(loss, Tensor) or root_of(loss) is None or place in self._told:
            return
        marks = self._marks.setdefault(place, deque(maxlen=LAPS))
        old = marks[0]() if len(marks) == LAPS else None
        mark = Mark()
        tag(loss, mark)
        marks.append(weakref.ref(mark))
        if old is not None:
            self._told.add(place)
            for frame in self._recorder.places.frames():
                found = holder(frame, old)
                if found is not None:
                    self._tell(frame, *found)
                    return

    def _tell(self, frame: FrameType, name: str, value: Any) -> None:
        how = "+=" if isinstance(value, Tensor) else "append"
        line = keeping_line(frame, name)
        if line is not None:
            place = self._recorder.places.place_of(frame, line)
            _, via = self._recorder.here()
            self._recorder.emit(GraphKept, (place, via), name=name, how=how)


def holder(frame: FrameType, mark: Any, *, least: int = 0) -> tuple[str, Any] | None:
    """The variable of the frame, or attribute of its `self`, that holds the graph with this mark.

    In a tensor of `least` elements or more: what a loss holds is not looked for with the outputs.
    """
    for name, value in variables(frame).items():
        if _holds(value, mark, least):
            return name, value
    owner = variables(frame).get("self")
    for name, value in list(vars(owner).items()) if hasattr(owner, "__dict__") else ():
        if _holds(value, mark, least):
            return f"self.{name}", value
    return None


def _holds(value: Any, mark: Any, least: int) -> bool:
    return any(tensor.numel() >= least and _leads_to(tensor, mark) for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple, deque)):
        yield from (item for item in list(value)[-4:] if isinstance(item, Tensor))
    elif type(value) is dict:
        for item in list(value.values())[:32]:
            if not isinstance(item, dict):
                yield from _tensors(item)


def _leads_to(tensor: Tensor, mark: Any) -> bool:
    queue, seen = [tensor.grad_fn], set[Any]()
    while queue and len(seen) < MOST_NODES:
        node = queue.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if any(found is mark for found in tags(node)):
            return True
        queue += [following for following, _ in node.next_functions]
    return False


def keeping_line(frame: FrameType, name: str) -> int | None:
    """The line of the frame's code that adds to the variable: of several, the one that adds a tensor with a graph."""
    code = frame.f_code
    try:
        tree: ast.AST = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            tree = node if first == code.co_firstlineno else tree
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.stmt, ast.expr))]
    adding = [(node.lineno, added) for node in found if (added := _added(node, name)) is not None]
    with_graph = [line for line, added in adding if any(_has_graph(node, frame) for node in added)]
    return next(iter((*with_graph, *(line for line, _ in adding))), None)


def _added(node: ast.AST, name: str) -> list[ast.expr] | None:
    """What this statement or call adds to the variable; None: nothing, or something without a graph."""
    match node:
        case ast.AugAssign(target=target, value=value) if _root(target) == name:
            return [value]
        case ast.Call(func=ast.Attribute(value=owner, attr="append" | "add" | "extend"), args=args):
            return args if _root(owner) == name and not any(map(_frees, args)) else None
        case ast.Assign(targets=[target], value=ast.BinOp() as value) if _root(target) == name:
            return [value]
    return None


def _has_graph(node: ast.expr, frame: FrameType) -> bool:
    """A variable in it is a tensor that holds a graph now."""
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    values = [variables(frame).get(name) for name in names]
    return any(isinstance(value, Tensor) and value.grad_fn is not None for value in values)


def _frees(node: ast.expr) -> bool:
    """`loss.item()`, `outputs.detach().cpu()`: no graph is kept."""
    return any(isinstance(part, ast.Attribute) and part.attr in ("item", "detach", "tolist") for part in ast.walk(node))


def _root(node: ast.expr) -> str:
    """ "losses" of `losses["train"]`, "self.losses" of `self.losses`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return ast.unparse(node)
