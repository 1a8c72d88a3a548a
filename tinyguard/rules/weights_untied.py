"""TNY307: weights that two layers shared are two by now, and both are trained."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, OptimizerStepped
from tinyguard.finding import Finding, Severity
from tinyguard.measured.models import TieBroken
from tinyguard.rule import Rule
from tinyguard.story import Story

_MODEL = """
# %%
import torch
from torch import nn

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(12, 4)
        self.head = nn.Linear(4, 12, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        return self.head(self.embedding(tokens))

model = Tagger()
"""

_TRAINING = """
# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    tokens = torch.randint(12, (6,))
    loss = nn.functional.cross_entropy(model(tokens), tokens)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


class WeightsUntied(Rule):
    """Two layers shared one parameter; now each has its own, and an optimizer moves them apart.

    `head.weight = embedding.weight` ties the two for as long as nobody puts another parameter in the place of one:
    `load_state_dict(..., assign=True)` does, and so does `embedding.weight = nn.Parameter(vectors)`. The model has more
    weights than it was designed with, and the head begins with weights that the embedding has lost. Tie them again
    afterwards.

    Reported when both are trained. Who unties them on purpose, with a copy of the shared weights, is left alone.
    """

    code = "TNY307"
    severity = Severity.WARNING
    on = (OptimizerStepped,)
    bad = (
        _MODEL
        + """
# %%
saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}
model.load_state_dict(saved, assign=True)  # TNY307 live
"""
        + _TRAINING,
        # a copy of the whole dict keeps the memory shared: each has its own gradient and momentum
        _MODEL
        + """
# %%
import copy
model.load_state_dict(copy.deepcopy(model.state_dict()), assign=True)  # TNY307 live
"""
        + _TRAINING,
        # vectors from elsewhere take the place of one of them
        _MODEL
        + """
print(sum(parameter.numel() for parameter in model.parameters()), model(torch.tensor([1])).shape)
# %%
model.embedding.weight = nn.Parameter(torch.randn(12, 4))
"""
        + _TRAINING.replace("model(tokens), tokens)", "model(tokens), tokens)  # TNY307 live"),
    )
    good = (
        _MODEL + _TRAINING,
        # loaded into the place of the old ones
        _MODEL
        + """
# %%
saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}
model.load_state_dict(saved)
"""
        + _TRAINING,
        # tied again
        _MODEL
        + """
# %%
saved = {name: tensor.clone() for name, tensor in model.state_dict().items()}
model.load_state_dict(saved, assign=True)
model.head.weight = model.embedding.weight
"""
        + _TRAINING,
        # untied on purpose
        _MODEL
        + """
print(model(torch.tensor([1])).shape)
# %%
model.head.weight = nn.Parameter(model.embedding.weight.detach().clone())
"""
        + _TRAINING,
        # another head
        _MODEL
        + """
print(model(torch.tensor([1])).shape)
# %%
model.head = nn.Linear(4, 12)
"""
        + _TRAINING,
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, OptimizerStepped):
            return
        for broken in story.all(TieBroken):
            if not all(side.overlaps(event.parameters) for side in broken.sides):
                continue
            if not any(all(ran.reaches.overlaps(side) for side in broken.sides) for ran in story.all(BackwardRan)):
                continue
            model = story.name(broken.model, "the model")
            built = story.built(broken.model)
            moves = "steps each on its own, in the same memory" if broken.one_memory else "moves them apart"
            since = "after load_state_dict" if broken.how else "since another parameter was put in the place of one"
            yield self.finding(
                f"{' and '.join(f'`{name}`' for name in broken.names)} of `{model}` were one parameter, and are "
                f"{len(broken.sides)} {since}: `{story.name(event.optimizer, 'the optimizer')}` {moves}",
                broken.place,
                remedy=f"tie them again before the optimizer is built: {model}.{broken.names[-1]} = "
                f"{model}.{broken.names[0]}" + (", or load without assign=True" if broken.how else ""),
                related=(("the model was built here", built.place if built is not None else None),),
                names=list(broken.names),
            )
