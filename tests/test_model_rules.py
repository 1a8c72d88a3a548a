"""TNY3xx and TNY4xx over hand-made stories."""

from __future__ import annotations

import pytest
from stories import (
    LOADER,
    OPTIMIZER,
    OTHER_MODEL,
    at,
    backward,
    built,
    ended,
    evaluated,
    leaves,
    lines,
    loss,
    mode_set,
    optimizer_built,
    stepped,
    told,
)

from tinyguard.events import Activation, Event, GraphKept
from tinyguard.finding import Related, Severity
from tinyguard.rules.activation_before_loss import ActivationBeforeLoss
from tinyguard.rules.activation_missing import ActivationMissing
from tinyguard.rules.eval_mode_in_training import EvalModeInTraining
from tinyguard.rules.evaluation_with_gradients import EvaluationWithGradients
from tinyguard.rules.loss_kept_with_graph import LossKeptWithGraph
from tinyguard.rules.train_mode_in_evaluation import TrainModeInEvaluation

EVAL = {"training": False}
MAYBE = frozenset({("flag", True)})
READY: list[Event] = [*built(1), *optimizer_built(2)]

# --- TNY301 -----------------------------------------------------------------------------------------------------------


def test_eval_mode_in_training_is_told_at_the_step_and_names_the_eval() -> None:
    (finding,) = told(EvalModeInTraining(), READY, mode_set(3, False), backward(11, mode=EVAL), stepped(12))
    assert finding.place == at(12)
    assert finding.message.startswith("`model` is trained in eval mode")
    assert Related("eval mode was set here", at(3)) in finding.related


def test_eval_mode_in_training_is_told_where_the_ways_part() -> None:
    def within(*events: Event, call: int) -> list[Event]:
        return [event.replace(via=(at(30), at(call))) for event in events]

    training = within(backward(11, mode=EVAL), stepped(12), call=21)
    assert lines(EvalModeInTraining(), READY, within(mode_set(3, False), call=20), training) == [21]
    assert lines(EvalModeInTraining(), READY, within(mode_set(3, False), call=21), training) == [12]
    assert lines(EvalModeInTraining(), READY, mode_set(3, False), training) == [30]


def test_a_mode_that_does_not_matter_or_is_not_known_is_not_told() -> None:
    for mode in (
        {"training": True},
        {"training": None},
        {**EVAL, "mode_matters": False},
        {**EVAL, "mode_matters": None},
    ):
        assert lines(EvalModeInTraining(), READY, backward(11, mode=mode), stepped(12), ended()) == []


def test_what_else_an_optimizer_holds_does_not_matter_when_one_model_is_trained() -> None:
    dim = leaves(100, complete=False)
    assert lines(EvalModeInTraining(), READY, backward(11, mode=EVAL), stepped(12, parameters=dim), ended()) == [12]


def test_a_pass_that_may_not_be_the_one_is_not_told() -> None:
    assert lines(EvalModeInTraining(), READY, backward(11, mode=EVAL, facts=MAYBE), stepped(12), ended()) == []
    dim = leaves(100, complete=False)
    patch = backward(11, mode=EVAL, reaches=leaves(100, 999))  # ... and something that is no part of the model
    assert lines(EvalModeInTraining(), READY, patch, stepped(12, parameters=dim), ended()) == []


def test_a_frozen_model_in_eval_mode_is_left_alone() -> None:
    patch = leaves(900)
    attack = backward(11, mode={**EVAL, "parameters": leaves(100)}, reaches=patch)
    assert lines(EvalModeInTraining(), attack, stepped(12, parameters=patch), ended()) == []


def test_eval_mode_is_told_though_the_optimizer_is_another_models() -> None:
    story = [*READY, *built(3, OTHER_MODEL), mode_set(4, False, OTHER_MODEL), backward(11, OTHER_MODEL, mode=EVAL)]
    assert lines(EvalModeInTraining(), story, stepped(12), ended()) == [12]


# --- TNY302, TNY303 ---------------------------------------------------------------------------------------------------

TRAINED: list[Event] = [*READY, mode_set(3, True), backward(11), stepped(12)]


def test_a_forgotten_eval_is_told_at_the_loop() -> None:
    assert lines(TrainModeInEvaluation(), TRAINED, evaluated(20, via=(at(30),)), evaluated(20, via=(at(31),))) == [20]


def test_train_mode_for_this_very_pass_is_a_choice() -> None:
    assert lines(TrainModeInEvaluation(), TRAINED, mode_set(19, True), evaluated(20)) == []
    assert lines(TrainModeInEvaluation(), TRAINED, mode_set(19, True, facts=MAYBE), evaluated(20)) == []


def test_a_model_that_only_may_have_been_trained_is_not_told() -> None:
    story = [*READY, mode_set(3, True), backward(11, facts=MAYBE), stepped(12, facts=MAYBE)]
    assert lines(TrainModeInEvaluation(), story, evaluated(20)) == []


