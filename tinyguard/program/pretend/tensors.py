"""Static witness: tensors as provenance. What an operation's result owes to its operands."""

from __future__ import annotations

from typing import Any

from tinyguard.events import Activation, Parameters
from tinyguard.finding import Place
from tinyguard.program.heap import merged
from tinyguard.program.machine import Machine
from tinyguard.program.pretend.values import Leaves, Tensor
from tinyguard.program.values import Dict, Instance, List, Tuple, Unknown

_RESULT = {"activation": None, "known": True, "layer": "", "length": None, "role": ""}  # of any operation


def combined_tensors(machine: Machine, *operands: Any, **fields: Any) -> Tensor:
    """The result of an operation on these: everything that is behind one of them is behind it.

    `fields` says what more is known of it.
    """
    parts: list[Tensor] = []
    for operand in operands:
        kind = type(operand)
        if kind is Tensor:
            parts.append(operand)
        elif kind in _CARRIERS:
            parts.extend(_tensors_in(machine, (operand,)))
    if len(parts) > 1:  # those that carry nothing add nothing
        parts = [part for part in parts if part.models or part.grad or part.loaders or not part.complete] or parts[:1]
    if not parts:
        return Tensor(**fields)
    first = parts[0]
    if len(parts) == 1 and machine.modes["grad"] is True:
        return first.with_(**(_RESULT | fields))
    reaches, complete, models, loaders = first.reaches, first.complete, first.models, first.loaders
    graphs, grad, loss, width = first.graphs, first.grad, first.loss, first.width
    for part in parts[1:]:
        reaches = reaches | part.reaches if part.reaches else reaches
        complete = complete and part.complete
        models, loaders, graphs = (
            merged(models, part.models),
            merged(loaders, part.loaders),
            merged(graphs, part.graphs),
        )
        grad, loss = grad or part.grad, loss or part.loss
        width = width if part.width in (None, width) else part.width if width is None else None
    if machine.modes["grad"] is False:
        reaches, complete, grad, graphs = frozenset(), True, False, ()
    elif grad:  # what has no graph of its own is a number in this one: a target, a weight
        models = ()
        for part in parts:
            models = merged(models, part.models) if part.grad or not part.complete else models
    combined = Tensor(
        reaches,
        complete=complete,
        models=models,
        loaders=loaders,
        width=width,
        loss=loss,
        grad=grad,
        graphs=graphs,
    )
    combined.__dict__.update(fields)
    return combined


_CARRIERS = frozenset({Leaves, Tuple, List, Dict, Instance, Unknown})


def _tensors_in(machine: Machine, values: Any) -> Any:
    for value in values:
        match value:
            case Tensor():
                yield value
            case Leaves():
                yield tensor_of(machine, value)
            case Tuple(items=items) | List(items=items):
                yield from _tensors_in(machine, items)
            case Dict():
                yield from _tensors_in(machine, value.fields.values())
            case Instance():
                yield from _tensors_in(machine, value.fields.values())
            case Unknown(graph=True):
                yield Tensor(complete=False, known=False)


def tensor_of(machine: Machine, leaves: Leaves) -> Tensor:
    """Parameters as an operand: those that are not frozen."""
    reached, complete = thawed(machine, leaves.parameters)
    return Tensor(reached, complete=complete, grad=bool(reached) or not complete, known=True)


def thawed(machine: Machine, parameters: Parameters) -> tuple[frozenset[int], bool]:
    """The leaves that gradients reach, and whether this is certain of each."""
    frozen = machine.frozen
    if not frozen or frozen.keys().isdisjoint(parameters.leaves):
        return parameters.leaves, parameters.complete
    certain = all(isinstance(frozen.get(leaf, False), bool) for leaf in parameters.leaves)
    return (
        frozenset(leaf for leaf in parameters.leaves if frozen.get(leaf, False) is not True),
        parameters.complete and certain,
    )


def compared_tensors(machine: Machine, left: Any, right: Any) -> Any:
    """A comparison of tensors: data; with the labels of a batch, a measurement."""
    both = [side for side in (left, right) if isinstance(side, Tensor)]
    for side in both:
        machine.note_measure(side.loaders)
    return cut(both[0]).with_(role="")


def cut(tensor: Tensor) -> Tensor:
    """The same numbers without a graph."""
    return Tensor(
        loaders=tensor.loaders, role=tensor.role, known=False, width=tensor.width, activation=tensor.activation
    )


def detached(tensor: Tensor) -> Tensor:
    return tensor.with_(reaches=frozenset(), complete=True, grad=False, graphs=())


def activated(machine: Machine, tensor: Any, name: str, *, place: Place | None = None) -> Any:
    """The result of an activation function that a loss may apply a second time; `place`: of its layer."""
    if not isinstance(tensor, Tensor):
        tensor = combined_tensors(machine, tensor)
    result = combined_tensors(machine, tensor)
    return result.with_(activation=Activation(name, place or machine.place()), known=True, width=tensor.width)


def passed(machine: Machine, tensor: Any) -> Any:
    """The result of a change of shape, device or type, or of dropout: same entries, same activation."""
    if not isinstance(tensor, Tensor):
        return combined_tensors(machine, tensor)
    if machine.modes["grad"] is False and tensor.grad:
        return detached(tensor)
    return tensor
