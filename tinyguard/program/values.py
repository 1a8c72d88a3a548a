"""Static witness, ground: the values that a pretend run computes with.

Constants of Python stand for themselves: 3, "cuda" and None are plain objects. Everything else is a `Value`. What can
be changed keeps its changeable part in `fields`, a plain dict that only `Heap.write` writes to, so that a branch
can be taken back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from tinyguard.finding import Place

if TYPE_CHECKING:
    from tinyguard.program.machine import Frame


CONSTANT = (int, float, str, bytes, bool, type(None), complex, type(...))


_keys = count(1)


class Names(dict[Any, Any]):
    """The names of a frame: what is written there is over when the frame is."""

    __slots__ = ()


class Parts(dict[Any, Any]):
    """The attributes of a module, and the frozen parameters: what a model consists of depends on them.

    `seen` once somebody has asked; only then does it matter that they change.
    """

    seen = False


class Value:
    """Anything that is not a constant."""

    __slots__ = ()


class Missing(Value):
    """No value at all: an unbound name, an absent argument."""

    __slots__ = ()


MISSING = Missing()


class Unknown(Value):
    """A value that cannot be known. `key` identifies it as a condition: two tests of the same unknown agree.

    `graph` is True when it may carry somebody's parameters (the result of code that cannot be read); shapes, labels,
    arrays and the like are unknown data, which cannot.
    """

    __slots__ = ("graph", "key")

    def __init__(self, key: Any = None, *, graph: bool = False) -> None:
        self.key = next(_keys) if key is None else key
        self.graph = graph


MOVES = frozenset({"to", "cuda", "cpu", "float", "double"})  # methods that give the model back
MADE = "made"  # the first part of the key of what unread code returned, when nothing of ours went in


class Int(int):
    """A whole number that knows where it is written. Arithmetic gives plain numbers again."""

    # The source, and its place in it. Not the node, which keeps this number: a cycle would outlive the run.
    written: tuple[Source, int, int, int | None, int | None] | None = None

    @property
    def place(self) -> Place | None:
        if self.written is None or self.written[0].pretend:
            return None
        source, line, column, end_line, end = self.written
        return Place(source.path, source.cell, line, column + 1, end_line, end + 1 if end else None)


def restart_keys() -> None:
    """Number unknowns from 1 again, so that the same notebook gives the same events."""
    global _keys
    _keys = count(1)


def new_key() -> int:
    """What identifies a condition that nothing else does."""
    return next(_keys)


class Known(Value):
    """Something of a library, by its canonical dotted name: `torch.nn.Linear`."""

    __slots__ = ("handler", "members", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.members: dict[str, Known] = {}  # its attributes that were asked for
        self.handler: Any = None  # what calling it does, once somebody has

    def member(self, name: str) -> Known:
        found = self.members.get(name)
        if found is None:
            found = self.members[name] = Known(f"{self.path}.{name}")
        return found

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


class Object(Value):
    """A value with an identity: numbered at its construction, never compared by content."""

    __slots__ = ("built", "fields", "number")

    def __init__(self, number: int, fields: dict[Any, Any] | None = None, *, built: Place | None = None) -> None:
        self.number = number
        self.fields: dict[Any, Any] = {} if fields is None else fields
        self.built = built


class Tuple(Value):
    __slots__ = ("items",)

    def __init__(self, items: tuple[Any, ...]) -> None:
        self.items = items


class List(Object):
    """A list or set; `fields`: items (a tuple), exact (False: there may be others, or another number of them)."""

    __slots__ = ()

    @property
    def items(self) -> tuple[Any, ...]:
        return self.fields["items"]  # type: ignore[no-any-return]

    @property
    def exact(self) -> bool:
        return self.fields["exact"] is True


class Dict(Object):
    """A dict with constant keys in `fields`; entries under other keys are joined in `state["other"]`."""

    __slots__ = ("read", "state", "written")

    def __init__(self, number: int, fields: dict[Any, Any] | None = None, *, built: Place | None = None) -> None:
        super().__init__(number, fields, built=built)
        self.state: dict[str, Any] = {"exact": True}  # and "other": what is under keys that are not known
        self.read: set[Any] = set()  # keys that somebody read
        self.written: dict[Any, Place] = {}  # where the literal writes each key

    @property
    def exact(self) -> bool:
        return self.state["exact"] is True


class Range(Value):
    """range(), exact when both ends are known."""

    __slots__ = ("start", "stop", "stop_node")

    def __init__(self, start: Any, stop: Any) -> None:
        self.start = start
        self.stop = stop
        self.stop_node: ast.expr | None = None  # the argument that gives the end


class Iteration(Value):
    """A lazily combined iterable: enumerate, zip, map and the like over `parts`.

    `combine` makes an item of this from one item of each part (and the number of the lap from 0, None: not known).
    """

    __slots__ = ("combine", "parts")

    def __init__(self, parts: tuple[Any, ...], combine: Callable[[tuple[Any, ...], int | None], Any]) -> None:
        self.parts = parts
        self.combine = combine


class Function(Value):
    """A function or lambda of the user's (or of a pretend module)."""

    __slots__ = (
        "closure",
        "context",
        "defaults",
        "kind",
        "name",
        "no_grad",
        "node",
        "owner",
        "source",
    )

    def __init__(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        closure: Frame,
        source: Source,
        defaults: dict[str, Any],
    ) -> None:
        self.node = node
        self.name = getattr(node, "name", "<lambda>")
        self.closure = closure
        self.source = source
        self.defaults = defaults
        self.kind = "function"  # "staticmethod", "classmethod", "property"
        self.context = False  # @contextmanager
        self.no_grad: Any = None  # decorated: False with @torch.no_grad()
        self.owner: Class | None = None

    @property
    def generator(self) -> bool:
        """Calling it gives a generator. Looked up when it is called: most functions that are defined never are."""
        if not self.source.yields:
            return False
        known: bool | None = self.node.__dict__.get("_generator")
        if known is None:
            body = [] if isinstance(self.node, ast.Lambda) else self.node.body
            known = any(_yields(statement) for statement in body)
            self.node._generator = known  # type: ignore[union-attr]
        return known

    def copy(self) -> Function:
        twin = Function(self.node, self.closure, self.source, self.defaults)
        twin.kind, twin.context, twin.no_grad, twin.owner = self.kind, self.context, self.no_grad, self.owner
        return twin


