"""Programs that nobody would write: reading, running and judging them never fails, and gives the same twice."""

from __future__ import annotations

import json
from random import Random

from examples import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyguard.events import RunEnded
from tinyguard.lint import lint
from tinyguard.notebook.reader import read
from tinyguard.program.witness import witness
from tinyguard.rule import catalogue

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
BUDGET = 20_000  # steps; random programs nest loops in loops in recursive functions

CELLS = [
    "\n".join(part.lines[1:])
    for rule in catalogue().values()
    for text in (*rule.bad, *rule.good)
    for part in parse(text).stretches
    if isinstance(part.where, int)
]
LINES = sorted({line for cell in CELLS for line in cell.splitlines() if line.strip()})

Counted = tuple[str, int | None]  # the source of a cell, its execution count


def ipynb(cells: list[Counted]) -> bytes:
    raw = [
        {"cell_type": "code", "metadata": {}, "source": source, "execution_count": count, "outputs": []}
        for source, count in cells
    ]
    return json.dumps({"cells": raw, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


def check(cells: list[Counted]) -> None:
    """What must hold of any notebook."""
    book = read("-", ipynb(cells))
    for order in ("document", "recorded"):
        seen, again = (witness(book, order=order, budget=BUDGET) for _ in range(2))
        assert isinstance(seen.events[-1], RunEnded)
        assert seen == again
        assert seen.complete or seen.reason
    results = [lint(book) for _ in range(2)]
    assert [skipped.reason for skipped in results[0].partly if "internal" in skipped.reason] == []
    assert results[0] == results[1]


# --- lines of the rules' examples, deleted, doubled, swapped, indented ------------------------------------------------


def disturbed(random: Random) -> Counted:
    """A cell of an example with some of its lines disturbed."""
    lines = random.choice(CELLS).splitlines()
    for _ in range(random.randint(0, 4)):
        index, other = (random.randrange(len(lines) + 1) for _ in range(2))
        match random.randrange(6):
            case 0:
                del lines[index : index + 1]
            case 1:
                lines[index:index] = lines[index : index + 1]
            case 2:
                lines[index : index + 1], lines[other : other + 1] = lines[other : other + 1], lines[index : index + 1]
            case 3:
                lines[index : index + 1] = [f"    {line}" for line in lines[index : index + 1]]
            case 4:
                lines.insert(index, random.choice(LINES))
            case 5:
                head = random.choice(["for i in range(3):", "if flag:", "def f(x):", "while True:", "with f(x) as y:"])
                lines = [head, *(f"    {line}" for line in lines)]
    return "\n".join(lines), random.choice([None, *range(1, 7)])


# --- programs from a grammar: a rule is a choice of forms, a capital letter in braces asks for a rule -----------------

GRAMMAR = {
    "NAME": "model net optimizer loader loss x y config items f Net i".split(),
    "PART": "shape grad data weight fc fit loss T training requires_grad transform forward".split(),
    "CALLEE": """
        nn.Linear nn.Sequential nn.ModuleList nn.ModuleDict nn.LSTM nn.Dropout nn.CrossEntropyLoss nn.Parameter
        F.softmax F.cross_entropy F.dropout torch.tensor torch.cat torch.no_grad torch.save torch.load optim.SGD
        torch.optim.Adam optim.lr_scheduler.StepLR DataLoader TensorDataset datasets.MNIST
        datasets.ImageFolder transforms.Compose random_split torchvision.models.resnet18 model model.train
        model.eval model.parameters model.named_parameters model.children optimizer.step optimizer.zero_grad
        loss.backward loss.item x.view x.detach len range enumerate
        zip map filter sorted list dict set tuple iter next sum max isinstance getattr setattr hasattr type print open
        int str copy.deepcopy functools.partial itertools.product np.array unknown_function f Net items.append items.pop
        config.get config.update config.items x.backward x.step y.zero_grad vars pl.Trainer Trainer pl.Trainer().fit
        Accelerator Accelerator().prepare argparse.ArgumentParser argparse.ArgumentParser().parse_args
    """.split(),
    "OPERATOR": "+ - * / // % ** @ << | & == < is in and or".split(),
    "LEAF": """
        {NAME} {NAME} {NAME} 3 0 -1 2.5 'train' 'a.b' None True [] {{}} () ... b'x' 1j torch nn F np self super()
    """.split(),
    "ARGUMENTS": ["", "{E}", "{E}, {E}", "{E}, *{E}", "{E}, lr={E}", "{E}, batch_size={E}, **{E}", "params={E}"],
    "E": [
        *["{LEAF}"] * 6,
        *["{CALLEE}({ARGUMENTS})"] * 6,
        "{E}({ARGUMENTS})",
        "({E} {OPERATOR} {E})",
        "{E}[{E}]",
        "{E}[{E}:{E}]",
        "{E}.{PART}",
        "[{E} for {NAME} in {E} if {E}]",
        "{{{E}: {E} for {NAME} in {E}}}",
        "[{E}, *{E}]",
        "({E}, {E})",
        "{{'a': {E}, 'lr': {E}, **{E}}}",
        "(lambda x, *a, **k: {E})",
        "({E} if {E} else {E})",
        "(not {E})",
        "(y := {E})",
        "f'{{{NAME}}}'",
    ],
    "TARGET": ["{NAME}", "{NAME}", "{NAME}, {NAME}", "{NAME}, *{NAME}", "{NAME}.{PART}", "{NAME}[{E}]", "{NAME}[:]"],
    "SIMPLE": [
        *["{CALLEE}({ARGUMENTS})"] * 4,
        *["{TARGET} = {E}"] * 4,
        "{NAME} += {E}",
        "{NAME}: int = {E}",
        "del {NAME}",
        "global {NAME}",
        "nonlocal {NAME}",
        "return {E}",
        "yield {E}",
        "yield from {E}",
        "assert {E}",
        "break",
        "continue",
        "raise ValueError",
        "from nowhere import *",
        "import a.b as c",
        "{LINE}",
    ],
    "HEAD": [
        "for {TARGET} in {E}:",
        "for i, {NAME} in enumerate(loader):",
        "if {E}:",
        "while {E}:",
        "with {E} as {TARGET}:",
        "def {NAME}({NAME}, b={E}, *c, **d):",
        "class {NAME}(nn.Module):",
        "class {NAME}({E}):",
        "class Net(pl.LightningModule):\n def training_step(self, batch, i):",
        "class Net(nn.Module):\n def forward(self, x):",
        "class Net(Dataset):\n def __getitem__(self, x):",
        "match {E}:\n case {{'a': x}}:",
        "match {E}:\n case [1, *x] | Net(x):",
        "@{CALLEE}\ndef f(x):",
        "@{CALLEE}\nclass Net:",
        "try:\n pass\nexcept Exception as x:",
        "try:\n pass\nfinally:",
        "async def f():",
    ],
    "LINE": [line.strip().replace("{", "{{").replace("}", "}}") for line in LINES],
}


class Written(dict[str, str]):
    """Texts by the rules of the grammar, as `str.format_map` asks for them."""

    def __init__(self, random: Random, depth: int) -> None:
        self.random = random
        self.depth = depth

    def __missing__(self, rule: str) -> str:
        deep = self.depth > 3 and rule in ("E", "ARGUMENTS")
        form = self.random.choice(["{LEAF}"] if deep else GRAMMAR[rule])
        return form.format_map(Written(self.random, self.depth + (rule == "E")))


def block(random: Random, depth: int = 0) -> list[str]:
    lines = []
    for _ in range(random.randint(1, 5)):
        if depth < 3 and random.random() < 0.35:
            lines += Written(random, 2)["HEAD"].split("\n")
            indent = "  " if lines[-1].startswith(" ") else " "
            lines += [indent + line for line in block(random, depth + 1)]
        else:
            lines += [Written(random, depth)["SIMPLE"]]
    return lines


def program(random: Random) -> Counted:
    return "\n".join(block(random)), random.choice([None, *range(1, 7)])


IMPORTS = """
import argparse, copy, functools, itertools
import numpy as np, torch, torchvision, pytorch_lightning as pl
from torch import nn, optim
import torch.nn.functional as F
from torch.utils.data import *
from torchvision import datasets, transforms
from transformers import Trainer
from accelerate import Accelerator
model = nn.Sequential(nn.Linear(4, 3), nn.Dropout())
optimizer = optim.SGD(model.parameters(), lr=0.1)
loader = DataLoader(datasets.MNIST('.', train=True), batch_size=8)
loss = model(torch.ones(2, 4)).sum()
"""


@QUICK
@given(st.randoms(use_true_random=False))
def test_disturbed_examples_never_fail(random: Random) -> None:
    check([disturbed(random) for _ in range(random.randint(1, 4))])


@QUICK
@given(st.randoms(use_true_random=False))
def test_random_programs_never_fail(random: Random) -> None:
    check([(IMPORTS, None), *(program(random) for _ in range(random.randint(1, 3)))])
