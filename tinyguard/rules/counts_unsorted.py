"""TNY107: cells ran in another order than they stand in, as far as names tell without consequence."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard import events
from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import run_of
from tinyguard.story import Story


class CountsUnsorted(Rule):
    """A cell ran after one that stands below it.

    No name is known to differ (TNY102 and TNY103 report those), yet the outputs were saved in an order that nobody
    who runs the notebook from the top will follow: random numbers, files and what the cells did to shared objects may
    not be the same. One note a notebook, at the first such cell.
    """

    code = "TNY107"
    severity = Severity.NOTE
    on = (events.CountsUnsorted,)
    serves = ("I2",)
    bad = (
        """
# %% In[1]
scores = [1, 2]
# %% In[9]
print(max(scores))  # TNY107 lint
# %% In[3]
print(min(scores))
""",
    )
    good = (
        bad[0].replace("In[9]", "In[2]").replace("  # TNY107 lint", ""),
        # An import that was added later.
        """
# %% In[5]
import math
# %% In[3]
print(math.pi)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, events.CountsUnsorted):
            yield self.finding(
                f"In[{event.count}] stands above {run_of(event.below)}: the cells ran in another order",
                event.place,
                remedy="restart the kernel and run all cells from the top before the notebook is passed on",
                related=(("this cell ran before", event.below.place),),
                counts=[event.count, event.below.count],
            )
