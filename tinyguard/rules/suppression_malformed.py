"""TNY002."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.rule import Rule
from tinyguard.story import Story


class SuppressionMalformed(Rule):
    """A comment to tinyguard is not understood, so it silences nothing.

    A code that no rule has, codes without their brackets, a bracket that is not closed, another word than `ignore` or
    `ignore-notebook`, or `ignore-notebook` behind code.
    """

    code = "TNY002"
    severity = Severity.NOTE
    on = ()  # tinyguard.suppress reports it: it speaks of comments, not of events
    bad = (
        """
# %%
learning_rate = 0.1  # tinyguard: disable[TNY501]  # TNY002
""",
        """
# %%
learning_rate = 0.1  # tinyguard: ignore[TNY501 the bracket is open  # TNY002
""",
    )
    good = (
        """
# %%
learning_rate = 0.1
""",
        """
# %%
# the checks of tinyguard: see its documentation
learning_rate = 0.1
""",
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        yield from ()
