"""TNY803: the average that is evaluated was never updated."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.models import AverageStale
from tinyguard.rule import Rule
from tinyguard.story import Story

_START = """
# %%
import copy
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

torch.manual_seed(0)
x, y = torch.randn(60, 4), torch.arange(60) % 3

class EMA:
    def __init__(self, model):
        self.shadow = copy.deepcopy(model).eval()

    @torch.no_grad()
    def update(self, model):
        for mine, theirs in zip(self.shadow.parameters(), model.parameters()):
            mine.lerp_(theirs, 0.1)

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
ema = EMA(model)
# %%
for step in range(20):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""
_EVALUATION = """
# %%
with torch.no_grad():
    print((ema.shadow(x).argmax(1) == y).float().mean())  # TNY803 live
"""
_TORCHS = (
    (_START + _EVALUATION)
    .replace("EMA(model)", "AveragedModel(model)  # sees ModelBuilt live")
    .replace("ema.shadow(x)", "ema(x)")
)


def _silent(text: str) -> str:
    return text.replace("  # TNY803 live", "")


class AverageNeverUpdated(Rule):
    """The moving average of the weights is evaluated, and is still what it was when the training began.

    An average of a model's weights is a copy that somebody has to update after each step: `ema.update(model)`,
    `averaged.update_parameters(model)`. Without it the evaluation, and what is saved, is the untrained model.

    Only the guard sees weights. It goes by what things are called (`ema`, `swa`, `shadow`, `AveragedModel`), and speaks
    in a cell that does not train, as an average may begin late: the model of the same form was trained, its average
    has not changed by a bit. A copy of another name may be what the training is compared with.
    """

    code = "TNY803"
    severity = Severity.ERROR
    on = (AverageStale,)
    bad = (_START + _EVALUATION, _TORCHS)
    good = (
        _silent(_START + _EVALUATION).replace("optimizer.step()", "optimizer.step()\n    ema.update(model)"),
        _silent(_TORCHS).replace("optimizer.step()", "optimizer.step()\n    ema.update_parameters(model)"),
        # through .data, which counts no version
        _silent(_START + _EVALUATION)
        .replace("mine.lerp_(theirs, 0.1)", "mine.data.mul_(0.9).add_(0.1 * theirs.data)")
        .replace("optimizer.step()", "optimizer.step()\n    ema.update(model)"),
        # begins in the second half, and is evaluated on the way
        _silent(_START).replace(
            "optimizer.step()",
            "optimizer.step()\n    if step == 12:\n        with torch.no_grad():\n"
            "            print(ema.shadow(x).sum())\n    if step > 14:\n        ema.update(model)",
        )
        + _silent(_EVALUATION),
        # where the training came from
        _silent(_START + _EVALUATION)
        .replace("ema = EMA(model)", "untrained = copy.deepcopy(model)")
        .replace("ema.shadow(x)", "untrained(x)"),
        # before the training
        _START.partition("# %%\nfor step")[0] + _silent(_EVALUATION),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, AverageStale):
            return
        trained = story.name(event.of, "the model")
        built = story.built(event.of)
        yield self.finding(
            f"`{event.path}` is evaluated, and is still what it was {event.steps} optimizer steps ago: nothing has "
            f"brought the weights of `{trained}` into the average",
            event.place,
            remedy=f"update {event.path.partition('.')[0]} with {trained} after each optimizer.step()",
            related=(("the model that was trained was built here", built.place if built is not None else None),),
            steps=event.steps,
        )
