"""Hazards of the state: cells deleted, moved, not run, run in another order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mutable import Draft

from mutations.hazard import Mutant, plants


def sole_definitions(draft: Draft) -> Iterator[tuple[int, str, int]]:
    """(cell, name, first reader): the only cell that binds the name, and the first later cell that must have it."""
    if not draft.whole():
        return
    code = draft.code()
    names = {index: draft.names(index) for index in code}
    for index in code:
        for name in sorted(names[index].binds):
            binders = [other for other in code if name in names[other].binds]
            readers = [other for other in code if name in names[other].reads]
            if binders == [index] and readers and readers[0] > index:
                yield index, name, readers[0]


@plants("TNY101")
def defining_cell_deleted(draft: Draft) -> Iterator[Mutant]:
    for index, name, reader in sole_definitions(draft):
        mutant = draft.copy()
        mutant.delete(index)
        yield Mutant(mutant, reader - 1, f"`{name}` was bound in cell index {index}")


@plants("TNY101", "TNY102")
def defining_cell_moved_below(draft: Draft) -> Iterator[Mutant]:
    for index, name, reader in sole_definitions(draft):
        mutant = draft.copy()
        mutant.move(index, reader)
        yield Mutant(mutant, reader - 1, f"`{name}` is bound below")


@plants("TNY101", "TNY102")
def cells_swapped_with_counts(draft: Draft) -> Iterator[Mutant]:
    if not draft.executed_in_order():
        return
    code = draft.code()
    for index, name, reader in sole_definitions(draft):
        if code.index(reader) == code.index(index) + 1:
            mutant = draft.copy()
            mutant.swap(index, reader)
            yield Mutant(mutant, index, f"`{name}`")


@plants("TNY102", "TNY101")
def rebindings_swapped_with_counts(draft: Draft) -> Iterator[Mutant]:
    """Two cells bind a name differently and nothing between them uses it: after the swap the later readers differ."""
    if not draft.executed_in_order() or not draft.whole():
        return
    code = draft.code()
    names = {index: draft.names(index) for index in code}
    for name in sorted({name for index in code for name in names[index].binds}):
        binders = [index for index in code if name in names[index].binds]
        readers = [index for index in code if name in names[index].reads]
        if re.search(rf"\bdel\b.*\b{name}\b", draft.all_code()):
            continue
        if len(binders) != 2 or not readers or readers[0] <= binders[1] or not _independent(draft, *binders):
            continue
        mutant = draft.copy()
        mutant.swap(*binders)
        yield Mutant(mutant, readers[0], f"`{name}`")


def _independent(draft: Draft, first: int, second: int) -> bool:
    """The two cells could change places but for the names that both of them bind."""
    between = [index for index in draft.code() if first <= index <= second]
    for index in between:
        words = set(re.findall(r"\w+", draft.text(index)))
        if index != first and words & draft.names(first).binds - draft.names(second).binds:
            return False
        if index != second and words & draft.names(second).binds - draft.names(first).binds:
            return False
        if index not in (first, second) and words & draft.names(first).binds:
            return False
    rights = [
        draft.segment(index, node.value)
        for index in (first, second)
        for node in getattr(draft.trees[index], "body", ())
        if isinstance(node, ast.Assign)
    ]
    return len(rights) == len(set(rights))


@plants("TNY104")
def defining_cell_not_run(draft: Draft) -> Iterator[Mutant]:
    if not draft.executed_in_order():
        return
    for index, name, _ in sole_definitions(draft):
        mutant = draft.copy()
        mutant.cells[index].update(execution_count=None, outputs=[])
        yield Mutant(mutant, index, f"`{name}`")


@plants("TNY105")
def kernel_restarted_before_use(draft: Draft) -> Iterator[Mutant]:
    """The kernel was restarted in front of a cell that needs a name from above: it failed, and nothing ran after it."""
    if not draft.executed_in_order():
        return
    for index, name, reader in sole_definitions(draft):
        code = draft.code()
        if code.index(reader) < code.index(index) + 2 or reader == code[-1]:
            continue
        mutant = draft.copy()
        between = code[code.index(index) + 1 : code.index(reader)]
        for count, cell in enumerate([*between, reader], 1):
            mutant.cells[cell]["execution_count"] = count
        message = f"name '{name}' is not defined"
        error = {
            "output_type": "error",
            "ename": "NameError",
            "evalue": message,
            "traceback": [f"NameError: {message}"],
        }
        mutant.cells[reader]["outputs"] = [error]
        for cell in code[code.index(reader) + 1 :]:
            mutant.cells[cell].update(execution_count=None, outputs=[])
        yield Mutant(mutant, between[0], f"`{name}` was lost before cell index {reader}")
