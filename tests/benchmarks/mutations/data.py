"""Hazards of data: which loader trains, which evaluates, what is in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mutable import Draft, dotted

from mutations.hazard import Mutant, plants
from mutations.training import keyword_of, loader_calls, only_forward, steps

TRAINS = re.compile(r"(?i)(^|_)(train|fit|training)")


def _counterparts(name: str) -> list[str]:
    return [name.replace("train", other) for other in ("test", "valid", "val")] if "train" in name else []


@plants("TNY201", "TNY202")
def trained_on_the_evaluation_loader(draft: Draft) -> Iterator[Mutant]:
    """The training call or loop at the notebook's level gets the test loader in place of the training loader."""
    bound = {name for index in draft.code() for name in draft.names(index).binds}
    for index in draft.code():
        for statement in getattr(draft.trees[index], "body", ()):
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                continue
            for node in ast.walk(statement):
                for name, places in _training_loaders(draft, index, node):
                    free = [other for other in _counterparts(name) if other in bound]
                    if free and not any(re.search(rf"\b{other}\b", draft.segment(index, node)) for other in free):
                        mutant = draft.copy()
                        mutant.replace(index, places, free[0])
                        yield Mutant(mutant, index, f"`{name}` -> `{free[0]}`")


def _training_loaders(draft: Draft, index: int, node: ast.AST) -> Iterator[tuple[str, ast.Name]]:
    """The loader in `train(model, train_loader, ...)` or in `for ... in enumerate(train_loader):` with a backward."""
    candidates: list[ast.expr] = []
    if isinstance(node, ast.Call) and TRAINS.search(dotted(node.func)) and _is_trainer(draft, dotted(node.func)):
        candidates = [*node.args, *(keyword.value for keyword in node.keywords)]
    elif isinstance(node, ast.For) and any(found.cell == index and node.body is found.block for found in steps(draft)):
        candidates = [name for name in ast.walk(node.iter) if isinstance(name, ast.Name)]
    for candidate in candidates:
        if isinstance(candidate, ast.Name) and re.search(r"(?i)load|_dl$|iter", candidate.id):
            yield candidate.id, candidate


def _is_trainer(draft: Draft, function: str) -> bool:
    return any(
        isinstance(node, ast.FunctionDef) and node.name == function
        for found in steps(draft)
        for node in getattr(draft.trees[found.cell], "body", ())
        if any(inner is found.step for inner in ast.walk(node))
    )


@plants("TNY205")
def shuffle_dropped_from_training(draft: Draft) -> Iterator[Mutant]:
    if not next(steps(draft), None):
        return
    for index, call in loader_calls(draft):
        shuffle = keyword_of(call, "shuffle")
        if "train" in dotted(call.args[0]) and isinstance(shuffle, ast.Constant) and shuffle.value is True:
            mutant = draft.copy()
            mutant.replace(index, shuffle, "False")
            yield Mutant(mutant, index, draft.segment(index, call))


@plants("TNY202", "TNY203")
def evaluation_data_is_training_data(draft: Draft) -> Iterator[Mutant]:
    """`test_set = MNIST(..., train=False)` becomes `train=True`, in a notebook that goes over its loader."""
    if not next(steps(draft), None):
        return
    for index in draft.code():
        for node in getattr(draft.trees[index], "body", ()):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and "test" in dotted(node.targets[0]):
                train = keyword_of(node.value, "train")
                name = dotted(node.targets[0])
                once = len(re.findall(rf"^\s*{name}\s*=[^=]", draft.all_code(), re.M)) == 1
                used = once and any(dotted(call.args[0]) == name for _, call in loader_calls(draft))
                if isinstance(train, ast.Constant) and train.value is False and used and _evaluates(draft):
                    mutant = draft.copy()
                    mutant.replace(index, train, "True")
                    yield Mutant(mutant, index, draft.segment(index, node))


def _evaluates(draft: Draft) -> bool:
    return bool(re.search(r"for .+ in .*test|(test|evaluate|valid)\w*\(.*test", draft.all_code()))


@plants("TNY209")
def classes_do_not_fit(draft: Draft) -> Iterator[Mutant]:
    """The last layer of the only network of a notebook on ten classes gets seven outputs."""
    text, found = draft.all_code(), only_forward(draft)
    if found is None or not re.search(r"\b(CIFAR10|MNIST|FashionMNIST)\(", text) or not next(steps(draft), None):
        return
    index, _ = found
    tree = draft.trees[index]
    layers = [
        node.args[1]
        for node in ast.walk(tree or ast.Module([], []))
        if isinstance(node, ast.Call) and dotted(node.func).endswith("Linear") and len(node.args) >= 2
    ]
    tens = [node for node in layers if isinstance(node, ast.Constant) and node.value == 10]
    if len(tens) == 1 and not re.search(r"view\(-1, 10\)|view\(10", text):
        mutant = draft.copy()
        mutant.replace(index, tens[0], "7")
        yield Mutant(mutant, None, f"cell index {index}, line {tens[0].lineno}")


@plants("TNY206")
def augmentation_on_evaluation_data(draft: Draft) -> Iterator[Mutant]:
    """The test set gets the transform of the training set, which is random."""
    if not next(steps(draft), None) and "Trainer(" not in draft.all_code():
        return
    for index in draft.code():
        for node in ast.walk(draft.trees[index] or ast.Module([], [])):
            if not isinstance(node, ast.Call) or not isinstance(keyword_of(node, "train"), ast.Constant):
                continue
            train, transform = keyword_of(node, "train"), keyword_of(node, "transform")
            if not (isinstance(train, ast.Constant) and train.value is False and isinstance(transform, ast.Name)):
                continue
            for other, text in _random_transforms(draft):
                if other != transform.id:
                    mutant = draft.copy()
                    mutant.replace(index, transform, other)
                    yield Mutant(mutant, index, text[:60])


def _random_transforms(draft: Draft) -> Iterator[tuple[str, str]]:
    for index in draft.code():
        for node in getattr(draft.trees[index], "body", ()):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and "train" in dotted(node.targets[0]):
                text = draft.segment(index, node)
                if dotted(node.value.func).endswith("Compose") and re.search(
                    r"Random(Crop|Horizontal|Rotation|Resized)", text
                ):
                    yield dotted(node.targets[0]), text
