"""TNY5xx over hand-made stories: what no notebook says as briefly, and what only one witness would see."""

from __future__ import annotations

from stories import (
    MODEL,
    OPTIMIZER,
    OTHER_MODEL,
    OTHER_OPTIMIZER,
    at,
    backward,
    built,
    cleared,
    ended,
    leaves,
    lines,
    loss,
    optimizer_built,
    owned,
    scheduler_built,
    scheduler_stepped,
    stepped,
    told,
    use,
)

from tinyguard.events import BackwardRan, Escaped, Event, GradientsSet, OptimizerBuilt
from tinyguard.finding import Related
from tinyguard.rules.backward_missing import BackwardMissing
from tinyguard.rules.gradients_cleared_before_step import GradientsClearedBeforeStep
from tinyguard.rules.gradients_never_cleared import GradientsNeverCleared
from tinyguard.rules.layer_missed_by_optimizer import LayerMissedByOptimizer
from tinyguard.rules.optimizer_misses_model import OptimizerMissesModel
from tinyguard.rules.optimizer_shared import OptimizerShared
from tinyguard.rules.scheduler_of_other_optimizer import SchedulerOfOtherOptimizer
from tinyguard.rules.step_missing import StepMissing

MAYBE = frozenset({("flag", True)})

# The model is built again on line 3, after its optimizer.
REBUILT: list[Event] = [*built(1), *optimizer_built(2), *built(3, OTHER_MODEL)]


def lap(model: int, optimizer: int = OPTIMIZER, *, of: int = MODEL, line: int = 10) -> list[Event]:
    """One turn of a training loop: clear, backward, step."""
    return [cleared(line, of), backward(line + 1, model), stepped(line + 2, optimizer, of=of)]


# --- TNY501, TNY502 ---------------------------------------------------------------------------------------------------


def test_an_optimizer_older_than_its_model_is_told_at_the_model() -> None:
    (finding,) = told(OptimizerMissesModel(), REBUILT, lap(OTHER_MODEL), lap(OTHER_MODEL), ended())
    assert finding.place == at(3)
    assert (
        finding.message
        == "`optimizer` holds the parameters of an earlier `model`; nothing of the `model` that is trained"
    )
    assert Related("`optimizer` was built here", at(2)) in finding.related
    assert Related("the step that changes nothing", at(12)) in finding.related


def test_the_end_is_enough_when_there_is_one_step() -> None:
    assert lines(OptimizerMissesModel(), REBUILT, lap(OTHER_MODEL)) == []
    assert lines(OptimizerMissesModel(), REBUILT, lap(OTHER_MODEL), ended()) == [3]


def test_a_step_is_judged_when_the_next_one_comes() -> None:
    assert lines(OptimizerMissesModel(), REBUILT, lap(OTHER_MODEL), lap(OTHER_MODEL)) == [3]


def test_an_optimizer_of_the_wrong_model_is_told_at_the_optimizer() -> None:
    story = [*built(1, name="small"), *built(2, OTHER_MODEL, name="large"), *optimizer_built(3)]
    (finding,) = told(OptimizerMissesModel(), story, lap(OTHER_MODEL), ended())
    assert finding.place == at(3)
    assert finding.message == "`optimizer` holds the parameters of `small`; nothing of the `large` that is trained"


def test_the_wrong_one_of_two_optimizers_is_told_at_the_call() -> None:
    story = [
        *(*built(1), *built(2, OTHER_MODEL)),
        *(*optimizer_built(3), *optimizer_built(4, OTHER_OPTIMIZER, of=OTHER_MODEL, name="right")),
        backward(21, OTHER_MODEL, via=(at(9),)),
        stepped(22, via=(at(9),)),
    ]
    (finding,) = told(OptimizerMissesModel(), story, ended())
    assert finding.place == at(9)
    assert finding.remedy == "train `model` with `right`"


def test_of_a_graph_that_was_not_seen_whole_the_models_in_it_tell() -> None:
    some = backward(11, OTHER_MODEL, reaches=leaves(200, complete=False))
    (finding,) = told(OptimizerMissesModel(), REBUILT, some, stepped(12), ended())
    assert finding.place == at(3)


