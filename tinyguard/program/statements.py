"""Static witness: what each kind of statement does."""

from __future__ import annotations

import ast
from typing import Any

from tinyguard.events import Number, TrainingPlanned
from tinyguard.program.assignment import assign, bind, delete
from tinyguard.program.conditions import condition_of, truth
from tinyguard.program.containers import collected, item
from tinyguard.program.expressions import defaults_of
from tinyguard.program.iteration import laps, loaders_of, run_generator
from tinyguard.program.machine import EVALUATE, EXECUTE, STAR_NAMES, Call, Frame, Machine, Plan, Signal, place_of
from tinyguard.program.operators import combined, note_kept
from tinyguard.program.values import (
    CONSTANT,
    MISSING,
    Bound,
    Class,
    Context,
    Function,
    Generator,
    Instance,
    Int,
    Known,
    List,
    Range,
    Unknown,
)


def expression(machine: Machine, node: ast.Expr, frame: Frame) -> Signal:
    if not _shows(node):
        EVALUATE[type(node.value)](machine, node.value, frame)
    return None


# Calls of these names, or of methods of objects with these names, only show something.
_SHOWING = frozenset({"print", "plt", "display", "ax", "axs", "axes", "fig", "sns", "pprint"})


def _shows(node: ast.Expr) -> bool:
    """`print(...)`, `plt.plot(...)` and the like, whose arguments call nothing that could do more."""
    known: bool | None = node.__dict__.get("_shows")
    if known is None:
        root: ast.AST = node.value
        while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
            root = root.func if isinstance(root, ast.Call) else root.value
        known = isinstance(root, ast.Name) and root.id in _SHOWING and isinstance(node.value, ast.Call)
        if known:
            inner = (part for part in ast.walk(node) if isinstance(part, ast.Call) and part is not node.value)
            known = all(isinstance(part.func, ast.Attribute) and part.func.attr in _READING for part in inner)
        node._shows = known  # type: ignore[attr-defined]
    return known


_READING = frozenset(
    """
    item format join numpy cpu detach mean sum size tolist keys values get_last_lr title shape strip upper lower
    """.split()
)


def assignment(machine: Machine, node: ast.Assign, frame: Frame) -> Signal:
    value = EVALUATE[type(node.value)](machine, node.value, frame)
    for target in node.targets:
        assign(machine, target, value, frame)
    return None


def annotated(machine: Machine, node: ast.AnnAssign, frame: Frame) -> Signal:
    if node.value is not None:
        assign(machine, node.target, machine.evaluate(node.value, frame), frame)
    return None


def augmented(machine: Machine, node: ast.AugAssign, frame: Frame) -> Signal:
    old = machine.evaluate(_loaded(node.target), frame)
    value = machine.evaluate(node.value, frame)
    if isinstance(old, List) and isinstance(node.op, ast.Add):
        more, exact = collected(machine, value, frame)
        machine.heap.write(old.fields, "items", (*old.items, *more))
        machine.heap.write(old.fields, "exact", old.exact and exact)
        return None
    if isinstance(node.op, ast.Add):
        note_kept(machine, old, value, node.target, "+=")
    result = combined(machine, old, type(node.op), value)
    assign(machine, node.target, result, frame)
    return None


def _loaded(target: ast.expr) -> ast.expr:
    """The target of an augmented assignment, as an expression that reads it."""
    match target:
        case ast.Name(id=name):
            loaded: ast.expr = ast.Name(id=name, ctx=ast.Load())
        case ast.Attribute(value=value, attr=attr):
            loaded = ast.Attribute(value=value, attr=attr, ctx=ast.Load())
        case ast.Subscript(value=value, slice=index):
            loaded = ast.Subscript(value=value, slice=index, ctx=ast.Load())
        case _:
            return target
    return ast.copy_location(loaded, target)


def if_(machine: Machine, node: ast.If, frame: Frame) -> Signal:
    test = machine.evaluate(node.test, frame)
    known = truth(machine, test)
    if known is not None:
        return machine.run(node.body if known else node.orelse, frame)
    return machine.both(
        condition_of(test), lambda: machine.run(node.body, frame), lambda: machine.run(node.orelse, frame)
    )


