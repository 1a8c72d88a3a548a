"""The static witness runs short loops in full and long ones twice, and sees what crosses an iteration."""

from __future__ import annotations

import pytest
from watched import watch

from tinyguard.events import (
    BackwardRan,
    BatchDrawn,
    GradientsCleared,
    GraphKept,
    ModelBuilt,
    ModeSet,
    OptimizerBuilt,
    OptimizerStepped,
    PassEnded,
    TrainingPlanned,
)

TRAINING = """
model = nn.Sequential(nn.Linear(4, 3), nn.Dropout())
optimizer = optim.SGD(model.parameters(), lr=0.1)
train_loader = DataLoader(datasets.MNIST('.', train=True), batch_size=8)
test_loader = DataLoader(datasets.MNIST('.', train=False), batch_size=9)
"""


@pytest.mark.parametrize(
    ("loop", "numbers"),
    [
        ("for i in range(2)", [0, 1]),
        ("for i in range(3)", [0, None]),
        ("for i in range(1, 3)", [1, 2]),
        ("for i in range(0, 6, 2)", [0, 2, 4]),
        ("for i in [4, 5]", [4, 5]),
        ("for i in (4, 5, 6)", [4, 5, 6]),
        ("for i in {7: 'a', 8: 'b'}", [7, 8]),
        ("for i, word in enumerate(['a', 'b'], start=1)", [1, 2]),
        ("for word, i in zip(['a', 'b'], [3, 4])", [3, 4]),
        ("for i in [n for n in range(4) if n > 1]", [2, 3]),
        ("for i in [n + m for n in range(2) for m in (5, 6)]", [5, 6, 6, 7]),
        ("for i in map(lambda n: n + 1, [1, 2])", [2, 3]),
        ("for i in filter(lambda n: n > 1, [1, 2])", [2]),
        ("for i in (n for n in [1, 2])", [1, 2]),
        ("for i in sorted([1, 2])", [1, 2]),
        ("for i in reversed([1, 2])", [2, 1]),
        ("for i in []", []),
        ("for i in range(100)", [0, None]),
        ("for i in range(epochs)", [0, None]),
        ("for i in undefined", [None, None]),
        ("while undefined", [8, None]),
        ("while False", []),
    ],
)
def test_a_loop_runs_with(loop: str, numbers: list[int | None]) -> None:
    assert watch(f"i = 8\n{loop}:\n    number(i)\n    i += 1").numbers == numbers


def test_a_counter_in_a_long_loop_is_unknown_after_it() -> None:
    assert watch("i = 0\nfor _ in range(100):\n    i += 1\nnumber(i)").numbers == [None]


def test_a_counter_in_a_short_loop_is_known_after_it() -> None:
    assert watch("i = 0\nfor _ in range(2):\n    i += 1\nnumber(i)").numbers == [2]


def test_a_list_grown_in_a_long_loop_has_any_length() -> None:
    assert watch("a = []\nfor i in range(100):\n    a.append(i)\nnumber(len(a))").numbers == [None]


def test_break_ends_a_loop_and_skips_its_else() -> None:
    assert watch("for i in range(3):\n    number(i)\n    break\nelse:\n    number(9)").numbers == [0]


def test_continue_goes_on_with_the_next_lap() -> None:
    assert watch(
        "for i in (0, 1, 2):\n    if i == 1:\n        continue\n    number(i)\nelse:\n    number(9)"
    ).numbers == [0, 2, 9]


def test_a_break_on_an_unknown_condition_leaves_the_rest_of_the_loop_alive() -> None:
    assert watch("for i in (0, 1, 2):\n    if stop:\n        break\n    number(i)\nnumber(9)").numbers == [0, 1, 2, 9]


def test_return_ends_the_loop_and_the_function() -> None:
    assert watch("def f():\n    for i in range(3):\n        return i\nnumber(f())").numbers == [0]


def test_a_mode_set_at_the_end_of_a_lap_is_seen_in_the_next() -> None:
    seen = watch(
        TRAINING + "for epoch in range(10):\n    for x, y in train_loader:\n"
        "        F.cross_entropy(model(x), y).backward()\n        optimizer.step()\n    model.eval()"
    )
    assert [use.training for event in seen.all(BackwardRan) for use in event.models] == [True, True, False]


def test_an_optimizer_shared_by_models_of_a_loop_is_seen_with_each() -> None:
    seen = watch(
        """
        models = {name: nn.Linear(4, 3) for name in ['a', 'b', 'c', 'd']}
        optimizer = optim.SGD(models['a'].parameters(), lr=0.1)
        for name, model in models.items():
            model(torch.ones(2, 4)).sum().backward()
            optimizer.step()
        """
    )
    built = [event.parameters for event in seen.all(ModelBuilt)]
    assert [event.reaches for event in seen.all(BackwardRan)] == built
    assert [event.parameters for event in seen.all(OptimizerStepped)] == [built[0]] * 4


