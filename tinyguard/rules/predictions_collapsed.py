"""TNY707: a trained model predicts one class for everything."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.curves import percent
from tinyguard.evaluations import collapsed, trained, training_decision
from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.evaluation import EvaluationMeasured
from tinyguard.rule import Rule
from tinyguard.story import Story

TWICE = 2  # epochs in a row: a model on its way can stand there once

_TRAINING = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
test_data = TensorDataset(torch.randn(400, 4), torch.arange(400) % 4)
train_data = TensorDataset(torch.randn(1040, 4), torch.arange(1040) % 4)
train_loader = DataLoader(train_data, batch_size=8, shuffle=True)
test_loader = DataLoader(test_data, batch_size=100)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

def evaluate():
    model.eval()
    correct = 0
    with torch.no_grad():
        for inputs, labels in test_loader:
            correct += (model(inputs).argmax(1) == labels).sum().item()
    return correct / 400

def train(epochs):
    for epoch in range(epochs):
        model.train()
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
        print(evaluate())
"""


class PredictionsCollapsed(Rule):
    """The model predicts the same class for every sample, epoch after epoch, though the classes are balanced.

    Its accuracy is exactly the share of that class: 0.50 % of 200 classes, 10 % of ten. Nothing of an input reaches the
    output any more: the units died of too high a learning rate, the inputs are all alike (divided by 255 twice, or
    zero), the batch statistics of the evaluation are off, or the last layer's bias is all that is trained. A symptom;
    the causes that were proven are named with it.

    Only the guard sees predictions. It speaks after 250 optimizer steps, of two epochs in a row, and not when one class
    has more than twice its share of the samples: there a model begins with that class.
    """

    code = "TNY707"
    severity = Severity.ERROR
    on = (EvaluationMeasured,)
    serves = ("K1", "The problem")
    bad = (
        # in the evaluation the batch norm does not know where its inputs lie
        _TRAINING.replace("torch.randn(400, 4)", "torch.randn(400, 4) + 90")
        .replace("torch.randn(1040, 4)", "torch.randn(1040, 4) + 90")
        .replace("nn.Sequential(", "nn.Sequential(nn.BatchNorm1d(4, momentum=0.0), ")
        + """
# %%
train(3)  # TNY707 live
""",
        # the inputs of the evaluation are all alike
        _TRAINING.replace("test_data, batch_size=100)", "test_data, batch_size=100)  # TNY213 live").replace(
            "TensorDataset(torch.randn(400, 4),", "TensorDataset(torch.randn(400, 4) / 255 / 255,"
        )
        + """
# %%
train(3)  # TNY707 live
""",
    )
    good = (
        # it learns
        _TRAINING.replace("(torch.randn(400, 4),", "(nn.functional.one_hot(torch.arange(400) % 4).float(),").replace(
            "(torch.randn(1040, 4),", "(nn.functional.one_hot(torch.arange(1040) % 4).float(),"
        )
        + """
# %%
train(3)
""",
        # most samples are of one class
        _TRAINING.replace("torch.arange(400) % 4", "(torch.arange(400) % 4) * (torch.arange(400) > 300)").replace(
            "torch.arange(1040) % 4", "(torch.arange(1040) % 4) * (torch.arange(1040) > 900)"
        )
        + """
# %%
train(3)
""",
        # a beginning
        _TRAINING.replace("torch.randn(400, 4)", "torch.randn(400, 4) + 90")
        .replace("torch.randn(1040, 4)", "torch.randn(1040, 4) + 90")
        .replace("nn.Sequential(", "nn.Sequential(nn.BatchNorm1d(4, momentum=0.0), ")
        + """
# %%
train(1)
""",
        # a model that is not trained
        _TRAINING
        + """
# %%
with torch.no_grad():
    model[2].weight.zero_()
evaluate()
# %%
evaluate()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, EvaluationMeasured) or not collapsed(event):
            return
        last = trained(event, story)[-TWICE:]
        if len(last) < TWICE or not all(map(collapsed, last)):
            return
        model, loader = story.name(event.model, "the model"), story.name(event.loader, "the loader")
        yield self.finding(
            f"`{model}` predicts class {event.prediction} for all {event.count:,} samples of `{loader}`, which are of "
            f"{event.labels} classes, in {len(last)} evaluations in a row (accuracy {percent(event.accuracy)}), after "
            f"{event.steps:,} optimizer steps",
            training_decision(event, story),
            cause="nothing of an input reaches the output",
            remedy="mend the proven causes first; then lower the learning rate, and look at a batch of the evaluation: "
            "is it scaled as in training, and not all the same?",
            related=(("evaluated here", event.place),),
            prediction=event.prediction,
            samples=event.count,
            classes=event.labels,
            accuracy=event.accuracy,
            steps=event.steps,
        )
