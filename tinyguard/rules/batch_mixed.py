"""TNY802: a sample's output depends on the other samples of its batch."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.models import SamplesMixed
from tinyguard.rule import Rule
from tinyguard.story import Story

_DATA = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
sequences = TensorDataset(torch.randn(64, 7, 3), torch.arange(64) % 4)
loader = DataLoader(sequences, batch_size=16, shuffle=True)
"""
_LSTM = """
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        out, _ = self.rnn(x)  # TNY802 live
        return self.head(out[:, -1])

model = Reader()
"""
_ATTENTION = """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.head = nn.Linear(3, 1), nn.Linear(3, 4)

    def forward(self, x):
        weights = torch.softmax(self.score(x), dim=0)  # TNY802 live
        return self.head((weights * x).sum(1))

model = Attention()
"""
_HEADS = """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend, self.head = nn.MultiheadAttention(3, 1), nn.Linear(3, 4)

    def forward(self, x):
        x, _ = self.attend(x, x, x)  # TNY802 live
        return self.head(x.mean(1))

model = Attention()
"""
_NORM = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(21, track_running_stats=False)
        self.head = nn.Linear(21, 4)

    def forward(self, x):
        return self.head(self.norm(x.flatten(1)))  # TNY802 live

model = Net()
"""
_TRAINING = """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""
_EVALUATION = """
# %%
model.eval()
with torch.no_grad():
    print(sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / 64)
"""


def _silent(text: str) -> str:
    return text.replace("  # TNY802 live", "")


class BatchMixed(Rule):
    """Something in the model runs along the batch: what a sample gives depends on those beside it.

    A recurrence or an attention without `batch_first=True` takes the first dimension for time; a softmax over
    dimension 0 shares its weights out among samples; a batch norm with `track_running_stats=False` measures each batch
    anew in eval mode, too. Training goes on as if nothing were wrong; a test set in another order, or one sample alone,
    gives other predictions.

    Only the guard sees shapes. It speaks when the dimension can only be that of the samples: a full batch of a loader
    that shuffles, which the model gets as it was drawn and gives an output for each sample of.
    """

    code = "TNY802"
    severity = Severity.WARNING
    on = (SamplesMixed,)
    bad = (
        _DATA + _LSTM + _TRAINING,
        _DATA + _ATTENTION + _TRAINING,
        _DATA + _HEADS + _TRAINING,
        _DATA + _NORM + _TRAINING + _EVALUATION,
    )
    good = (
        _DATA + _silent(_LSTM).replace("nn.LSTM(3, 8)", "nn.LSTM(3, 8, batch_first=True)") + _TRAINING,
        # time comes first, as the layer wants it
        _DATA
        + _silent(_LSTM).replace("self.rnn(x)", "self.rnn(x.transpose(0, 1))").replace("[:, -1]", "[-1]")
        + _TRAINING,
        _DATA + _silent(_LSTM).replace("[:, -1]", "[-1]") + _TRAINING.replace("model(x)", "model(x.transpose(0, 1))"),
        # as many steps as samples: nobody can tell one from the other
        _DATA.replace("64, 7, 3", "64, 16, 3") + _silent(_LSTM) + _TRAINING,
        # the samples follow each other in time
        _DATA.replace(", shuffle=True", "") + _silent(_LSTM) + _TRAINING,
        _DATA + _silent(_ATTENTION).replace("dim=0", "dim=1") + _TRAINING,
        _DATA
        + _silent(_HEADS).replace("nn.MultiheadAttention(3, 1)", "nn.MultiheadAttention(3, 1, batch_first=True)")
        + _TRAINING,
        # weights of the model's own, as many as samples
        _DATA
        + _silent(_ATTENTION)
        .replace("nn.Linear(3, 1)", "nn.Parameter(torch.zeros(16, 2))")
        .replace("torch.softmax(self.score(x), dim=0)", "torch.softmax(self.score, dim=0).sum()")
        + _TRAINING,
        # a bag of instances with one label: no output for each
        _DATA + _silent(_ATTENTION).replace(".sum(1))", ".sum((0, 1)))[None]") + _TRAINING.replace("y)", "y[:1])"),
        # losses compare the samples of a batch with each other
        _DATA
        + _silent(_ATTENTION).replace("dim=0", "dim=1")
        + _TRAINING.replace(
            "nn.functional.cross_entropy(model(x), y)",
            "torch.log_softmax(model(x) @ model(x).T, dim=0).diag().mean().neg()",
        ),
        # in train mode every batch norm does it
        _DATA + _silent(_NORM).replace(", track_running_stats=False", "") + _TRAINING + _EVALUATION,
        _DATA + _silent(_NORM) + _TRAINING,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, SamplesMixed):
            return
        model = story.name(event.model, "the model")
        shape = f"({', '.join(map(str, event.shape))})"
        built = story.built(event.model)
        yield self.finding(
            f"in `{model}`, {_ALONG[event.how].format(layer=event.layer, shape=shape)} the {event.samples} samples of "
            "the batch: what one of them gives depends on the others",
            event.place,
            remedy=_REMEDY[event.how].format(layer=event.layer),
            related=(("the model was built here", built.place if built is not None else None),),
            samples=event.samples,
            shape=list(event.shape),
        )


_ALONG = {
    "softmax": "`{layer}` over dimension 0 of {shape} shares out its weights among",
    "recurrence": "`{layer}` takes dimension 0 of {shape} for time and runs along",
    "attention": "`{layer}` takes dimension 0 of {shape} for the sequence and attends along",
    "batch norm": "`{layer}` keeps no running statistics and in eval mode normalises {shape} with those of",
}
_REMEDY = {
    "softmax": "take it over the dimension of the steps or features: dim=1 or dim=-1",
    "recurrence": "build it with batch_first=True, or give it (time, batch, features)",
    "attention": "build it with batch_first=True, or give it (time, batch, features)",
    "batch norm": "leave out track_running_stats=False",
}
