"""What the linter says of the trainings in `tests/trainings`: of each bug, its twin, and the healthy ones.

    python tests/benchmarks/training_findings.py [--run] [NAME ...]

A table, a line a bug: the expected codes, whether lint names the bug (`yes` or `-`), and what else it says. With --run
they are executed as well, each in a process of its own, and the last number that bug and twin print is shown, with the
seconds of processor time. Needs torch for --run.
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from trainings import BUGS, HEALTHY, Training, judge, load, paths, run, told_by_lint


def verdict(training: Training) -> str:
    """What lint makes of a bug."""
    judged = judge(training, told_by_lint(training.bug))
    others = [f"{code}@{cell}:{line}" for code, cell, line in (*judged.symptoms, *judged.others)]
    return " ".join(["yes" if judged.hits else "-", *others])


def main(arguments: list[str]) -> None:
    names = {name for name in arguments if not name.startswith("--")}
    for path in [*paths(BUGS), *paths(HEALTHY)]:
        training = load(path)
        if names and training.name not in names:
            continue
        words = [f"{training.name:44}"]
        if training.bug:
            words.append(f"{','.join(training.expected):8} {verdict(training)}")
        said = sorted(told_by_lint(training.twin), key=str)
        words.append(f"twin: {said}" if said else "")
        if "--run" in arguments:
            for text, bound in ((training.bug, training.harm), (training.twin, training.score)):
                if text:
                    ran = run(text)
                    held = bound is None or (ran.score is not None and bound.holds(ran.score))
                    words.append(f"[{ran.score} {ran.seconds:.1f}s{'' if held else ' OUT OF BOUND'}]")
                    words.append(ran.complaint[-1500:])
        print(" ".join(words), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
