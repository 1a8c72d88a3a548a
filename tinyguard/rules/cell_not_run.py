"""TNY104: a cell that others depend on was not run, and they were."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, NameRead
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import names, run
from tinyguard.story import Story


class CellNotRun(Rule):
    """A cell was not run, and cells that need its names were.

    They can only have run because the name came from somewhere else: an earlier form of the cell, an earlier kernel,
    a cell that is gone. What the notebook shows is not what it says, and running all cells may give other results.

    A cell counts as not run when it has neither an execution count nor outputs. Nothing is said when another cell
    binds the name and was run, or when the service that saved the notebook writes `In[0]` for cells that it had run.
    """

    code = "TNY104"
    severity = Severity.WARNING
    on = (NameRead,)
    serves = ("I2",)
    bad = (
        """
# %% In[1]
import torch
# %% In[ ]
mean, std = 0.5, 0.25  # TNY104 lint
# %% In[2]
print((torch.ones(2) - mean) / std)
""",
        # Through a function, and told once for all that need it.
        """
# %% In[ ]
import torch  # TNY104 lint
# %% In[3]
def ones():
    return torch.ones(3)
# %% In[4]
print(ones())
# %% In[5]
print(torch.zeros(3))
""",
    )
    good = (
        bad[0].replace("In[ ]", "In[3]").replace("In[2]", "In[4]").replace("  # TNY104 lint", ""),
        # Nobody who ran needs it.
        """
# %% In[1]
print("start")
# %% In[ ]
def unused():
    return 1
# %% In[2]
print("end")
""",
        # Its name was bound by a cell that ran.
        """
# %% In[1]
epochs = 2
# %% In[ ]
epochs = 50
# %% In[2]
print(epochs)
""",
        # Nothing was run at all.
        """
# %%
epochs = 2
# %%
print(epochs)
""",
        # It has run: there is its output.
        """
# %% In[ ]
epochs = 2
print(epochs)
# Out: 2
# %% In[2]
print(2 * epochs)
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, NameRead) or event.on_restart is None or event.on_restart.count is not None:
            return
        if event.found is not None:
            return
        missed = sorted((event.on_restart, *event.definitions), key=lambda definition: definition.place)
        every = (event.name, *event.also)
        reader = event.decision
        more = f" and {len(event.readers)} more" if event.readers else ""
        others = f" and {len(missed) - 1} more were" if len(missed) > 1 else " was"
        yield self.finding(
            f"this cell{others} not run, but {run(reader, event.count)}{more} used {names(every)}",
            missed[0].place,
            remedy="restart the kernel and run all cells from the top; delete the cell if it is not needed",
            related=(
                ("used here", reader),
                *(("not run either", definition.place) for definition in missed[1:]),
            ),
            names=list(every),
            count=event.count,
        )
