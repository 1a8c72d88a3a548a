"""Static witness: the machine that runs a notebook on a pretend torch, and the frames it runs in.

What each kind of statement, expression and callee does is registered in tables by the modules that know it
(`statements`, `expressions`, `calls`, `builtins`, `pretend`); the machine holds what they share.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

from tinyguard.events import Event, ModelUse
from tinyguard.finding import Place
from tinyguard.program.heap import Heap
from tinyguard.program.pretend.values import Dataset, Loader, Model, Optimizer, Scheduler
from tinyguard.program.values import MISSING, Class, Function, Names, Parts, Source, Unknown

_tuple = tuple.__new__  # Place(...) in half the time

STEP_BUDGET = 200_000  # statements and calls; the largest of 279 real notebooks needs about 20,000
STEPS_A_CELL = 100  # added for each cell, so that a long notebook is followed to its end
DEPTH_LIMIT = 40  # calls within calls
RECURSION_LIMIT = 2  # activations of one function

Signal = str | None  # how a block ended: None (its end was reached), "break", "continue", "return", "raise"

EXECUTE: dict[type[ast.AST], Callable[[Machine, Any, Frame], Signal]] = {}
EVALUATE: dict[type[ast.AST], Callable[[Machine, Any, Frame], Any]] = {}
CALL: dict[type, Callable[[Machine, Any, Call], Any]] = {}
METHODS: dict[type, Callable[[Machine, Any, str, Call], Any]] = {}  # of values whose methods are all known natively
ATTRIBUTE: dict[type, Callable[[Machine, Any, str], Any]] = {}
SET_ATTRIBUTE: dict[type, Callable[[Machine, Any, str, Any], None]] = {}
ITEM: dict[type, Callable[[Machine, Any, Any], Any]] = {}
KNOWN: dict[str, Callable[[Machine, Call], Any]] = {}  # by the dotted name of the library's function or class
PACKAGES: dict[str, Callable[[str], Callable[[Machine, Call], Any]]] = {}  # by package: finds the handler of a name
STAR_NAMES: dict[str, Sequence[str]] = {}  # what `from <library> import *` brings
MAKERS: dict[str, Callable[[Machine, Class, Call], Any]] = {}  # what a user's class is, by a base of a library


class BudgetSpentError(Exception):
    """The notebook is longer than we are willing to follow."""


class Frame:
    """The names of a running function, class body, comprehension or module."""

    __slots__ = ("at", "function", "module", "names", "on_yield", "outer", "parent", "returned", "source")

    def __init__(self, source: Source, *, parent: Frame | None = None, function: Function | None = None) -> None:
        self.source = source
        self.parent = parent  # the frame that it was defined in
        self.module: Frame = parent.module if parent else self
        self.function = function
        self.names: dict[Any, Any] = Names()
        self.outer: dict[str, Frame] = {}  # names declared global or nonlocal, and whose they are
        self.at: ast.AST | None = None  # what is being evaluated now
        self.returned: list[Any] = []
        self.on_yield: Callable[[Any], Signal] | None = None


class Call:
    """A call about to happen: evaluated arguments and where it stands."""

    __slots__ = ("args", "frame", "kwargs", "node", "open", "path")

    def __init__(
        self,
        args: list[Any],
        kwargs: dict[str, Any],
        node: ast.AST,
        frame: Frame,
        path: str = "",
        open: bool = False,
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        self.node = node
        self.frame = frame
        self.path = path  # of a Known callee
        self.open = open  # there are more arguments, from an unknown *args or **kwargs

    def argument(self, index: int, name: str = "", default: Any = None) -> Any:
        """The argument at this position (negative: none) or of this name."""
        if name and name in self.kwargs:
            return self.kwargs[name]
        return self.args[index] if 0 <= index < len(self.args) else default

    def values(self) -> list[Any]:
        return [*self.args, *self.kwargs.values()]


class Pass:
    """One pass over a loader, while it is under way."""

    __slots__ = ("backward", "forwards", "loader", "measured", "stepped")

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.forwards: list[ModelUse] = []
        self.backward = False
        self.stepped: list[int] = []
        self.measured = False


class Plan:
    """A loop that may turn out to be the loop over a training's epochs."""

    __slots__ = ("batch_loop", "evaluated", "passes")

    def __init__(self, *, batch_loop: bool) -> None:
        self.batch_loop = batch_loop
        self.passes: list[Pass] = []  # training passes within it
        self.evaluated: list[int] = []


def _seen_parts() -> Parts:
    parts = Parts()
    parts.seen = True
    return parts


