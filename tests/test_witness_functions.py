"""The static witness follows calls: functions, methods, closures, generators, decorators, classes."""

from __future__ import annotations

import pytest
from watched import Watched, watch

from tinyguard.events import (
    BackwardRan,
    Escaped,
    GradientsCleared,
    ModelBuilt,
    ModeSet,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    SeedSet,
)


def trained(seen: Watched) -> None:
    """The optimizer that was built steps the parameters that the gradients reach."""
    built = seen.one(OptimizerBuilt)
    assert {event.optimizer for event in seen.all(OptimizerStepped)} == {built.optimizer}
    assert {event.reaches for event in seen.all(BackwardRan)} == {built.parameters}
    assert {event.parameters for event in seen.all(GradientsCleared)} == {built.parameters}
    assert built.parameters == seen.all(ModelBuilt)[0].parameters


TRAINER = """
class Trainer:
    def __init__(self, model, lr=0.1):
        self.model = model
        self.optimizer = optim.SGD(self.model.parameters(), lr=lr)
        self.losses = []
    def loss(self, batch):
        x, y = batch
        return F.cross_entropy(self.model(x), y)
    def step(self, batch):
        self.optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())
    def fit(self, loader, epochs):
        for epoch in range(epochs):
            for batch in loader:
                self.step(batch)
loader = DataLoader(datasets.MNIST('.', train=True))
model = nn.Linear(784, 10)
"""


@pytest.mark.parametrize(
    "use",
    [
        "Trainer(model).fit(loader, 5)",
        "trainer = Trainer(model=model)\ntrainer.fit(loader, epochs=5)",
        "trainer = Trainer(model)\nfit = trainer.fit\nfit(loader, 5)",
        "Trainer.fit(Trainer(model), loader, 5)",
        "class Better(Trainer):\n    def __init__(self, model):\n        super().__init__(model)\n"
        "Better(model).fit(loader, 5)",
        "class Better(Trainer):\n    def loss(self, batch):\n        return super().loss(batch) * 2\n"
        "Better(model).fit(loader, 5)",
        "class Better(Trainer):\n    def __call__(self, *a):\n        self.fit(*a)\nBetter(model)(loader, 5)",
        "class Mixin:\n    def run(self): self.fit(loader, 5)\nclass Better(Mixin, Trainer): pass\nBetter(model).run()",
        "trainers = {name: Trainer(model) for name in ['a']}\nfor t in trainers.values(): t.fit(loader, 5)",
    ],
)
def test_a_trainer_that_keeps_its_model_and_optimizer_trains_it(use: str) -> None:
    seen = watch(TRAINER + use)
    trained(seen)
    assert {event.place.line for event in seen.all(OptimizerStepped)} == {13}


