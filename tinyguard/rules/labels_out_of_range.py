"""TNY210: a loss is given labels that the model has no output for."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, LossComputed
from tinyguard.finding import Finding, Place, Severity
from tinyguard.measured.data import LabelsOutOfRange as Seen
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import first_own_place

_START = """
# %%
import contextlib

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(48, 8)
"""

_TRAINING = """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with contextlib.suppress(IndexError):
    for features, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(features), labels)  # TNY210 live
        loss.backward()
        optimizer.step()
"""

_BINARY = """
# %%
model = nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(2):
    for features, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(features).squeeze(1), labels.float())  # TNY210 live
        loss.backward()
        optimizer.step()
"""

_MASKS = """
# %%
def segmentation_loss(scores, masks):
    return nn.functional.cross_entropy(scores, masks, ignore_index=255)

model = nn.Conv2d(3, 4, kernel_size=3, padding=1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
masks = torch.randint(0, 4, (2, 8, 8))
masks[:, 0] = 255
optimizer.zero_grad()
segmentation_loss(model(torch.randn(2, 3, 8, 8)), masks).backward()
optimizer.step()
"""


class LabelsOutOfRange(Rule):
    """A loss is given labels outside of what it can take: class 10 of ten outputs, or 2 where 0 and 1 are wanted.

    Class numbers count from 0. On the CPU torch raises "Target 10 is out of bounds"; on a GPU the program dies later
    and elsewhere of a "device-side assert", and the kernel must be restarted. `BCEWithLogitsLoss` takes any number and
    says nothing: beyond 0 and 1 its loss has no lower bound, so that training runs away. Usual causes: labels that
    count from 1, a model built for another data set, a mark for "no label" that the loss was not told of.
    """

    code = "TNY210"
    severity = Severity.ERROR
    on = (Seen,)
    serves = ("D1", "I5")
    bad = (
        # labels that count from 1: the first batches happen to fit
        _START
        + """
# %%
labels = torch.arange(48) % 2 + torch.arange(48) // 24 + 1
loader = DataLoader(TensorDataset(inputs, labels), batch_size=8)
model = nn.Linear(8, 3)
"""
        + _TRAINING,
        # a mark for "no label" that the loss does not know
        _START
        + """
# %%
labels = torch.arange(48) % 3
labels[20] = -1
loader = DataLoader(TensorDataset(inputs, labels), batch_size=8)
model = nn.Linear(8, 3)
"""
        + _TRAINING,
        # two classes that are called 1 and 2: nothing is raised
        _START
        + """
# %%
loader = DataLoader(TensorDataset(inputs, torch.arange(48) % 2 + 1), batch_size=8, shuffle=True)
"""
        + _BINARY,
    )
    good = (
        bad[0].replace("// 24 + 1", "// 24").replace("  # TNY210 live", ""),
        # the loss is told of the mark; torch's own is -100
        bad[1].replace("labels)  # TNY210 live", "labels, ignore_index=-1)"),
        bad[1].replace("= -1", "= -100").replace("  # TNY210 live", ""),
        bad[2].replace("% 2 + 1", "% 2").replace("  # TNY210 live", ""),
        # soft labels are no class numbers
        _START
        + """
# %%
loader = DataLoader(TensorDataset(inputs, torch.rand(48, 3) * 4), batch_size=8)
model = nn.Linear(8, 3)
"""
        + _TRAINING.replace("  # TNY210 live", ""),
        # each element alone, and those without a label multiplied away
        _START
        + """
# %%
targets = torch.randint(-1, 2, (48, 4)).float()
model = nn.Linear(8, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for features, target in DataLoader(TensorDataset(inputs, targets), batch_size=16, shuffle=True):
    optimizer.zero_grad()
    each = nn.functional.binary_cross_entropy_with_logits(model(features), target, reduction="none")
    (each * (target >= 0)).mean().backward()
    optimizer.step()
""",
        _START + _MASKS,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, Seen) or _told_by_class_count(event, story):
            return
        wanted = f"from 0 to {event.classes - 1}" if event.classes is not None else "0, 1 or between"
        given = f"{event.outside} of {event.labels} labels are out of range: they go from {_short(event.low)} to "
        built = story.built(event.loader)
        yield self.finding(
            f"{given}{_short(event.high)}, and `{event.criterion}` wants {wanted}",
            event.place,
            remedy=_remedy(event),
            cause=_cause(event),
            related=(
                *_heads(event, story),
                (f"the labels come from `{story.name(event.loader, 'this loader')}`", built.place if built else None),
            ),
            low=event.low,
            high=event.high,
            outside=event.outside,
            labels=event.labels,
            classes=event.classes,
        )


def _told_by_class_count(event: Seen, story: Story) -> bool:
    """TNY209 has said that the data set has more classes than the model outputs."""
    return event.classes is not None and any(
        loss.place == event.place
        and loss.outputs == event.classes
        and loss.classes is not None
        and loss.classes > loss.outputs
        for loss in story.all(LossComputed)
        if loss.outputs is not None
    )


def _cause(event: Seen) -> str:
    if event.classes is None:
        return "the loss has no lower bound for such labels: it falls below 0 and the weights run away"
    return f"the model has {event.classes} outputs, and class numbers count from 0"


def _remedy(event: Seen) -> str:
    if event.only is not None and (event.only < 0 or event.only >= MARK):
        return f"if {_short(event.only)} marks what has no label, give `ignore_index={_short(event.only)}` to the loss"
    if event.classes is None:
        return "map the labels to 0 and 1" + ("; these seem to be 1 and 2: subtract 1" if event.low == 1 else "")
    if event.high == event.classes:
        return f"subtract 1 if the labels count from 1, else build the model with at least {event.classes + 1} outputs"
    return f"build the model with at least {_short(event.high + 1)} outputs, or map the labels to class numbers"


MARK = 255  # the greatest value of a mask of bytes, and what marks "no label" in segmentation


def _heads(event: Seen, story: Story) -> Iterator[tuple[str, Place | None]]:
    for use in event.models:
        built = story.built(use.model)
        name = story.name(use.model, "the model")
        yield f"`{name}` was built here", first_own_place(built, event) if built is not None else None


def _short(number: float) -> str:
    """1 and not 1.0."""
    return f"{number:g}" if number != int(number) else str(int(number))
