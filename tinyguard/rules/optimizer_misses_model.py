"""TNY501: an optimizer steps and holds nothing of the model that is trained."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, NameBound, OptimizerBuilt, OptimizerStepped, RunEnded
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.steps import judged, later, optimizer_of, owner, stray_backward, used_gradients_before
from tinyguard.story import Story


class OptimizerMissesModel(Rule):
    """The optimizer holds the parameters of another model than the one that is trained.

    `optimizer.step()` succeeds and nothing learns: the loss stays where it was, accuracy at chance. Usual causes: the
    cell that builds the model was run again and the one that builds the optimizer was not, so that the optimizer holds
    the parameters of the model that is gone; or the optimizer was built from the wrong name.

    The finding stands at the later of the two births, since that is where the pair came apart: at the new model, or at
    the optimizer; where the model has an optimizer of its own, at the call that was given the wrong one.
    """

    code = "TNY501"
    severity = Severity.ERROR
    on = (OptimizerStepped, RunEnded)
    serves = ("R3",)

    bad = (
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# %%
model = nn.Linear(4, 3)  # TNY501
# %%
loss = model(torch.rand(8, 4)).pow(2).mean()
loss.backward()
optimizer.step()
""",
        # Run again in a notebook: the counts tell that the model is younger than its optimizer.
        """
# %% In[1]
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
train_loader = DataLoader(TensorDataset(torch.rand(16, 4), torch.randint(3, (16,))), batch_size=4, shuffle=True)

class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, x):
        return self.net(x)

def train(net, loader, optimizer, epochs):
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            criterion(net(x), y).backward()
            optimizer.step()
# %% In[2]
net = Net(hidden=8)
# %% In[3]
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
# %% In[4]
net = Net(hidden=64)  # TNY501
# %% In[5]
train(net, train_loader, optimizer, epochs=30)
""",
        # Built for the wrong one of two models, in a function.
        """
# %%
import torch
from torch import nn

def build():
    small, large = nn.Linear(4, 3), nn.Linear(4, 3)
    return small, large
# %%
small, large = build()
optimizer = torch.optim.AdamW(small.parameters(), lr=1e-3)  # TNY501
# %%
for step in range(20):
    loss = nn.functional.cross_entropy(large(torch.rand(8, 4)), torch.randint(3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # Each model has its optimizer; the second call gets the first one's.
        """
# %%
import torch
from torch import nn

class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer

    def fit(self, steps):
        for step in range(steps):
            loss = nn.functional.mse_loss(self.model(torch.rand(8, 4)), torch.rand(8, 1))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
# %%
first, second = nn.Linear(4, 1), nn.Linear(4, 1)
first_optimizer = torch.optim.SGD(first.parameters(), lr=0.1)
second_optimizer = torch.optim.SGD(second.parameters(), lr=0.1)
# %%
Trainer(first, second_optimizer).fit(20)  # TNY501
""",
        # The trainer replaces its model when it resets and keeps the optimizer.
        """
# %%
import torch
from torch import nn

class Trainer:
    def __init__(self, lr):
        self.model = nn.Linear(4, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=lr)

    def reset(self):
        self.model = nn.Linear(4, 1)

    def fit(self, steps):
        for step in range(steps):
            self.optimizer.zero_grad()
            self.model(torch.rand(8, 4)).pow(2).mean().backward()
            self.optimizer.step()
# %%
trainer = Trainer(lr=0.1)
trainer.reset()  # TNY501
trainer.fit(20)
""",
        # A function that nobody can read hides a part of the graph: which model took part in the loss is known.
        """
# %%
import torch
from torch import nn
from layers import mixed

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(mixed(self.first(x)))

# %%
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net = Net()  # TNY501 lint
for step in range(20):
    optimizer.zero_grad()
    net(torch.rand(8, 4)).pow(2).mean().backward()
    optimizer.step()
""",
        # a copy of the model is trained
        """
# %%
import copy
import torch
from torch import nn
pristine = nn.Linear(4, 3)
optimizer = torch.optim.SGD(pristine.parameters(), lr=0.1)
model = copy.deepcopy(pristine)  # TNY501
# %%
for step in range(20):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
    optimizer.step()
""",
    )
    good = (
        bad[0].replace(
            "model = nn.Linear(4, 3)  # TNY501",
            "model = nn.Linear(4, 3)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
        ),
        bad[1]
        .replace("  # TNY501", "")
        .replace("# %% In[5]", "optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)\n# %% In[5]"),
        bad[2].replace("large(torch", "small(torch").replace("  # TNY501", ""),
        bad[3].replace("Trainer(first, second_optimizer)", "Trainer(first, first_optimizer)").replace("  # TNY501", ""),
        bad[4]
        .replace(
            "    def reset(self):\n        self.model = nn.Linear(4, 1)",
            "    def reset(self):\n        self.model.reset_parameters()",
        )
        .replace("  # TNY501", ""),
        # The last ten of thirty blocks and a new layer: the blocks are trained.
        """
# %%
import torch
from torch import nn
net = nn.Sequential(*[nn.Linear(4, 4) for _ in range(30)])
head = nn.Sequential(*list(net.children())[20:], nn.Linear(4, 4))
optimizer = torch.optim.SGD(head.parameters(), lr=1e-5)
# %%
for step in range(10):
    optimizer.zero_grad()
    net(torch.ones(2, 4)).sum().backward()
    optimizer.step()
