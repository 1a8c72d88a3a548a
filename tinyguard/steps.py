"""Story -> the steps of each optimizer and what they worked on: what the rules of absence ask for.

A step is judged only when more of the story is known than its own lap: at the optimizer's next step, and the last one
at the end. What seems missing in the first lap of a loop may come in its second half.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from tinyguard.events import (
    BackwardRan,
    Event,
    GradientsCleared,
    GradientsSet,
    ModelBuilt,
    ModelUse,
    OptimizerBuilt,
    OptimizerStepped,
    Parameters,
    RunEnded,
)
from tinyguard.story import Story, certain, possible


def judged(event: Event, story: Story) -> Iterator[OptimizerStepped]:
    """The steps to be judged now, when `event` is an optimizer's step or the end."""
    match event:
        case OptimizerStepped():
            before = previous(event, story)
            if before is not None and not before.after_gap:
                yield before
        case RunEnded():
            last = {step.optimizer: step for step in story.all(OptimizerStepped)}
            yield from (step for step in last.values() if not step.after_gap)


def previous(step: OptimizerStepped, story: Story) -> OptimizerStepped | None:
    """This optimizer's step before this one."""
    steps = story.steps(step.optimizer)
    index = bisect_left(steps, story.position(step), key=story.position)
    return steps[index - 1] if index else None


def lap(step: OptimizerStepped, story: Story) -> list[Event]:
    """What happened since this optimizer's previous step, or since its construction."""
    return story.between(previous(step, story) or story.built(step.optimizer), step)


def later(one: Event, other: Event, story: Story) -> bool:
    """`one` happened after `other`."""
    return story.position(one) > story.position(other)


def may_touch(parameters: Parameters, others: Parameters) -> bool:
    """They have leaves in common, or nobody can know that they have not."""
    return parameters.overlaps(others) or not (parameters.complete and others.complete)


def stray_backward(step: OptimizerStepped, story: Story) -> tuple[BackwardRan, ModelUse] | None:
    """The backward pass before this step that reached a model of which the step holds nothing, and that model.

    None as well when another optimizer takes care of that model, or when anything needed is not known.
    """
    if not step.parameters.complete or story.escaped(step.optimizer):
        return None
    if any(not _goes_past(backward, step, story) for backward in story.gradients(step)):
        return None
    window = lap(step, story)
    if any(isinstance(event, GradientsSet) and may_touch(event.parameters, step.parameters) for event in window):
        return None
    passes = [event for event in window if isinstance(event, BackwardRan)]
    if not passes or not certain(passes[-1], given=step) or not _goes_past(passes[-1], step, story):
        return None
    backward = passes[-1]
    trained = [use for use in backward.models if use.parameters.overlaps(backward.reaches)]
    if not trained or _steps_elsewhere(backward, step, story):
        return None
    return backward, max(trained, key=lambda use: len(use.parameters.leaves & backward.reaches.leaves))


def _goes_past(backward: BackwardRan, step: OptimizerStepped, story: Story) -> bool:
    """Nothing that it reached is among what the optimizer steps.

    Of a graph that was not seen whole, the models are known that took part in it: none of them is the optimizer's, and
    nobody could have put the optimizer's own model into it unseen.
    """
    if backward.reaches.disjoint(step.parameters):
        return True
    if backward.reaches.overlaps(step.parameters) or not backward.reaches.leaves or not backward.models:
        return False
    mine = owner(step.parameters, story, before=step)
    return (
        mine is not None
        and not story.escaped(mine.model)
        and all(use.parameters.disjoint(step.parameters) for use in backward.models)
    )


def _steps_elsewhere(backward: BackwardRan, step: OptimizerStepped, story: Story) -> bool:
    """Another optimizer may step what `backward` reached, in this lap or another of the same training."""
    here = (backward.place, backward.via)
    first = next(event for event in story.all(BackwardRan) if (event.place, event.via) == here)
    return any(
        isinstance(event, OptimizerStepped)
        and event.optimizer != step.optimizer
        and may_touch(event.parameters, backward.reaches)
        for event in story.between(first, None)
    )


def used_gradients_before(step: OptimizerStepped, story: Story) -> OptimizerStepped | None:
    """An earlier step of this optimizer that did train something; None: there is none for certain."""
    for other in story.steps(step.optimizer):
        if other is step:
            return None
        if certain(other, given=step):
            passes = [backward for backward in story.gradients(other) if certain(backward, given=other)]
            if any(backward.reaches.overlaps(step.parameters) for backward in passes):
                return other
    return None


def never_cleared(optimizer: int, story: Story) -> bool:
    """The gradients of all its steps add up; whatever grows then grows for that reason."""
    steps = story.steps(optimizer)
    return bool(steps) and not any(
        later(cleared, steps[0], story) and cleared.parameters.overlaps(steps[0].parameters)
        for cleared in story.all(GradientsCleared)
    )


def owner(parameters: Parameters, story: Story, *, before: Event | None = None) -> ModelBuilt | None:
    """The model that most of these parameters belong to; of equals the one built last (before that event)."""
    best: ModelBuilt | None = None
    shared = 0
    for event in story.events:
        if event is before:
            break
        if isinstance(event, ModelBuilt) and len(event.parameters.leaves & parameters.leaves) >= max(shared, 1):
            best, shared = event, len(event.parameters.leaves & parameters.leaves)
    return best


def optimizer_of(parameters: Parameters, story: Story, *, but: int, given: Event) -> OptimizerBuilt | None:
    """Another optimizer that holds some of these parameters, possibly."""
    for event in reversed(story.all(OptimizerBuilt)):
        if event.optimizer != but and event.parameters.overlaps(parameters) and possible(event, given=given):
            return event
    return None
