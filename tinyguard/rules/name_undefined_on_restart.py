"""TNY101: a cell needs a name that nothing above it binds."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, NameRead
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import names, run_of
from tinyguard.story import Story


class NameUndefinedOnRestart(Rule):
    """A cell uses a name that no cell above it binds: Restart & Run All stops there with a NameError.

    The kernel remembers what the notebook has forgotten. A cell that was moved below its users, renamed or deleted
    has still run once, and everything goes on as long as that kernel lives; the next restart, and everybody else who
    runs the notebook, finds nothing.

    Reported is only what is certain: a read at the top level of a cell, or within functions and methods that the cell
    calls. Nothing is said under a condition, after `import *` of a module that cannot be read, `exec` and the like, or
    where the `NameError` is caught. For a name that a cell below binds, the finding stands where that cell is missed;
    for a name that no cell binds, where it is read.
    """

    code = "TNY101"
    severity = Severity.ERROR
    on = (NameRead,)
    serves = ("I1", "I2")
    bad = (
        # The loader is built further down: it was there because that cell had run before.
        """
# %% In[1]
from torch.utils.data import DataLoader, TensorDataset
import torch
data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
# %% In[4]
for inputs, targets in train_loader:  # TNY101 lint
    print(inputs.shape)
# %% In[3]
train_loader = DataLoader(data, batch_size=4, shuffle=True)
""",
        # The cell with the import was deleted; a function reads the name, and a cell calls the function.
        """
# %%
import torch

def distance(a, b):
    return F.mse_loss(a, b)  # TNY101 lint
# %%
print(distance(torch.ones(2), torch.zeros(2)))
""",
        # Everything is there, but the call comes too early.
        """
# %%
def device_of(tensor):
    return tensor.to(device)
# %%
import torch
x = device_of(torch.ones(2))  # TNY101 lint
# %%
device = torch.device("cpu")
""",
        # The forward pass reads it, far from the cell that asks for it.
        """
# %%
import torch
from torch import nn
class Net(nn.Module):
    def forward(self, x):
        return x * scale  # TNY101 lint
def predict(model, inputs):
    return model(inputs)
# %%
net = Net().to("cpu")
print(predict(net, torch.ones(2)))
""",
    )
    good = (
        """
# %% In[1]
from torch.utils.data import DataLoader, TensorDataset
import torch
data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
# %% In[3]
train_loader = DataLoader(data, batch_size=4, shuffle=True)
# %% In[4]
for inputs, targets in train_loader:
    print(inputs.shape)
""",
        bad[1]
        .replace("  # TNY101 lint", "")
        .replace("import torch\n", "import torch\nimport torch.nn.functional as F\n"),
        # A function may read what is bound by the time of its call.
        """
# %%
def report():
    print(f"{epochs} epochs", file=out)
# %%
import sys
epochs, out = 3, sys.stdout
report()
""",
        # Keywords and attributes are no names; comprehensions, lambdas and `except` have names of their own.
        """
# %%
import torch
layer = torch.nn.Linear(in_features=2, out_features=1)
print(layer.weight.grad, dict(alpha=1)["alpha"])
squares = {number: number**2 for number in range(3) if (half := number / 2) or True}
print(half, sorted(squares, key=lambda word: -word))
try:
    layer.missing
except AttributeError as error:
    print(error)
""",
        # Whoever asks first need not have it.
        """
# %%
if "history" not in globals():
    history = []
try:
    checkpoint
except NameError:
    checkpoint = None
print(history, checkpoint, __name__, _, In[-1], get_ipython())
""",
        # It may well come from there.
        """
# %%
from somewhere import *
# %%
train(model, epochs=3)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, NameRead) or event.on_restart is not None or event.found is not None:
            return
        every = (event.name, *event.also)
        be = "are" if event.also else "is"
        it = "them" if event.also else "it"
        place = event.place
        related = [("it is needed by this call", event.via[0] if event.via else None)]
        if event.later is not None:
            place = event.decision
            message = f"{names(every)} {be} used before {run_of(event.later)} binds {it}"
            remedy = f"move cell {event.later.place.cell} above cell {place.cell}"
            related = [
                ("it is read here", event.place if event.via else None),
                (f"`{event.name}` is bound here", event.later.place),
            ]
        elif event.deleted is not None:
            message = f"{names(every)} {be} used after cell {event.deleted.cell} has deleted {it}"
            remedy = "delete it after its last use, or build it again"
            related.append(("it is deleted here", event.deleted))
        else:
            message = f"{names(every)} {be} used, but no cell above binds {it}"
            remedy = f"bind {it} in a cell above: an import that is missing, or a cell that was deleted or renamed"
        ran = f"it was there when the cell ran as In[{event.count}], left by a cell since moved, changed or deleted"
        yield self.finding(
            f"{message}: Restart & Run All stops here",
            place,
            remedy=remedy,
            cause=ran if event.count is not None else "",
            related=tuple(related),
            names=list(every),
            count=event.count,
        )
