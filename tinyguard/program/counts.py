"""Execution counts -> the order in which cells last ran, and where the kernel was restarted. Counts alone, no names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tinyguard.notebook.cells import Cell, Notebook

FAR = 10**9  # more than any kernel counts
_RESET = re.compile(r'"(?:execution_count|prompt_number)"\s*:\s*0\b')
_LOST_NAME = re.compile(r"name '(\w+)' is not defined")


class Counts(NamedTuple):
    """The execution counts of a notebook, each kernel's for itself. A count tells of a cell's last run only."""

    first: Mapping[int, int]  # cell -> count, as long as the first kernel lived
    restarted: Sequence[Mapping[int, int]] = ()  # the same for each kernel after it

    @property
    def order(self) -> tuple[int, ...]:
        """The executed cells in the order in which they last ran."""
        kernels = [self.first, *self.restarted]
        return tuple(cell for kernel in kernels for cell in sorted(kernel, key=kernel.__getitem__))

    def history(self, kernel: Mapping[int, int]) -> Iterator[int]:
        """The cells in the order in which a restarted kernel ran them, as far as no count is missing.

        What was run again before the first cell that is known to be the new kernel's stands above it, with its count.
        """
        cells = {count: above for above, count in self.first.items()} | {count: own for own, count in kernel.items()}
        for count in range(1, max(kernel.values()) + 1):
            if count not in cells:
                return
            yield cells[count]

    def gap(self, low: int, high: int) -> bool:
        """Between two counts something ran whose count is no longer there."""
        return len({count for count in self.first.values() if low < count < high}) < high - low - 1


def counts(notebook: Notebook) -> Counts:
    """A kernel gives each count once. One that comes again, lower than the cell above, is another kernel's.

    So is a 1 below larger counts, unless none is missing: then one kernel ran them, in another order. The same count
    twice in a row is a cell that was split or copied.
    """
    every = {cell.count for cell in notebook.cells if cell.code and cell.count}
    complete = len(every) == max(every, default=0)
    kernels: list[dict[int, int]] = [{}]
    last: tuple[int, dict[int, int]] = (0, kernels[0])
    for number, cell in enumerate(notebook.cells):
        count = cell.count
        if not (cell.code and count):
            continue
        before, kernel = last
        if count != before:
            fits = [kernel for kernel in kernels if _fits(count, kernel, kernel is kernels[0])]
            if not fits or (count == 1 and before and not complete):
                kernels.append({})
                fits = kernels[-1:]
            kernel = min(reversed(fits), key=lambda kernel: _distance(count, kernel))
        kernel[number] = count
        last = count, kernel
    end = max((number for kernel in kernels for number in kernel), default=0)
    restarted = [kernel for kernel in kernels[1:] if len(kernel) > 1 or _alone(notebook, next(iter(kernel)), end)]
    return Counts(kernels[0], restarted)


def _alone(notebook: Notebook, number: int, end: int) -> bool:
    """A lone low count among larger ones may be a cell that was pasted in; not so at the end, or with lost names."""
    return number == end or bool(lost_names(notebook.cells[number]))


def _fits(count: int, kernel: Mapping[int, int], first: bool) -> bool:
    """The first kernel's cells may have run in any order; of a later one only rising counts are known to be its own."""
    return count not in kernel.values() if first else count > max(kernel.values())


def _distance(count: int, kernel: Mapping[int, int]) -> int:
    """How far the kernel had to count on to get there."""
    return count - max((other for other in kernel.values() if other < count), default=-FAR)


def lost_names(cell: Cell) -> frozenset[str]:
    """The names that a saved NameError of this cell misses."""
    return frozenset(
        match[1]
        for output in cell.outputs
        if output.get("output_type") == "error" and output.get("ename") == "NameError"
        if (match := _LOST_NAME.search(str(output.get("evalue"))))
    )


def resets_counts(notebook: Notebook) -> bool:
    """A host wrote `In[0]` for cells that it had run: there a missing count says nothing."""
    text = notebook.text
    if not text and notebook.path.endswith(".ipynb"):
        try:
            with open(notebook.path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            return False
    return _RESET.search(text) is not None
