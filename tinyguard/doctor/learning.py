"""Losses and gradients, tried on copies -> answers: does each parameter get one, how does it start, can it learn?"""

from __future__ import annotations

import math
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from tinyguard.doctor.answers import Answer, ok, unknown, wrong
from tinyguard.doctor.setting import names
from tinyguard.doctor.trial import Trial, are_classes, main_output
from tinyguard.panel.words import number, percent

# experiment: fresh networks start at ln C + 0.03 to 0.07 (200 classes); a mean loss is ln C + s^2/2 for logits of
# spread s, so 1 above it is a spread of 1.4.
BELOW, ABOVE = 0.3, 1.0  # nats around ln C
SAMPLES = 16  # of the batch that is to be learnt by heart
STEPS = 200
RATES = (1e-3, 1e-2, 1e-4)  # of Adam, one after the other while none does it
LEARNT = 0.1  # of the first loss
ROUNDING = 1e-3  # of sums of probabilities
NOTHING = 0.95  # of it: who ends above this has not learnt


def gradients(trial: Trial) -> Answer:
    """One backward pass in train mode, on the whole batch."""
    question = "every parameter gets a gradient"
    loss = trial.loss(trial.run(training=True))
    learning = {name: p for name, p in trial.model.named_parameters() if p.requires_grad}
    if not loss.requires_grad:
        return wrong(question, "none: the loss has no graph", "see whether its forward detaches, or is under no_grad")
    found = torch.autograd.grad(loss, list(learning.values()), allow_unused=True)
    given = dict(zip(learning, found, strict=True))
    without = [name for name, gradient in given.items() if gradient is None]
    if without:
        told = f"none for {names(without)}: {len(without)} of {len(given)}"
        return wrong(question, told, "use them in forward() without .detach(), .item() or .data, or leave them out")
    odd = [name for name, gradient in given.items() if gradient is not None and not _finite(gradient)]
    if odd:
        return wrong(question, f"not finite for {names(odd)}", "see where the loss becomes NaN or infinite")
    zero = [name for name, gradient in given.items() if gradient is not None and not bool(_values(gradient).any())]
    if zero:
        told = f"zero throughout for {names(zero)}: {len(zero)} of {len(given)}"
        return unknown(question, told, "right behind a layer that starts at zero; else units are dead")
    return ok(question, f"all {len(given)} of them, with `{trial.criterion_name}`")


def first_loss(trial: Trial) -> Answer | None:
    """Cross entropy against ln C, which is what knowing nothing costs. None: there are no classes to be told apart."""
    question, targets = "first loss", trial.targets
    with torch.no_grad():
        output = trial.outputs(training=True).float()
    if not are_classes(output, targets) or not (trial.takes_logits or trial.takes_log_probabilities):
        return None
    measure = functional.cross_entropy if trial.takes_logits else functional.nll_loss
    loss = float(measure(output, targets))
    seen = f"{number(loss)} with `{trial.criterion_name}`"
    if trial.takes_logits and bool((output >= 0).all()) and bool((output.sum(1) - 1).abs().max() < ROUNDING):
        return wrong(question, f"{seen}, which wants raw scores and is given probabilities", "leave out the softmax")
    if trial.takes_log_probabilities and not bool((output.exp().sum(1) - 1).abs().max() < ROUNDING):
        told = f"{seen}, which wants log-probabilities and is given something else"
        return wrong(question, told, "use CrossEntropyLoss, or end the model with log_softmax")
    classes = output.shape[1]
    expected = math.log(classes)
    told = f"{seen}; {classes} classes of which nothing is known give ln {classes} = {number(expected)}"
    if not math.isfinite(loss):
        return wrong(question, seen, "see which layer is the first to give NaN or infinite values")
    if loss > expected + ABOVE:
        return wrong(question, told, "normalise the inputs, or draw smaller weights")
    if loss < expected - BELOW:
        return unknown(question, told, "right if the model has been trained; else the inputs give its labels away")
    return ok(question, told)


def by_heart(trial: Trial, *, seconds: float) -> Answer:
    """Can a fresh copy learn a few samples by heart, its dropout off?"""
    question = "can learn one batch by heart"
    inputs, targets = trial.inputs, trial.targets
    if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor) or len(inputs) != len(targets):
        return unknown(question, "its batch is not a tensor of inputs and one of targets, with a sample in each row")
    began = perf_counter()
    tried: list[_Course] = []
    for rate in RATES:
        left = seconds - (perf_counter() - began)
        if tried and left <= 0:
            break
        tried.append(_learn(trial, inputs[:SAMPLES], targets[:SAMPLES], rate, left))
        if tried[-1].learnt:
            return ok(question, tried[-1].told)
    best = min(tried, key=lambda course: course.left if math.isfinite(course.left) else math.inf)
    if best.left < NOTHING:
        return unknown(question, best.told, "it learns, but slowly: more steps, or another learning rate, may do")
    if sum(course.steps for course in tried) < STEPS and math.isfinite(best.left):
        return unknown(question, f"time ran out: {best.told}")
    return wrong(question, best.told, "see the other answers first; then whether the loss measures what is predicted")


class _Course(NamedTuple):
    told: str
    steps: int
    left: float  # of the first loss, as a fraction of 1
    learnt: bool


def _learn(trial: Trial, inputs: Tensor, targets: Tensor, rate: float, seconds: float) -> _Course:
    model = trial.renew()
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer, began = torch.optim.Adam(learning, lr=rate), perf_counter()
    first = last = math.nan
    right, step, learnt = None, 0, False
    while step < STEPS and not learnt:
        step += 1
        result = trial.run(inputs, training=True, seed=step, dropout=False)
        loss = trial.loss(result, targets)
        last, right = float(loss), _right(main_output(result), targets)
        first = last if step == 1 else first
        learnt = step > 1 and (last < LEARNT * first or right == 1)
        if learnt or not math.isfinite(last) or not loss.requires_grad:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step > 1 and perf_counter() - began > seconds:
            break
    told = f"{len(inputs)} samples in {step} steps of Adam at {rate:g}: loss {number(first)} to {number(last)}"
    told += f", {percent(right)} right" if right is not None else ""
    return _Course(told, step, last / first if first else 1.0, learnt)


def _right(output: Tensor, targets: Tensor) -> float | None:
    """The share of samples whose class has the highest score; None: there are no classes."""
    return float((output.argmax(1) == targets).float().mean()) if are_classes(output, targets) else None


def _finite(gradient: Tensor) -> bool:
    return bool(torch.isfinite(_values(gradient)).all())


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient
