"""Execution counts -> the order in which cells last ran, and where the kernel was restarted. Counts alone, no names."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.pattern import pattern

FAR = 10**9  # more than any kernel counts
_RESET = pattern(rb'"(?:execution_count|prompt_number)"\s*:\s*0\b')
_LOST_NAME = pattern(r"name '(\w+)' is not defined")


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
    twice in a row is a cell that was split or copied, unless a saved NameError further down tells of lost names.
    """
    executed = [(number, cell.count) for number, cell in enumerate(notebook.cells) if cell.code and cell.count]
    given = [count for _, count in executed]
    rising = given == sorted(given)
    if rising and len(set(given)) == len(given):
        return Counts(dict(executed))
    failed = max((number for number, _ in executed if lost_names(notebook.cells[number])), default=-1)
    if rising and failed < 0:
        return Counts(dict(executed))
    complete = len(set(given)) == max(given)
    kernels = [_Kernel()]
    before, last = 0, kernels[0]
    for number, count in executed:
        if count != before or number <= failed:
            fits = [kernel for kernel in kernels if kernel.fits(count, any_order=kernel is kernels[0])]
            if not fits or (count == 1 and before and not complete):
                kernels.append(_Kernel())
                fits = kernels[-1:]
            last = min(reversed(fits), key=lambda kernel: kernel.distance(count))
        last.ran(number, count)
        before = count
    end = executed[-1][0]
    restarted = [kernel.counts for kernel in kernels[1:] if len(kernel.counts) > 1 or _alone(notebook, kernel, end)]
    return Counts(kernels[0].counts, restarted)


class _Kernel:
    """The counts that one kernel has given, as they are found from the top."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.rising: list[int] = []

    def ran(self, number: int, count: int) -> None:
        self.counts[number] = count
        insort(self.rising, count)

    def fits(self, count: int, *, any_order: bool) -> bool:
        """The first kernel's cells may have run in any order; of a later one only rising counts are sure."""
        if not any_order:
            return count > self.rising[-1]
        position = bisect_left(self.rising, count)
        return position == len(self.rising) or self.rising[position] != count

    def distance(self, count: int) -> int:
        """How far the kernel had to count on to get there."""
        position = bisect_left(self.rising, count)
        return count - self.rising[position - 1] if position else FAR


def _alone(notebook: Notebook, kernel: _Kernel, end: int) -> bool:
    """A lone low count among larger ones may be a cell that was pasted in; not so at the end, or with lost names."""
    (number,) = kernel.counts
    return number == end or bool(lost_names(notebook.cells[number]))


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
    data = notebook.text.encode("utf-8", "surrogatepass")
    if not data and notebook.path.endswith(".ipynb"):
        try:
            with open(notebook.path, "rb") as file:
                data = file.read()
        except OSError:
            return False
    return _RESET.search(data) is not None
