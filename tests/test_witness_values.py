"""The static witness knows the numbers that a configuration gives, whatever way they go."""

from __future__ import annotations

import pytest
from watched import watch

from tinyguard.events import LoaderBuilt, OptimizerBuilt, SettingIgnored


@pytest.mark.parametrize(
    "program",
    [
        "n = 5\nnumber(n)",
        "n = m = 5\nnumber(m)",
        "n, m = 4, 5\nnumber(m)",
        "n: int = 5\nnumber(n)",
        "n = 4\nn += 1\nnumber(n)",
        "n = 4\nn = n + 1\nnumber(n)",
        "number(2 * 2 + 10 // 4 - 1)",
        "number(-(-5))",
        "number(int('5'))",
        "number(int(5.5))",
        "number(round(5))",
        "number(max(3, 5))",
        "number(sum([2, 3]))",
        "number(len('abcde'))",
        "number([4, 5][1])",
        "number(int(f'{5}'))",
        "config = {'epochs': 5}\nnumber(config['epochs'])",
        "config = {'train': {'epochs': 5}}\nnumber(config['train']['epochs'])",
        "config = dict(epochs=5)\nnumber(config.get('epochs', 3))",
        "config = {}\nnumber(config.get('epochs', 5))",
        "config = {}\nconfig['epochs'] = 5\nnumber(config['epochs'])",
        "config = {'epochs': 3}\nconfig.update({'epochs': 5})\nnumber(config['epochs'])",
        "config = {**{'epochs': 3}, 'epochs': 5}\nnumber(config['epochs'])",
        "config = {'epochs': 3} | {'epochs': 5}\nnumber(config['epochs'])",
        "class Config:\n    epochs = 5\nnumber(Config.epochs)",
        "class Config:\n    epochs = 5\nnumber(Config().epochs)",
        "class Config:\n    def __init__(self):\n        self.epochs = 5\nnumber(Config().epochs)",
        "class Config:\n    def __init__(self, **k):\n        self.__dict__.update(k)\nnumber(Config(epochs=5).epochs)",
        "class Config:\n    pass\nconfig = Config()\nconfig.epochs = 5\nnumber(config.epochs)",
        "class C:\n    a = 2\n    @property\n    def epochs(self):\n        return self.a + 3\nnumber(C().epochs)",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    epochs: int = 5\nnumber(C().epochs)",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    epochs: int = 3\nnumber(C(epochs=5).epochs)",
        "from dataclasses import *\n@dataclass(frozen=True)\nclass C:\n    n: int\n    m: int = 3\nnumber(C(5).n)",
        "from dataclasses import *\n@dataclass\nclass C:\n    n: list = field(default_factory=lambda: [])\nc = C()\n"
        "c.n.append(5)\nnumber(len(C().n) + c.n[0])",
        "from dataclasses import *\n@dataclass\nclass C:\n    n: int = field(default=5)\nnumber(C().n)",
        "from typing import NamedTuple\nclass C(NamedTuple):\n    epochs: int = 5\nnumber(C().epochs)",
        "import argparse\nargs = argparse.Namespace(epochs=5)\nnumber(args.epochs)",
        "from types import SimpleNamespace as N\nnumber(N(epochs=5).epochs)",
        "class C: epochs = 5\nnumber(vars(C())['epochs'] if False else 5)",
        "def f(n=5): number(n)\nf()",
        "def f(n, m=3, *, k=4): number(n + k)\nf(1)",
        "def f(**config): number(config['n'])\nf(n=5)",
        "def f(n): number(n)\nf(**{'n': 5})",
        "def f(*numbers): number(numbers[1])\nf(4, 5)",
        "def f(a, b): number(b)\nf(*(4, 5))",
        "f = lambda n: n + 1\nnumber(f(4))",
        "from functools import partial\ndef f(a, b): number(b)\npartial(f, b=5)(1)",
    ],
)
def test_a_number_is_followed_to_its_use(program: str) -> None:
    assert watch(program).numbers == [5]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("[]", 3),
        ("", 3),
        ("args=[]", 3),
        ("''", 3),
        ("['--epochs', '5']", 5),
        ("['-e', '5']", 5),
        ("['--epochs=5']", 5),
        ("'--epochs 5'.split()", 5),
    ],
)
def test_the_arguments_of_a_command_line_have_their_defaults(arguments: str, wanted: int) -> None:
    seen = watch(
        f"""
        import argparse
        parser = argparse.ArgumentParser(description='trains')
        parser.add_argument('-e', '--epochs', type=int, default=3)
        group = parser.add_argument_group('more')
        group.add_argument('--batch-size', type=int, default='64')
        args = parser.parse_args({arguments})
        number(args.epochs)
        number(args.batch_size)
        number(vars(args)['epochs'])
        """
    )
    assert seen.numbers == [wanted, 64, wanted]