def test_a_train_that_was_ruled_out_is_no_choice() -> None:
    other_way = mode_set(19, True, facts=frozenset({("flag", False)}))
    assert lines(TrainModeInEvaluation(), TRAINED, other_way, evaluated(20, facts=MAYBE)) == [20]


def test_data_of_another_loader_is_evaluation_data_whatever_it_is_called() -> None:
    trained = [*READY, mode_set(3, True), backward(11, loader=LOADER + 1), stepped(12)]
    for split in ("train", None):
        assert lines(TrainModeInEvaluation(), trained, evaluated(20, split)) == [20]
        assert lines(TrainModeInEvaluation(), trained, evaluated(20, split, model={"grad": True})) == []
        assert lines(TrainModeInEvaluation(), trained, backward(21, loader=LOADER), evaluated(20, split)) == []
        assert lines(TrainModeInEvaluation(), trained, backward(21, loader=None), evaluated(20, split)) == []


def test_only_a_measured_pass_over_held_out_data_is_an_evaluation() -> None:
    for other in (
        evaluated(20, split="train"),
        evaluated(20, backward=True),
        evaluated(20, stepped=(OPTIMIZER,)),
        evaluated(20, measured=False),
        evaluated(20, model=EVAL),
        evaluated(20, model={"mode_matters": None}),
    ):
        assert lines(TrainModeInEvaluation(), TRAINED, other) == []
        assert lines(EvaluationWithGradients(), TRAINED, other) == []


def test_an_untrained_model_is_told_only_when_it_came_with_its_weights() -> None:
    assert lines(TrainModeInEvaluation(), READY, evaluated(20)) == []
    assert lines(TrainModeInEvaluation(), READY, evaluated(20, model={"pretrained": True})) == [20]


def test_gradients_in_an_evaluation_are_a_suspicion() -> None:
    assert lines(EvaluationWithGradients(), TRAINED, evaluated(20, model={**EVAL, "grad": True})) == [20]
    assert EvaluationWithGradients.suspicion


# --- TNY401, TNY402, TNY403 -------------------------------------------------------------------------------------------


def applied(name: str, line: int | None = 5) -> Activation:
    return Activation(name, at(line) if line else None)


def test_one_softmax_before_nine_losses_is_told_once_at_the_softmax() -> None:
    losses = [loss(line, activation=applied("softmax")) for line in range(20, 29)]
    (finding,) = told(ActivationBeforeLoss(), losses)
    assert finding.place == at(5)
    assert finding.message == "softmax is applied before `cross_entropy`, which wants raw scores"
    assert Related("`cross_entropy` is computed from it here", at(20)) in finding.related


def test_an_activation_of_unknown_place_is_told_at_the_loss() -> None:
    assert lines(ActivationBeforeLoss(), loss(20, activation=applied("softmax", None))) == [20]


@pytest.mark.parametrize(
    ("criterion", "activation", "severity"),
    [
        ("cross_entropy", "sigmoid", Severity.ERROR),
        ("cross_entropy", "log_softmax", Severity.NOTE),
        ("binary_cross_entropy_with_logits", "sigmoid", Severity.ERROR),
        ("nll_loss", "softmax", Severity.ERROR),
        ("nll_loss", "log_softmax", None),
        ("nll_loss", "log", None),
        ("binary_cross_entropy", "sigmoid", None),
        ("mse_loss", "softmax", None),
    ],
)
def test_each_loss_wants_its_own_input(criterion: str, activation: str, severity: Severity | None) -> None:
    found = told(ActivationBeforeLoss(), loss(20, criterion, activation=applied(activation)))
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    assert lines(ActivationMissing(), loss(20, criterion, activation=applied(activation), layer="Linear")) == []


def test_raw_scores_are_told_where_the_loss_is_built() -> None:
    raw = loss(20, "nll_loss", layer="Linear", criterion_built=at(4))
    assert lines(ActivationMissing(), raw, raw.replace(place=at(21))) == [4]
    assert lines(ActivationMissing(), loss(20, "binary_cross_entropy", layer="Linear")) == [20]


def test_a_mean_may_be_a_probability_but_no_logarithm_of_one() -> None:
    assert lines(ActivationMissing(), loss(20, "nll_loss", layer="AdaptiveAvgPool2d")) == [20]
    assert lines(ActivationMissing(), loss(20, "binary_cross_entropy", layer="AdaptiveAvgPool2d")) == []


def test_an_input_that_is_not_known_is_not_told() -> None:
    for unknown in (
        loss(20, "nll_loss"),
        loss(20, "nll_loss", layer="Linear", input_known=False),
        loss(20, layer="Linear"),
    ):
        assert lines(ActivationMissing(), unknown) == []


def test_a_kept_graph_is_told_where_it_is_kept() -> None:
    (finding,) = told(LossKeptWithGraph(), GraphKept(place=at(7), name="losses"))
    assert finding.place == at(7)
    assert finding.message.startswith("`losses` keeps")
