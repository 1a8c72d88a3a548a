"""Static witness: how often a loop runs and with what.

Loops run at least once and twice at most; short known sequences run in full. A first lap has its true first item, in
a second lap counters are unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from tinyguard.events import BatchDrawn, PassEnded
from tinyguard.program.crossing import lap_start, nothing_crosses
from tinyguard.program.machine import Call, Frame, Machine, Pass, Signal
from tinyguard.program.pretend.values import Dataset, Leaves, Loader, Model, Tensor
from tinyguard.program.values import (
    CONSTANT,
    MISSING,
    Bound,
    Dict,
    Generator,
    Instance,
    Iteration,
    List,
    Range,
    Tuple,
    Unknown,
)

EXACT_ITEMS = 12  # a longer sequence is run as two laps
EXACT_RANGE = 4
# A `for` statement outside constructors and forwards may hold a whole training in each lap:
EXACT_LAPS = 6  # four models by name are run in full, a grid of settings is not
EXACT_COUNTED = 2  # laps that differ by a number alone: what crosses from one to the next is seen by then

Lap = Callable[[Any], Signal]


def laps(machine: Machine, iterable: Any, lap: Lap, frame: Frame, *, long: bool = False) -> bool:
    """Run `lap` once for each item. True if these were all items there are.

    `long`: the lap is the body of a `for` statement. Stops when a lap ends with "break", "return" or "raise".
    """
    if isinstance(iterable, Generator):
        return run_generator(machine, iterable, lap)
    if isinstance(iterable, Instance) and (method := _iter_method(iterable)) is not MISSING:
        at = frame.at or ast.Pass()
        return laps(machine, machine.call(Bound(method, iterable), Call([], {}, at, frame)), lap, frame)
    loaders = loaders_of(iterable)
    begun = [Pass(loader) for loader in loaders]
    head = frame.at
    machine.passes.extend(begun)
    try:
        exact = _run(machine, iterable, lap, frame, loaders, long=long)
    finally:
        del machine.passes[len(machine.passes) - len(begun) :]
    frame.at = head
    for entry in begun:
        _end_pass(machine, entry)
    return exact


def _run(machine: Machine, iterable: Any, lap: Lap, frame: Frame, loaders: list[Loader], *, long: bool) -> bool:
    items, exact = items_of(machine, iterable, frame)
    if long and exact and not (machine.constructing or machine.forwards):
        items, exact = _shortened(items, counted=isinstance(iterable, Range))
    mark = machine.heap.mark()
    facts = machine.keep_facts()
    head = frame.at
    index = 0
    trained = machine.trained_passes
    # Of a list with others in it, those that are known; a loop over modules is short, and freezes them or sets modes.
    each = exact or (isinstance(iterable, List) and (not long or _modules(items)))
    start = None if each else lap_start(machine)
    if not each and machine.again:
        # What crosses from lap to lap of this loop was seen in the first lap of the loop around it: any lap will do.
        del items[:-1]
    for index, item in enumerate(items):
        if index and not each:
            machine.heap.widen(mark)
            machine.again += 1
        frame.at = head
        if index and not each and machine.trained_passes > trained and not machine.looking:
            _look(machine, lap, item)
            break
        for loader in loaders:
            machine.emit(BatchDrawn, loader=loader.number, samples=loader.samples)
        signal = lap(item)
        machine.restore_facts(facts)
        if machine.looking and loaders and machine.passes[-1].stepped:
            raise SeenEnoughError
        if signal in ("break", "return", "raise") or (start is not None and nothing_crosses(machine, start)):
            break
    if not each:
        machine.again -= index
    if not exact:
        machine.heap.widen(mark)
        machine.heap.loosen(mark)
    return exact


class SeenEnoughError(Exception):
    """The second lap over whole passes has come to its first step."""


def _look(machine: Machine, lap: Lap, item: Any) -> None:
    """A second lap of a loop whose laps train over whole passes, as far as the end of its first batch.

    What crosses from lap to lap (a mode, gradients, an optimizer) has shown itself by then; its writes are taken back.
    """
    mark, again = machine.heap.mark(), machine.again
    machine.looking = True
    try:
        lap(item)
    except SeenEnoughError:
        machine.heap.take_back(mark)
        machine.again = again
    finally:
        machine.looking = False


def _end_pass(machine: Machine, entry: Pass) -> None:
    machine.emit(
        PassEnded,
        loader=entry.loader.number,
        samples=entry.loader.samples,
        models=tuple(entry.forwards),
        backward=entry.backward,
        stepped=tuple(entry.stepped),
        measured=entry.measured,
    )
    if entry.backward and entry.stepped:
        machine.trained_passes += 1
    for plan in reversed(machine.plans):
        if not plan.batch_loop:
            if entry.backward and entry.stepped:
                plan.passes.append(entry)
            elif entry.forwards:
                plan.evaluated.append(entry.loader.number)
            break


def run_generator(machine: Machine, generator: Generator, on_yield: Lap) -> bool:
    """Run a generator's body; what it yields goes to `on_yield` as it comes, until a lap ends the loop."""
    frame = generator.frame
    if frame.on_yield is not None:
        return False  # asked for its items by the code that takes them
    depth = len(machine.stack)
    ended: Signal = None

    def handed(item: Any) -> Signal:
        nonlocal ended
        if ended in ("break", "return", "raise"):
            return None  # nobody asks for more; what the generator does from here on is rarely done
        suspended = machine.stack[depth:]
        del machine.stack[depth:]
        try:
            ended = on_yield(item)
        finally:
            machine.stack[depth:] = suspended
        return None

    frame.on_yield = handed
    facts = machine.keep_facts()
    machine.stack.append(frame)
    try:
        if generator.function.generator:
            machine.run(generator.function.node.body, frame)  # type: ignore[arg-type]
    finally:
        machine.stack.pop()
        frame.on_yield = None
        machine.restore_facts(facts)
    return False