def test_a_model_and_its_optimizer_built_in_each_lap_belong_together() -> None:
    seen = watch(
        "for lr in [0.1, 0.01, 0.001]:\n"
        "    model = nn.Linear(4, 3)\n    optimizer = optim.SGD(model.parameters(), lr=lr)\n"
        "    model(torch.ones(2, 4)).sum().backward()\n    optimizer.step()"
    )
    assert [event.lr for event in seen.all(OptimizerBuilt)] == [0.1, 0.01, 0.001]
    assert [event.reaches for event in seen.all(BackwardRan)] == [
        event.parameters for event in seen.all(OptimizerStepped)
    ]
    assert len({event.parameters for event in seen.all(ModelBuilt)}) == 3


def test_a_pass_over_a_loader_tells_what_was_done_with_its_batches() -> None:
    seen = watch(
        TRAINING + "for epoch in range(5):\n"
        "    for x, y in train_loader:\n"
        "        optimizer.zero_grad()\n        F.cross_entropy(model(x), y).backward()\n        optimizer.step()\n"
        "    with torch.no_grad():\n"
        "        for x, y in test_loader:\n            correct = (model(x).argmax(1) == y).sum()\n"
    )
    train, test = seen.all(PassEnded)[:2]
    assert (train.loader, train.backward, train.stepped) == (
        seen.object("train_loader"),
        True,
        (seen.object("optimizer"),),
    )
    assert (test.loader, test.backward, test.stepped) == (seen.object("test_loader"), False, ())
    assert train.measured
    assert test.measured
    assert [use.grad for use in (*train.models, *test.models)] == [True, False]


def test_the_loop_over_the_epochs_is_a_plan() -> None:
    seen = watch(
        TRAINING + "num_epochs = 5\nfor epoch in range(num_epochs):\n    for x, y in train_loader:\n"
        "        F.cross_entropy(model(x), y).backward()\n        optimizer.step()\n"
        "    for x, y in test_loader:\n        model(x)"
    )
    plan = seen.one(TrainingPlanned)
    assert (plan.epochs.value, plan.epochs.name) == (5, "num_epochs")
    assert plan.epochs.place is not None
    assert (plan.epochs.place.line, plan.place.line) == (5, 6)
    assert (plan.batch_size, plan.loader) == (8, seen.object("train_loader"))
    assert plan.optimizers == (seen.object("optimizer"),)
    assert plan.evaluated == (seen.object("test_loader"),)


def test_the_epochs_are_planned_though_each_is_a_call() -> None:
    seen = watch(
        TRAINING + "def train_one_epoch():\n    for x, y in train_loader:\n"
        "        F.cross_entropy(model(x), y).backward()\n        optimizer.step()\n"
        "def fit(epochs=7):\n    for epoch in range(epochs):\n        train_one_epoch()\nfit()"
    )
    plan = seen.one(TrainingPlanned)
    assert plan.epochs.value == 7
    assert plan.functions == ("fit",)
    assert plan.decision.line == 12


def test_a_while_loop_over_epochs_is_a_plan_of_unknown_length() -> None:
    seen = watch(
        TRAINING + "while not done():\n    for x, y in train_loader:\n"
        "        F.cross_entropy(model(x), y).backward()\n        optimizer.step()"
    )
    assert seen.one(TrainingPlanned).epochs.value is None


def test_gradient_accumulation_steps_under_its_condition() -> None:
    seen = watch(
        TRAINING + "for i, (x, y) in enumerate(train_loader):\n    F.cross_entropy(model(x), y).backward()\n"
        "    if (i + 1) % 4 == 0:\n        optimizer.step()\n        optimizer.zero_grad()"
    )
    assert len(seen.all(BackwardRan)) == 2
    assert {len(event.facts) for event in seen.all(OptimizerStepped)} == {1}
    assert {len(event.facts) for event in seen.all(GradientsCleared)} == {1}


def test_a_loss_added_up_over_the_laps_keeps_its_graph() -> None:
    body = (
        TRAINING + "total = 0\nfor x, y in train_loader:\n    loss = F.cross_entropy(model(x), y)\n"
        "    loss.backward()\n    total += loss{}"
    )
    assert [event.name for event in watch(body.format("")).all(GraphKept)] == ["total"]
    assert watch(body.format(".item()")).all(GraphKept) == []


def test_batches_drawn_by_hand_are_batches() -> None:
    seen = watch(TRAINING + "x, y = next(iter(train_loader))\nF.cross_entropy(model(x), y).backward()")
    assert seen.one(BatchDrawn).loader == seen.one(BackwardRan).loader == seen.object("train_loader")


def test_the_first_lap_of_an_epoch_loop_that_evaluates_first_is_in_train_mode() -> None:
    seen = watch(
        TRAINING + "for epoch in range(10):\n    for x, y in train_loader:\n        model(x).sum().backward()\n"
        "    model.eval()\n    for x, y in test_loader:\n        model(x)\n    model.train()"
    )
    assert {use.training for event in seen.all(BackwardRan) for use in event.models} == {True}
    assert len(seen.all(ModeSet)) == 4