def test_what_is_not_known_whole_is_not_told() -> None:
    dim = leaves(200, complete=False)
    for story in (
        [*REBUILT, Escaped(place=at(9), objects=(MODEL,)), backward(11, OTHER_MODEL, reaches=dim), stepped(12)],
        [*REBUILT, backward(11, OTHER_MODEL, reaches=dim, mode={"parameters": dim}), stepped(12)],
        [*REBUILT, backward(11, OTHER_MODEL), stepped(12, parameters=leaves(100, complete=False))],
        [*REBUILT, backward(11, OTHER_MODEL, facts=MAYBE), stepped(12)],
        [*REBUILT, Escaped(place=at(9), objects=(OPTIMIZER,)), *lap(OTHER_MODEL)],
        [*REBUILT, backward(11, OTHER_MODEL, models=()), stepped(12)],
        [*REBUILT, backward(11, OTHER_MODEL), GradientsSet(place=at(12), parameters=owned(MODEL)), stepped(13)],
    ):
        assert lines(OptimizerMissesModel(), story, ended()) == []


def test_both_ways_of_a_branch_may_be_wrong() -> None:
    story = [*REBUILT, backward(11, OTHER_MODEL, facts=MAYBE), stepped(12, facts=MAYBE)]
    assert lines(OptimizerMissesModel(), story, ended()) == [3]


def test_another_optimizer_may_take_care_of_the_model() -> None:
    turn = [
        backward(11, OTHER_MODEL),
        stepped(12),
        stepped(13, OTHER_OPTIMIZER, of=OTHER_MODEL),
    ]
    assert lines(OptimizerMissesModel(), REBUILT, turn, turn, ended()) == []
    assert (
        lines(OptimizerMissesModel(), REBUILT, [*turn[:2], stepped(13, 99, parameters=leaves(complete=False))], ended())
        == []
    )


def test_a_step_before_the_first_loss_is_no_hazard() -> None:
    assert (
        lines(OptimizerMissesModel(), built(1), optimizer_built(2), stepped(3), lap(MODEL), lap(MODEL), ended()) == []
    )


def test_an_optimizer_that_trained_before_is_shared() -> None:
    story = [*built(1), *optimizer_built(2), *lap(MODEL), *built(20, OTHER_MODEL), *lap(OTHER_MODEL, line=21), ended()]
    assert lines(OptimizerShared(), story) == [20]
    assert lines(OptimizerMissesModel(), story) == []
    assert lines(OptimizerShared(), REBUILT, lap(OTHER_MODEL), lap(OTHER_MODEL), ended()) == []


def test_an_optimizer_that_may_have_trained_before_is_not_told_as_shared() -> None:
    story = [*built(1), *optimizer_built(2), backward(11), stepped(12, facts=MAYBE), *built(20, OTHER_MODEL)]
    assert lines(OptimizerShared(), story, lap(OTHER_MODEL, line=21), ended()) == []
    assert lines(OptimizerMissesModel(), story, lap(OTHER_MODEL, line=21), ended()) == [20]


def test_a_birth_that_nobody_saw_leaves_the_step() -> None:
    assert lines(OptimizerMissesModel(), built(1, OTHER_MODEL), lap(OTHER_MODEL), ended()) == [12]
    assert lines(OptimizerMissesModel(), built(1), optimizer_built(2), lap(OTHER_MODEL), ended()) == [12]
    assert lines(OptimizerShared(), lap(MODEL), lap(OTHER_MODEL, line=20), ended()) == [22]


def test_a_shared_optimizer_younger_than_the_models_is_told_at_the_call() -> None:
    def trained(model: int, line: int) -> list[Event]:
        return [event.replace(via=(at(line),)) for event in lap(model)]

    models = [*built(1), *built(2, OTHER_MODEL), *optimizer_built(3)]
    assert lines(OptimizerShared(), models, trained(MODEL, 7), trained(OTHER_MODEL, 8), ended()) == [8]


# --- TNY503 -----------------------------------------------------------------------------------------------------------

SCHEDULED: list[Event] = [*built(1), *optimizer_built(2), *scheduler_built(3), *optimizer_built(4, OTHER_OPTIMIZER)]


