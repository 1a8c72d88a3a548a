"""Events -> how many classes the data have."""

from __future__ import annotations

from collections.abc import Iterable

from tinyguard.events import BatchDrawn, DatasetBuilt, Event, LoaderBuilt, PassEnded, Samples


def class_count(events: Iterable[Event]) -> int | None:
    """The number of classes of the data, where all that is known of it agrees; the data in use before that built."""
    used: set[int] = set()
    built: set[int] = set()
    for event in events:
        match event:
            case BatchDrawn(samples=Samples(classes=int(classes))) | PassEnded(samples=Samples(classes=int(classes))):
                used.add(classes)
            case (
                LoaderBuilt(samples=Samples(classes=int(classes))) | DatasetBuilt(samples=Samples(classes=int(classes)))
            ):
                built.add(classes)
    known = used or built
    return known.pop() if len(known) == 1 else None