LOOP = """
model = nn.Linear(4, 3)
def train(model, optimizer, x=torch.ones(2, 4)):
    optimizer.zero_grad()
    model(x).sum().backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    "use",
    [
        "train(model, optim.SGD(model.parameters(), lr=0.1))",
        "train(optimizer=optim.SGD(model.parameters(), lr=0.1), model=model)",
        "train(*[model, optim.SGD(model.parameters(), lr=0.1)])",
        "train(**{'model': model, 'optimizer': optim.SGD(model.parameters(), lr=0.1)})",
        "from functools import partial\npartial(train, model)(optim.SGD(model.parameters(), lr=0.1))",
        "(lambda o: train(model, o))(optim.SGD(model.parameters(), lr=0.1))",
        "def build(model, kind=optim.SGD, **settings): return kind(model.parameters(), **settings)\n"
        "train(model, build(model, lr=0.1))",
        "def build(): return model, optim.SGD(model.parameters(), lr=0.1)\ntrain(*build())",
        "train(model, getattr(optim, 'SGD')(model.parameters(), lr=0.1))",
        "train(model, {'sgd': optim.SGD}['sgd'](model.parameters(), lr=0.1))",
        "def run(step): step(model, optim.SGD(model.parameters(), lr=0.1))\nrun(train)",
        "optimizer = optim.SGD(model.parameters(), lr=0.1)\ndef main():\n    train(model, optimizer)\nmain()",
        "def main():\n    global optimizer\n    optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
        "main()\ntrain(model, optimizer)",
        "async def main():\n    train(model, optim.SGD(model.parameters(), lr=0.1))\nawait main()",
    ],
)
def test_a_function_gets_what_it_is_called_with(use: str) -> None:
    seen = watch(LOOP + use)
    trained(seen)
    assert [event.place.line for event in seen.all(BackwardRan)] == [4]


def test_an_event_in_a_function_tells_the_calls_that_led_there() -> None:
    seen = watch(
        """
        # %%
        def inner():
            number(5)
        def outer():
            inner()
        # %%
        outer()
        """
    )
    event = seen.one(SeedSet)
    assert [(place.cell, place.line) for place in (*event.via, event.place)] == [(2, 1), (1, 4), (1, 2)]
    assert event.decision.cell == 2


def test_a_closure_remembers_its_own_model() -> None:
    seen = watch(
        """
        def trainer(model):
            def mode():
                model.eval()
            return mode
        a, b = nn.Linear(1, 1), nn.Linear(1, 1)
        for f in [trainer(a), trainer(b)]:
            f()
        """
    )
    assert [event.model for event in seen.all(ModeSet)] == [event.model for event in seen.all(ModelBuilt)]


def test_a_closure_changes_a_nonlocal_name() -> None:
    seen = watch("def f():\n    n = 4\n    def g():\n        nonlocal n\n        n += 1\n    g()\n    number(n)\nf()")
    assert seen.numbers == [5]


def test_a_default_argument_is_evaluated_where_the_function_is_defined() -> None:
    assert watch("n = 5\ndef f(m=n): number(m)\nn = 6\nf()").numbers == [5]


def test_a_function_sees_a_name_that_is_bound_later() -> None:
    assert watch("def f(): number(n)\nn = 5\nf()").numbers == [5]


def test_a_local_name_hides_the_one_outside() -> None:
    assert watch("n = 5\ndef f():\n    n = 6\nf()\nnumber(n)").numbers == [5]


def test_a_class_body_is_not_seen_by_its_methods() -> None:
    assert watch("n = 5\nclass A:\n    n = 6\n    def f(self): number(n)\nA().f()").numbers == [5]


def test_a_function_that_is_never_called_does_nothing() -> None:
    assert watch("def f(): number(5)\nclass A:\n    def g(self): number(5)").numbers == []


@pytest.mark.parametrize(
    ("kind", "arguments", "call"),
    [
        ("", "self, n", "A().f(5)"),
        ("@staticmethod\n    ", "n", "A.f(5)"),
        ("@staticmethod\n    ", "n", "A().f(5)"),
        ("@classmethod\n    ", "cls, n", "A.f(5)"),
        ("@classmethod\n    ", "cls, n", "A().f(5)"),
        ("@property\n    ", "self, n=5", "A().f"),
        ("@functools.lru_cache(None)\n    ", "self, n", "A().f(5)"),
        ("@unknown\n    ", "self, n", "A().f(5)"),
        ("@unknown.decorator(3)\n    ", "self, n", "A().f(5)"),
    ],
)
def test_a_method_of_each_kind_is_called(kind: str, arguments: str, call: str) -> None:
    assert watch(f"import functools\nclass A:\n    {kind}def f({arguments}): number(n)\n{call}").numbers == [5]


def test_a_decorator_of_the_user_s_wraps_the_call() -> None:
    seen = watch(
        """
        import functools
        def timed(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                number(1)
                result = function(*args, **kwargs)
                number(3)
                return result
            return wrapper
        @timed
        def f(n):
            number(n)
            return 4
        number(f(2))
        """
    )
    assert seen.numbers == [1, 2, 3, 4]


def test_a_decorator_with_arguments_wraps_the_call() -> None:
    seen = watch(
        "def times(n):\n    def decorate(function):\n"
        "        def wrapper():\n            number(n)\n            function()\n"
        "        return wrapper\n    return decorate\n@times(4)\ndef f():\n    number(5)\nf()"
    )
    assert seen.numbers == [4, 5]


def test_a_generator_yields_to_the_loop_that_asks_it() -> None:
    seen = watch(
        """
        def batches(n):
            number(1)
            for i in range(n):
                yield i + 5
            number(2)
        for i in batches(2):
            number(i)
        """
    )
    assert seen.numbers == [1, 5, 6, 2]
    assert [event.place.line for event in seen.all(SeedSet)] == [2, 7, 7, 5]
    assert [event.via for event in seen.all(SeedSet)][1] == ()


def test_a_generator_delegates_and_is_unpacked() -> None:
    seen = watch(
        "def a():\n    yield 4\n    yield from [5, 6]\nfor i in a(): number(i)\nfirst, *rest = a()\nnumber(first)"
    )
    assert seen.numbers == [4, 5, 6, 4]


def test_a_class_that_iterates_by_a_generator_is_iterated() -> None:
    seen = watch(
        "class A:\n    def __iter__(self):\n        for i in [4, 5]:\n            yield i\nfor i in A(): number(i)"
    )
    assert seen.numbers == [4, 5]


def test_a_loop_over_a_generator_that_is_left_does_no_more() -> None:
    assert watch("def a():\n    yield 4\n    yield 5\nfor i in a():\n    number(i)\n    break").numbers == [4]


def test_the_body_of_a_loop_over_a_loader_in_a_generator_is_placed_in_the_body() -> None:
    seen = watch(
        "def batches(loader):\n    for x, y in loader:\n        yield x, y\n"
        "model = nn.Linear(1, 1)\nloader = DataLoader(datasets.MNIST('.', train=True))\n"
        "for x, y in batches(loader):\n    F.cross_entropy(model(x), y).backward()"
    )
    assert {event.place.line for event in seen.all(BackwardRan)} == {7}
    assert {event.loader for event in seen.all(BackwardRan)} == {seen.object("loader")}


def test_a_recursive_function_ends() -> None:
    seen = watch("def f(n):\n    number(n)\n    return f(n + 1)\nf(5)")
    assert seen.numbers[0] == 5
    assert len(seen.numbers) <= 3
    assert seen.result.complete


def test_functions_that_call_each_other_end() -> None:
    seen = watch("def f(n): return g(n)\ndef g(n): return f(n)\nf(5)\nnumber(5)")
    assert seen.numbers == [5]
    assert seen.result.complete


def test_what_unknown_code_is_given_escapes() -> None:
    seen = watch("from nowhere import fit\nmodel = nn.Linear(1, 1)\nfit(model, 3)\nmodel(torch.ones(1)).backward()")
    assert seen.one(Escaped).objects == (seen.object("model"),)
    assert [use.training for use in seen.one(BackwardRan).models] == [None]


@pytest.mark.parametrize(
    "harmless",
    [
        "print(model)",
        "torch.save(model, 'm.pt')",
        "model.state_dict()",
        "len([model])",
        "summary(model, (1,))",
        "wandb.watch(model)",
    ],
)
def test_what_only_reads_a_model_lets_nothing_escape(harmless: str) -> None:
    seen = watch(f"import wandb\nfrom torchsummary import summary\nmodel = nn.Linear(1, 1)\n{harmless}")
    assert seen.all(Escaped) == []


@pytest.mark.parametrize("step", ["backward()", "step()", "zero_grad()"])
def test_words_of_torch_happen_on_unknown_objects_too(step: str) -> None:
    seen = watch(f"from nowhere import thing\nthing.{step}")
    (event,) = seen.all(BackwardRan) + seen.all(OptimizerStepped) + seen.all(GradientsCleared)
    parameters = event.reaches if isinstance(event, BackwardRan) else event.parameters
    assert parameters == Parameters(complete=False)


def test_a_forward_is_followed_through_submodules_functions_and_super() -> None:
    seen = watch(
        """
        def activate(x, f=F.relu):
            return f(x)
        class Block(nn.Module):
            def __init__(self, n, m):
                super(Block, self).__init__()
                self.layer = nn.Linear(n, m)
            def forward(self, x):
                return activate(self.layer(x))
        class Net(nn.Module):
            def __init__(self, sizes=(4, 3, 2)):
                super().__init__()
                self.blocks = nn.Sequential(*[Block(n, m) for n, m in zip(sizes, sizes[1:])])
                for index in range(2):
                    setattr(self, f'head{index}', nn.Linear(2, 1))
                self.add_module('extra', nn.Linear(1, 1))
            def features(self, x):
                return self.blocks(x)
            def forward(self, x):
                x = self.features(x)
                x = self.head0(x) + getattr(self, 'head1')(x)
                return self.extra(x)
        class Better(Net):
            def forward(self, x):
                return super().forward(x) * 2
        net = Better()
        net(torch.ones(2, 4)).sum().backward()
        """
    )
    assert len(seen.one(ModelBuilt).parameters.leaves) == 5
    assert seen.one(BackwardRan).reaches == seen.one(ModelBuilt).parameters
