"""What a whole run came to, in one line and one list."""

from __future__ import annotations

from tinyguard.notebook.cells import Skipped
from tinyguard.record import Record
from tinyguard.report.text import escaped, plural


class Summary(Record):
    """The figures of a run."""

    files: int = 0  # read, in whole or in part
    cells: int = 0  # code cells of these
    errors: int = 0
    warnings: int = 0
    notes: int = 0
    hidden_notes: int = 0  # found, not shown
    suppressed: int = 0  # silenced by comments
    skipped: tuple[Skipped, ...] = ()

    def line(self) -> str:
        """
        >>> Summary(files=1, cells=9, errors=2, hidden_notes=1).line()
        'Checked 1 file, 9 cells: 2 errors. 1 note hidden (--notes shows it).'
        """
        found = [
            plural(count, noun)
            for count, noun in ((self.errors, "error"), (self.warnings, "warning"), (self.notes, "note"))
            if count
        ]
        parts = [
            f"Checked {plural(self.files, 'file')}, {plural(self.cells, 'cell')}: {', '.join(found) or 'no findings'}."
        ]
        if self.hidden_notes:
            shows = "--notes shows it" if self.hidden_notes == 1 else "--notes shows them"
            parts.append(f"{plural(self.hidden_notes, 'note')} hidden ({shows}).")
        if self.suppressed:
            parts.append(f"{plural(self.suppressed, 'finding')} suppressed by comments.")
        if self.skipped:
            parts.append(f"{len(self.skipped):,} skipped.")
        return " ".join(parts)


def skipped_line(skipped: Skipped) -> str:
    """
    >>> skipped_line(Skipped(path="a.ipynb", cell=3, line=2, reason="is not Python: invalid syntax"))
    'skipped a.ipynb cell 3 line 2: is not Python: invalid syntax'
    """
    words = ["skipped", escaped(skipped.path)]
    if skipped.cell is not None:
        words.append(f"cell {skipped.cell}")
    if skipped.line is not None:
        words.append(f"line {skipped.line}")
    return f"{' '.join(words)}: {escaped(skipped.reason)}"
