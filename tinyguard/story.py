"""What has happened so far: remembers events, never re-enacts torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from tinyguard.events import (
    BackwardRan,
    DatasetBuilt,
    Escaped,
    Event,
    GradientsCleared,
    LoaderBuilt,
    ModelBuilt,
    ModeSet,
    NameBound,
    OptimizerBuilt,
    OptimizerStepped,
    SchedulerBuilt,
    SchedulerStepped,
)

E = TypeVar("E", bound=Event)
Built = ModelBuilt | OptimizerBuilt | SchedulerBuilt | LoaderBuilt | DatasetBuilt


def certain(event: Event, *, given: Event) -> bool:
    """Whenever `given` happened, `event` had happened: all its conditions are among those of `given`."""
    return event.facts <= given.facts


def possible(event: Event, *, given: Event) -> bool:
    """Nothing that `given` is known to depend on rules `event` out."""
    return not any((condition, not way) in given.facts for condition, way in event.facts)


class Story:
    """The events so far, in order, with what rules look up most."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._of: defaultdict[type[Event], list[Event]] = defaultdict(list)
        self._position: dict[int, int] = {}  # by id: the story keeps its events, so their ids are not reused
        self._steps: defaultdict[int, list[OptimizerStepped]] = defaultdict(list)
        self._scheduler_steps: defaultdict[int, list[SchedulerStepped]] = defaultdict(list)
        self._built: dict[int, Built] = {}
        self._names: defaultdict[int, list[str]] = defaultdict(list)
        self._bindings: defaultdict[int, list[NameBound]] = defaultdict(list)
        self._meaning: dict[str, NameBound] = {}
        self._mode: defaultdict[int, list[ModeSet]] = defaultdict(list)
        self._local_names: defaultdict[int, list[str]] = defaultdict(list)
        self._escaped: set[int] = set()
        self._gradients: dict[int, list[BackwardRan]] = {}  # by id of the step

    def remember(self, event: Event) -> None:
        kind = type(event)
        self._position[id(event)] = len(self.events)
        self.events.append(event)
        self._of[kind].append(event)
        index = _INDEXED.get(kind)
        if index is not None:
            index(self, event)

    def _index_built(self, event: Built) -> None:
        match event:
            case ModelBuilt(model=number) | OptimizerBuilt(optimizer=number) | SchedulerBuilt(scheduler=number):
                self._built[number] = event
            case LoaderBuilt(loader=number) | DatasetBuilt(dataset=number):
                self._built[number] = event

    def _index_binding(self, event: NameBound) -> None:
        names = (self._local_names if event.local else self._names)[event.object]
        if event.name not in names:
            names.append(event.name)
        if not event.local:
            self._bindings[event.object].append(event)
            self._meaning[event.name] = event

    def _index_mode(self, event: ModeSet) -> None:
        for number in (event.model, *event.models):
            self._mode[number].append(event)

    def _index_step(self, event: OptimizerStepped) -> None:
        self._steps[event.optimizer].append(event)

    def _index_scheduler_step(self, event: SchedulerStepped) -> None:
        self._scheduler_steps[event.scheduler].append(event)

    def _index_escape(self, event: Escaped) -> None:
        self._escaped.update(event.objects)

    def all(self, kind: type[E]) -> list[E]:
        """Every event of this kind so far, in order."""
        return self._of[kind]  # type: ignore[return-value]

    def last(self, kind: type[E]) -> E | None:
        events = self._of[kind]
        return events[-1] if events else None  # type: ignore[return-value]

    def position(self, event: Event) -> int:
        """The place of this event in `events`."""
        return self._position[id(event)]

    def between(self, first: Event | None, last: Event | None) -> list[Event]:
        """What happened after the one and before the other, in order; None: from the beginning, to the end."""
        start = 0 if first is None else self.position(first) + 1
        return self.events[start : None if last is None else self.position(last)]

    def steps(self, optimizer: int) -> list[OptimizerStepped]:
        """The steps of this optimizer so far, in order."""
        return self._steps.get(optimizer, [])

    def scheduler_steps(self, scheduler: int) -> list[SchedulerStepped]:
        return self._scheduler_steps.get(scheduler, [])

    def built(self, number: int | None) -> Built | None:
        """The event of the object's construction; None when nobody saw it."""
        return self._built.get(number) if number is not None else None

    def name(self, number: int | None, default: str = "it") -> str:
        """What the user calls the object: the first name of the notebook (else of a function) that was bound to it."""
        names = self.names(number) if number is not None else ()
        return names[0] if names else default

    def names(self, number: int) -> tuple[str, ...]:
        return (*self._names.get(number, ()), *self._local_names.get(number, ()))

    def bindings(self, number: int) -> list[NameBound]:
        """The bindings of the object to names of the notebook itself, not of a function's frame."""
        return self._bindings.get(number, [])

    def meaning(self, name: str) -> NameBound | None:
        """The last binding of this name of the notebook."""
        return self._meaning.get(name)

    def mode_set(self, model: int) -> ModeSet | None:
        """The last train() or eval() of this model."""
        events = self._mode.get(model)
        return events[-1] if events else None

    def escaped(self, number: int) -> bool:
        """Code that nobody can read had hold of the object."""
        return number in self._escaped

    def gradients(self, step: OptimizerStepped) -> list[BackwardRan]:
        """The backward passes whose gradients this step may use.

        Those since this optimizer's previous step (or its construction) that reach one of its parameters, or may,
        less what was cleared in between. None that anybody knows for a step behind a gap.
        """
        if step.after_gap:
            return []
        known = self._gradients.get(id(step))
        if known is None:  # what comes later changes nothing of it
            known = self._gradients[id(step)] = self._gradients_before(step)
        return known

    def _gradients_before(self, step: OptimizerStepped) -> list[BackwardRan]:
        found: list[BackwardRan] = []
        gone: frozenset[int] = frozenset()
        built = self.built(step.optimizer)
        start = self.position(built) if built is not None else 0
        for index in range(self.position(step) - 1, start - 1, -1):
            event = self.events[index]
            match event:
                case OptimizerStepped(optimizer=step.optimizer) if certain(event, given=step):
                    break
                case GradientsCleared(parameters=cleared) if certain(event, given=step):
                    gone |= cleared.leaves
                case BackwardRan(reaches=reaches) if possible(event, given=step):
                    left = reaches.leaves & step.parameters.leaves - gone
                    if left or not (reaches.complete and step.parameters.complete):
                        found.append(event)
        found.reverse()
        return found


# Most events are of other kinds: those wait in their lists only.
_INDEXED: dict[type[Event], Callable[[Story, Any], None]] = {
    **dict.fromkeys(get_args(Built), Story._index_built),
    NameBound: Story._index_binding,
    ModeSet: Story._index_mode,
    OptimizerStepped: Story._index_step,
    SchedulerStepped: Story._index_scheduler_step,
    Escaped: Story._index_escape,
}
