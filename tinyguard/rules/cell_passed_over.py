"""TNY108: a cell among executed ones was not run, as far as names tell without consequence."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard import events
from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import cells, run_of
from tinyguard.story import Story


class CellPassedOver(Rule):
    """A cell was not run although cells below it were.

    None of them is known to need its names (TNY104 reports that), yet it may prepare files, set seeds or train: the
    saved results were made without it, and Restart & Run All includes it. Cells with nothing but imports, definitions
    and magics are not meant, nor notebooks whose host writes `In[0]` for cells that it had run.
    """

    code = "TNY108"
    severity = Severity.NOTE
    on = (events.CellPassedOver,)
    serves = ("I2",)
    bad = (
        """
# %% In[1]
import random
# %% In[ ]
random.seed(0)  # TNY108 lint
# %% In[2]
print(random.random())
""",
    )
    good = (
        bad[0].replace("In[ ]", "In[2]").replace("In[2]\nprint", "In[3]\nprint").replace("  # TNY108 lint", ""),
        # The last cells were not reached yet.
        """
# %% In[1]
import random
# %% In[2]
random.seed(0)
# %% In[ ]
print(random.random())
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if isinstance(event, events.CellPassedOver):
            others = f", nor were {cells(event.cells)}" if event.cells else ""
            yield self.finding(
                f"this cell was not run{others}; {run_of(event.below)} below was",
                event.place,
                remedy="run all cells from the top, or delete what is not needed",
                related=(("run without it", event.below.place),),
                count=event.below.count,
            )