""",
        # Generator and discriminator: each loss has its own optimizer, detach keeps them apart.
        """
# %%
import torch
from torch import nn
generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4), nn.Tanh())
discriminator = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()
# %%
for step in range(20):
    real, fake = torch.rand(8, 4), generator(torch.randn(8, 2))
    optimizer_d.zero_grad()
    loss_real = criterion(discriminator(real), torch.ones(8, 1))
    loss_fake = criterion(discriminator(fake.detach()), torch.zeros(8, 1))
    (loss_real + loss_fake).backward()
    optimizer_d.step()
    optimizer_g.zero_grad()
    loss_g = criterion(discriminator(fake), torch.ones(8, 1))
    loss_g.backward()
    optimizer_g.step()
""",
        # Only the head is trained, with parameter groups; the backbone is not the optimizer's business.
        """
# %%
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(4, 8)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(8, 3))

    def forward(self, x):
        return self.head(self.backbone(x))
# %%
net = Net()
for parameter in net.backbone.parameters():
    parameter.requires_grad = False
decay = [p for name, p in net.head.named_parameters() if not name.endswith("bias")]
rest = [p for name, p in net.head.named_parameters() if name.endswith("bias")]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=1e-3)
# %%
for step in range(20):
    loss = nn.functional.cross_entropy(net(torch.rand(8, 4)), torch.randint(3, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # Style transfer: an image is optimised through a network that is not.
        """
# %%
import torch
from torch import nn
vgg = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
for parameter in vgg.parameters():
    parameter.requires_grad_(False)
content = torch.rand(1, 3, 8, 8)
target = content.clone().requires_grad_(True)
optimizer = torch.optim.Adam([target], lr=0.003)
# %%
for step in range(20):
    loss = torch.mean((vgg(target) - vgg(content)) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
        # Two optimizers share one backward pass; both step all the time.
        """
# %%
import torch
from torch import nn
encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
encoder_optimizer = torch.optim.SGD(encoder.parameters(), lr=0.01)
decoder_optimizer = torch.optim.SGD(decoder.parameters(), lr=0.01)
# %%
for step in range(20):
    x = torch.rand(8, 4)
    encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    loss = nn.functional.mse_loss(decoder(encoder(x)), x)
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
""",
        # A second-order optimizer calls the closure itself.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 1)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5)
x, y = torch.rand(16, 4), torch.rand(16, 1)
# %%
for step in range(3):
    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss
    optimizer.step(closure)
""",
        # Mixed precision: the scaler makes the step.
        """
# %%
import torch
from torch import nn
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu")
# %%
for step in range(20):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(torch.rand(8, 4)).pow(2).mean()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        for step in judged(event, story):
            found = stray_backward(step, story)
            if found is None or used_gradients_before(step, story):
                continue
            backward, use = found
            optimizer, model = story.name(step.optimizer, "optimizer"), story.name(use.model, "model")
            optimizer_built, model_built = story.built(step.optimizer), story.built(use.model)
            former = owner(step.parameters, story, before=optimizer_built)
            held = story.name(former.model, "") if former else ""
            remedy = f"build `{optimizer}` from `{model}.parameters()` after `{model}` is built"
            made = model_built or _bound(use.model, optimizer_built, story)
            if optimizer_built is None or made is None:
                place = step.decision
            elif later(made, optimizer_built, story):
                place = made.parting(optimizer_built)
                remedy = f"build `{optimizer}` again after this line"
            elif right := optimizer_of(use.parameters, story, but=step.optimizer, given=step):
                place = step.parting(optimizer_built)
                remedy = f"train `{model}` with `{story.name(right.optimizer, 'its own optimizer')}`"
            else:
                place = optimizer_built.parting(made)
            if use.parameters.overlaps(step.parameters):
                holds = "only parameters that get no gradient"
            elif held and held != model:
                holds = f"the parameters of `{held}`"
            else:
                holds = f"the parameters of an earlier `{model}`" if held else "other parameters"
            yield self.finding(
                f"`{optimizer}` holds {holds}; nothing of the `{model}` that is trained",
                place,
                remedy=remedy,
                cause="step() succeeds and changes nothing of the model: the loss stays where it was.",
                related=(
                    (f"`{optimizer}` was built here", optimizer_built.place if optimizer_built else None),
                    (f"the `{model}` that is trained was built here", made.place if made else None),
                    ("the model it was built for", former.place if former else None),
                    ("backward() reaches the model here", backward.place),
                    ("the step that changes nothing", step.place),
                ),
                optimizer=optimizer,
                model=model,
                built_for=held,
            )


def _bound(model: int, optimizer: Event | None, story: Story) -> NameBound | None:
    """Where a model whose construction nobody saw, a copy, got its name, if that was after the optimizer was built.

    Live that is told at the end of the cell: in the optimizer's own cell lines tell what came first.
    """
    bound = next(iter(story.bindings(model)), None)
    if bound is None or not isinstance(optimizer, OptimizerBuilt) or not later(bound, optimizer, story):
        return None
    same = (bound.place.path, bound.place.cell) == (optimizer.place.path, optimizer.place.cell)
    return None if same and bound.place.line <= optimizer.place.line else bound
