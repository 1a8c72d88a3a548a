"""How many planted hazards are found: one at a time is planted into real notebooks, class by class.

    python tests/benchmarks/mutants.py FOLDER [--per-class 20] [--seed 0] [--only CLASS ...] [--misses] [--json FILE]

A mutant counts as found when one of the expected codes occurs more often than in the original notebook; original and
mutant are linted in this process, notes included. Notebooks that have such a finding already are not used.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import samples
from mutable import Draft
from mutations import HAZARDS, Hazard, Mutant

from tinyguard.finding import Finding
from tinyguard.lint import lint
from tinyguard.notebook.reader import read


class Outcome(NamedTuple):
    hazard: str
    path: str
    what: str
    found: bool
    there: bool  # ... in the cell where it was planted, or with a related place in it
    shown: tuple[str, ...] = ()  # codes of the new findings, whatever they are
    notes: bool = False  # found, but only as a note, which nobody sees unasked


def findings(path: str, data: bytes) -> tuple[Finding, ...]:
    # The mutant keeps the path of the original, so that the modules beside it are found.
    return lint(read(path, data)).findings


class Originals:
    """The notebooks of a folder, each read and linted once, when it is first asked for."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = list(paths)
        self._read: dict[str, tuple[Draft, Counter[str]] | None] = {}

    def __getitem__(self, path: str) -> tuple[Draft, Counter[str]] | None:
        if path not in self._read:
            with open(path, "rb") as file:
                draft = Draft.read(file.read())
            codes = Counter(found.code for found in findings(path, draft.dumps())) if draft else Counter[str]()
            self._read[path] = (draft, codes) if draft else None
        return self._read[path]


def outcomes(hazard: Hazard, originals: Originals, wanted: int, seed: int) -> Iterator[Outcome]:
    """One mutant a notebook, of the notebooks in an order that depends on the seed and the class alone."""
    chance = random.Random(f"{seed} {hazard.name}")
    paths = chance.sample(originals.paths, len(originals.paths))
    for path in paths:
        known = originals[path]
        if wanted == 0:
            return
        if known is None or any(known[1][code] for code in hazard.codes):
            continue
        mutants = list(hazard.mutation(known[0]))
        if mutants:
            wanted -= 1
            yield judged(hazard, path, chance.choice(mutants), known[1])


def judged(hazard: Hazard, path: str, mutant: Mutant, before: Counter[str]) -> Outcome:
    found = findings(path, mutant.draft.dumps())
    new = Counter(one.code for one in found) - before
    hits = [one for one in found if one.code in hazard.codes and one.code in new]
    cell = None if mutant.cell is None else mutant.cell + 1
    there = any(cell in (None, place.cell) for one in hits for place in (one.place, *(r.place for r in one.related)))
    quiet = bool(hits) and all(one.severity.label == "note" for one in hits)
    return Outcome(hazard.name, path, mutant.what, bool(hits), there, tuple(sorted(new)), quiet)


def report(found: Sequence[Outcome], *, misses: bool) -> None:
    print(f"{'hazard':42}{'mutants':>8}{'found':>7}{'there':>7}{'notes':>7}{'recall':>8}")
    for name in dict.fromkeys(one.hazard for one in found):
        print(_row(name, [one for one in found if one.hazard == name]))
    print(_row("all", found))
    for one in found:
        if misses and not one.there:
            verdict = "elsewhere" if one.found else "missed"
            print(f"{verdict}: {one.hazard}: {one.path}: {one.what!r}; new: {', '.join(one.shown) or '-'}")


def _row(name: str, found: Sequence[Outcome]) -> str:
    hits, there = sum(one.found for one in found), sum(one.there for one in found)
    notes = sum(one.notes for one in found)
    return f"{name:42}{len(found):8}{hits:7}{there:7}{notes:7}{hits / max(1, len(found)):8.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--per-class", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], metavar="CLASS", choices=[one.name for one in HAZARDS])
    parser.add_argument("--misses", action="store_true", help="list every mutant that was not found in its cell")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    paths = samples.paths(options.folder)
    if not paths:
        parser.error(f"{options.folder}: no notebooks in this folder")
    originals = Originals(paths)
    chosen = [hazard for hazard in HAZARDS if not options.only or hazard.name in options.only]
    found = [one for hazard in chosen for one in outcomes(hazard, originals, options.per_class, options.seed)]
    report(found, misses=options.misses)
    if options.json:
        rows: list[dict[str, Any]] = [one._asdict() for one in found]
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
