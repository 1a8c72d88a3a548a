"""Hazards of configuration: epochs, batch size, seeds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from mutable import Draft, blocks, dotted

from mutations.hazard import Mutant, plants
from mutations.training import keyword_of, loader_calls, steps

MANY_IMAGES = re.compile(r"\b(CIFAR10|MNIST|FashionMNIST|CIFAR100|SVHN)\(")  # a folder may hold a hundred
HARD_IMAGES = re.compile(r"\b(CIFAR10|CIFAR100|ImageFolder|STL10)\(")
CLASSIFIES = re.compile(r"CrossEntropyLoss\(|cross_entropy\(|NLLLoss\(|nll_loss\(")
PRETRAINED = re.compile(r"pretrained|weights\s*=|load_state_dict")
EPOCHS = re.compile(r"(?i)(n_?|num_?|max_?)?epochs?")


@plants("TNY601")
def few_epochs(draft: Draft) -> Iterator[Mutant]:
    """Two epochs from scratch, of colour images: digits and clothes are learnt in two."""
    text = draft.all_code()
    if PRETRAINED.search(text) or not HARD_IMAGES.search(text) or not next(steps(draft), None):
        return
    for index, number, name in _epochs(draft):
        if (
            isinstance(number.value, int)
            and number.value >= 10
            and (not name or re.search(rf"range\(.*\b{name}\b", text))
        ):
            mutant = draft.copy()
            mutant.replace(index, number, "2")
            yield Mutant(mutant, None, f"cell index {index}: {name or 'range'} was {number.value}")


def _epochs(draft: Draft) -> Iterator[tuple[int, ast.Constant, str]]:
    """`num_epochs = 20` at the notebook's level, written once, or the 20 of `for epoch in range(20):`."""
    for index in draft.code():
        for node in ast.walk(draft.trees[index] or ast.Module([], [])):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() as number) if EPOCHS.fullmatch(name):
                    if len(re.findall(rf"\b{name}\s*=[^=]", draft.all_code())) == 1:
                        yield index, number, name
                case ast.For(
                    target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[ast.Constant() as number])
                ):
                    if EPOCHS.fullmatch(name) and ".backward(" in draft.segment(index, node):
                        yield index, number, ""


@plants("TNY602")
def tiny_batch(draft: Draft) -> Iterator[Mutant]:
    """Batches of two for the only training loader of a classifier that starts from scratch."""
    if PRETRAINED.search(draft.all_code()) or not CLASSIFIES.search(draft.all_code()):
        return
    if not MANY_IMAGES.search(draft.all_code()) or not next(steps(draft), None):
        return
    for index, call in loader_calls(draft):
        batch = keyword_of(call, "batch_size")
        if "train" not in dotted(call.args[0]) or batch is None:
            continue
        for where, number in _number_behind(draft, index, batch):
            if not isinstance(number.value, int) or number.value < 16:
                continue
            mutant = draft.copy()
            mutant.replace(where, number, "2")
            yield Mutant(mutant, None, f"cell index {where}: was {number.value}")


def _number_behind(draft: Draft, index: int, value: ast.expr) -> Iterator[tuple[int, ast.Constant]]:
    """The constant itself, or the one that the name is bound to, once, at the notebook's level."""
    if isinstance(value, ast.Constant):
        yield index, value
    found = [
        (where, node.value)
        for where in draft.code()
        for node in getattr(draft.trees[where], "body", ())
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == dotted(value) != ""
    ]
    if len(found) == 1 and isinstance(found[0][1], ast.Constant) and isinstance(found[0][1].value, int):
        yield found[0][0], found[0][1]


@plants("TNY605")
def seeds_dropped(draft: Draft) -> Iterator[Mutant]:
    """Every statement that sets a seed is taken out, where they are all statements of their own."""
    if not re.search(r"manual_seed\(", draft.all_code()) or not next(steps(draft), None):
        return
    mutant = draft.copy()
    for index in draft.code():
        while (found := _seeding(mutant, index)) is not None:
            mutant.remove(index, *found)
    if not re.search(r"(?i)seed", re.sub(r"#.*", "", mutant.all_code())):
        yield Mutant(mutant, None, "all seeds")


def _seeding(draft: Draft, index: int) -> tuple[ast.stmt, list[ast.stmt]] | None:
    for block in blocks(draft.trees[index] or ast.Module([], [])):
        for node in block:
            seeds = isinstance(node, (ast.Expr, ast.Assign)) and "seed" in draft.segment(index, node).lower()
            if seeds and draft.own_lines(index, node) and not _inert(node):
                return node, block
    return None


def _inert(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
