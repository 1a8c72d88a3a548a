"""TNY708: the evaluation gives the same outputs epoch after epoch, while something is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from tinyguard.evaluations import same_question, training_decision
from tinyguard.events import Event, LossComputed
from tinyguard.finding import Finding, Severity
from tinyguard.measured.evaluation import EvaluationMeasured, PredictionsKept
from tinyguard.rule import Rule
from tinyguard.story import Story

TIMES = 3  # evaluations in a row
STEPS = 20  # optimizer steps between two of them

_TRAINING = """
# %%
import copy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
train_data = TensorDataset(torch.randn(240, 4), torch.arange(240) % 3)
test_data = TensorDataset(torch.randn(90, 4), torch.arange(90) % 3)
train_loader = DataLoader(train_data, batch_size=8, shuffle=True)
test_loader = DataLoader(test_data, batch_size=30)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def evaluate(model):
    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, labels in test_loader:
            correct += (model(inputs).argmax(1) == labels).sum().item()
    return correct / 90

def train_epoch(model):
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
"""


_PREDICTING = (
    _TRAINING
    + """
def predict(model):
    model.eval()
    with torch.no_grad():
        return torch.cat([model(inputs).argmax(1) for inputs, labels in test_loader])
"""
)


class EvaluationFrozen(Rule):
    """Three evaluations in a row give the same outputs to the last bit, though optimizers have stepped between them.

    What is evaluated is not what is trained: a copy of the model, the weights of another cell; or the steps change
    nothing: a learning rate of zero, gradients that never arrive. Its accuracy is a constant, whatever the loss does. A
    symptom; the causes that were proven are named with it.

    So does an accuracy of predictions that were made once, before the loop over the epochs.

    The guard sums the outputs of each evaluation that it sees. Where another model is evaluated as well, as a student
    beside its teacher, nothing is said.
    """

    code = "TNY708"
    severity = Severity.WARNING
    on = (EvaluationMeasured, PredictionsKept)
    serves = ("The problem",)
    bad = (
        # a copy is evaluated
        _TRAINING
        + """
# %%
best = copy.deepcopy(model)
# %%
for epoch in range(4):
    train_epoch(model)  # TNY708 live
    print(epoch, evaluate(best))
""",
        # the steps change nothing
        _TRAINING.replace("lr=0.1)", "lr=0.0)  # TNY512 live")
        + """
# %%
for epoch in range(4):
    train_epoch(model)  # TNY708 live
    print(epoch, evaluate(model))
""",
        # the predictions are made before the loop
        _PREDICTING
        + """
# %%
predictions = predict(model)
for epoch in range(4):
    train_epoch(model)
    print(epoch, (predictions == test_data.tensors[1]).float().mean().item())  # TNY708 live
""",
    )
    good = (
        _TRAINING
        + """
# %%
for epoch in range(4):
    train_epoch(model)
    print(epoch, evaluate(model))
""",
        # nothing is trained between the evaluations
        _TRAINING
        + """
# %%
train_epoch(model)
for attempt in range(4):
    print(evaluate(model))
""",
        # a copy for comparison, beside the model
        _TRAINING
        + """
# %%
before = copy.deepcopy(model)
# %%
for epoch in range(4):
    train_epoch(model)
    print(epoch, evaluate(model), evaluate(before))
""",
        # a copy that follows the model
        _TRAINING
        + """
# %%
average = copy.deepcopy(model)
# %%
for epoch in range(4):
    train_epoch(model)
    with torch.no_grad():
        for mine, theirs in zip(average.parameters(), model.parameters()):
            mine.lerp_(theirs, 0.1)
    print(epoch, evaluate(average))
""",
        # the predictions are made in each epoch
        _PREDICTING
        + """
# %%
for epoch in range(4):
    train_epoch(model)
    predictions = predict(model)
    print(epoch, (predictions == test_data.tensors[1]).float().mean().item())
""",
        # what it predicted at first is printed beside what it predicts now
        _PREDICTING
        + """
# %%
first = predict(model)
for epoch in range(4):
    train_epoch(model)
    correct, stayed = predict(model) == test_data.tensors[1], predict(model) == first
    print(epoch, (first == test_data.tensors[1]).sum().item(), correct.sum().item(), stayed.sum().item())
""",
    )

    def _kept(self, event: PredictionsKept, story: Story) -> Iterator[Finding]:
        """The predictions are made once, and compared with the labels in every epoch."""
        model = story.name(event.model, "the model")
        yield self.finding(
            f"`{model}` was trained for {event.steps:,} steps, but the predictions that are compared here for the "
            f"{event.times}rd time were made before them: the result is the same each time",
            event.place,
            cause="they are what the model said then, not what it says now",
            remedy="make the predictions in the loop, before each comparison",
            related=(("they were made here", event.made),),
            times=event.times,
            steps=event.steps,
            samples=event.samples,
        )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, PredictionsKept):
            yield from self._kept(event, story)
        if not isinstance(event, EvaluationMeasured) or not math.isfinite(event.output_sum):
            return
        everything = story.all(EvaluationMeasured)
        last = [one for one in everything if same_question(one, event)][-TIMES:]
        if not is_frozen(last) or not any(loss.outputs == event.classes for loss in story.all(LossComputed)):
            return
        if any(one.model != event.model and one.steps_of_all > last[0].steps_of_all for one in everything):
            return
        model = story.name(event.model, "the model")
        steps = event.steps_of_all - last[0].steps_of_all
        own = event.steps - last[0].steps
        yield self.finding(
            f"`{model}` gives the same outputs to the last bit in {len(last)} evaluations (accuracy "
            f"{event.accuracy:.2%} of {event.count:,} samples), {steps:,} optimizer steps apart",
            training_decision(event, story),
            cause=f"the {own:,} steps of its own optimizer change nothing"
            if own
            else "no optimizer that steps holds its weights: what is evaluated is not what is trained",
            remedy="look at the learning rate, and at the gradients"
            if own
            else "evaluate the model that is trained, or build the optimizer from the one that is evaluated",
            related=(("evaluated here", event.place),),
            evaluations=len(last),
            steps=steps,
            own_steps=own,
            accuracy=event.accuracy,
        )


def is_frozen(last: list[EvaluationMeasured]) -> bool:
    """The same outputs each time, and a training between any two."""
    return (
        len(last) == TIMES
        and len({(one.output_sum, one.correct) for one in last}) == 1
        and all(later.steps_of_all - earlier.steps_of_all >= STEPS for earlier, later in pairwise(last))
    )
