"""What is found in a folder of real notebooks, to be read by hand, and how that compares with hand labels.

    python tests/benchmarks/corpus_findings.py FOLDER                   counts, density, crashes, skipped, slowest
    python tests/benchmarks/corpus_findings.py FOLDER --show TNY501     each finding in its source
    python tests/benchmarks/corpus_findings.py FOLDER --labels FILE     recall and precision by class of label

Notes and suspicions, which the command shows only when asked, are left out unless --notes is given.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import labels
import samples

from tinyguard.finding import Finding, Place, Severity
from tinyguard.lint import lint
from tinyguard.notebook.cells import Notebook
from tinyguard.notebook.reader import read
from tinyguard.rule import catalogue

CONTEXT = 2  # lines above and below a place


class Linted(NamedTuple):
    path: str
    notebook: Notebook
    findings: tuple[Finding, ...]
    partly: tuple[str, ...]
    crash: str  # a traceback; "" none
    seconds: float

    @property
    def code_lines(self) -> int:
        return sum(bool(line.strip()) for cell in self.notebook.cells if cell.code for line in cell.source.split("\n"))


def linted(path: str, *, notes: bool) -> Linted:
    start = time.process_time()
    with open(path, "rb") as file:
        data = file.read()
    notebook, result, crash = Notebook(path=path, cells=()), None, ""
    try:
        notebook = read(path, data)
        result = lint(notebook)
    except Exception:
        crash = traceback.format_exc()
    seconds = time.process_time() - start
    partly = tuple(one.reason for one in result.partly) if result else ()
    if any("internal fault" in reason for reason in partly):
        crash = fault(notebook)
    found = result.findings if result else ()
    suspected = {rule.code for rule in catalogue().values() if rule.suspicion}
    shown = [one for one in found if notes or (one.severity > Severity.NOTE and one.code not in suspected)]
    return Linted(path, notebook, tuple(shown), partly, crash, seconds)


def fault(notebook: Notebook) -> str:
    """The traceback behind an internal fault, which `lint` tells in one line only."""
    from tinyguard.judge import judge
    from tinyguard.lint import events, recorded_events, witnessed

    found = []

    def told(who: str, error: Exception) -> None:
        found.append(who + "\n" + "".join(traceback.format_exception(error)))

    seen = witnessed(notebook, [], told)
    judge(events(notebook, seen, told), catalogue().values(), told)
    judge(recorded_events(notebook, seen, told), catalogue().values(), told)
    return "\n".join(found)


def report(all_linted: Sequence[Linted], folder: str) -> None:
    findings = [one for each in all_linted for one in each.findings]
    lines = sum(each.code_lines for each in all_linted)
    print(f"{len(all_linted)} notebooks, {lines} code lines, {sum(each.seconds for each in all_linted):.1f} s CPU")
    notebooks = Counter(code for each in all_linted for code in {one.code for one in each.findings})
    by_code = Counter((one.code, one.severity) for one in findings)
    for (code, severity), count in sorted(by_code.items()):
        rule = catalogue().get(code)
        summary = rule.summary() if rule else ""
        print(f"{code} {severity.label:8}{count:5} in {notebooks[code]:4} notebooks  {summary}")
    for severity in sorted(Severity, reverse=True):
        count = sum(one.severity is severity for one in findings)
        print(f"{severity.label:8}{count:5}  {100 * count / max(1, lines):.2f} per 100 code lines")
    loud = sum(one.severity > Severity.NOTE for one in findings)
    print(f"errors and warnings: {100 * loud / max(1, lines):.2f} per 100 code lines (goal 0.5)")
    _troubles(all_linted, folder)
    print("slowest:")
    for each in sorted(all_linted, key=lambda one: -one.seconds)[:5]:
        print(f"  {each.seconds:6.2f} s  {os.path.relpath(each.path, folder)}")


def _troubles(all_linted: Sequence[Linted], folder: str) -> None:
    for each in all_linted:
        name = os.path.relpath(each.path, folder)
        for skipped in each.notebook.skipped:
            print(f"skipped: {name}: cell {skipped.cell}: line {skipped.line}: {skipped.reason}")
        for reason in each.partly:
            print(f"partly: {name}: {reason}")
        if each.crash:
            print(f"CRASH: {name}\n{each.crash}")
    crashes = Counter(each.crash.strip().rpartition("\n")[2] for each in all_linted if each.crash)
    for last_line, count in crashes.most_common():
        print(f"{count} x {last_line}")
    partly = sum(bool(each.partly) for each in all_linted)
    print(f"{sum(crashes.values())} crashes, {partly} notebooks partly analysed")


# --- for reading by hand ---------------------------------------------------------------------------------------------


def show(all_linted: Iterable[Linted], selector: str, limit: int, folder: str) -> None:
    chosen = [(each, one) for each in all_linted for one in each.findings if one.code.startswith(selector)]
    print(f"{len(chosen)} findings")
    for each, one in chosen[:limit]:
        print(f"\n=== {os.path.relpath(each.path, folder)}")
        print(f"{one.code} {one.severity.label}{' (recorded order)' if one.order != 'document' else ''}: {one.message}")
        for label, text in (("cause", one.cause), ("remedy", one.remedy)):
            if text:
                print(f"  {label}: {text}")
        if one.evidence:
            print(f"  evidence: {dict(one.evidence)}")
        print(excerpt(each.notebook, one.place))
        for related in one.related:
            print(f"  -- {related.message}\n{excerpt(each.notebook, related.place)}")


def excerpt(notebook: Notebook, place: Place) -> str:
    """The lines around a place, the line itself marked."""
    where = f"  cell {place.cell}" if place.path == notebook.path else f"  {place.path}"
    cells = [cell for cell in notebook.cells if cell.number == place.cell] if place.path == notebook.path else []
    if not cells:
        return f"{where}, line {place.line}"
    lines = cells[0].source.split("\n")
    first, last = max(1, place.line - CONTEXT), min(len(lines), max(1, place.line) + CONTEXT)
    shown = [
        f"  {'>' if number == place.line else ' '} {number:4} {lines[number - 1]}" for number in range(first, last + 1)
    ]
    return "\n".join([f"{where} In[{cells[0].count if cells[0].count is not None else ' '}]", *shown])


# --- labels ----------------------------------------------------------------------------------------------------------


def compare(all_linted: Sequence[Linted], rows: Sequence[dict[str, Any]], folder: str) -> None:
    """Findings beside hand labels: recall of the firm labels, precision of what stands on the labelled notebooks."""
    by_name = {
        os.path.relpath(each.path, folder).replace("+", "/", 1).replace(os.sep, "/"): each for each in all_linted
    }
    results = []
    for row in rows:
        each = by_name.get(row["nb"].replace("@", "/", 1))
        if each is None:
            print(f"not in the folder: {row['nb']}")
            continue
        results.append((each, labels.compared(each.findings, row["findings"])))
    print(labels.table([result for _, result in results]))
    for each, result in results:
        name = os.path.relpath(each.path, folder)
        for label in result.missed:
            print(f"missed: {name}: {labels.told(label)}")
        for one in result.false:
            index = (one.place.cell or 0) - 1
            print(f"false:  {name}: cell index {index} line {one.place.line}: {one.code} {one.message}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--show", metavar="CODE", help="print each finding of this code or prefix in its source")
    parser.add_argument("--limit", type=int, default=1_000)
    parser.add_argument("--labels", metavar="FILE", help="hand labels, a JSON object a line")
    parser.add_argument("--notes", action="store_true", help="notes and suspicions, too")
    parser.add_argument("--only", default="", metavar="TEXT", help="notebooks whose path contains this")
    options = parser.parse_args()
    paths = [path for path in samples.paths(options.folder) if options.only in path]
    if not paths:
        parser.error(f"{options.folder}: no notebooks in this folder")
    rows: list[dict[str, Any]] = []
    if options.labels:
        with open(options.labels, encoding="utf-8") as file:
            rows = [json.loads(line) for line in file if line.strip()]
        ends = tuple("/" + row["nb"].partition("@")[2] for row in rows)
        paths = [path for path in paths if path.endswith(ends)]
    all_linted = [linted(path, notes=options.notes) for path in paths]
    if options.labels:
        compare(all_linted, rows, options.folder)
    elif options.show:
        show(all_linted, options.show, options.limit, options.folder)
    else:
        report(all_linted, options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
