"""Hazards of ownership: whose parameters an optimizer holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from mutable import Draft, dotted

from mutations.hazard import Mutant, plants
from mutations.training import enclosing, steps


class Pair(NamedTuple):
    """`model = Net(...)` and `optimizer = Adam(model.parameters())`, each written once, at the notebook's level."""

    model_cell: int
    model: ast.Assign
    cell: int
    optimizer: ast.Assign
    parameters: ast.Call  # `model.parameters()`

    @property
    def names(self) -> tuple[str, str]:
        return dotted(self.model.targets[0]), dotted(self.optimizer.targets[0])


def pairs(draft: Draft) -> Iterator[Pair]:
    """Only those that a training step of the notebook uses by these names."""
    assigned: dict[str, list[tuple[int, ast.Assign]]] = {}
    for index in draft.code():
        for node in getattr(draft.trees[index], "body", ()):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, []).append((index, node))
    training = "\n".join(draft.text(found.cell) for found in steps(draft))
    for name, made in assigned.items():
        cell, node = made[0]
        match node.value:
            case ast.Call(
                func=function,
                args=[ast.Call(func=ast.Attribute(value=ast.Name(id=model), attr="parameters")) as parameters, *_],
            ) if re.search(r"(?i)optim|Adam|SGD", dotted(function)):
                births = assigned.get(model, [])
                single = len(made) == len(births) == 1 and births[0][1].lineno == births[0][1].end_lineno
                used = f"{name}.step(" in training
                if (
                    single
                    and used
                    and isinstance(births[0][1].value, ast.Call)
                    and not _built_of_parts(draft, births[0][1])
                ):
                    yield Pair(*births[0], cell, node, parameters)


def _trained_after(draft: Draft, pair: Pair) -> bool:
    """What trains with the optimizer stands behind it, as a statement or as a function that uses it."""
    stands = [(found.cell, found.step.lineno) for found in steps(draft)]
    stands += [(index, statement.lineno) for index, statement in _trainings(draft, *pair.names)]
    return max(stands) > (pair.cell, pair.optimizer.lineno)


def _built_of_parts(draft: Draft, birth: ast.Assign) -> bool:
    """The model is made of other objects of the notebook, `Seq2Seq(encoder, decoder)`: built again, it shares them."""
    names = {name.id for name in ast.walk(birth.value) if isinstance(name, ast.Name)}
    called = {dotted(node.func) for node in ast.walk(birth.value) if isinstance(node, ast.Call)}
    return any(
        isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and dotted(node.value.func)[:1].isupper()
        for index in draft.code()
        for node in ast.walk(draft.trees[index] or ast.Module([], []))
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) in names - called - {""}
    )


@plants("TNY501", "TNY502")
def model_built_again_behind_its_optimizer(draft: Draft) -> Iterator[Mutant]:
    for pair in pairs(draft):
        if _trained_after(draft, pair) and draft.own_lines(pair.cell, pair.optimizer):
            mutant = draft.copy()
            text = draft.segment(pair.model_cell, pair.model)
            mutant.insert(pair.cell, (pair.optimizer.end_lineno or 0) + 1, text, like=pair.optimizer)
            yield Mutant(mutant, pair.cell, text)


@plants("TNY501", "TNY502")
def optimizer_of_another_model(draft: Draft) -> Iterator[Mutant]:
    for pair in pairs(draft):
        if _trained_after(draft, pair) and draft.own_lines(pair.cell, pair.optimizer):
            mutant = draft.copy()
            model, _ = pair.names
            mutant.replace(pair.cell, pair.parameters, f"first_{model}.parameters()")
            text = f"first_{model} = {draft.segment(pair.model_cell, pair.model.value)}"
            mutant.insert(pair.cell, pair.optimizer.lineno, text, like=pair.optimizer)
            yield Mutant(mutant, pair.cell, text)


@plants("TNY501", "TNY502")
def optimizer_reused_for_a_second_model(draft: Draft) -> Iterator[Mutant]:
    """The model is built again in a new last cell and trained again, with the optimizer that the first one had."""
    for pair in pairs(draft):
        model, optimizer = pair.names
        for index, statement in _trainings(draft, model, optimizer):
            mutant = draft.copy()
            counts = [count for count in draft.counts() if count]
            text = f"{draft.segment(pair.model_cell, pair.model)}\n{draft.segment(index, statement)}"
            mutant.append(text, max(counts) + 1 if counts else None)
            yield Mutant(mutant, len(mutant.cells) - 1, f"training of cell index {index}")


@plants("TNY503")
def scheduler_of_another_optimizer(draft: Draft) -> Iterator[Mutant]:
    """`scheduler = StepLR(optimizer, ...)` gets an optimizer of its own, which nobody steps."""
    for pair in pairs(draft):
        _, optimizer = pair.names
        for index in draft.code():
            for node in getattr(draft.trees[index], "body", ()):
                match node:
                    case ast.Assign(value=ast.Call(func=function, args=[ast.Name(id=given) as argument, *_])) if (
                        given == optimizer and re.search(r"LR$|Scheduler|Plateau", dotted(function))
                    ):
                        mutant = draft.copy()
                        mutant.replace(index, argument, f"first_{optimizer}")
                        text = f"first_{optimizer} = {draft.segment(pair.cell, pair.optimizer.value)}"
                        if "\n" not in text and f"{dotted(node.targets[0])}.step(" in draft.all_code():
                            mutant.insert(index, node.lineno, text, like=node)
                            yield Mutant(mutant, index, draft.segment(index, node))


def _trainings(draft: Draft, model: str, optimizer: str) -> Iterator[tuple[int, ast.stmt]]:
    """Statements at the notebook's level that train this model with this optimizer."""
    trainers = {
        node.name
        for found in steps(draft)
        for node in enclosing(draft.trees[found.cell] or ast.Module([], []), found.step)
        if isinstance(node, ast.FunctionDef)
    }
    for index in draft.code():
        for statement in getattr(draft.trees[index], "body", ()):
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                continue
            own = any(
                node is found.step for found in steps(draft) if found.cell == index for node in ast.walk(statement)
            )
            words = set(re.findall(r"\w+", draft.segment(index, statement)))
            calls = any(
                isinstance(node, ast.Call)
                and dotted(node.func) in trainers
                and {model, optimizer} <= set(re.findall(r"\w+", draft.segment(index, node)))
                for node in ast.walk(statement)
            )
            if calls or (own and {model, optimizer} <= words):
                yield index, statement