def test_a_switch_of_the_command_line_is_off_when_nothing_is_given_and_else_unknown() -> None:
    program = """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument('--resume', action='store_true')
        args, rest = parser.parse_known_args({})
        number(1 if args.resume else 0)
        if not args.resume:
            number(2)
        """
    assert watch(program.format("[]")).numbers == [0, 2]
    assert watch(program.format("['--resume']")).numbers == [1]
    unknown = watch(program.format(""))
    assert unknown.numbers == [None, 2]


def test_a_number_knows_where_it_is_written() -> None:
    seen = watch(
        """
        # %%
        config = {
            'batch_size': 64,
        }
        # %%
        def loaders(batch_size):
            return DataLoader(datasets.MNIST('.', train=True), batch_size=batch_size)
        # %%
        train_loader = loaders(config['batch_size'])
        """
    )
    place = seen.one(LoaderBuilt).batch_size_at
    assert place is not None
    assert (place.cell, place.line) == (1, 2)


@pytest.mark.parametrize(
    "unknown", ["json.load(open('c'))['n']", "os.environ['N']", "random.random()", "undefined", "input()"]
)
def test_what_the_run_decides_is_unknown(unknown: str) -> None:
    assert watch(f"import json, os, random\nnumber({unknown})").numbers == [None]


@pytest.mark.parametrize(
    "huge", ["10 ** 10 ** 10", "1 << 10 ** 9", "'a' * 10 ** 10", "[0] * 10 ** 9", "2 ** -10 ** 9", "9 % 0"]
)
def test_arithmetic_that_would_take_for_ever_is_not_done(huge: str) -> None:
    assert watch(f"n = {huge}\nnumber(5)").numbers == [5]


def test_a_setting_that_a_call_ignores_is_told() -> None:
    seen = watch(
        "config = {'num_epochs': 50, 'lr': 0.1}\n"
        "def train(model, num_epochs): pass\n"
        "train(nn.Linear(1, 1), num_epochs=3)"
    )
    event = seen.one(SettingIgnored)
    assert (event.name, event.value, event.configured, event.configured_as) == (
        "num_epochs",
        3,
        50,
        "config['num_epochs']",
    )
    assert (event.place.line, event.configured_at.line, event.function) == (3, 1, "train")


@pytest.mark.parametrize(
    "read",
    [
        "config['num_epochs']",
        "config.get('num_epochs')",
        "config.items()",
        "dict(**config)",
        "unknown(config)",
    ],
)
def test_a_setting_that_somebody_reads_is_not_ignored(read: str) -> None:
    seen = watch(f"config = {{'num_epochs': 50}}\ndef train(num_epochs): pass\n{read}\ntrain(num_epochs=3)")
    assert seen.all(SettingIgnored) == []


def test_settings_reach_an_optimizer_by_two_stars() -> None:
    seen = watch("o = {'lr': 0.5, 'momentum': 0.9}\noptim.SGD(nn.Linear(1, 1).parameters(), **o)")
    built = seen.one(OptimizerBuilt)
    assert (built.lr, built.settings) == (0.5, {"momentum": 0.9})
