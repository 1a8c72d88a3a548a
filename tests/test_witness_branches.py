"""The static witness takes both ways where it cannot know, and holds only what is true of either."""

from __future__ import annotations

import pytest
from watched import watch

from tinyguard.events import BackwardRan, ModelBuilt, ModeSet, OptimizerStepped, Parameters, SeedSet

TWO = "model, other = nn.Linear(4, 3), nn.Linear(4, 3)\nx = torch.ones(2, 4)\n"


@pytest.mark.parametrize(
    "test", ["True", "1 < 2", "'a' in {'a': 1}", "not None", "len([1])", "3 and 4", "isinstance(1, int)"]
)
def test_a_condition_that_is_known_decides(test: str) -> None:
    assert watch(f"if {test}:\n    number(1)\nelse:\n    number(2)").numbers == [1]


def test_an_undecided_branch_runs_both_ways_each_under_its_condition() -> None:
    seen = watch("if flag:\n    number(1)\nelse:\n    number(2)\nnumber(3)")
    assert seen.numbers == [1, 2, 3]
    one, other, after = (event.facts for event in seen.all(SeedSet))
    assert {(key, not way) for key, way in one} == other
    assert after == frozenset()


def test_a_value_that_differs_between_the_ways_is_unknown_afterwards() -> None:
    assert watch("a = b = 1\nif flag:\n    a = 2\nnumber(a)\nnumber(b)").numbers == [None, 1]


def test_the_same_value_on_both_ways_stays() -> None:
    assert watch("if flag:\n    a = 2\nelse:\n    a = 2\nnumber(a)").numbers == [2]


def test_a_write_of_one_way_is_not_seen_on_the_other() -> None:
    assert watch("a = 1\nif flag:\n    a = 2\nelse:\n    number(a)").numbers == [1]


def test_two_tests_of_the_same_unknown_agree() -> None:
    seen = watch(
        "if flag:\n    if flag:\n        number(1)\n    else:\n        number(2)\nelif not flag:\n    number(3)"
    )
    assert seen.numbers == [1, 3]


def test_tests_of_two_unknowns_do_not_agree() -> None:
    assert watch("if a:\n    if b:\n        number(1)\n    else:\n        number(2)").numbers == [1, 2]


def test_two_tests_of_the_same_tensor_agree() -> None:
    seen = watch("t = torch.ones(1)\nif t:\n    if t:\n        number(1)\n    else:\n        number(2)")
    assert seen.numbers == [1]


def test_after_an_early_return_the_condition_is_false() -> None:
    seen = watch(
        """
        def f(flag):
            if flag:
                return
            if flag:
                number(1)
            number(2)
        f(undefined)
        number(3)
        """
    )
    assert seen.numbers == [2, 3]
    inside, outside = seen.all(SeedSet)
    assert len(inside.facts) == 1
    assert outside.facts == frozenset()


def test_what_a_returning_way_wrote_is_not_seen_behind_it() -> None:
    seen = watch("def f():\n    a = 1\n    if flag:\n        a = 2\n        return\n    number(a)\nf()")
    assert seen.numbers == [1]


def test_the_results_of_all_returns_are_joined() -> None:
    seen = watch(
        f"{TWO}def pick(flag):\n    if flag:\n        return model\n    return other\n"
        "pick(undefined)(x).sum().backward()"
    )
    one, two = seen.all(ModelBuilt)[:2]
    reached = seen.one(BackwardRan).reaches
    assert reached.leaves >= one.parameters.leaves | two.parameters.leaves
    assert not reached.complete


def test_a_way_that_raises_is_not_the_one_that_goes_on() -> None:
    seen = watch("if flag:\n    a = 2\n    raise ValueError\nelse:\n    a = 1\nnumber(a)")
    assert seen.numbers == [1]
    assert seen.one(SeedSet).facts == frozenset()


def test_an_assertion_stops_nothing() -> None:
    assert watch("assert undefined\nnumber(1)").numbers == [1]


def test_two_models_become_either_of_them() -> None:
    seen = watch(
        f"{TWO}if flag:\n    chosen = model\nelse:\n    chosen = other\nchosen.eval()\nchosen(x).sum().backward()"
    )
    one, two = seen.all(ModelBuilt)[:2]
    assert seen.one(ModeSet).model not in (one.model, two.model)
    assert seen.one(BackwardRan).reaches == Parameters(one.parameters.leaves | two.parameters.leaves, False)


def test_one_of_three_models_may_be_each_of_them() -> None:
    seen = watch(
        """
        a, b, c = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)
        if name == 'a':
            chosen = a
        elif name == 'b':
            chosen = b
        else:
            chosen = c
        chosen.eval()
        chosen(torch.ones(2, 4)).sum().backward()
        for model in [a, b, c]:
            model(torch.ones(2, 4)).sum().backward()
        """
    )
    leaves = frozenset().union(*(event.parameters.leaves for event in seen.all(ModelBuilt)))
    chosen, *each = seen.all(BackwardRan)
    assert chosen.reaches == Parameters(leaves, False)
    assert [use.training for event in (chosen, *each) for use in event.models] == [False, None, None, None]


def test_an_object_built_on_one_way_only_is_that_object() -> None:
    seen = watch("model = None\nif flag:\n    model = nn.Linear(4, 3)\nmodel.eval()")
    assert seen.one(ModeSet).model == seen.one(ModelBuilt).model


