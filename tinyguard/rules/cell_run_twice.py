"""TNY106: a cell that changes its own input ran after its users, most likely for the second time."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import CellRepeated, Event
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import run, run_of
from tinyguard.story import Story


class CellRunTwice(Rule):
    """A cell that changes its own input was run again, or too late.

    `x = x / 255` divides once more each time it runs, `losses.append(...)` goes on where it stopped: after the second
    run the data are no longer what the notebook says, and no error tells.

    The counts show it when a cell below had used the result before this cell's last run, the cell that gives the input
    has not run in between, and a count is missing where this cell can have run first: then the change is made twice
    now, or it had not been made when it was needed. Changes that can be repeated without harm (`.to(device)`,
    `.float()`, `sorted(...)`) are not meant.
    """

    code = "TNY106"
    severity = Severity.WARNING
    on = (CellRepeated,)
    serves = ("I1", "I2")
    bad = (
        """
# %% In[1]
import torch
pixels = torch.arange(0.0, 256.0)
# %% In[5]
pixels = pixels / 255  # TNY106 lint
# %% In[3]
print(pixels.max())
# %% In[6]
print(pixels.mean())
""",
        """
# %% In[1]
history = []
# %% In[6]
history.append(0.5)  # TNY106 lint
# %% In[4]
print(len(history))
""",
    )
    good = (
        # The input was made afresh before.
        bad[0]
        .replace("In[1]", "In[4]")
        .replace("In[3]", "In[6]")
        .replace("In[6]\nprint(pixels.mean", "In[7]\nprint(pixels.mean")
        .replace("  # TNY106 lint", ""),
        # Doing it twice is doing it once.
        """
# %% In[1]
import torch
pixels = torch.arange(0, 256)
# %% In[2]
pixels = pixels.float()
# %% In[3]
print(pixels.max())
""",
        # A name of its own for the result.
        """
# %% In[1]
import torch
pixels = torch.arange(0.0, 256.0)
# %% In[2]
scaled = pixels / 255
# %% In[3]
print(scaled.max())
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, CellRepeated):
            return
        source = run_of(event.source)
        yield self.finding(
            f"`{event.change}` ran as In[{event.count}], after {run(event.consumer, event.consumer_count)} had used "
            f"`{event.name}`; {source} did not run in between: it was missing there, or is done twice now",
            event.place,
            remedy=f"run cell {event.source.place.cell} and then this cell once; give the result a name of its own",
            related=((f"`{event.name}` came from here", event.source.place), ("used here before", event.consumer)),
            name=event.name,
            counts=[event.source.count, event.consumer_count, event.count],
        )
