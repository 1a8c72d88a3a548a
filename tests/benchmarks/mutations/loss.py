"""Hazards between the network and its loss."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mutable import Draft, dotted

from mutations.hazard import Mutant, plants
from mutations.training import only_forward, steps


@plants("TNY401")
def softmax_before_cross_entropy(draft: Draft) -> Iterator[Mutant]:
    text, found = draft.all_code(), only_forward(draft)
    if found is None or not re.search(r"CrossEntropyLoss\(|\bcross_entropy\(", text) or not next(steps(draft), None):
        return
    if re.search(r"(?i)softmax|NLLLoss|nll_loss|MSELoss|BCE|sigmoid", text) or not re.search(
        r"^import torch$", text, re.M
    ):
        return
    index, forward = found
    last = forward.body[-1]
    if isinstance(last, ast.Return) and isinstance(last.value, (ast.Name, ast.Call)):
        mutant = draft.copy()
        mutant.replace(index, last.value, f"torch.softmax({draft.segment(index, last.value)}, dim=1)")
        yield Mutant(mutant, None, draft.segment(index, last))


@plants("TNY402")
def log_softmax_dropped_before_nll(draft: Draft) -> Iterator[Mutant]:
    text, found = draft.all_code(), only_forward(draft)
    if found is None or not re.search(r"NLLLoss\(|nll_loss\(", text) or not next(steps(draft), None):
        return
    if re.search(r"(?i)cross_?entropy", text) or len(re.findall(r"(?i)log_?softmax\(", text)) != 1:
        return
    index, forward = found
    for node in ast.walk(forward):
        if isinstance(node, ast.Call) and dotted(node.func).endswith(".log_softmax") and node.args:
            mutant = draft.copy()
            mutant.replace(index, node, draft.segment(index, node.args[0]))
            yield Mutant(mutant, None, draft.segment(index, node))
