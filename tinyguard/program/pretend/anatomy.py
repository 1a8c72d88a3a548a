"""Static witness: what a module consists of: its parts, its parameters, whether its mode matters."""

from __future__ import annotations

from typing import Any

from tinyguard.events import ModelUse, Parameters
from tinyguard.program.iteration import children_of
from tinyguard.program.machine import Machine
from tinyguard.program.pretend.values import Leaves, Model
from tinyguard.program.values import Unknown


class Anatomy:
    """What a model consists of, until an attribute of some model changes."""

    __slots__ = ("incomplete", "mode_matters", "parameters", "parts", "pretrained", "unread", "uses")
    parameters: Parameters

    def __init__(self, model: Model) -> None:
        self.parts = descendants(model)
        self.uses: dict[Any, ModelUse] = {}
        leaves: set[int] = set()
        certain = True  # every parameter was seen
        self.incomplete = self.mode_matters = self.unread = False
        trained: list[Any] = []
        for part in self.parts:
            fields, layer = part.fields, part.layer
            fields.seen = True  # type: ignore[attr-defined]
            for value in fields.values():
                kind = type(value)
                if kind is Leaves:
                    leaves |= value.parameters.leaves
                elif kind is Unknown and value.graph:
                    certain = False
            if isinstance(leaf := fields.get("leaf"), int):
                leaves.add(leaf)
            if fields.get("incomplete"):
                self.incomplete = True
            if "unread" in fields:
                self.unread = True
            if "either" in fields:
                ways = [Anatomy(way).parameters for way in fields["either"]]
                leaves.update(*(way.leaves for way in ways))
                # Of two ways to build a part all parameters are counted; of two models that were there before, one is
                # somebody else's.
                own = all(way.number > model.number for way in fields["either"])
                certain = certain and own and all(way.complete for way in ways)
            if "pretrained" in fields:
                trained.append(fields["pretrained"])
            if fields.get("uses_mode") or (layer is not None and layer.mode_matters and "no_effect" not in fields):
                self.mode_matters = True
        self.parameters = Parameters(frozenset(leaves), certain and not self.incomplete)
        unclear = self.incomplete or None in trained or any(isinstance(value, Unknown) for value in trained)
        self.pretrained = True if True in trained else None if unclear else False


def anatomy(machine: Machine, model: Model) -> Anatomy:
    key = ("anatomy", model.number, machine.heap.structure, len(model.fields))
    known: Anatomy | None = machine.caches.get(key)
    if known is None:
        known = machine.caches[key] = Anatomy(model)
    return known


def descendants(model: Model) -> list[Model]:
    """The model and every module in it."""
    found: dict[int, Model] = {model.number: model}
    queue = [model]
    while queue:
        for child in children_of(queue.pop()):
            if child.number not in found:
                found[child.number] = child
                queue.append(child)
    return list(found.values())


def parameters_of(machine: Machine, model: Model) -> Parameters:
    return anatomy(machine, model).parameters


def mode_matters(body: Anatomy) -> bool | None:
    """Has dropout or batch norm; None: parts of it cannot be seen."""
    return True if body.mode_matters else None if body.incomplete or body.unread else False


def use_of(machine: Machine, model: Model, outputs: Any) -> ModelUse:
    training = model.fields.get("training")
    training = training if isinstance(training, bool) else None
    outputs = outputs if isinstance(outputs, int) else None
    grad = machine.modes["grad"] is not False
    body = anatomy(machine, model)
    use: ModelUse | None = body.uses.get((training, outputs, grad))
    if use is None:
        use = body.uses[training, outputs, grad] = ModelUse(
            model=model.number,
            training=training,
            mode_matters=mode_matters(body),
            parameters=body.parameters,
            pretrained=body.pretrained,
            outputs=outputs,
            grad=grad,
        )
    return use


def freeze(machine: Machine, parameters: Parameters, requires_grad: Any) -> None:
    value = not requires_grad if isinstance(requires_grad, bool) else Unknown()
    for leaf in parameters.leaves:
        machine.heap.write(machine.frozen, leaf, value)
