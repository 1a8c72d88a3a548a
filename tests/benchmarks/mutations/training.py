"""Where a notebook trains, as far as its text makes certain: steps, loaders, the network, functions that run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from mutable import Draft, blocks, dotted, method_call


class Step(NamedTuple):
    """The statements of one training step, in one block of a loop that runs."""

    cell: int
    block: list[ast.stmt]
    clear: ast.stmt
    backward: ast.stmt
    step: ast.stmt


def steps(draft: Draft) -> Iterator[Step]:
    """The steps of a notebook that is no exercise: there the network has no layers yet, or a cell does not parse."""
    if "TODO" in draft.all_code() or not draft.parses() or _empty_network(draft):
        return
    for index in draft.code():
        text, tree = draft.text(index), draft.trees[index]
        if tree is None or text.count("zero_grad") != 1 or text.count(".backward(") != 1 or "retain_graph" in text:
            continue
        for block in blocks(tree):
            clears = [node for node in block if method_call(node, "zero_grad")]
            backwards = [node for node in block if method_call(node, "backward")]
            stepped = [node for node in block if is_optimizer_step(node)]
            if len(clears) == len(backwards) == len(stepped) == 1 and in_running_loop(draft, tree, block):
                found = Step(index, block, clears[0], backwards[0], stepped[0])
                if all(draft.own_lines(index, node) for node in found[2:]):
                    yield found


def _empty_network(draft: Draft) -> bool:
    """Layers or `forward` are left to the reader: `__init__` only calls its base, `forward` gives back what it got."""
    return any(
        isinstance(node, ast.FunctionDef)
        and ((node.name == "__init__" and len(node.body) == 1) or (node.name == "forward" and _gives_back(node)))
        for index in draft.code()
        for node in ast.walk(draft.trees[index] or ast.Module([], []))
    )


def _gives_back(forward: ast.FunctionDef) -> bool:
    match forward.body[-1]:
        case ast.Return(value=ast.Name(id=name)):
            return all(isinstance(node, ast.Expr) for node in forward.body[:-1]) and any(
                argument.arg == name for argument in forward.args.args
            )
    return False


def is_optimizer_step(node: ast.stmt) -> bool:
    call = method_call(node, "step")
    return bool(
        call
        and not call.args
        and isinstance(call.func, ast.Attribute)
        and re.search(r"(?i)optim|^opt", dotted(call.func.value))
    )


def enclosing(tree: ast.AST, node: ast.AST) -> list[ast.AST]:
    """What the node stands in, outermost first."""
    for child in ast.iter_child_nodes(tree):
        if child is node:
            return [tree]
        if any(inner is node for inner in ast.walk(child)):
            return [tree, *enclosing(child, node)]
    return []


def in_running_loop(draft: Draft, tree: ast.Module, block: list[ast.stmt]) -> bool:
    """Inside a loop at the notebook's level, or in a loop of a function that the notebook calls."""
    around = enclosing(tree, block[0])
    functions = [node for node in around if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))]
    if any(isinstance(node, (ast.ClassDef, ast.If, ast.Try)) for node in around) or len(functions) > 1:
        return False
    if functions and not is_called(draft, getattr(functions[0], "name", "")):
        return False
    return any(isinstance(node, (ast.For, ast.While)) for node in around)


def is_called(draft: Draft, function: str, depth: int = 3) -> bool:
    """A statement at the notebook's level calls the function, or a function that is called does."""
    for index in draft.code():
        for statement in getattr(draft.trees[index], "body", ()):
            calls = any(isinstance(node, ast.Call) and dotted(node.func) == function for node in ast.walk(statement))
            if calls and not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                return True
            if calls and depth and isinstance(statement, ast.FunctionDef) and statement.name != function:
                return is_called(draft, statement.name, depth - 1)
    return False


def only_forward(draft: Draft) -> tuple[int, ast.FunctionDef] | None:
    """The `forward` of the only network class of the notebook; none where other networks are trained, too."""
    if re.search(r"nn\.Sequential|models\.\w+\(|torchvision\.models|from_pretrained", draft.all_code()):
        return None
    found = [
        (index, method)
        for index in draft.code()
        for node in getattr(draft.trees[index], "body", ())
        if isinstance(node, ast.ClassDef) and "Module" in " ".join(dotted(base) for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name == "forward"
    ]
    return found[0] if len(found) == 1 else None


def loader_calls(draft: Draft) -> Iterator[tuple[int, ast.Call]]:
    """`name = DataLoader(data, ...)`, where nothing else binds the name: what it holds is what is used by it."""
    for index in draft.code():
        for node in ast.walk(draft.trees[index] or ast.Module([], [])):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function, args=[_, *_]) as call) if (
                    dotted(function).rpartition(".")[2] == "DataLoader"
                    and len(re.findall(rf"^\s*{name}\s*=[^=]", draft.all_code(), re.M)) == 1
                ):
                    yield index, call


def keyword_of(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
