"""Hazards of mode: eval where it trains, train where it evaluates, gradients where nobody needs them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mutable import Draft, blocks, method_call

from mutations.hazard import Mutant, plants
from mutations.training import Step, enclosing, is_called, steps

MODE_MATTERS = re.compile(r"\b(Dropout|BatchNorm|dropout\()")


def _mode_matters(draft: Draft) -> bool:
    return bool(MODE_MATTERS.search(re.sub(r"#.*", "", draft.all_code())))


def _mode_calls(draft: Draft, method: str) -> list[tuple[int, list[ast.stmt], ast.stmt]]:
    """All statements `model.train()` or `model.eval()` that stand on lines of their own."""
    return [
        (index, block, node)
        for index in draft.code()
        for block in blocks(draft.trees[index] or ast.Module([], []))
        for node in block
        if (call := method_call(node, method)) and not call.args and draft.own_lines(index, node)
    ]


@plants("TNY301")
def eval_mode_in_training(draft: Draft) -> Iterator[Mutant]:
    """The only `train()` of the notebook, in front of a training step of its function or loop, becomes `eval()`."""
    calls = _mode_calls(draft, "train")
    if len(calls) != 1 or draft.all_code().count(".train(") != 1 or not _mode_matters(draft):
        return
    index, block, node = calls[0]
    if any(
        found.cell == index and found.backward.lineno > node.lineno and _shares_scope(draft, index, block, found)
        for found in steps(draft)
    ):
        mutant = draft.copy()
        mutant.replace(index, node, draft.segment(index, node).replace(".train(", ".eval("))
        yield Mutant(mutant, index, draft.segment(index, node))


def _shares_scope(draft: Draft, index: int, block: list[ast.stmt], found: Step) -> bool:
    """The step stands in the statements of this block, so that what the block does first holds for the step."""
    return any(inner is found.backward for statement in block for inner in ast.walk(statement))


@plants("TNY302")
def eval_dropped_from_evaluation(draft: Draft) -> Iterator[Mutant]:
    """The only `eval()`, followed in its block by an evaluating loop under no_grad, of a model with dropout or norm."""
    calls = _mode_calls(draft, "eval")
    if len(calls) != 1 or draft.all_code().count(".eval(") != 1 or not _mode_matters(draft):
        return
    index, block, node = calls[0]
    after = "\n".join(draft.segment(index, other) for other in block if other.lineno > node.lineno)
    around = enclosing(draft.trees[index] or ast.Module([], []), node)
    functions = [parent.name for parent in around if isinstance(parent, ast.FunctionDef)]
    runs = all(is_called(draft, name) for name in functions) and not any(
        isinstance(one, ast.ClassDef) for one in around
    )
    if (
        "no_grad" in after
        and re.search(r"for .+ in .*(load|iterator|_iter\b|dl\b)", after)
        and ".backward(" not in after
        and runs
    ):
        mutant = draft.copy()
        mutant.remove(index, node, block)
        yield Mutant(mutant, index, draft.segment(index, node))


@plants("TNY303")
def no_grad_dropped_from_evaluation(draft: Draft) -> Iterator[Mutant]:
    """The body of `with torch.no_grad():` around an evaluating loop, without the `with`."""
    for index in draft.code():
        tree = draft.trees[index]
        for node in ast.walk(tree) if tree else ():
            if not isinstance(node, ast.With) or len(node.items) != 1 or not draft.own_lines(index, node):
                continue
            text, around = draft.segment(index, node), enclosing(tree or node, node)
            functions = [parent.name for parent in around if isinstance(parent, ast.FunctionDef)]
            decorated = any(getattr(parent, "decorator_list", None) for parent in around)
            in_class = any(isinstance(parent, ast.ClassDef) for parent in around)
            if (
                re.match(r"with torch\.(no_grad|inference_mode)\(\):\n", text)
                and re.search(r"for .+ in .*(load|iterator|_iter\b|dl\b)", text)
                and not re.search(r'\.grad\b|backward|"""|\'\'\'', text)
                and "set_grad_enabled" not in draft.all_code()
                and not decorated
                and not in_class
                and all(is_called(draft, name) for name in functions)
            ):
                yield _dedented(draft, index, node)


def _dedented(draft: Draft, index: int, node: ast.With) -> Mutant:
    lines = draft.text(index).split("\n")
    first, last = node.body[0].lineno - 1, node.end_lineno or node.lineno
    shift = node.body[0].col_offset - node.col_offset
    body = [line[shift:] if not line[:shift].strip() else line for line in lines[first:last]]
    lines[node.lineno - 1 : last] = body
    mutant = draft.copy()
    mutant.write(index, "\n".join(lines))
    return Mutant(mutant, index, f"line {node.lineno}")
