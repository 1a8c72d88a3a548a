"""TNY603: the configuration says one thing, the call another, and nobody reads the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, SettingIgnored
from tinyguard.finding import Finding, Severity
from tinyguard.pattern import pattern
from tinyguard.rule import Rule
from tinyguard.story import Story
from tinyguard.training import is_trial

# What configurations are called; other objects keep what they were built with, and nobody need read it.
_CONFIGURATION = pattern(
    r"(?i:(?:self\.)?(?:\w+_)?(?:c|cfg|conf|configs?|configuration|args|opts?|options|params|parameters|hparams|hyper\w*|"
    r"h|hps?|settings|setup|flags|defaults)\d*)\s*[.\[]"
    r"|(?:\w+\.)?[A-Z][A-Z0-9_]*$"
)

_START = """
# %%
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
train_set = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))

def train_model(model, loader, num_epochs=10, lr=0.1):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(num_epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()

# %%
train_loader = DataLoader(train_set, batch_size=16, shuffle=True)
model = nn.Linear(8, 3)
"""


class ConfiguredValueUnused(Rule):
    """The configuration names a value, but the call gives another one as a literal.

    Nothing reads the entry, so changing it changes nothing, and a reader believes the wrong number:
    `config["num_epochs"]` is 50 and the model is trained for 3.
    """

    code = "TNY603"
    severity = Severity.WARNING
    needs_whole_program = True
    on = (SettingIgnored,)
    serves = ("C1", "R1")
    bad = (
        _START
        + """
# %%
config = {"num_epochs": 50, "lr": 0.1}
# %%
train_model(model, train_loader, num_epochs=3, lr=config["lr"])  # TNY603
""",
        # in a dataclass, the call in a function
        _START
        + """
# %%
@dataclass
class Config:
    num_epochs: int = 50
    lr: float = 0.1

config = Config()

# %%
def main():
    train_model(model, train_loader, num_epochs=3, lr=config.lr)  # TNY603

# %%
main()
""",
        # constants at the top
        _START
        + """
# %%
NUM_EPOCHS = 50
LR = 0.1
# %%
train_model(model, train_loader, num_epochs=3, lr=LR)  # TNY603
""",
    )
    good = (
        _START
        + """
# %%
config = {"num_epochs": 5, "lr": 0.1}
# %%
train_model(model, train_loader, num_epochs=config["num_epochs"], lr=config["lr"])
""",
        # the same value twice is untidy, not wrong
        _START
        + """
# %%
config = {"num_epochs": 3}
train_model(model, train_loader, num_epochs=3)
""",
        # everything goes in at once
        _START
        + """
# %%
config = {"num_epochs": 5, "lr": 0.1}
train_model(model, train_loader, **config)
""",
        # a trial with other numbers before the configured training
        _START
        + """
# %%
config = {"num_epochs": 5, "lr": 0.1}
train_model(nn.Linear(8, 3), train_loader, num_epochs=1)
# %%
train_model(model, train_loader, **config)
""",
        # the configuration of something else
        _START
        + """
# %%
search_config = {"num_trials": 4, "learning_rates": [0.1, 0.01]}
for lr in search_config["learning_rates"]:
    train_model(nn.Linear(8, 3), train_loader, num_epochs=2, lr=lr)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, SettingIgnored) or event.facts or event.value == event.configured:
            return
        if is_trial(event.function) or not _CONFIGURATION.match(event.configured_as):
            return
        call = f"`{event.function}` is called with" if event.function else "the call gives"
        yield self.finding(
            f"`{event.configured_as}` is {event.configured!r} and never read, but {call} {event.name}={event.value!r}",
            event.place,
            remedy=f"pass `{event.configured_as}`",
            related=((f"{event.configured_as} is written here", event.configured_at),),
            name=event.name,
            value=event.value,
            configured=event.configured,
            configured_as=event.configured_as,
        )