def test_a_scheduler_older_than_the_optimizer_is_told_at_the_optimizer() -> None:
    turn = [*lap(MODEL, OTHER_OPTIMIZER), scheduler_stepped(14)]
    (finding,) = told(SchedulerOfOtherOptimizer(), SCHEDULED, turn, turn, ended())
    assert finding.place == at(4)
    assert "an earlier `optimizer`" in finding.message


def test_optimizers_that_take_turns_are_no_hazard() -> None:
    turn = [*lap(MODEL), scheduler_stepped(14), *lap(MODEL, OTHER_OPTIMIZER), scheduler_stepped(24)]
    assert lines(SchedulerOfOtherOptimizer(), SCHEDULED, turn, turn, ended()) == []
    turn = [*lap(MODEL, OTHER_OPTIMIZER), scheduler_stepped(14), *lap(MODEL), scheduler_stepped(24)]
    assert lines(SchedulerOfOtherOptimizer(), SCHEDULED, turn, turn, ended()) == []


def test_a_scheduler_of_nobody_knows_whom_is_not_told() -> None:
    turn = [*lap(MODEL, OTHER_OPTIMIZER), scheduler_stepped(14, of=None)]
    assert lines(SchedulerOfOtherOptimizer(), SCHEDULED, turn, turn, ended()) == []


def test_a_step_that_may_be_taken_proves_nothing_of_the_scheduler() -> None:
    turn = [backward(11), stepped(12, OTHER_OPTIMIZER, facts=MAYBE), scheduler_stepped(14)]
    assert lines(SchedulerOfOtherOptimizer(), SCHEDULED, turn, turn, ended()) == []
    turn = [backward(11), stepped(12, OTHER_OPTIMIZER, parameters=leaves(100, complete=False)), scheduler_stepped(14)]
    assert lines(SchedulerOfOtherOptimizer(), SCHEDULED, turn, turn, ended()) == []


def test_an_escaped_optimizer_may_step_elsewhere() -> None:
    turn = [*lap(MODEL, OTHER_OPTIMIZER), scheduler_stepped(14)]
    escaped = Escaped(place=at(5), objects=(OPTIMIZER,))
    assert lines(SchedulerOfOtherOptimizer(), SCHEDULED, escaped, turn, turn, ended()) == []


# --- TNY504, TNY505 ---------------------------------------------------------------------------------------------------

READY: list[Event] = [*built(1), *optimizer_built(2)]
UNSTEPPED: list[Event] = [cleared(10), backward(11)]
UNDIFFERENTIATED: list[Event] = [cleared(10), loss(11), stepped(12)]


def test_a_loop_that_never_steps_is_told_at_its_backward() -> None:
    assert lines(StepMissing(), READY, UNSTEPPED, UNSTEPPED, ended()) == [11]


def test_one_backward_pass_is_a_look_at_gradients() -> None:
    assert lines(StepMissing(), READY, UNSTEPPED, ended()) == []


def test_absence_is_not_told_of_a_run_that_was_not_read_whole() -> None:
    assert lines(StepMissing(), READY, UNSTEPPED, UNSTEPPED, ended(complete=False)) == []
    assert lines(BackwardMissing(), READY, UNDIFFERENTIATED, UNDIFFERENTIATED, ended(complete=False)) == []


def test_absence_is_not_told_of_what_escaped() -> None:
    for number in (MODEL, OPTIMIZER):
        escaped = Escaped(place=at(5), objects=(number,))
        assert lines(StepMissing(), READY, escaped, UNSTEPPED, UNSTEPPED, ended()) == []
        turn = [escaped, *UNDIFFERENTIATED]
        assert lines(BackwardMissing(), READY, turn, turn, ended()) == []


def test_what_had_the_model_before_the_loop_gives_it_no_gradient_in_the_loop() -> None:
    plotted = Escaped(place=at(5), objects=(MODEL,))
    assert lines(BackwardMissing(), READY, plotted, UNDIFFERENTIATED, UNDIFFERENTIATED, ended()) == [12]


