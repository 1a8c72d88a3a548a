"""Story -> the evaluations that were measured while the program ran, and what they can be held against."""

from __future__ import annotations

from tinyguard.curves import EVALUATION, STEPS, Curve, decision
from tinyguard.events import BackwardRan, LossComputed
from tinyguard.finding import Place
from tinyguard.measured.evaluation import EvaluationMeasured
from tinyguard.story import Story

CLASS_NUMBERS = frozenset({"cross_entropy", "nll_loss"})  # losses whose input is a score for each class


def trained(event: EvaluationMeasured, story: Story) -> list[EvaluationMeasured]:
    """The evaluations of this model on these samples since it is trained, the last of each epoch, up to this one.

    Empty: it has hardly begun to train, or its outputs are no scores for the classes of these labels.
    """
    if event.steps < STEPS or not scores_of_classes(event, story):
        return []
    last: dict[int, EvaluationMeasured] = {}
    for one in story.all(EvaluationMeasured):
        if one.epochs and same_question(one, event):
            last[one.epochs] = one
    return list(last.values())


def same_question(one: EvaluationMeasured, other: EvaluationMeasured) -> bool:
    return (one.model, one.count, one.classes, one.largest, one.samples.split) == (
        other.model,
        other.count,
        other.classes,
        other.largest,
        other.samples.split,
    )


def scores_of_classes(event: EvaluationMeasured, story: Story) -> bool:
    """The model is trained to tell the classes of these labels apart: a loss for class numbers got such outputs of it,
    and labels just as a loader gave them (which nobody can tell when they moved to another device)."""
    if 2 * event.labels <= event.classes and event.samples.classes != event.classes:
        return False  # labels of something else
    return any(
        loss.criterion in CLASS_NUMBERS
        and loss.outputs == event.classes
        and (event.moved or loss.samples is not None)
        and any(use.model == event.model or use.parameters.overlaps(event.parameters) for use in loss.models)
        for loss in story.all(LossComputed)
    )


def collapsed(event: EvaluationMeasured) -> bool:
    """One class is predicted for every sample, though no label is that frequent."""
    return event.predicted == 1 and event.labels > 1 and event.largest * event.labels <= 2 * event.count


def accuracy_curve(evaluations: list[EvaluationMeasured]) -> Curve:
    """Their accuracies, an epoch each."""
    first = evaluations[0]
    split = first.samples.split if first.samples.split in EVALUATION else "train"
    return Curve(
        name=f"{split} accuracy",
        split=split,
        points=tuple(one.accuracy for one in evaluations),
        epochs=tuple(one.epochs for one in evaluations),
        samples=first.count,
    )


def training_decision(event: EvaluationMeasured, story: Story) -> Place:
    """The line that asked for the training behind this evaluation: in the same cell, else where the model was trained
    last."""
    found = decision(story, event.cell)
    if found != event.cell:
        return found
    for backward in reversed(story.all(BackwardRan)):
        if any(use.parameters.overlaps(event.parameters) for use in backward.models):
            return decision(story, backward.cell)
    return found
