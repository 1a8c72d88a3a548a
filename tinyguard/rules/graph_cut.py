"""TNY415: the graph is cut, and what the optimizer is to train gets no gradient."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import BackwardRan, Event, GradientsSet, ModelUse, OptimizerBuilt, OptimizerStepped
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import BackwardPassedBy, FeaturesCutOff
from tinyguard.rule import Rule
from tinyguard.steps import lap, may_touch
from tinyguard.story import Story

STEPS = 3  # of the optimizer, before anything is said
FEW = 16  # numbers that are trained beside a model that is frozen whole: a temperature, weights of losses

_DATA = """
# %%
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(64, 6), torch.randint(3, (64,))
"""

_MODEL = """
# %%
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.CrossEntropyLoss()
"""

_TWO_PARTS = """
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 16), nn.ReLU())
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        features = self.encoder(x).detach()  # TNY415 live
        return self.head(features)

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(5):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


class GraphCut(Rule):
    """The graph is cut between the loss and (a part of) the model that the optimizer is to train.

    `backward()` runs and `step()` succeeds, but no gradient arrives: the weights stay as they were drawn. Usual causes:
    the error "element 0 of tensors does not require grad" was cured with `requires_grad=True` on the loss; `detach()`
    stands between encoder and head; the network was frozen for a look at its features, and never thawed.

    Told at the third step of the optimizer, of a model in training mode that has run and of which no backward pass has
    reached anything so far. Left alone is what is meant: a frozen backbone with a head that is trained, a part into
    which weights were loaded, `torch.no_grad()`, a `detach()` under a condition, targets that are detached.
    """

    code = "TNY415"
    severity = Severity.WARNING
    on = (OptimizerStepped,)
    bad = (
        # the loss is made anew from its number
        _DATA
        + _MODEL
        + """
# %%
for step in range(5):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss = torch.tensor(loss.item(), requires_grad=True)
    loss.backward()  # TNY415 live
    optimizer.step()
""",
        _DATA + _TWO_PARTS,
        # frozen for a look, and never thawed: only a temperature is trained
        _DATA
        + """
# %%
model = nn.Linear(6, 3)
model.requires_grad_(False)
print(model(x).std(0))
# %%
temperature = nn.Parameter(torch.ones(()))
optimizer = torch.optim.SGD([*model.parameters(), temperature], lr=0.1)
for step in range(5):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x) * temperature, y).backward()  # TNY415 live
    optimizer.step()
""",
    )
    good = (
        _DATA
        + _MODEL
        + """
# %%
for step in range(5):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
""",
        # what is detached is kept to look at
        _DATA
        + _TWO_PARTS.replace(
            "features = self.encoder(x).detach()  # TNY415 live",
            "features = self.encoder(x)\n        self.features = features.detach()",
        ),
        # a condition decides: the head is warmed up first
        _DATA
        + _TWO_PARTS.replace(
            "features = self.encoder(x).detach()  # TNY415 live",
            "features = self.encoder(x)\n        if self.warming_up:\n            features = features.detach()",
        ).replace("class Net(nn.Module):", "class Net(nn.Module):\n    warming_up = True\n"),
        # a probe on the features of an encoder that learns from another loss
        _DATA
        + """
# %%
encoder, decoder, probe = nn.Linear(6, 4), nn.Linear(4, 6), nn.Linear(4, 3)
parts = nn.ModuleList([encoder, decoder, probe])
optimizer = torch.optim.Adam(parts.parameters(), lr=1e-2)
for step in range(5):
    optimizer.zero_grad()
    code = encoder(x)
    nn.functional.mse_loss(decoder(code), x).backward()
    nn.functional.cross_entropy(probe(code.detach()), y).backward()
    optimizer.step()
""",
        # a frozen backbone, and a head that is trained
        _DATA
        + """
# %%
backbone, head = nn.Linear(6, 16), nn.Linear(16, 3)
for parameter in backbone.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.1)
for step in range(5):
    optimizer.zero_grad()
    nn.functional.cross_entropy(head(torch.relu(backbone(x))), y).backward()
    optimizer.step()
""",
        # weights were loaded: the backbone is meant to stay as it is
        _DATA
        + _TWO_PARTS.replace(
            "model = Net()", "model = Net()\nearlier = Net()\nmodel.load_state_dict(earlier.state_dict())"
        ).replace("  # TNY415 live", ""),
        # generator and discriminator: each has its turn
        _DATA
        + """
# %%
generator, discriminator = nn.Linear(2, 6), nn.Linear(6, 1)
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3)
for step in range(5):
    fake = generator(torch.randn(64, 2))
    optimizer_d.zero_grad()
    (discriminator(fake.detach()).mean() - discriminator(x).mean()).backward()
    optimizer_d.step()
    optimizer_g.zero_grad()
    (-discriminator(fake).mean()).backward()
    optimizer_g.step()
""",
        # a model is frozen, and the temperature of its outputs is fitted
        _DATA
        + """
# %%
model = nn.Linear(6, 3).requires_grad_(False).eval()
temperature = nn.Parameter(torch.ones(()))
optimizer = torch.optim.SGD([temperature], lr=0.1)
for step in range(5):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x) * temperature, y).backward()
    optimizer.step()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, OptimizerStepped) or event.after_gap or not event.parameters.complete:
            return
        if len(story.steps(event.optimizer)) < STEPS or story.escaped(event.optimizer):
            return
        yield from self._passed_by(event, story)
        for cut in story.all(FeaturesCutOff):
            yield from self._cut_off(cut, event, story)

    def _passed_by(self, step: OptimizerStepped, story: Story) -> Iterator[Finding]:
        window = lap(step, story)
        passes = [event for event in window if isinstance(event, BackwardRan)]
        passed = [event for event in window if isinstance(event, BackwardPassedBy)]
        if not passed or len(passed) != len(passes):
            return
        use = next((use for use in reversed(passed[-1].models) if _to_be_trained(use, step, story)), None)
        if use is None:
            return
        model, optimizer = story.name(use.model, "the model"), story.name(step.optimizer, "the optimizer")
        few = [event.numbers for event in passed if event.frozen and event.numbers is not None and event.numbers <= FEW]
        if len(few) == len(passed) and _holds_whole(use, step):
            message = f"all of `{model}` is frozen: `{optimizer}` holds it and trains {_counted(few[-1])} beside it"
            remedy = f"call {model}.requires_grad_(True) before the optimizer is built, or give it only what is trained"
        elif not any(event.frozen or _trained_by_some(event, story) for event in passed):
            message = f"backward() reaches nothing of `{model}`, nor anything else that an optimizer holds"
            remedy = "differentiate the loss as the criterion returned it: a tensor made of its number has no graph"
        else:
            return
        yield self.finding(
            message,
            passed[-1].place,
            remedy=remedy,
            cause="step() succeeds and changes nothing of the model: the loss stays where it was.",
            related=(("the step that changes nothing", step.place),),
            model=model,
            optimizer=optimizer,
        )

    def _cut_off(self, cut: FeaturesCutOff, step: OptimizerStepped, story: Story) -> Iterator[Finding]:
        if cut.pretrained is not False or not cut.training or not cut.parameters.leaves <= step.parameters.leaves:
            return
        if not any(ran.reaches.overlaps(cut.given) for ran in story.gradients(step)):
            return
        if any(may_touch(ran.reaches, cut.parameters) for ran in story.all(BackwardRan)):
            return
        if any(may_touch(written.parameters, cut.parameters) for written in story.all(GradientsSet)):
            return
        layer, optimizer = cut.layer or "a layer", story.name(step.optimizer, "the optimizer")
        yield self.finding(
            f"the output of `{layer}` is detached on its way: none of its {len(cut.parameters.leaves)} parameters gets "
            f"a gradient, and `{optimizer}` is to train them",
            cut.place,
            remedy="pass the output on without detach(); or, when the part is to stay as it is, leave its parameters "
            "out of the optimizer",
            related=(("the step that does not change them", step.place),),
            layer=cut.layer,
            optimizer=optimizer,
        )


def _to_be_trained(use: ModelUse, step: OptimizerStepped, story: Story) -> bool:
    """In training mode, among what this optimizer holds, and without a gradient so far."""
    if not use.training or not use.parameters.overlaps(step.parameters):
        return False
    if any(may_touch(ran.reaches, use.parameters) for ran in story.all(BackwardRan)):
        return False
    return not any(may_touch(written.parameters, use.parameters) for written in story.all(GradientsSet))


def _holds_whole(use: ModelUse, step: OptimizerStepped) -> bool:
    return use.parameters.complete and use.parameters.leaves <= step.parameters.leaves


def _trained_by_some(passed: BackwardPassedBy, story: Story) -> bool:
    return any(may_touch(passed.reaches, built.parameters) for built in story.all(OptimizerBuilt))


def _counted(numbers: int) -> str:
    return "one number" if numbers == 1 else f"{numbers} numbers"
