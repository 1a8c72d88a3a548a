"""TNY604: the models of one comparison are trained under different settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tinyguard.events import Event, ModelBuilt, OptimizerBuilt, RunEnded, TrainingPlanned
from tinyguard.finding import Finding, Place, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import is_trial

MIN_MODELS = 3  # with two, nobody can tell which one is out of line, or whether they were meant to be alike

_START = """
# %%
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
train_loader = DataLoader(
    TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,))), batch_size=16, shuffle=True
)
test_loader = DataLoader(TensorDataset(torch.randn(32, 8), torch.randint(0, 3, (32,))), batch_size=16)

class Baseline(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, features):
        return self.layers(features)

class Wide(Baseline):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))

class Residual(Baseline):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, features):
        return self.layers(features + torch.relu(self.inner(features)))

# %%
def train_model(model, train_loader, test_loader, num_epochs, optimizer):
    for epoch in range(num_epochs):
        model.train()
        for features, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(features), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        hits = 0
        with torch.no_grad():
            for features, labels in test_loader:
                hits += (model(features).argmax(1) == labels).sum().item()
    return hits / len(test_loader.dataset)
"""


class ComparisonUnequal(Rule):
    """Models that are compared are trained alike, all but one.

    The one with more epochs, another learning rate, batch size or optimizer wins or loses for that reason, and the
    comparison says nothing about the models. Usual cause: one cell of several was edited.
    """

    code = "TNY604"
    severity = Severity.WARNING
    needs_whole_program = True
    on = (RunEnded,)
    serves = ("R1", "R3")
    bad = (
        # one cell of three was edited
        _START
        + """
# %%
baseline = Baseline()
optimizer = torch.optim.Adam(baseline.parameters(), lr=3e-4)
print(train_model(baseline, train_loader, test_loader, 4, optimizer))
# %%
wide = Wide()
optimizer = torch.optim.Adam(wide.parameters(), lr=3e-4)
print(train_model(wide, train_loader, test_loader, 2, optimizer))  # TNY604
# %%
residual = Residual()
optimizer = torch.optim.Adam(residual.parameters(), lr=3e-4)
print(train_model(residual, train_loader, test_loader, 4, optimizer))
""",
        # another optimizer for one of them
        _START
        + """
# %%
def compete(model, kind, lr):
    optimizer = kind(model.parameters(), lr=lr)
    return train_model(model, train_loader, test_loader, 3, optimizer)

# %%
print(compete(Baseline(), torch.optim.Adam, 3e-4))
print(compete(Wide(), torch.optim.Adam, 3e-4))
print(compete(Residual(), torch.optim.SGD, 0.1))  # TNY604
""",
    )
    good = (
        bad[0].replace("test_loader, 2, optimizer))  # TNY604", "test_loader, 4, optimizer))"),
        # a loop treats all alike
        _START
        + """
# %%
for build in (Baseline, Wide, Residual):
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    print(build.__name__, train_model(model, train_loader, test_loader, 2, optimizer))
""",
        # a search for the learning rate of one model
        _START
        + """
# %%
for lr in (0.1, 0.01, 0.001):
    model = Wide()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    print(lr, train_model(model, train_loader, test_loader, 2, optimizer))
""",
        # every model has its own settings: they were tuned
        _START
        + """
# %%
for build, lr, num_epochs in ((Baseline, 0.1, 2), (Wide, 0.03, 3), (Residual, 0.01, 4)):
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    print(build.__name__, train_model(model, train_loader, test_loader, num_epochs, optimizer))
""",
        # two models are no majority
        _START
        + """
# %%
for build, num_epochs in ((Baseline, 2), (Wide, 3)):
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    print(build.__name__, train_model(model, train_loader, test_loader, num_epochs, optimizer))
""",
        # the winner is trained on
        _START
        + """
# %%
trained = {}
for build in (Baseline, Wide, Residual):
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    trained[build.__name__] = model
    print(train_model(model, train_loader, test_loader, 2, optimizer))
# %%
winner = trained["Wide"]
train_model(winner, train_loader, test_loader, 4, torch.optim.Adam(winner.parameters(), lr=1e-4))
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, RunEnded) or not event.complete:
            return
        for plans in _comparisons(story):
            settings = [_settings(plan, story) for plan in plans]
            for index, plan in enumerate(plans):
                odd = _out_of_line(index, settings)
                if not odd:
                    continue
                other = plans[0 if index else 1]
                name = story.name(plan.models[0].model, _kind(plan, story))
                words = "; ".join(f"{what} {mine!r}, all others {theirs!r}" for what, (mine, theirs) in odd.items())
                yield self.finding(
                    f"`{name}` is trained unlike the {len(plans) - 1} models it is compared with: {words}",
                    plan.decision,
                    remedy="train all models of a comparison under the same settings",
                    related=(("another model of the comparison is trained here", other.decision),),
                    models=len(plans),
                    settings={what: list(values) for what, values in odd.items()},
                )


def _comparisons(story: Story) -> list[list[TrainingPlanned]]:
    """Trainings by one loop, evaluated on one loader, of models of different classes, each trained once."""
    groups: dict[tuple[Place, tuple[int, ...]], list[TrainingPlanned]] = {}
    times = Counter(use.model for plan in story.all(TrainingPlanned) for use in plan.models)
    for plan in story.all(TrainingPlanned):
        if len(plan.models) == 1 and plan.evaluated and not plan.facts and not is_trial(*plan.functions):
            groups.setdefault((plan.place, plan.evaluated), []).append(plan)
    found = []
    for plans in groups.values():
        kinds = [_kind(plan, story) for plan in plans]
        once = all(times[plan.models[0].model] == 1 for plan in plans)
        same_start = len({plan.models[0].pretrained for plan in plans}) == 1
        if len(plans) >= MIN_MODELS and once and same_start and "" not in kinds and len(set(kinds)) == len(kinds):
            found.append(plans)
    return found


def _kind(plan: TrainingPlanned, story: Story) -> str:
    built = story.built(plan.models[0].model)
    return built.kind if isinstance(built, ModelBuilt) else ""


def _settings(plan: TrainingPlanned, story: Story) -> Mapping[str, Any]:
    """What the training runs with; None where it is not known."""
    built = story.built(plan.optimizers[0]) if len(plan.optimizers) == 1 else None
    optimizer = built if isinstance(built, OptimizerBuilt) else None
    return {
        "epochs": plan.epochs.value,
        "batch size": plan.batch_size,
        "optimizer": optimizer.kind or None if optimizer else None,
        "learning rate": optimizer.lr if optimizer else None,
    }


def _out_of_line(index: int, settings: list[Mapping[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """Where this training differs from all others, which agree in everything: setting -> (its own, theirs)."""
    others = settings[:index] + settings[index + 1 :]
    if any(other != others[0] for other in others):
        return {}
    theirs, mine = others[0], settings[index]
    return {
        what: (mine[what], theirs[what])
        for what in theirs
        if None not in (mine[what], theirs[what]) and mine[what] != theirs[what]
    }
