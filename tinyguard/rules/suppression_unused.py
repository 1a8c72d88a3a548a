"""TNY001."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story


class SuppressionUnused(Rule):
    """A comment asks tinyguard to be silent where there is nothing to be silent about.

    The hazard was mended, or the comment stands on the wrong line. It would silence the next hazard that comes to
    stand there. Only told when all rules that it names have looked at the whole notebook.
    """

    code = "TNY001"
    severity = Severity.NOTE
    on = ()  # tinyguard.suppress reports it: it speaks of findings, not of events
    bad = (
        """
# %%
learning_rate = 0.1  # tinyguard: ignore[TNY501] it is shared on purpose  # TNY001
""",
    )
    good = (
        """
# %%
learning_rate = 0.1
""",
        """
# %%
message = "# tinyguard: ignore[TNY501] stands in a string"
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        yield from ()
