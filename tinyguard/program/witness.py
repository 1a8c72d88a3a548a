"""The static witness: a notebook in, the story of what running it would do out."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from tinyguard.events import CellExecuted, DimensionGuessed, Event, RunEnded, SettingIgnored
from tinyguard.finding import Place
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.pattern import pattern
from tinyguard.program import (
    attributes,
    builtins,
    containers,
    defining,
    expressions,
    loops,
    matching,
    methods,
    operators,
    statements,
)
from tinyguard.program.calls import escape
from tinyguard.program.machine import STEP_BUDGET, STEPS_A_CELL, BudgetSpentError, Call, Frame, GivenConstant, Machine
from tinyguard.program.modules import Importer, moves_files
from tinyguard.program.names.executions import recorded_order
from tinyguard.program.names.scopes import children
from tinyguard.program.pretend import companions, forward, functions, model_sources, standard_library
from tinyguard.program.swaps import Trace, Tracer, same_story
from tinyguard.program.values import Class, Dict, Instance, Int, Source, Unknown, restart_keys
from tinyguard.record import Record

# Imported for what they register: what each kind of statement, expression, callee and attribute does.
_TABLES = (
    attributes,
    builtins,
    containers,
    defining,
    expressions,
    companions,
    model_sources,
    standard_library,
    functions,
    loops,
    matching,
    methods,
    operators,
    statements,
    forward,
)


class Witnessed(Record):
    """What the witness saw."""

    events: tuple[Event, ...]
    complete: bool  # False: not all of the notebook was followed; `reason` says why
    reason: str = ""
    unbound: frozenset[str] = frozenset()  # names that were read and that nothing had bound
    traces: Mapping[int, Trace] = {}  # by cell, where the counts prove another order than that of the document


def witness(notebook: Notebook, *, order: str = "document", budget: int = STEP_BUDGET) -> Witnessed:
    """Run a notebook on a pretend torch.

    `order` is "document", what Restart & Run All would do, or "recorded", what the execution counts prove. A cell that
    does not parse is passed over, and so is the rest of one that ran into an error in the recorded order.
    """
    restart_keys()
    budget += STEPS_A_CELL * len(notebook.cells)
    machine = Machine(budget=budget)
    folder = os.path.dirname(notebook.path) or "."
    importer = Importer(machine, None if notebook.path == "-" else folder)
    machine.import_module = importer
    machine.models = frozenset(
        name for cell in notebook.cells if ".parameters()" in cell.source for name in _asked_for_parameters(cell.source)
    )
    cells_move_files = cache(lambda: any(moves_files(cell.source) for cell in notebook.cells))
    machine.rearranges = lambda: importer.moves_files or cells_move_files()
    frame = Frame(Source(notebook.path))
    frame.names["__name__"] = "__main__"
    machine.modules.append(frame)
    machine.stack.append(frame)
    proven = recorded_order(notebook)
    recorded = proven if order == "recorded" else None
    traces: dict[int, Trace] = {}
    indices = range(len(notebook.cells)) if recorded is None else _with_ghosts(notebook, recorded)
    reason = ""
    for number, index in enumerate(indices, start=1):
        cell = notebook.cells[index]
        if cell.written_to.endswith(".py"):
            importer.write(cell.written_to, Source(notebook.path, cell.number), _body_of(cell))
        if cell.tree is None:
            if "*" in cell.binds:
                _pass_over(machine, frame, cell)
            continue
        tracer = Tracer(machine, frame, importer) if proven is not None and recorded is None else None
        try:
            _run_cell(machine, frame, cell, number, cut=recorded is not None)
        except BudgetSpentError:
            reason = f"stopped in cell {cell.number} after {budget:,} steps"
            break
        except RecursionError:
            reason = f"cell {cell.number} is nested too deeply"
            _recover(machine, frame)
        finally:
            if tracer is not None:
                traces[index] = tracer.trace()
    frame.at = None
    _emit_ignored_settings(machine, frame)
    for place, (function, via) in machine.guesses.items():
        machine.emit(DimensionGuessed, function=function, place=place, via=via)
    unread = any(skipped.cell is not None for skipped in notebook.skipped)
    machine.emit(RunEnded, complete=not reason and not unread, place=Place(notebook.path), via=())
    machine.dissolve()
    return Witnessed(
        events=tuple(machine.events),
        complete=not reason,
        reason=reason,
        unbound=frozenset(machine.unbound),
        traces=traces,
    )


def _run_cell(machine: Machine, frame: Frame, cell: Cell, number: int, *, cut: bool) -> None:
    path = frame.source.path
    frame.source = Source(path, cell.number, text=cell.source)
    machine.emit(CellExecuted, count=cell.count, order=number, place=Place(path, cell.number), via=())
    for name in cell.binds:
        if name != "*":
            machine.heap.write(frame.names, name, Unknown())
    assert cell.tree is not None
    body: Sequence[ast.stmt] = cell.tree.body
    if cut and (line := _failed_line(cell)) is not None:
        body = [statement for statement in body if statement.lineno < line]
    machine.run(body, frame)
    machine.restore_facts({})


def _pass_over(machine: Machine, frame: Frame, cell: Cell) -> None:
    """A cell that cannot be read may do anything to what it names, and give another meaning to what it assigns."""
    words = dict.fromkeys(_WORD.findall(cell.source))
    frame.source, frame.at = Source(frame.source.path, cell.number), ast.Pass()
    escape(machine, Call([frame.names[name] for name in words if name in frame.names], {}, frame.at, frame), "a cell")
    for name in dict.fromkeys(_ASSIGNED.findall(cell.source)):
        machine.heap.write(frame.names, name, Unknown(graph=True))


_WORD = pattern(r"[^\W\d]\w*")
_ASSIGNED = pattern(r"^[ \t]*(?:(?:for|def|class)[ \t]+(?=\w)|(?=\w+[ \t]*=(?!=)))([^\W\d]\w*)", re.MULTILINE)


def _recover(machine: Machine, frame: Frame) -> None:
    """Back to the level of cells after an abandoned one."""
    machine.stack[:] = [frame]
    machine.active.clear()
    machine.restore_facts({})
    machine.passes.clear()
    machine.plans.clear()
    machine.forwards.clear()
    machine.again, machine.looking = 0, False
    machine.constructing = machine.again = 0


def _body_of(cell: Cell) -> str:
    """What a `%%writefile` cell writes, on the lines of the cell."""
    head, _, body = cell.source.partition("%%")
    return "\n" * (head.count("\n") + 1) + body.partition("\n")[2]


def _asked_for_parameters(source: str) -> Iterable[str]:
    """The names whose `.parameters()` a cell asks for."""
    for before in source.split(".parameters()")[:-1]:
        start = len(before)
        while start and (before[start - 1].isalnum() or before[start - 1] == "_"):
            start -= 1
        if before[start:]:
            yield before[start:]


_ARROW = pattern(r"^-+> ?(\d+)", re.MULTILINE)
_COLOUR = pattern(r"\x1b\[[0-9;]*m")


def _failed_line(cell: Cell) -> int | None:
    """The line at which the recorded run of the cell raised."""
    for output in cell.outputs:
        if output.get("output_type") == "error" and isinstance(output.get("traceback"), list):
            text = _COLOUR.sub("", "\n".join(str(line) for line in output["traceback"]))
            arrow = _ARROW.search(text)
            return int(arrow[1]) if arrow else None
    return None


def tells_the_same(notebook: Notebook, order: Sequence[int], seen: Witnessed) -> bool:
    """Whether the recorded order would tell what that of the document has: then it need not be followed, too."""
    if not (seen.complete and same_story(notebook, order, seen.traces)):
        return False
    return all(_failed_line(notebook.cells[number]) is None for number in order)


def _with_ghosts(notebook: Notebook, order: Iterable[int]) -> list[int]:
    """The recorded order; before a cell that reads a name which only a later-counted cell binds, a run of that cell.

    Only the last run of a cell has a count: what it bound was there before.
    """
    order = list(order)
    names = {index: _names(notebook.cells[index]) for index in order}
    bound: set[str] = set()
    result: list[int] = []
    for position, index in enumerate(order):
        read, stored = names[index]
        for name in sorted(read - bound - stored):
            later = next((other for other in order[position + 1 :] if name in names[other][1]), None)
            if later is not None and later not in result:
                result.append(later)
                bound |= names[later][1]
        result.append(index)
        bound |= stored
    return result


def _names(cell: Cell) -> tuple[set[str], set[str]]:
    """The names that a cell reads anywhere, and those that it binds at its top level."""
    read: set[str] = set()
    stored: set[str] = set()
    nodes: list[Any] = [] if cell.tree is None else [*cell.tree.body]
    for node in nodes:  # which grows: `ast.walk` takes five times as long
        kind = type(node)
        if kind is ast.Name:
            (read if type(node.ctx) is ast.Load else stored).add(node.id)
            continue
        if kind in _IMPORTS:
            stored.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif kind in _DEFINITIONS:
            stored.add(node.name)
        for field in children(kind):
            child = getattr(node, field, None)
            if type(child) is list:
                nodes += child
            elif child is not None:
                nodes.append(child)
    return read, stored


_IMPORTS = frozenset({ast.Import, ast.ImportFrom})
_DEFINITIONS = frozenset({ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef})


def _emit_ignored_settings(machine: Machine, frame: Frame) -> None:
    """Numbers that calls give literally, while a configuration says something else that nobody reads."""
    if not machine.constants:
        return
    settings = _settings(machine, frame)
    for given in machine.constants.values():
        for configured, place, written in settings.get(given.name.lower(), ()):
            if type(configured) in (int, float, Int) and configured != given.value:
                _emit_ignored(machine, given, configured, place, written)


def _emit_ignored(machine: Machine, given: GivenConstant, configured: Any, place: Place, written: str) -> None:
    machine.emit(
        SettingIgnored,
        name=given.name,
        value=given.value,
        configured=configured + 0,
        configured_at=place,
        configured_as=written,
        function=given.function,
        place=given.place,
        via=given.via[:-1] if given.via else (),
    )


Setting = tuple[Any, Place, str]  # value, where it is written, how the user would write it


_CONFIGURATION = pattern(r"conf|cfg|param(?!_?group)|hyper|args|opts?$|option|setting|^hp", re.IGNORECASE)


def _settings(machine: Machine, frame: Frame) -> dict[str, list[Setting]]:
    """The entries of the notebook's configurations that nobody reads, by lower-case name."""
    found: dict[str, list[Setting]] = {}
    for name, value in frame.names.items():
        if isinstance(value, Int) and value.place is not None and name not in machine.read_names and len(name) > 3:
            found.setdefault(name.lower(), []).append((value, value.place, name))
        elif not _CONFIGURATION.search(name):
            continue
        elif isinstance(value, Dict) and ... not in value.read:
            for key, entry in value.fields.items():
                if isinstance(key, str) and key in value.written and key not in value.read:
                    found.setdefault(key.lower(), []).append((entry, value.written[key], f"{name}[{key!r}]"))
        elif isinstance(value, (Instance, Class)) and ... not in value.read:
            for key, entry in value.fields.items():
                if isinstance(entry, Int) and entry.place is not None and key not in value.read:
                    found.setdefault(str(key).lower(), []).append((entry, entry.place, f"{name}.{key}"))
    return found
