"""Hazards of the training step: what is dropped from it, what stands at the wrong place, what is kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mutable import Draft, dotted, method_call

from mutations.hazard import Mutant, plants
from mutations.training import Step, steps


def _without(draft: Draft, found: Step, statement: ast.stmt) -> Mutant:
    mutant = draft.copy()
    mutant.remove(found.cell, statement, found.block)
    return Mutant(mutant, found.cell, f"line {statement.lineno}: {draft.segment(found.cell, statement)}")


@plants("TNY506")
def zero_grad_dropped(draft: Draft) -> Iterator[Mutant]:
    yield from (_without(draft, found, found.clear) for found in steps(draft))


@plants("TNY505")
def backward_dropped(draft: Draft) -> Iterator[Mutant]:
    yield from (_without(draft, found, found.backward) for found in steps(draft))


@plants("TNY504")
def step_dropped(draft: Draft) -> Iterator[Mutant]:
    yield from (_without(draft, found, found.step) for found in steps(draft))


@plants("TNY507")
def zero_grad_after_backward(draft: Draft) -> Iterator[Mutant]:
    for found in steps(draft):
        if found.clear.lineno < found.backward.lineno < found.step.lineno:
            mutant = draft.copy()
            text = draft.segment(found.cell, found.clear)
            mutant.insert(found.cell, (found.backward.end_lineno or 0) + 1, text, like=found.backward)
            mutant.remove(found.cell, found.clear, [found.clear, found.backward])
            yield Mutant(mutant, found.cell, text)


@plants("TNY403")
def loss_kept_with_its_graph(draft: Draft) -> Iterator[Mutant]:
    """`losses.append(loss.item())` and `running += loss.item()` of a loss that is differentiated in the same block."""
    for found in steps(draft):
        call = method_call(found.backward, "backward")
        loss = dotted(call.func.value) if call and isinstance(call.func, ast.Attribute) else ""
        for statement in found.block:
            kept = method_call(statement, "append")
            value = (
                kept.args[0]
                if kept and kept.args
                else statement.value
                if isinstance(statement, ast.AugAssign)
                else None
            )
            for item in ast.walk(value) if value is not None else ():
                taken = method_call(item, "item") if isinstance(item, ast.expr) else None
                if taken and isinstance(taken.func, ast.Attribute) and dotted(taken.func.value) == loss and loss:
                    mutant = draft.copy()
                    mutant.replace(found.cell, taken, loss)
                    yield Mutant(mutant, found.cell, f"line {statement.lineno}: {draft.segment(found.cell, statement)}")