def for_(machine: Machine, node: ast.For | ast.AsyncFor, frame: Frame) -> Signal:
    iterable = machine.evaluate(node.iter, frame)
    ended: Signal = None

    def lap(value: Any) -> Signal:
        nonlocal ended
        frame.at = node
        assign(machine, node.target, value, frame)
        ended = machine.run(node.body, frame)
        return ended

    plan = Plan(batch_loop=bool(loaders_of(iterable)))
    machine.plans.append(plan)
    frame.at = node
    try:
        laps(machine, iterable, lap, frame)
    finally:
        machine.plans.pop()
    frame.at = node
    if plan.passes:
        _emit_plan(machine, plan, _epochs_of(iterable, node.iter))
    if ended in ("return", "raise"):
        return ended
    return machine.run(node.orelse, frame) if node.orelse and ended != "break" else None


def _epochs_of(iterable: Any, node: ast.expr) -> Number:
    """How many laps a loop over epochs has, and where that number is written."""
    if isinstance(iterable, Range) and isinstance(iterable.stop, int) and isinstance(iterable.start, int):
        argument = iterable.stop_node or node
        place = iterable.stop.place if isinstance(iterable.stop, Int) else None
        return Number(value=max(iterable.stop - iterable.start, 0), place=place, name=ast.unparse(argument))
    if hasattr(iterable, "parts") and len(iterable.parts) == 1:
        return _epochs_of(iterable.parts[0], node)
    return Number(value=None, name=ast.unparse(node)[:80])


def _emit_plan(machine: Machine, plan: Plan, epochs: Number) -> None:
    first = plan.passes[0]
    batch_size = first.loader.fields.get("batch_size")
    machine.emit(
        TrainingPlanned,
        epochs=epochs,
        models=tuple(dict.fromkeys(use for entry in plan.passes for use in entry.forwards)),
        optimizers=tuple(dict.fromkeys(number for entry in plan.passes for number in entry.stepped)),
        loader=first.loader.number,
        samples=first.loader.samples,
        batch_size=batch_size if isinstance(batch_size, int) else None,
        evaluated=tuple(dict.fromkeys(plan.evaluated)),
        functions=tuple(
            frame.function.name
            for frame in machine.stack
            if isinstance(frame.function, Function) and not frame.source.pretend
        ),
    )


def while_(machine: Machine, node: ast.While, frame: Frame) -> Signal:
    plan = Plan(batch_loop=False)
    machine.plans.append(plan)
    signal: Signal = None
    lap = 0
    told = len(machine.events)
    facts = machine.keep_facts()
    mark = machine.heap.mark()
    try:
        for lap in range(1 if machine.again else 2):
            if truth(machine, machine.evaluate(node.test, frame)) is False:
                break
            signal = machine.run(node.body, frame)
            machine.restore_facts(facts)
            if signal in ("break", "return", "raise") or len(machine.events) == told:
                break
            if lap == 0 and not machine.again:
                machine.heap.widen(mark)
                machine.again += 1
    finally:
        machine.plans.pop()
        machine.again -= lap
    machine.heap.widen(mark)
    machine.heap.loosen(mark)
    frame.at = node
    if plan.passes:
        _emit_plan(machine, plan, Number(value=None, name=ast.unparse(node.test)[:80]))
    if signal in ("return", "raise"):
        return signal
    return machine.run(node.orelse, frame) if node.orelse and signal != "break" else None


def with_(machine: Machine, node: ast.With | ast.AsyncWith, frame: Frame) -> Signal:
    return _enter(machine, node, 0, frame)


def _enter(machine: Machine, node: ast.With | ast.AsyncWith, index: int, frame: Frame) -> Signal:
    if index == len(node.items):
        return machine.run(node.body, frame)
    item_node = node.items[index]
    value = machine.evaluate(item_node.context_expr, frame)

    def inside(given: Any) -> Signal:
        if item_node.optional_vars is not None:
            assign(machine, item_node.optional_vars, given, frame)
        return _enter(machine, node, index + 1, frame)

    match value:
        case Context(mode=mode, value=setting):
            before = machine.modes.get(mode) if value.before is MISSING else value.before
            machine.heap.write(machine.modes, mode, setting)
            signal = inside(value)
            machine.heap.write(machine.modes, mode, before)
            return signal
        case Generator(function=Function(context=True)):
            # The body runs where the generator yields, between what it does before and after.
            ended: list[Signal] = []

            def body(given: Any) -> Signal:
                if not ended:
                    ended.append(inside(given))
                return None

            run_generator(machine, value, body)
            return ended[0] if ended else inside(Unknown(graph=True))
        case Instance() if value.cls and (enter := value.cls.find("__enter__")) is not MISSING:
            signal = inside(machine.call(Bound(enter, value), Call([], {}, item_node.context_expr, frame)))
            leave = value.cls.find("__exit__")
            if leave is not MISSING:
                machine.call(Bound(leave, value), Call([None, None, None], {}, item_node.context_expr, frame))
            return signal
    return inside(value)