def test_an_optimizer_of_either_kind_steps_the_same_parameters() -> None:
    seen = watch(
        "model = nn.Linear(4, 3)\n"
        "if name == 'sgd':\n    optimizer = optim.SGD(model.parameters(), lr=0.1)\n"
        "else:\n    optimizer = optim.Adam(model.parameters())\noptimizer.step()"
    )
    assert seen.one(OptimizerStepped).parameters == seen.one(ModelBuilt).parameters


def test_a_mode_set_on_one_way_only_is_unknown_afterwards() -> None:
    seen = watch(f"{TWO}if flag:\n    model.eval()\nmodel(x).sum().backward()\nother(x).sum().backward()")
    first, second = seen.all(BackwardRan)
    assert [use.training for use in first.models] == [None]
    assert [use.training for use in second.models] == [True]


def test_a_conditional_expression_joins_its_two_values() -> None:
    assert watch("number(1 if flag else 1)\nnumber(1 if flag else 2)\nnumber(1 if True else 2)").numbers == [1, None, 1]


def test_a_match_on_a_known_subject_takes_its_case() -> None:
    seen = watch("match 'adam':\n    case 'sgd':\n        number(1)\n    case 'adam' | 'adamw':\n        number(2)")
    assert seen.numbers == [2]


def test_a_match_on_an_unknown_subject_takes_each_case() -> None:
    seen = watch("match name:\n    case 'sgd':\n        number(1)\n    case _:\n        number(2)")
    assert seen.numbers == [1, 2]


# --- try and with -----------------------------------------------------------------------------------------------------


def test_a_try_runs_through_and_its_handlers_do_not_run() -> None:
    seen = watch("try:\n    number(1)\nexcept OSError:\n    number(2)\nelse:\n    number(3)\nfinally:\n    number(4)")
    assert seen.numbers == [1, 3, 4]


def test_a_try_that_surely_raises_runs_its_handler() -> None:
    seen = watch("try:\n    raise KeyError\n    number(1)\nexcept KeyError:\n    number(2)\nnumber(3)")
    assert seen.numbers == [2, 3]


def test_finally_runs_though_the_body_returns() -> None:
    seen = watch("def f():\n    try:\n        return 1\n    finally:\n        number(2)\nnumber(f())")
    assert seen.numbers == [2, 1]


GRAD = f"{TWO}number = lambda _: None\n"


@pytest.mark.parametrize(
    "off",
    [
        "with torch.no_grad():\n    model(x).sum().backward()",
        "with torch.inference_mode():\n    model(x).sum().backward()",
        "with torch.set_grad_enabled(False):\n    model(x).sum().backward()",
        "torch.set_grad_enabled(False)\nmodel(x).sum().backward()\ntorch.set_grad_enabled(True)",
        "@torch.no_grad()\ndef f():\n    model(x).sum().backward()\nf()",
        "@torch.inference_mode()\ndef f():\n    model(x).sum().backward()\nf()",
        "with open('log') as log, torch.no_grad():\n    model(x).sum().backward()",
    ],
)
def test_gradients_are_off_where_they_are_switched_off_and_on_again_behind(off: str) -> None:
    seen = watch(f"{TWO}{off}\nmodel(x).sum().backward()")
    inside, behind = seen.all(BackwardRan)
    assert inside.reaches == Parameters()
    assert behind.reaches == seen.all(ModelBuilt)[0].parameters


def test_gradients_are_on_in_an_enable_grad_within_no_grad() -> None:
    seen = watch(f"{TWO}with torch.no_grad():\n    with torch.enable_grad():\n        model(x).sum().backward()")
    assert seen.one(BackwardRan).reaches == seen.all(ModelBuilt)[0].parameters


def test_the_phase_decides_whether_gradients_are_on() -> None:
    seen = watch(
        f"{TWO}for phase in ['train', 'val']:\n"
        "    with torch.set_grad_enabled(phase == 'train'):\n        loss = model(x).sum()\n    loss.backward()"
    )
    assert [bool(event.reaches.leaves) for event in seen.all(BackwardRan)] == [True, False]


def test_a_contextmanager_runs_its_parts_around_the_body() -> None:
    seen = watch(
        """
        from contextlib import contextmanager
        @contextmanager
        def evaluating(model):
            was = model.training
            model.eval()
            try:
                yield model
            finally:
                model.train(was)
        model = nn.Dropout()
        with evaluating(model) as inner:
            number(1)
            inner(torch.ones(1))
        """
    )
    assert seen.lines(ModeSet, SeedSet) == [("ModeSet", 1, 5), ("SeedSet", 1, 12), ("ModeSet", 1, 9)]
    assert [event.training for event in seen.all(ModeSet)] == [False, True]


def test_a_context_of_the_user_s_enters_and_exits() -> None:
    seen = watch(
        """
        class Timer:
            def __enter__(self):
                number(1)
                return 2
            def __exit__(self, *error):
                number(3)
        with Timer() as given:
            number(given)
        """
    )
    assert seen.numbers == [1, 2, 3]


def test_a_return_within_with_leaves_the_context() -> None:
    seen = watch(
        f"{TWO}def f():\n    with torch.no_grad():\n        return model(x).sum()\nf()\nmodel(x).sum().backward()"
    )
    assert seen.one(BackwardRan).reaches == seen.all(ModelBuilt)[0].parameters