def _yields(node: ast.AST) -> bool:
    if isinstance(node, (ast.Yield, ast.YieldFrom)):
        return True
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
        return False
    return any(_yields(child) for child in ast.iter_child_nodes(node))


class Bound(Value):
    """A function with its first argument."""

    __slots__ = ("function", "owner")

    def __init__(self, function: Function, owner: Any) -> None:
        self.function = function
        self.owner = owner


class Method(Value):
    """A method of a value that we know natively: `optimizer.step`."""

    __slots__ = ("name", "owner")

    def __init__(self, owner: Any, name: str) -> None:
        self.owner = owner
        self.name = name


class Partial(Value):
    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs


class Factory(Value):
    """field(default_factory=...): made anew for each object."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function


class Generator(Value):
    """A generator not yet run: its body runs where it is iterated, its yields are the items."""

    __slots__ = ("frame", "function")

    def __init__(self, function: Function, frame: Frame) -> None:
        self.function = function
        self.frame = frame


class Class(Object):
    """A class of the user's; `fields` is its namespace."""

    __slots__ = ("bases", "dataclass", "name", "read", "source")

    def __init__(self, number: int, name: str, bases: tuple[Any, ...], source: Source) -> None:
        super().__init__(number)
        self.name = name
        self.bases = bases
        self.source = source
        self.dataclass = False
        self.read: set[str] = set()  # attributes that somebody read

    def lineage(self) -> Iterator[Class | Known | Unknown]:
        """This class and its bases, depth first (C3 differs only in diamonds)."""
        yield self
        for base in self.bases:
            if isinstance(base, Class):
                yield from base.lineage()
            elif isinstance(base, (Known, Unknown)):
                yield base

    def find(self, name: str, *, after: Class | None = None) -> Any:
        """The attribute in the lineage (beyond `after`, for super()); MISSING if no class of the user's has it."""
        if after is None:
            if name in self.fields:
                return self.fields[name]
            for base in self.bases:
                if isinstance(base, Class) and (found := base.find(name)) is not MISSING:
                    return found
            return MISSING
        waiting = True
        for cls in self.lineage():
            if waiting:
                waiting = cls is not after
            elif isinstance(cls, Class) and name in cls.fields:
                return cls.fields[name]
        return MISSING

    def derives_from(self, *paths: str) -> bool:
        return any(isinstance(base, Known) and base.path in paths for base in self.lineage())


class Instance(Object):
    """An object of a class of the user's."""

    __slots__ = ("cls", "read")

    def __init__(self, number: int, cls: Class | None, *, built: Place | None = None) -> None:
        super().__init__(number, built=built)
        self.cls = cls
        self.read: set[Any] = set()


class Super(Value):
    __slots__ = ("after", "owner")

    def __init__(self, after: Class, owner: Any) -> None:
        self.after = after
        self.owner = owner


class ModuleValue(Object):
    """A Python module that could be read: a sibling file or a pretend module; `fields` is its namespace."""

    __slots__ = ("name",)

    def __init__(self, number: int, name: str, fields: dict[Any, Any]) -> None:
        super().__init__(number, fields)
        self.name = name


class Context(Value):
    """What `with` makes of it: sets the machine's `mode` to `value` and back, to what it was `before`."""

    __slots__ = ("before", "mode", "value")

    def __init__(self, mode: str, value: Any, *, before: Any = MISSING) -> None:
        self.mode = mode
        self.value = value
        self.before = before  # MISSING: what it is when the block is entered


class Source:
    """The text that a piece of code was parsed from: a cell, a sibling module, a pretend module (`pretend`)."""

    __slots__ = ("cell", "path", "pretend", "yields")

    def __init__(self, path: str, cell: int | None = None, *, pretend: bool = False, text: str = "yield") -> None:
        self.path = path
        self.cell = cell
        self.pretend = pretend
        self.yields = "yield" in text  # only then can a function of it be a generator