def try_(machine: Machine, node: Any, frame: Frame) -> Signal:
    """Handlers of exceptions do not run: they are rare paths."""
    signal = machine.run(node.body, frame)
    if signal == "raise" and node.handlers:
        signal = machine.run(node.handlers[0].body, frame)
    elif signal is None:
        signal = machine.run(node.orelse, frame)
    final = machine.run(node.finalbody, frame)
    return final or signal


def function(machine: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> Signal:
    closure = frame.parent if frame.function is CLASS_BODY and frame.parent else frame
    defaults = defaults_of(machine, node.args, frame)
    defined = Function(node, closure, frame.source, defaults)
    value: Any = defined
    for decorator in reversed(node.decorator_list):
        value = _decorated(machine, value, decorator, frame)
    bind(machine, node.name, value, frame)
    return None


def _decorated(machine: Machine, value: Any, decorator: ast.expr, frame: Frame) -> Any:
    wrapper = machine.evaluate(decorator, frame)
    name = wrapper.name if isinstance(wrapper, Known) else ""
    if isinstance(value, Function):
        if name in ("staticmethod", "classmethod", "property", "cached_property"):
            value.kind = name.removeprefix("cached_")
            return value
        if name in ("contextmanager", "asynccontextmanager"):
            value.context = True
            return value
        if name in ("no_grad", "inference_mode") or (isinstance(wrapper, Context) and wrapper.mode == "grad"):
            value.no_grad = wrapper.value if isinstance(wrapper, Context) else False
            return value
    if isinstance(value, Class) and name == "dataclass":
        value.dataclass = True
        return value
    if isinstance(wrapper, (Function, Bound)):
        return machine.call(wrapper, Call([value], {}, decorator, frame))
    return value  # an unknown decorator, a setter, functools.wraps(...): what it decorates is still what is called


CLASS_BODY: Any = object()  # marks the frame of a class body: functions defined in it do not see its names


def class_(machine: Machine, node: ast.ClassDef, frame: Frame) -> Signal:
    bases = tuple(machine.evaluate(base, frame) for base in node.bases)
    defined = Class(machine.new_number(), node.name, bases, frame.source)
    defined.built = place_of(frame.source, node)
    body = Frame(frame.source, parent=frame, function=CLASS_BODY)
    body.names = defined.fields
    machine.stack.append(body)
    try:
        machine.run(node.body, body)
    finally:
        machine.stack.pop()
    defined.fields["__annotated__"] = tuple(
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    )
    for member in defined.fields.values():
        if isinstance(member, Function) and member.owner is None:
            member.owner = defined
    value: Any = defined
    for decorator in reversed(node.decorator_list):
        value = _decorated(machine, value, decorator, frame)
    bind(machine, node.name, value if isinstance(value, Class) else defined, frame)
    return None


def return_(machine: Machine, node: ast.Return, frame: Frame) -> Signal:
    home: Frame = frame
    home.returned.append(machine.evaluate(node.value, frame) if node.value else None)
    return "return"


def raise_(machine: Machine, node: ast.Raise, frame: Frame) -> Signal:
    return "raise"


def break_(machine: Machine, node: ast.Break, frame: Frame) -> Signal:
    return "break"


def continue_(machine: Machine, node: ast.Continue, frame: Frame) -> Signal:
    return "continue"


def pass_(machine: Machine, node: ast.stmt, frame: Frame) -> Signal:
    return None


def assert_(machine: Machine, node: ast.Assert, frame: Frame) -> Signal:
    machine.evaluate(node.test, frame)
    return None


def delete_(machine: Machine, node: ast.Delete, frame: Frame) -> Signal:
    for target in node.targets:
        delete(machine, target, frame)
    return None


def global_(machine: Machine, node: ast.Global, frame: Frame) -> Signal:
    for name in node.names:
        frame.outer[name] = frame.module
    return None


def nonlocal_(machine: Machine, node: ast.Nonlocal, frame: Frame) -> Signal:
    for name in node.names:
        home = machine.holder(name, frame.parent) if frame.parent else None
        if home is not None:
            frame.outer[name] = home
    return None


def import_(machine: Machine, node: ast.Import, frame: Frame) -> Signal:
    for alias in node.names:
        if alias.asname:
            bind(machine, alias.asname, machine.import_module(alias.name, frame), frame)
        else:
            machine.import_module(alias.name, frame)
            top = alias.name.partition(".")[0]
            bind(machine, top, machine.import_module(top, frame), frame)
    return None


def import_from(machine: Machine, node: ast.ImportFrom, frame: Frame) -> Signal:
    module = machine.import_module("." * node.level + (node.module or ""), frame)
    for alias in node.names:
        if alias.name == "*":
            if hasattr(module, "fields"):
                for name, value in list(module.fields.items()):
                    if isinstance(name, str) and not name.startswith("_"):
                        bind(machine, name, value, frame)
            elif isinstance(module, Known):
                for name in STAR_NAMES.get(module.path, ()):
                    bind(machine, name, Known(f"{module.path}.{name}"), frame)
            continue
        if isinstance(module, Known):  # a module of a library may be a pretend one
            value = machine.import_module(f"{module.path}.{alias.name}", frame)
        else:
            value = machine.attribute(module, alias.name)
        bind(machine, alias.asname or alias.name, value, frame)
    return None


def match_(machine: Machine, node: ast.Match, frame: Frame) -> Signal:
    subject = machine.evaluate(node.subject, frame)
    return _cases(machine, subject, node.cases, frame)


def _cases(machine: Machine, subject: Any, cases: list[ast.match_case], frame: Frame) -> Signal:
    if not cases:
        return None
    first = cases[0]
    known = _matches(machine, subject, first.pattern, frame)
    if first.guard is not None and known is not False:
        guard = truth(machine, machine.evaluate(first.guard, frame))
        known = guard if known is True else None
    if known is True:
        return machine.run(first.body, frame)
    if known is False:
        return _cases(machine, subject, cases[1:], frame)
    return machine.both(
        condition_of(Unknown()),
        lambda: machine.run(first.body, frame),
        lambda: _cases(machine, subject, cases[1:], frame),
    )


def _matches(machine: Machine, subject: Any, pattern: ast.pattern, frame: Frame) -> bool | None:
    match pattern:
        case ast.MatchAs(pattern=None, name=name):
            if name:
                bind(machine, name, subject, frame)
            return True
        case ast.MatchValue(value=value):
            wanted = machine.evaluate(value, frame)
            return subject == wanted if isinstance(subject, CONSTANT) and isinstance(wanted, CONSTANT) else None
        case ast.MatchSingleton(value=value):
            return subject is value if isinstance(subject, CONSTANT) else None
        case ast.MatchOr(patterns=patterns):
            answers = [_matches(machine, subject, inner, frame) for inner in patterns]
            return True if True in answers else (None if None in answers else False)
        case ast.MatchSequence(patterns=patterns):
            for index, inner in enumerate(patterns):
                if isinstance(inner, ast.MatchAs):
                    _matches(machine, item(machine, subject, index), inner, frame)
    return None


EXECUTE.update(
    {
        ast.Expr: expression,
        ast.Assign: assignment,
        ast.AnnAssign: annotated,
        ast.AugAssign: augmented,
        ast.If: if_,
        ast.For: for_,
        ast.AsyncFor: for_,
        ast.While: while_,
        ast.With: with_,
        ast.AsyncWith: with_,
        ast.Try: try_,
        ast.FunctionDef: function,
        ast.AsyncFunctionDef: function,
        ast.ClassDef: class_,
        ast.Return: return_,
        ast.Raise: raise_,
        ast.Break: break_,
        ast.Continue: continue_,
        ast.Pass: pass_,
        ast.Assert: assert_,
        ast.Delete: delete_,
        ast.Global: global_,
        ast.Nonlocal: nonlocal_,
        ast.Import: import_,
        ast.ImportFrom: import_from,
        ast.Match: match_,
    }
)
for _kind in ("TryStar", "TypeAlias"):
    if hasattr(ast, _kind):
        EXECUTE[getattr(ast, _kind)] = try_ if _kind == "TryStar" else pass_
