"""TNY105: the kernel was restarted half-way, and names that were lost with it are used."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard import events
from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import cells, in_order, names
from tinyguard.story import Story


class KernelRestarted(Rule):
    """The kernel was restarted half-way; a cell uses what was lost and not built again.

    A restart empties the memory: loaders, model, optimizer and settings are gone until their cells run again. A cell
    that is run without them stops with a `NameError`, or works on what a stray cell has left there.

    The counts tell: a kernel gives each count once and never counts back. A count that comes again below larger ones,
    or a 1 among them, belongs to a new kernel. Reported are the names that a cell of the new kernel reads, that cells
    of the old one had bound, and that none of the cells known to have run since has bound; where a count between is
    missing nothing is said.
    """

    code = "TNY105"
    severity = Severity.WARNING
    on = (events.KernelRestarted,)
    serves = ("C5", "I1")
    bad = (
        # After the restart the imports were run again, the cell of the loaders was not.
        """
# %% In[1]
import torch
# %% In[2]
train_loader = [torch.ones(2)]
test_loader = [torch.zeros(2)]
# %% In[3]
print(len(train_loader))
# %% In[4]
print(len(test_loader))
# %% In[2]
print("again", torch.__version__)
# %% In[3]
for batch in test_loader:  # TNY105 lint
    print(batch)
""",
        # The saved error says it, too.
        """
# %% In[5]
train_loader = [1, 2]
# %% In[6]
print(len(train_loader))
# %% In[1]
import math
# %% In[2]
print(math.prod(train_loader))  # TNY105 lint
""",
    )
    good = (
        # Everything was run again.
        """
# %% In[1]
train_loader = [1, 2]
# %% In[2]
print(len(train_loader))
# %% In[1]
train_loader = [1, 2, 3]
# %% In[2]
print(len(train_loader))
""",
        # Something ran in between that nobody knows.
        """
# %% In[4]
train_loader = [1, 2]
# %% In[5]
print(len(train_loader))
# %% In[1]
import math
# %% In[3]
print(math.prod(train_loader))
""",
        # A cell was split: both halves have its count.
        """
# %% In[1]
train_loader = [1, 2]
# %% In[2]
import math
# %% In[2]
print(math.prod(train_loader))
# %% In[3]
print(train_loader)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, events.KernelRestarted) or not event.reads:
            return
        lost = sorted(event.lost, key=lambda name: event.reads[name])
        first = event.reads[lost[0]]
        were = "were" if len(lost) > 1 else "was"
        began = event.place if event.place.cell != first.cell else None
        yield self.finding(
            f"{names(lost)} {were} lost when the kernel restarted before In[{event.counts[0]}], and not built again",
            first,
            remedy=f"run {to_run(event)} before this one, or all cells from the top",
            related=(
                ("the first cell known to have run after the restart", began),
                *((f"`{name}` was bound here", event.lost[name]) for name in lost),
            ),
            names=lost,
            counts=list(event.counts),
        )


def to_run(event: events.KernelRestarted) -> str:
    """The cells to run again, in words."""
    if not event.rebuild:
        return f"{cells(event.lost.values())} again"
    return f"{in_order(event.rebuild)} again"
