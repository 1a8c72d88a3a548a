"""What depends on what, tried on a copy -> answers: other samples, later time steps, each part of the input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tinyguard.doctor.answers import Answer, ok, unknown, wrong
from tinyguard.doctor.trial import Trial
from tinyguard.report.text import plural

ROUNDING = 1e-4  # of the largest output: float32 sums in another order differ by some 1e-6
EDGE = 0.1  # of an image's rows or columns: fewer are what a stride leaves over
MOST_STEPS = 64  # of a sequence of numbers, each of which is changed in turn
NAMED = 8  # features that are told


def of_other_samples(trial: Trial) -> Answer:
    """One in the middle stays and all others become the same one: does its output change, in eval mode?"""
    question = "a sample's output depends on it alone"
    inputs, before = trial.inputs, _evaluated(trial)
    if not isinstance(inputs, Tensor) or inputs.dim() == 0 or len(inputs) < 3:
        return unknown(question, "its batch is not one tensor with a sample in each row")
    axis = _sample_axis(before, len(inputs))
    if axis is None:
        return unknown(question, f"none of the first dimensions of its output {tuple(before.shape)} counts samples")
    kept = len(inputs) // 2  # a recurrence along the batch would reach it from either end
    changed = inputs[_most_unlike(inputs)].expand_as(inputs).clone()
    changed[kept] = inputs[kept]
    if torch.equal(changed, inputs):
        return unknown(question, "all samples of the batch are alike")
    after = _evaluated(trial, changed)
    difference = _largest(before.select(axis, kept) - after.select(axis, kept))
    if difference <= ROUNDING * _largest(before):
        return ok(question, "in eval mode, the other samples of the batch change nothing")
    told = f"in eval mode, other samples beside it change the output of sample {kept} by {difference:.3g}"
    remedy = (
        "see whether a softmax, a norm or a recurrence runs along dimension 0 (batch_first=True is for (batch, time)), "
        "and whether batch norm keeps running statistics"
    )
    return wrong(question, f"{told}, of at most {_largest(before):.3g}", remedy)


def of_later_steps(trial: Trial) -> Answer | None:
    """For outputs at each time step: does the one at step t see inputs behind t? None: there are no time steps."""
    question, inputs, before = "no step sees later ones", trial.inputs, _evaluated(trial)
    if not isinstance(inputs, Tensor) or inputs.dim() not in (2, 3) or before.dim() != 3:
        return None
    steps = inputs.shape[1]
    if before.shape[:2] != inputs.shape[:2] or steps < 2 or len(inputs) < 2:
        return None
    half = steps // 2
    changed = inputs.clone()
    changed[:, half:] = inputs.roll(1, 0)[:, half:]
    if torch.equal(changed, inputs):
        return unknown(question, "all samples of the batch are alike")
    difference = _largest((before - _evaluated(trial, changed))[:, :half])
    if difference <= ROUNDING * _largest(before):
        return ok(question, f"what comes behind step {half} changes nothing before it")
    told = f"what comes behind step {half} changes outputs before it by {difference:.3g}"
    if _predicts_the_next(trial):
        return wrong(question, f"{told}, and the targets are the inputs one step later", "give the model a causal mask")
    return unknown(question, told, "right for a tagger; a model that predicts what comes next needs a causal mask")


def of_inputs(trial: Trial) -> Answer:
    """Has every feature, channel, row, column and time step an influence on some output?"""
    question, inputs = "every input has an influence", trial.inputs
    if not isinstance(inputs, Tensor) or inputs.dim() < 2:
        return unknown(question, "its batch is not one tensor with a sample in each row")
    if not inputs.is_floating_point():
        return _of_tokens(trial, question)
    leaf = inputs.clone().requires_grad_()
    output = trial.outputs(leaf)
    if not output.requires_grad:
        return unknown(question, "its output carries no gradient")
    # Random weights: sums of softmaxes, or of normalised outputs, are the same whatever comes in.
    (gradient,) = torch.autograd.grad((output * torch.randn_like(output)).sum(), leaf, allow_unused=True)
    if gradient is None or not bool(gradient.any()):
        return _of_nothing(trial, question)
    silent = []
    for axis in range(1, inputs.dim()):
        others = [other for other in range(inputs.dim()) if other != axis]
        seen = gradient.ne(0).sum(others) > 0
        missing = (~seen).nonzero().flatten().tolist()
        image_edge = inputs.dim() == 4 and axis > 1 and len(missing) <= EDGE * inputs.shape[axis]
        if missing and not image_edge:
            silent.append(f"{len(missing)} of {inputs.shape[axis]} {_axis(inputs, axis)} ({_some(missing)})")
    if not silent:
        return ok(question, f"each of the {inputs[0].numel():,} numbers of a sample may count")
    return wrong(question, f"without any: {'; '.join(silent)}", "see what its forward does with them")


def _of_nothing(trial: Trial, question: str) -> Answer:
    if _largest(_evaluated(trial) - _evaluated(trial, trial.inputs.roll(1, 0))) > 0:
        told = "the output follows the input, but its gradient is cut on the way"
        return unknown(question, told, "right behind a part that is frozen on purpose")
    zero = [name for name, weight in trial.model.named_parameters() if weight.dim() > 1 and not bool(weight.any())]
    if zero:
        return unknown(question, f"none has one as long as `{zero[0]}` is zero throughout")
    return wrong(
        question,
        "none has one: the output's gradient with respect to the input is zero or cut",
        "see whether its units are dead (all below 0 before a ReLU), or its forward detaches or rounds",
    )


def _of_tokens(trial: Trial, question: str) -> Answer:
    """Token by token: another sample's is put in its place."""
    inputs, before = trial.inputs, _evaluated(trial)
    if inputs.dim() != 2 or len(inputs) < 2:
        return unknown(question, "its inputs are whole numbers")
    steps = inputs.shape[1]
    tried = sorted({position * steps // min(steps, MOST_STEPS) for position in range(min(steps, MOST_STEPS))})
    silent = []
    other = inputs.roll(1, 0)
    for step in tried:
        changed = inputs.clone()
        changed[:, step] = other[:, step]
        if torch.equal(changed, inputs):
            continue
        if _largest(before - _evaluated(trial, changed)) == 0:
            silent.append(step)
    if not silent:
        return ok(question, f"each of the {plural(len(tried), 'position')} that were tried counts")
    told = f"without any: {len(silent)} of {len(tried)} positions ({_some(silent)})"
    return unknown(question, told, "unless that is padding, see what its forward does with them")


def _evaluated(trial: Trial, inputs: Any = None) -> Tensor:
    with torch.no_grad():
        return trial.outputs(inputs).float()


def _sample_axis(output: Tensor, samples: int) -> int | None:
    return next((axis for axis in range(min(output.dim(), 2)) if output.shape[axis] == samples), None)


def _most_unlike(inputs: Tensor) -> int:
    """The sample that differs most from the mean of all; any sample, where a distance means nothing."""
    if not inputs.is_floating_point():
        return len(inputs) - 1
    rows = inputs.flatten(1).float()
    return int((rows - rows.mean(0)).square().sum(1).argmax())


def _largest(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


def _predicts_the_next(trial: Trial) -> bool:
    inputs, targets = trial.inputs, trial.targets
    if not isinstance(targets, Tensor) or targets.shape != inputs.shape or targets.dtype != inputs.dtype:
        return False
    return bool(torch.equal(targets[:, :-1], inputs[:, 1:]))


def _axis(inputs: Tensor, axis: int) -> str:
    names = {2: ("features",), 3: ("steps (dimension 1)", "features (dimension 2)"), 4: ("channels", "rows", "columns")}
    known = names.get(inputs.dim(), ())
    return known[axis - 1] if axis <= len(known) else f"places of dimension {axis}"


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:NAMED])) + (", ..." if len(numbers) > NAMED else "")
