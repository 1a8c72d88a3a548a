"""TNY416: gradients are clipped while the scale of the loss is still in them."""

from __future__ import annotations

from collections.abc import Iterator

from tinyguard.events import Event
from tinyguard.finding import Finding, Severity
from tinyguard.measured.training import ClippedWhileScaled
from tinyguard.rule import Rule
from tinyguard.story import Story

_TRAINING = """
# %%
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(64, 6), torch.randint(3, (64,))
model = nn.Linear(6, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu")
# %%
for step in range(4):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = nn.functional.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # TNY416 live
    scaler.step(optimizer)
    scaler.update()
"""


class ClippedBeforeUnscaled(Rule):
    """Gradients are clipped before `scaler.unscale_(optimizer)`: the loss scale is still in them.

    A `GradScaler` multiplies the loss by a scale, 65536 at first, and `scaler.step()` divides the gradients by it
    again. Clipped in between to a norm of 1, they are worth 1/65536 afterwards: with SGD hardly anything moves, and
    with any optimizer the clipping is not the one that was asked for, and changes with the scale. Call
    `scaler.unscale_(optimizer)` first; `scaler.step()` then does not divide again.

    A limit that is itself in the order of the scale is left alone: it was multiplied by it.
    """

    code = "TNY416"
    severity = Severity.ERROR
    on = (ClippedWhileScaled,)
    bad = (
        _TRAINING,
        # value by value, of parameters that are a list
        _TRAINING.replace(
            "clip_grad_norm_(model.parameters(), 1.0)", "clip_grad_value_(list(model.parameters()), 0.5)"
        ),
    )
    good = (
        _TRAINING.replace("    torch.nn", "    scaler.unscale_(optimizer)\n    torch.nn").replace(
            "  # TNY416 live", ""
        ),
        # the limit is scaled as well
        _TRAINING.replace("1.0)  # TNY416 live", "1.0 * scaler.get_scale())"),
        # the scaler is off
        _TRAINING.replace('GradScaler("cpu")', 'GradScaler("cpu", enabled=False)').replace("  # TNY416 live", ""),
        # the norm is only looked at
        _TRAINING.replace("1.0)  # TNY416 live", 'float("inf"))'),
    )

    def check(self, event: Event, story: Story) -> Iterator[Finding]:
        if not isinstance(event, ClippedWhileScaled):
            return
        optimizer = story.name(event.optimizer, "optimizer")
        what = "a norm of" if event.by == "clip_grad_norm_" else "values of"
        yield self.finding(
            f"gradients are clipped to {what} {event.limit:g} with the loss scale of {event.scale:g} in them: "
            f"{event.limit / event.scale:.2g} is left of it",
            event.place,
            remedy=f"call scaler.unscale_({optimizer}) before this line",
            related=(("the scale is taken out here, after the clipping", event.step),),
            limit=event.limit,
            scale=event.scale,
        )
