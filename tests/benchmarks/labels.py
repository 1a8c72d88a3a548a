"""Hand labels beside findings: which label is found by which code, and what is missed or false.

A label has a class, a cell (index from 0 over all cells; None: the notebook), a line (from 1; None: the cell), perhaps
an `end` line and further `cells`, and a flag: "yes" should be found, "debatable" is fine either way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from tinyguard.finding import Finding

Label = dict[str, Any]

NEAR = 2  # lines between the line of a label and a finding that still means it

CODES: dict[str, tuple[str, ...]] = {
    "undefined_on_restart": ("TNY101",),
    "exec_order": ("TNY102", "TNY101", "TNY103", "TNY105", "TNY107"),
    "exec_missing": ("TNY104", "TNY108"),
    "loss_tensor_accumulated": ("TNY403",),
    "activation_loss_mismatch": ("TNY401", "TNY402"),
    "no_seed": ("TNY605",),
    "few_epochs": ("TNY601",),
    "small_batch": ("TNY602",),
    "missing_no_grad": ("TNY303",),
    "missing_eval_mode": ("TNY302",),
    "missing_train_mode": ("TNY301",),
    "train_shuffle_false": ("TNY205",),
    "stale_optimizer": ("TNY501", "TNY502"),
    "loader_mismatch": ("TNY201", "TNY202", "TNY203", "TNY204"),
    "test_set_selection": ("TNY202", "TNY204"),
    "metric_wrong": ("TNY801", "TNY802", "TNY803"),
    "config_contradiction": ("TNY603", "TNY604"),
    "ignored_argument": ("TNY603",),
    "implicit_dim": ("TNY404",),
    "layer_in_forward": ("TNY305",),
}


class Comparison(NamedTuple):
    found: list[Label]  # firm labels with a finding
    missed: list[Label]  # firm labels without
    right: list[Finding]  # on a firm label
    debatable: list[Finding]  # on a debatable one
    false: list[Finding]  # on none


def class_of(label: Label) -> str:
    """The class, or for "other" its kind."""
    return str(label.get("kind") or label["class"]) if label["class"] == "other" else str(label["class"])


def meets(finding: Finding, label: Label) -> bool:
    """The finding means this label: its code is one of the class, and one of its places is on the labelled lines."""
    if finding.code not in CODES.get(class_of(label), ()):
        return False
    return label["cell"] is None or any(
        _on(label, place.cell, place.line) for place in (finding.place, *(one.place for one in finding.related))
    )


def _on(label: Label, cell: int | None, line: int) -> bool:
    if cell is None:
        return False
    if label["line"] is None or line == 0 or cell - 1 in label.get("cells", ()):
        return cell - 1 in (label["cell"], *label.get("cells", ()))
    first, last = int(label["line"]), int(label.get("end") or label["line"])
    return bool(cell - 1 == label["cell"]) and first - NEAR <= line <= last + NEAR


def compared(findings: Sequence[Finding], labels: Sequence[Label]) -> Comparison:
    firm = [label for label in labels if label["flag"] == "yes"]
    soft = [label for label in labels if label["flag"] != "yes"]
    result = Comparison([], [], [], [], [])
    for label in firm:
        hit = any(meets(finding, label) for finding in findings)
        (result.found if hit else result.missed).append(label)
    for finding in findings:
        if any(meets(finding, label) for label in firm):
            result.right.append(finding)
        elif any(meets(finding, label) for label in soft):
            result.debatable.append(finding)
        else:
            result.false.append(finding)
    return result


def table(results: Sequence[Comparison]) -> str:
    """Recall by class of label, then precision by code."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    codes: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for result in results:
        for position, labels in enumerate((result.found, result.missed)):
            for label in labels:
                counts[class_of(label)][position] += 1
        for position, findings in enumerate((result.right, result.debatable, result.false)):
            for finding in findings:
                codes[finding.code][position] += 1
    lines = [f"{'class (firm labels)':28}{'found':>7}{'missed':>8}{'recall':>8}"]
    covered = {name: numbers for name, numbers in counts.items() if name in CODES}
    lines += [_recall(name, *numbers) for name, numbers in sorted(covered.items())]
    lines.append(_recall("all that have a rule", *_sums(covered, 2)))
    lines.append(_recall("all", *_sums(counts, 2)))
    lines.append(f"{'code':28}{'right':>7}{'debatable':>10}{'false':>7}{'precision':>11}")
    lines += [_precision(code, *numbers) for code, numbers in sorted(codes.items())]
    lines.append(_precision("all", *_sums(codes, 3)))
    return "\n".join(lines)


def _sums(counts: dict[str, list[int]], width: int) -> list[int]:
    return [sum(numbers[position] for numbers in counts.values()) for position in range(width)]


def _recall(name: str, found: int, missed: int) -> str:
    return f"{name:28}{found:7}{missed:8}{found / max(1, found + missed):8.2f}"


def _precision(name: str, right: int, debatable: int, false: int) -> str:
    # A debatable label is fine either way: it counts for neither side.
    return f"{name:28}{right:7}{debatable:10}{false:7}{right / max(1, right + false):11.2f}"


def told(label: Label) -> str:
    return f"cell index {label['cell']} line {label['line']}: {class_of(label)}: {label.get('note', '')}"