def test_a_step_that_may_be_taken_is_a_step() -> None:
    for step in (stepped(12, facts=MAYBE), stepped(12, 99, parameters=leaves(complete=False))):
        assert lines(StepMissing(), READY, UNSTEPPED, step, UNSTEPPED, ended()) == []


def test_a_step_without_gradients_is_told_at_the_step() -> None:
    assert lines(BackwardMissing(), READY, UNDIFFERENTIATED, UNDIFFERENTIATED, ended()) == [12]


def test_one_step_without_gradients_is_a_trial() -> None:
    assert lines(BackwardMissing(), READY, UNDIFFERENTIATED, ended()) == []
    assert lines(BackwardMissing(), READY, UNDIFFERENTIATED, loss(20), stepped(21), ended()) == []


def test_gradients_may_come_from_elsewhere() -> None:
    written = GradientsSet(place=at(11), parameters=owned(MODEL))
    unknown = BackwardRan(place=at(11), reaches=leaves(complete=False))
    for source in (written, unknown, backward(11, facts=MAYBE), backward(11, OTHER_MODEL)):
        turn = [loss(10), source, stepped(12)]
        assert lines(BackwardMissing(), READY, turn, turn, ended()) == []
    turn = [loss(10), stepped(12)]
    assert lines(BackwardMissing(), READY, backward(3), stepped(4), turn, turn, ended()) == []
    assert lines(BackwardMissing(), READY, written.replace(place=at(3)), turn, turn, ended()) == []
    turn = [loss(10, facts=MAYBE), stepped(12)]
    assert lines(BackwardMissing(), READY, turn, turn, ended()) == []
    turn = [loss(10), stepped(12, parameters=leaves(100, complete=False))]
    assert lines(BackwardMissing(), READY, turn, turn, ended()) == []


def test_a_schedule_that_is_drawn_computes_no_loss() -> None:
    assert lines(BackwardMissing(), READY, loss(3), stepped(4), stepped(4), stepped(4), ended()) == []
    turn = [loss(3, models=(use(grad=False),)), stepped(4)]
    assert lines(BackwardMissing(), READY, turn, turn, ended()) == []


# --- TNY506, TNY507 ---------------------------------------------------------------------------------------------------

ADDING: list[Event] = [backward(11), stepped(12)]


def test_gradients_that_add_up_are_told_at_the_step() -> None:
    assert lines(GradientsNeverCleared(), READY, ADDING, ADDING) == [12]


def test_gradients_may_be_cleared_anywhere_between() -> None:
    for clearing in (
        cleared(10),
        cleared(10, facts=MAYBE),
        cleared(10, parameters=leaves(complete=False)),
        cleared(10, parameters=leaves(100)),
    ):
        assert lines(GradientsNeverCleared(), READY, ADDING, clearing, ADDING) == []
    assert lines(GradientsNeverCleared(), READY, cleared(3), ADDING, cleared(10, OTHER_MODEL), ADDING) == [12]


def test_what_else_an_optimizer_may_hold_does_not_matter_for_gradients_that_pile_up() -> None:
    turn = [backward(11), stepped(12, parameters=leaves(100, 101, complete=False))]
    assert lines(GradientsNeverCleared(), READY, turn, turn) == [12]


def test_gradients_that_only_may_add_up_are_not_told() -> None:
    for turn in (
        [backward(11, facts=MAYBE), stepped(12)],
        [backward(11), stepped(12, parameters=leaves(complete=False))],
        [backward(11, OTHER_MODEL), stepped(12)],
    ):
        assert lines(GradientsNeverCleared(), READY, turn, turn) == []
    assert lines(GradientsNeverCleared(), READY, backward(11), stepped(12, facts=MAYBE), ADDING) == []
    assert lines(GradientsNeverCleared(), READY, Escaped(place=at(3), objects=(OPTIMIZER,)), ADDING, ADDING) == []


def test_steps_on_two_lines_are_no_loop() -> None:
    assert lines(GradientsNeverCleared(), READY, ADDING, backward(21), stepped(22)) == []


def test_gradients_are_accumulated_before_a_step() -> None:
    turn = [backward(11), backward(11), stepped(12), cleared(13)]
    assert lines(GradientsNeverCleared(), READY, turn, turn) == []


