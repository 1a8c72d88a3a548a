"""TNY510: two optimizers step the same parameters in turn, and one undoes what the other does."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from tinyguard.events import Event, OptimizerBuilt
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import GradientsOpposed
from tinyguard.rule import Rule
from tinyguard.steps import owner
from tinyguard.story import Story

OPPOSED = -0.5  # cosine of the angle between two gradients; of losses that have nothing to do with each other about 0

_GAN = """
# %%
import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 2))
discriminator = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
optimizer_d = torch.optim.Adam([*generator.parameters(), *discriminator.parameters()], lr=1e-3)  # TNY510 live
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)
# %%
for step in range(8):
    real, fake = 2 + torch.randn(64, 2), generator(torch.randn(64, 4))
    optimizer_d.zero_grad()
    (bce(discriminator(real), ones) + bce(discriminator(fake), zeros)).backward()
    optimizer_d.step()
    optimizer_g.zero_grad()
    bce(discriminator(generator(torch.randn(64, 4))), ones).backward()
    optimizer_g.step()
"""


class ParametersSteppedByTwo(Rule):
    """Two optimizers step the same parameters in turn, with gradients that point against each other.

    The discriminator's optimizer was given the generator's parameters, too: in its step the generator learns to make
    fakes that are easy to tell, and in its own step it learns the opposite. Neither gets anywhere. Each player of such
    a game needs an optimizer of its own parameters only.

    Two optimizers of the same parameters may be meant: an encoder that has two tasks, a regulariser with a rate of its
    own. So it is told only when, at each of four turns, the gradients of the two are opposed.
    """

    code = "TNY510"
    severity = Severity.ERROR
    on = (GradientsOpposed,)
    bad = (_GAN,)
    good = (
        _GAN.replace("[*generator.parameters(), *discriminator.parameters()]", "discriminator.parameters()").replace(
            "  # TNY510 live", ""
        ),
        # an encoder with two tasks, each with an optimizer of its own
        """
# %%
import torch
from torch import nn

torch.manual_seed(0)
encoder, first_head, second_head = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(8, 3)
first_optimizer = torch.optim.Adam([*encoder.parameters(), *first_head.parameters()], lr=1e-3)
second_optimizer = torch.optim.Adam([*encoder.parameters(), *second_head.parameters()], lr=1e-3)
x = torch.randn(64, 6)
# %%
for step in range(8):
    first_optimizer.zero_grad()
    nn.functional.cross_entropy(first_head(encoder(x)), (x[:, 0] > 0).long()).backward()
    first_optimizer.step()
    second_optimizer.zero_grad()
    nn.functional.cross_entropy(second_head(encoder(x)), x[:, 1:4].argmax(1)).backward()
    second_optimizer.step()
""",
        # one after the other: a second phase with another optimizer
        """
# %%
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(6, 2)
x, y = torch.randn(64, 6), torch.randint(2, (64,))

def train(optimizer):
    for step in range(6):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
# %%
first = torch.optim.Adam(model.parameters(), lr=1e-2)
train(first)
# %%
second = torch.optim.SGD(model.parameters(), lr=0.1)
train(second)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, GradientsOpposed) or max(event.cosines) > OPPOSED:
            return
        built = [story.built(number) for number in (event.optimizer, event.other)]
        later = built[0]
        if not isinstance(later, OptimizerBuilt):
            return
        one, other = (story.name(number, "an optimizer") for number in (event.optimizer, event.other))
        model = owner(event.shared, story)
        shared = f"the parameters of `{story.name(model.model, 'the model')}`" if model else "the same parameters"
        yield self.finding(
            f"`{one}` and `{other}` step {shared} in turn, and their gradients point against each other (cosine "
            f"{fmean(event.cosines):.2f} on average of {len(event.cosines)} turns)",
            later.place,
            remedy="give each of the two only the parameters that its own loss is to train",
            cause="what one does the other undoes.",
            related=(
                (f"`{other}` was built here", built[1].place if built[1] is not None else None),
                ("a step of the two", event.place),
            ),
            optimizer=one,
            other=other,
            cosines=[round(cosine, 3) for cosine in event.cosines],
        )
