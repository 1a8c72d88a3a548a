"""TNY102: what a cell used when it ran is not what running all cells in order would give it."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event, NameRead
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.runs import cells, names, run, run_of
from tinyguard.story import Story


class CellsOutOfOrder(Rule):
    """A cell ran with another definition of a name than the cells above it give.

    The saved results then belong to a program that is not in the notebook: a model trained with a loader that a later
    cell had built, an accuracy measured before the model was built anew. Running the cells from the top gives
    something else.

    Counts out of order are no hazard by themselves. Reported is a name that is read by one cell and bound by another,
    where the counts prove that the binding above is not the one that was read: another cell had bound the name since,
    or the binding cell ran again afterwards. Imports, the choice of a device, and definitions that say the same do not
    count.
    """

    code = "TNY102"
    severity = Severity.WARNING
    on = (NameRead,)
    serves = ("I2",)
    bad = (
        # The loader above was built after this cell had run, which therefore used the older one.
        """
# %% In[1]
batch_size = 32
print(batch_size)
# %% In[4]
batch_size = 64
# %% In[2]
steps = 1000 // batch_size  # TNY102 lint
# %% In[3]
print(steps)
""",
        # A cell below had bound the name already when the cell above it ran again.
        """
# %% In[1]
rate = 0.1
# %% In[4]
print("rate", rate)  # TNY102 lint
# %% In[3]
rate = 0.01
""",
        # The cell was run again after its users: what they print is the work of an earlier run.
        """
# %% In[1]
import random
# %% In[7]
weights = [random.random() for _ in range(3)]
# %% In[4]
def total():
    return sum(weights)
# %% In[5]
print(total())  # TNY102 lint
# %% In[6]
print(max(weights))
""",
    )
    good = (
        bad[0]
        .replace("In[4]", "In[2]")
        .replace("In[2]\nsteps", "In[3]\nsteps")
        .replace("In[3]\nprint", "In[4]\nprint")
        .replace("  # TNY102 lint", ""),
        # The same numbers, and nothing that depends on them.
        """
# %% In[1]
rate = 0.1
# %% In[4]
print("rate", rate)
# %% In[3]
momentum = 0.9
""",
        # The import ran again; that changes nothing.
        """
# %% In[5]
import torch
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# %% In[3]
x = torch.ones(2, device=device)
# %% In[4]
print(x)
""",
        # Both cells say the same.
        """
# %% In[1]
epochs = 3
# %% In[4]
print(epochs)
# %% In[3]
epochs = 3
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, NameRead) or event.on_restart is None or event.on_restart.count is None:
            return
        every = (event.name, *event.also)
        given = (event.on_restart, *event.definitions)
        like = f", like {cells(reader.place for reader in event.readers)}," if event.readers else ""
        here = run(event.decision, event.count) + like
        if event.found is not None:
            message = (
                f"{here} used {names(every)} of {run_of(event.found)}; "
                f"Restart & Run All gives it {'those' if event.also else 'that'} of {run_of(event.on_restart)}"
            )
        elif event.definitions:
            message = f"{here} ran before the cells that bind {names(every)} ran again: {cells(d.place for d in given)}"
        else:
            message = f"{here} ran before {run_of(event.on_restart)} bound {names(every)} anew"
        found = event.found.place if event.found is not None else None
        yield self.finding(
            message,
            event.decision,
            remedy="restart the kernel and run all cells from the top, then judge the results again",
            cause="the saved results come from a state that the notebook, run in order, does not reach",
            related=(
                ("it is read here", event.place if event.via else None),
                ("this is what the cell had used", found),
                *(
                    (f"run later, as In[{d.count}]" if found is None else "this is what it would use", d.place)
                    for d in given
                ),
            ),
            names=list(every),
            count=event.count,
            counts=[definition.count for definition in given],
        )