class GivenConstant(NamedTuple):
    """A number that a call gives literally."""

    name: str  # of the parameter
    value: int | float
    place: Place
    function: str
    via: tuple[Place, ...]


class Machine:
    """Runs code, writes events."""

    def __init__(self, *, budget: int = STEP_BUDGET) -> None:
        self.events: list[Event] = []
        self.budget = budget
        self.steps = 0
        self._numbers = count(1)
        self.heap = Heap(self.new_number)
        self.facts: dict[Any, bool] = {}
        self._facts: frozenset[Any] | None = frozenset()
        self.classes: list[Class] = []
        self.modules: list[Frame] = []
        self.stack: list[Frame] = []
        self.active: dict[ast.AST, int] = {}  # how often each function is under way
        self.modes: dict[str, Any] = Names(grad=True)
        self.asked_mode = False  # somebody asked a module whether it is training
        self.frozen: dict[int, Any] = _seen_parts()  # parameter leaves whose requires_grad was set
        self.forwards: list[Model] = []  # whose forward is under way, one in another
        self.constructing = 0  # constructors of modules under way
        self.guesses: dict[Place, tuple[str, tuple[Place, ...]]] = {}  # where a dimension was left to torch
        self.decisions = 0  # branches taken for a comparison that was decided
        self.kept = 0  # tensors with a graph that went into a list or a sum
        self.again = 0  # second laps of loops under way
        self.looking = False  # such a lap goes no further than its first step
        self.trained_passes = 0  # over loaders, that are over
        self.differentiated: dict[int, Any] = {}  # tensors whose backward ran, by id
        self.passes: list[Pass] = []
        self.plans: list[Plan] = []
        self.caches: dict[Any, Any] = {}
        self.recalled = 0  # results of calls that were remembered, and not run again
        self.unbound: set[str] = set()  # names that were read and that nothing had bound
        self.read_names: set[str] = set()  # of the notebook, that something read
        self.constants: dict[Place, GivenConstant] = {}
        self.rearranges: Callable[[], bool] = lambda: False  # whether the program moves files about
        self.models: frozenset[str] = frozenset()  # names whose `.parameters()` the notebook asks for
        self.import_module: Callable[[str, Frame], Any] = lambda name, frame: MISSING

    def dissolve(self) -> None:
        """After the run: untie what refers to itself, so that all of it is gone at once, without a collection."""
        for cls in self.classes:
            cls.fields.clear()
        for frame in self.modules:
            frame.names.clear()
        self.heap.forget()
        for container in (self.caches, self.differentiated, self.constants, self.active, self.stack, self.plans):
            container.clear()
        self.import_module = lambda name, frame: MISSING
        self.rearranges = lambda: False

    # --- numbers, places, events --------------------------------------------------------------------------------------

    def new_number(self) -> int:
        return next(self._numbers)

    def place(self) -> Place:
        """The innermost line of the user's."""
        for frame in reversed(self.stack):
            if not frame.source.pretend and frame.at is not None:
                return place_of(frame.source, frame.at)
        return Place(self.stack[0].source.path if self.stack else "")

    def via(self) -> tuple[Place, ...]:
        """The user's calls that led to `place()`, outermost first."""
        return self.where()[1]

    def emit(self, kind: type[Event], /, **fields: Any) -> None:
        if self._facts is None:
            self._facts = frozenset(self.facts.items())
        fields["facts"] = self._facts
        if "place" not in fields:
            fields["place"], fields["via"] = self.where()
        self.events.append(kind.unchecked(fields))

    def where(self) -> tuple[Place, tuple[Place, ...]]:
        """`place()` and `via()`"""
        if len(self.stack) == 1:
            return self.place(), ()
        places = tuple(
            [
                place_of(frame.source, frame.at)
                for frame in self.stack
                if frame.at is not None and not frame.source.pretend
            ]
        )
        return (places[-1], places[:-1]) if places else (self.place(), ())

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, body: Iterable[ast.stmt], frame: Frame) -> Signal:
        """Execute statements until one of them ends the block."""
        for statement in body:
            self.steps += 1
            if self.steps > self.budget:
                raise BudgetSpentError
            frame.at = statement
            signal = EXECUTE[type(statement)](self, statement, frame)
            if signal is not None:
                return signal
        return None

    def evaluate(self, node: ast.expr, frame: Frame) -> Any:
        return EVALUATE[type(node)](self, node, frame)

    def call(self, callee: Any, call: Call) -> Any:
        """Call a value with evaluated arguments."""
        self.steps += 1
        if self.steps > self.budget:
            raise BudgetSpentError
        call.frame.at = call.node
        handler = CALL.get(type(callee))
        return Unknown() if handler is None else handler(self, callee, call)

    def attribute(self, value: Any, name: str) -> Any:
        handler = ATTRIBUTE.get(type(value))
        return Unknown() if handler is None else handler(self, value, name)

    # --- branches -----------------------------------------------------------------------------------------------------

    def both(self, condition: Any, first: Callable[[], Signal], second: Callable[[], Signal]) -> Signal:
        """Run two ways of which one is taken: `first` when the condition (key, polarity) holds."""
        key, polarity = condition
        heap = self.heap
        mark = heap.mark()
        self._assume(key, polarity)
        one = first()
        writes_one = heap.take_back(mark)
        self._assume(key, not polarity)
        other = second()
        if one == "raise":  # the way that raises is not one that a run goes on from
            self._forget(key)
            return other
        writes_other = heap.take_back(mark)
        self._forget(key)
        if one is not None and other is None:
            heap.apply(writes_other)
            self._assume(key, not polarity)
            return None
        if other is not None and one is None:
            heap.apply(writes_one)
            if other != "raise":
                self._assume(key, polarity)
            return None
        if other == "raise":
            heap.apply(writes_one)
            return one
        heap.join(writes_one, writes_other)
        return one if one == other else other

    def _assume(self, key: Any, way: bool) -> None:
        self.facts[key] = way
        self._facts = None

    def _forget(self, key: Any) -> None:
        self.facts.pop(key, None)
        self._facts = None

    def keep_facts(self) -> dict[Any, bool]:
        return self.facts.copy() if self.facts else {}

    def restore_facts(self, facts: dict[Any, bool]) -> None:
        if self.facts != facts:
            self.facts = facts.copy()
            self._facts = None

    # --- what training code asks --------------------------------------------------------------------------------------

    def note_measure(self, loaders: tuple[Any, ...]) -> None:
        for entry in self.passes:
            if entry.loader in loaders:
                entry.measured = True

    def note_mode_use(self) -> None:
        """The forward under way does something that depends on the mode."""
        if self.forwards:
            self.heap.write(self.forwards[0].fields, "uses_mode", True)

    def note_guess(self, function: str) -> None:
        """It was not told along which dimension. Written down at the end: an event would make the forward unique."""
        place, via = self.where()
        self.guesses.setdefault(place, (function, via))

    def note_constants(self, function: str, positional: list[str], call: Call) -> None:
        """Remember the numbers that a call gives literally: a configuration may say something else."""
        node = call.node
        if not isinstance(node, ast.Call) or not _gives_numbers(node):
            return
        shift = len(call.args) - len(node.args)  # a bound method's first argument is not written
        if shift not in (0, 1):
            return  # called on behalf of that expression, not by it: a closure, a decorator
        given = [(positional[index + shift], value) for index, value in enumerate(node.args[: len(positional) - shift])]
        given += [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
        via = self.via()
        for name, value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, (int, float)):
                place = place_of(call.frame.source, value)
                self.constants[place] = GivenConstant(name, value.value, place, function, via)

    def holder(self, name: str, frame: Frame) -> Frame | None:
        """The frame that a name is bound in, as seen from this one."""
        seen: Frame | None = frame.outer.get(name, frame)
        while seen is not None:
            if name in seen.names:
                return seen
            seen = seen.parent
        return None


def _gives_numbers(node: ast.Call) -> bool:
    """Some argument is a literal number."""
    known: bool | None = node.__dict__.get("_gives_numbers")
    if known is None:
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        known = any(isinstance(value, ast.Constant) and isinstance(value.value, (int, float)) for value in values)
        node._gives_numbers = known  # type: ignore[attr-defined]
    return known


def place_of(source: Source, node: ast.AST) -> Place:
    known: Place | None = node.__dict__.get("_place")
    if known is None:
        known = node._place = _place_of(source, node)  # type: ignore[attr-defined]
    return known


def _place_of(source: Source, node: ast.AST) -> Place:
    line = getattr(node, "lineno", 0)
    column = getattr(node, "col_offset", 0) + 1
    end_line, end_column = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
    if isinstance(node, (ast.For, ast.While, ast.If, ast.With, ast.FunctionDef, ast.ClassDef, ast.AsyncFor)):
        end_line, end_column = line, None  # the head is what matters
    end = None if end_column is None else end_column + 1
    return _tuple(Place, (source.path, source.cell, line, column, end_line, end))


TRACKED = frozenset({Model, Optimizer, Loader, Scheduler, Dataset})  # these have a number that events speak of
