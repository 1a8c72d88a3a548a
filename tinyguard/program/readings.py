"""Printed text -> the losses and accuracies that it reports, as printed: nothing is known of their unit yet.

A training prints the same line again and again with other numbers. So a line is read in two steps: its form (the line
with every number replaced) tells which number is what, once for all lines of that form; the numbers are then picked.
Every expression looks at a bounded stretch, so the cost is linear whatever a notebook has printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from tinyguard.pattern import pattern

_tuple = tuple.__new__  # Reading(...) in a third of the time; a long training prints thousands
LONGEST = 2000  # characters of a line that are read

_NUMBER = r"[-+]?(?:\d{1,30}(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf)\b"
# A number of its own: not that of `l2_loss`, `acc@5`, `top-5`, `float64(`.
_OWN_NUMBER = pattern(rf"(?=[-+.\dni])(?<![a-z_@\d.])(?<!op[- ])({_NUMBER})")
# A column that ends with a duration, "Tot: 2m48s |": no part of a name, and else a form of its own for each second.
_CLOCK = pattern(r"(?<=\d[ms])\d{1,9}(?=m?s\s?[|,])")
_WRAPPED = pattern(r"(?:np\.float\d\d|tensor)\(")
_ESCAPE = pattern(r"\x1b\[[0-9;]{0,12}[A-Za-z]")

# `loss`, `Accuracy`, `val_acc`, `acc_val`, `Acc@1`; not `CrossEntropyLoss`, `accumulated`, `lossless`.
_WORD = pattern(
    r"(?<![a-z])(?P<kind>loss|acc(?:uracy|u)?\.?)(?P<top>@\d+|_?top_?-?\d+)?"
    r"(?P<suffix>_(?:tr|train|val|valid|test|dev))?(?![a-z])"
)
# Between the word and its number: nothing but a separator; or some words, ended by a colon or an equals sign. A column
# of a table needs a decimal point: `| accuracy | Accuracy | 0 |` lists the layers of a model.
_AFTER = pattern(
    r"""(?:["'*\]]{0,2}\s{0,60}(?:[:=\uff1a]+>?|[│|](?=[\s│|]{0,60}(?:\d*\.|nan|inf))[\s│|]{0,60}"""
    r"""|(?<=\s)(?:is|was|of)?)\s{0,20}|(?P<words>[\s([][^:=|,;<]{0,60})[:=]\s{0,20})"""
    r"\[?"
    rf"(?P<number>{_NUMBER})(?:/(?P<total>\d+))?(?P<percent>\s?%)?"
    r"(?:\s{0,3}\(\s{0,9}(?:(?P<average>\d+\.\d+)\s{0,9}\)|(?P<hits>\d+)\s?/\s?(?P<samples>\d+)\s?\)))?"
)
_DECREASED = pattern(rf" decreased \([^\s()]{{1,24}} -+> (?P<number>{_NUMBER})\)")
_BEFORE = 60  # characters in front of the word that can belong to its name
_NAME = pattern(r"[a-z0-9_.@ /-]*$")
_WORDS = pattern(r"[a-z]+\d*")
_EPOCH = pattern(r"\bepochs?\b\W{0,8}(\d{1,7})(?!\.?\d)|^\W{0,2}\[(\d{1,5}), +\d+\]")
_SPLIT = pattern(
    r"(?<![a-z])(?:(train(?:ing)?|tr)|(val(?:id(?:ation)?)?|dev|eval(?:uation)?)|(test(?:ing)?|tst))(?![a-z])"
)
_SPLITS = ("train", "validation", "test")
_HISTORY = pattern(r"""['"](\w{1,40})['"]\s{0,4}:\s{0,4}\[([^][{}'"]{1,100000})\]""")
_BEYOND_FIRST = pattern(r"top[-_ ]?(?!1\b)\d|@(?!1\b)\d")  # "top-5", "Acc@5"
_ONE_CLASS = pattern(r"\s*(?:of|for)\s+(?!the\b|network|model|our)")

# Words that do not make another quantity of a loss or an accuracy.
_PLAIN = frozenset(
    """train training tr val valid validation dev eval evaluation test testing tst set data the a my mean avg average
    running total overall final last epoch batch step iter on of for at in model network net current top top1
    cross entropy ce nll and is was after images image new classification""".split()
)
# Numbers that say nothing of how far the training has come.
_OTHER = frozenset(
    """best min max minimum maximum highest lowest before initial untrained random chance target expected balanced
    weighted not improved class per label labels baseline majority fool increased since""".split()
)

# The best accuracy so far is no point of a curve, but it has been reached.
_REACHED = frozenset({"best", "highest"})


class Reading(NamedTuple):
    """A number behind the word loss or accuracy."""

    kind: str  # "accuracy" or "loss"
    value: float  # as printed; a share when hits and samples are
    split: str | None
    name: str  # "test accuracy"; other words of its name are kept: "d loss"
    plain: bool  # the name says nothing but the split
    epoch: int | None  # as printed
    percent: bool  # printed as one
    samples: int | None  # its value is a share of these
    source: str  # "output" or "history"
    text: str


class Slot(NamedTuple):
    """Where in a form's numbers a reading is."""

    kind: str
    split: str | None
    name: str
    plain: bool
    percent: bool
    number: int
    samples: int | None  # the number is the hits among these


class Form(NamedTuple):
    """What a line means whatever its numbers are."""

    slots: tuple[Slot, ...]
    epoch: int | None  # which number it is


def readings(text: str) -> Iterator[Reading]:
    """The losses and accuracies in a stretch of output; histories printed as dicts come first."""
    return Reader().read(text)


class Reader:
    """Reads an output piece by piece, each of whole lines, and remembers the epoch that it is in."""

    def __init__(self) -> None:
        self._epoch: int | None = None

    def read(self, text: str) -> Iterator[Reading]:
        if "\x1b" in text:
            text = _ESCAPE.sub("", text)
        if "tensor(" in text or "np.float" in text:
            text = _WRAPPED.sub("", text)
        if ": [" in text:
            for match in _HISTORY.finditer(text):
                yield from _history(match)
            text = _HISTORY.sub("", text)
        epoch = self._epoch
        for line in text.split("\n"):
            if "\r" in line:  # what a terminal shows in the end: a progress bar returns to the start of its line
                line = line.rstrip("\r").rpartition("\r")[2]
            lower = line[:LONGEST].lower()
            if "loss" in lower or "acc" in lower:
                parts = _OWN_NUMBER.split(lower)
                numbers = parts[1::2]
                parts[1::2] = ["7" if number.isdigit() else "0.7" for number in numbers]
                slots, where = form(_CLOCK.sub(_zeros, "".join(parts)))
                if where is not None:
                    epoch = int(numbers[where])
                for kind, split, name, plain, percent, at, of in slots:
                    value, samples = float(numbers[at]), int(numbers[of]) if of is not None else None
                    if samples is not None:
                        value = value / samples if samples else float("nan")
                    shown = line[:200].strip()
                    yield _tuple(Reading, (kind, value, split, name, plain, epoch, percent, samples, "output", shown))
            elif "epoch" in lower:
                for found in _EPOCH.finditer(lower):
                    epoch = int(found[1] or found[2])
        self._epoch = epoch


def _zeros(match: re.Match[str]) -> str:
    """As many digits, so that everything stays where it was."""
    return "0" * len(match[0])


@lru_cache(maxsize=4096)
def form(line: str) -> Form:
    """The form of a lower-case line whose numbers are all "7" or "0.7"."""
    at = {match.start(): index for index, match in enumerate(_OWN_NUMBER.finditer(line))}
    epoch: int | None = None
    for match in _EPOCH.finditer(line):
        epoch = at.get(match.start(1) if match[1] else match.start(2))
    slots: list[Slot] = []
    behind = 0  # where the part that has been read ends
    inherited: str | None = None  # "Train Loss: 3.06 Acc: 0.30": the second is of the training, too
    first = True
    for word in _WORD.finditer(line):
        number = _DECREASED.match(line, word.end()) or _AFTER.match(line, word.end())
        if number is None or word.start() < behind:
            continue
        between = number.groupdict().get("words") or ""
        before = line[max(behind, word.start() - _BEFORE) : word.start()]
        tail = _NAME.search(before)
        name = f"{tail[0] if tail else ''} {word['suffix'] or ''} "
        split = _split(name) or _split(between) or (_split(before) if first or inherited else None) or inherited
        inherited = split if first or inherited else None
        first, behind = False, number.end()
        slot = _slot(word, number, name, between, split, at)
        if slot is not None:
            slots.append(slot)
    return Form(tuple(slots), epoch)


def _slot(
    word: re.Match[str], number: re.Match[str], before: str, between: str, split: str | None, at: dict[int, int]
) -> Slot | None:
    kind = "loss" if word["kind"] == "loss" else "accuracy"
    words = _WORDS.findall(f"{before} {between}")
    one_class = kind == "accuracy" and _ONE_CLASS.match(between)
    other = _OTHER.intersection(words) - (_REACHED if kind == "accuracy" else frozenset())
    if one_class or other or _BEYOND_FIRST.search(f"{before} {word['top'] or ''}"):
        return None
    group, of = "number", None
    parts = number.groupdict()
    if kind == "accuracy" and parts.get("total"):
        of = at.get(number.start("total"))
    elif kind == "accuracy" and parts.get("samples"):
        group, of = "hits", at.get(number.start("samples"))
    elif parts.get("average"):
        group = "average"
    where = at.get(number.start(group))
    if where is None or (kind == "accuracy" and of is None and (parts.get("total") or parts.get("samples"))):
        return None
    plain, full = _named(words, split, kind)
    percent = of is None and (bool(parts.get("percent")) or "@" in (word["top"] or ""))
    return Slot(kind, split, full, plain, percent, where, of)


def _named(words: list[str], split: str | None, kind: str) -> tuple[bool, str]:
    """Whether the name says nothing but the split; and the name."""
    unusual = [word for word in words if word not in _PLAIN]
    return not unusual, " ".join([*([split] if split else []), *unusual, kind])


def _split(text: str) -> str | None:
    """The split that the text names last."""
    found = _SPLIT.findall(text)
    return next((split for split, name in zip(_SPLITS, found[-1], strict=True) if name), None) if found else None


def _history(match: re.Match[str]) -> Iterator[Reading]:
    """A list of numbers under a name in a printed dict: one an epoch."""
    lower = match[1].lower()
    word = _WORD.search(lower)
    if word is None:
        return
    kind = "loss" if word["kind"] == "loss" else "accuracy"
    split = _split(lower)
    words = _WORDS.findall(lower[: word.start()] + lower[word.end() :])
    if not _OTHER.isdisjoint(words):
        return
    plain, name = _named(words, split, kind)
    text = f"{match[1]}: [{match[2][:160].strip()}]"
    for epoch, number in enumerate(_OWN_NUMBER.findall(match[2].lower()), 1):
        yield Reading(kind, float(number), split, name, plain, epoch, False, None, "history", text)