def test_gradients_that_are_thrown_away_are_told_at_the_clearing() -> None:
    assert lines(GradientsClearedBeforeStep(), READY, backward(11), cleared(12), stepped(13)) == [12]


def test_clearing_all_that_is_stepped_leaves_nothing_whatever_else_was_reached() -> None:
    dim = backward(11, reaches=leaves(100, 101, complete=False))
    assert lines(GradientsClearedBeforeStep(), READY, [dim, cleared(12)], stepped(13)) == [12]


def test_what_is_left_after_clearing_is_enough() -> None:
    for left in (
        [backward(11), cleared(12, OTHER_MODEL)],
        [backward(11), cleared(12, facts=MAYBE)],
        [backward(11), cleared(12, parameters=leaves(100))],
        [backward(11), cleared(12), backward(12)],
        [backward(11), cleared(12), BackwardRan(place=at(12), reaches=leaves(complete=False))],
        [backward(11), cleared(12), GradientsSet(place=at(12), parameters=owned(MODEL))],
        [backward(11), stepped(11), cleared(12)],
        [cleared(12)],
        [backward(11, facts=MAYBE), cleared(12)],
        [backward(11, reaches=leaves(100, 101, complete=False)), cleared(12, parameters=leaves(100, 101, 102))],
        [Escaped(place=at(3), objects=(OPTIMIZER,)), backward(11), cleared(12)],
    ):
        assert lines(GradientsClearedBeforeStep(), READY, left, stepped(13)) == []
    dim = leaves(100, 101, complete=False)
    assert lines(GradientsClearedBeforeStep(), READY, backward(11), cleared(12), stepped(13, parameters=dim)) == []


# --- TNY509 -----------------------------------------------------------------------------------------------------------

HEAD = leaves(500)
WHOLE = leaves(100, 500)
REPLACED: list[Event] = [*READY, *built(3, 5, name="head", parameters=HEAD, kind="Linear")]


def with_head(line: int = 11) -> Event:
    return backward(line, reaches=WHOLE, models=(use(parameters=WHOLE),))


def test_a_layer_younger_than_the_optimizer_is_told_where_it_is_built() -> None:
    (finding,) = told(LayerMissedByOptimizer(), REPLACED, with_head(), stepped(12), ended())
    assert finding.place == at(3)
    assert finding.message.startswith("this Linear became part of `model` after `optimizer` was built")


def test_a_layer_that_somebody_trains_is_not_missed() -> None:
    own = OptimizerBuilt(place=at(4), optimizer=OTHER_OPTIMIZER, parameters=HEAD)
    unknown = OptimizerBuilt(place=at(4), optimizer=99, parameters=leaves(complete=False))
    added = stepped(13, parameters=WHOLE)
    for excuse in (own, unknown, added):
        assert lines(LayerMissedByOptimizer(), REPLACED, with_head(), stepped(12), excuse, ended()) == []


def test_a_layer_that_only_may_be_missed_is_not_told() -> None:
    maybe_head = [*READY, *built(3, 5, name="head", parameters=HEAD, facts=MAYBE)]
    assert lines(LayerMissedByOptimizer(), maybe_head, with_head(), stepped(12), ended()) == []
    maybe_pass = backward(11, reaches=WHOLE, models=(use(parameters=WHOLE),), facts=MAYBE)
    assert lines(LayerMissedByOptimizer(), REPLACED, maybe_pass, stepped(12), ended()) == []
    escaped = Escaped(place=at(4), objects=(OPTIMIZER,))
    assert lines(LayerMissedByOptimizer(), REPLACED, escaped, with_head(), stepped(12), ended()) == []
    dim = backward(11, reaches=leaves(100, 500, complete=False), models=(use(parameters=WHOLE),))
    assert lines(LayerMissedByOptimizer(), REPLACED, dim, stepped(12), ended()) == []


def test_a_layer_older_than_the_optimizer_is_left_out_on_purpose() -> None:
    older = [*built(1), *built(1, 5, name="head", parameters=HEAD), *optimizer_built(2)]
    assert lines(LayerMissedByOptimizer(), older, with_head(), stepped(12), ended()) == []