def _iter_method(value: Instance) -> Any:
    return value.cls.find("__iter__") if value.cls else MISSING


def loaders_of(iterable: Any) -> list[Loader]:
    """The loaders that one pass over it draws from."""
    if isinstance(iterable, Loader):
        return [iterable]
    if isinstance(iterable, Iteration):
        return [loader for part in iterable.parts for loader in loaders_of(part)]
    return []


def items_of(machine: Machine, iterable: Any, frame: Frame) -> tuple[list[Any], bool]:
    """The items to run laps with, and whether they are exactly those there are."""
    match iterable:
        case Tuple(items=items):
            return _sequence(items, exact=True)
        case List():
            if not iterable.exact and len(iterable.items) <= EXACT_ITEMS and _modules(iterable.items):
                return list(iterable.items), False
            return _sequence(iterable.items, exact=iterable.exact)
        case Dict():
            iterable.read.add(...)
            return _sequence(tuple(iterable.fields), exact=iterable.exact)
        case str():
            return _sequence(tuple(iterable[: EXACT_ITEMS + 1]), exact=True)
        case Range():
            return _range(iterable)
        case Loader():
            return [batch_of(iterable), batch_of(iterable)], False
        case Dataset():
            return [Tensor(), Tensor()], False
        case Tensor():
            return [iterable.with_(width=None), iterable.with_(width=None)], False
        case Leaves():
            return [iterable], True
        case Model():
            return _sequence(tuple(children_of(iterable)), exact=True)
        case Iteration():
            return _combined(machine, iterable, frame)
        case Generator() | Instance():
            found: list[Any] = []
            if isinstance(iterable, Generator) or _iter_method(iterable) is not MISSING:
                laps(machine, iterable, found.append, frame)
            return found or [Unknown(graph=True), Unknown(graph=True)], False
        case Unknown():
            return [item_of_unknown(iterable), item_of_unknown(iterable)], False
    return [Unknown(), Unknown()], False


def item_of_unknown(iterable: Unknown) -> Unknown:
    """An item of an unknown iterable; of a file, one of its lines."""
    key = iterable.key
    return Unknown(key, graph=False) if isinstance(key, tuple) and key[0] == "file" else Unknown(graph=iterable.graph)


def batch_of(loader: Loader) -> Tensor:
    return Tensor(loaders=(loader,))


def children_of(model: Model) -> list[Model]:
    """Its direct children, in the order of their attributes."""
    return [value for value in model.fields.values() if type(value) is Model]


def _modules(items: Sequence[Any]) -> bool:
    return bool(items) and all(isinstance(item, Model) for item in items)


def _sequence(items: tuple[Any, ...], *, exact: bool) -> tuple[list[Any], bool]:
    if exact and len(items) <= EXACT_ITEMS:
        return list(items), True
    if not items:
        return [Unknown(graph=True)], False
    second = items[1] if len(items) > 1 else items[0]
    return [items[0], Unknown() if isinstance(second, CONSTANT) else second], False


def _shortened(items: list[Any], *, counted: bool) -> tuple[list[Any], bool]:
    if len(items) <= (EXACT_COUNTED if counted else EXACT_LAPS):
        return items, True
    return _sequence(tuple(items), exact=False)


def _range(value: Range) -> tuple[list[Any], bool]:
    if isinstance(value.start, int) and isinstance(value.stop, int):
        length = value.stop - value.start
        if length <= EXACT_RANGE:
            return list(range(value.start, value.stop)), True
    first = value.start if isinstance(value.start, int) else Unknown()
    return [first, Unknown()], False


def _combined(machine: Machine, value: Iteration, frame: Frame) -> tuple[list[Any], bool]:
    columns = [items_of(machine, part, frame) for part in value.parts]
    if any(exact and not items for items, exact in columns):
        return [], True
    exact = all(exact for _, exact in columns)
    length = min(len(items) for items, known in columns if known) if exact else 2
    rows = []
    for lap in range(length):
        number = lap if exact or lap == 0 else None
        rows.append(value.combine(tuple(items[min(lap, len(items) - 1)] for items, _ in columns), number))
    return rows, exact
