"""TNY103: an object built from an earlier definition is used after that definition was replaced."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, ObjectStale
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import run, run_of
from tinyguard.story import Story


class NameStale(Rule):
    """A name still holds what was built from an earlier run of a cell above, and is used.

    Re-running the cell of a data set, a model or a class makes a new one; the loader, the optimizer or the instance
    that was built before keeps the old one, and nothing complains: the loader hands out the old samples, the optimizer
    steps the old weights, the instance has the old methods.

    The counts prove it: the cell of the source has the higher count, the name was not bound since, and a cell with a
    still higher count uses it. Only objects that keep what they were given are followed (classes, `get_...`,
    `make_...` and the like), built from classes or from what calls returned.
    """

    code = "TNY103"
    severity = Severity.WARNING
    on = (ObjectStale,)
    serves = ("I1", "C3")
    bad = (
        # The data set was built again, the loader was not.
        """
# %% In[1]
import torch
from torch.utils.data import DataLoader, TensorDataset
# %% In[4]
torch.manual_seed(0)
data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
# %% In[3]
loader = DataLoader(data, batch_size=4, shuffle=True)  # TNY103 lint
# %% In[5]
print([inputs.shape for inputs, targets in loader])
""",
        # The class was changed and run again; the instance is still one of the old class.
        """
# %% In[6]
class Tokenizer:
    def __call__(self, text):
        return text.lower().split()
# %% In[2]
tokenizer = Tokenizer()  # TNY103 lint
# %% In[7]
print(tokenizer("A sentence"))
""",
    )
    good = (
        bad[0].replace("In[3]", "In[5]", 1).replace("In[5]\nprint", "In[6]\nprint").replace("  # TNY103 lint", ""),
        # What was used afterwards had been built afresh.
        """
# %% In[1]
import torch
from torch.utils.data import DataLoader, TensorDataset
# %% In[2]
data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
# %% In[3]
loader = DataLoader(data, batch_size=4, shuffle=True)
# %% In[4]
print([inputs.shape for inputs, targets in loader])
""",
        # A number was computed from it; it keeps nothing.
        """
# %% In[4]
words = "a b c".split()
# %% In[5]
size = len(words)
# %% In[6]
print(size)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, ObjectStale):
            return
        yield self.finding(
            f"`{event.name}` was built in {run(event.place, event.count)} from a `{event.source}` that "
            f"{run_of(event.rerun)} has replaced; {run(event.used, event.used_count)} uses the old one",
            event.place,
            remedy=f"run cell {event.place.cell} again, then cell {event.used.cell}",
            related=((f"`{event.source}` was bound again here", event.rerun.place), ("used here", event.used)),
            name=event.name,
            source=event.source,
            counts=[event.count, event.rerun.count, event.used_count],
        )
