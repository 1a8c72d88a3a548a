"""Static witness: forward passes of modules and losses."""

from __future__ import annotations

from typing import Any, NamedTuple

from tinyguard.events import LossComputed, ModelUse, Parameters
from tinyguard.program.heap import merged
from tinyguard.program.machine import CALL, Call, Machine
from tinyguard.program.pretend.anatomy import descendants, parameters_of, use_of
from tinyguard.program.pretend.tensors import activated, combined_tensors, detached, passed, thawed
from tinyguard.program.pretend.values import Graph, Layer, Model, Tensor
from tinyguard.program.values import CONSTANT, MISSING, Bound, Dict, Function, List, Tuple, Unknown


def call_model(machine: Machine, model: Model, call: Call) -> Any:
    if model.layer is not None and model.layer.criterion and _forward_of_user(model) is None:
        return compute_loss(machine, model.layer.criterion, call, built=model.built)
    if machine.forwards:
        return forward_of(machine, model, call)
    return _outermost_forward(machine, model, call)


def _outermost_forward(machine: Machine, model: Model, call: Call) -> Any:
    """A model called from outside any forward: its result remembers it, and the batches that went in.

    The forward itself runs on inputs without a history, so that its result can be used again for another batch:
    what the inputs carry is added afterwards.
    """
    inputs = combined_tensors(machine, *call.values())
    bare = Call(
        [_bare(value) for value in call.args],
        {name: _bare(value) for name, value in call.kwargs.items()},
        call.node,
        call.frame,
        open=call.open,
    )
    result = _remembered(machine, model, bare)
    use = use_of(machine, model, result.width if isinstance(result, Tensor) else None)
    for entry in machine.passes:
        if entry.loader in inputs.loaders and use not in entry.forwards:
            entry.forwards.append(use)
    off = machine.modes["grad"] is False
    return _attached(machine, result, _History(use, inputs, () if off else (Graph(),), off))


class _History(NamedTuple):
    """What a forward's result owes to its call."""

    use: ModelUse
    inputs: Tensor
    graph: tuple[Graph, ...]
    off: bool  # gradients are


def _attached(machine: Machine, value: Any, history: _History) -> Any:
    inputs = history.inputs
    if isinstance(value, Tensor):
        models, loaders = merged((history.use,), inputs.models), merged(inputs.loaders, value.loaders)
        if history.off:
            return detached(value).with_(models=models, loaders=loaders)
        grad = value.grad or inputs.grad
        if grad and not inputs.grad and inputs.complete:  # detached, they are numbers
            models = (history.use,)
        return value.with_(
            reaches=value.reaches | inputs.reaches,
            complete=value.complete and inputs.complete,
            models=models,
            loaders=loaders,
            grad=grad,
            graphs=merged(history.graph, inputs.graphs) if grad else (),
        )
    if isinstance(value, Tuple):
        return Tuple(tuple([_attached(machine, part, history) for part in value.items]))
    if isinstance(value, List):
        items = tuple([_attached(machine, part, history) for part in value.items])
        return List(machine.new_number(), {"items": items, "exact": value.exact})
    if isinstance(value, Dict):
        entries = {name: _attached(machine, part, history) for name, part in value.fields.items()}
        twin = Dict(machine.new_number(), entries)
        twin.state = dict(value.state)
        return twin
    return value


BY_MODE = object()  # in the place of a remembered result: the forward asks for `self.training`


def _remembered(machine: Machine, model: Model, call: Call) -> Any:
    """The result of a forward on inputs without a history, with gradients: of an earlier call when it must be the same.

    It must where nothing of the model has changed since, and the forward wrote to nothing but its own names.
    """
    key = _cache_key(machine, model, call)
    training = model.fields.get("training")
    if key is not None:
        result = machine.caches.get(key)
        if result is BY_MODE:
            result = machine.caches.get((*key, training is True, training is False))
        if result is not None:
            machine.recalled += 1
            return result
    events, outside, grad = len(machine.events), machine.heap.outside, machine.modes["grad"]
    machine.asked_mode = False
    machine.modes["grad"] = True
    machine.forwards.append(model)
    try:
        result = forward_of(machine, model, call)
    finally:
        machine.forwards.pop()
        machine.modes["grad"] = grad
    if key is not None and len(machine.events) == events and machine.heap.outside == outside:
        if machine.asked_mode:
            machine.caches[key] = BY_MODE
            key = (*key, training is True, training is False)
        machine.caches[key] = result
    return result


def _bare(value: Any) -> Any:
    """An argument without its history."""
    if isinstance(value, Tensor):
        return Tensor(width=value.width, role=value.role)
    if isinstance(value, Tuple):
        return Tuple(tuple(_bare(part) for part in value.items))
    return value


def _cache_key(machine: Machine, model: Model, call: Call) -> Any:
    shapes = []
    for value in (*call.args, *call.kwargs.items()):
        shape = _shape(value)
        if shape is MISSING:
            return None
        shapes.append(shape)
    return ("forward", model.number, machine.heap.structure, *shapes)


def _shape(value: Any) -> Any:
    """What a forward may depend on in an argument; MISSING: on more than can be said."""
    if isinstance(value, Tensor):
        return ("tensor", value.width, value.role)
    if isinstance(value, CONSTANT):
        return ("constant", type(value), value)
    if isinstance(value, Unknown):
        return ("graph" if value.graph else "data",)
    if isinstance(value, (Tuple, tuple)):
        shapes = tuple(_shape(part) for part in (value if isinstance(value, tuple) else value.items))
        return MISSING if MISSING in shapes else shapes
    return MISSING


def forward_of(machine: Machine, model: Model, call: Call) -> Any:
    forward = _forward_of_user(model)
    return forward_of_layer(machine, model, call) if forward is None else machine.call(Bound(forward, model), call)


def _forward_of_user(model: Model) -> Function | None:
    forward = model.cls.find("forward") if model.cls is not None else None
    return forward if isinstance(forward, Function) else None


def forward_of_layer(machine: Machine, model: Model, call: Call) -> Any:
    layer = model.layer
    if layer is None or layer.opaque or "either" in model.fields:
        return _opaque_forward(machine, model, call)
    if layer.criterion:
        return compute_loss(machine, layer.criterion, call, built=model.built)
    if layer.kind == "Sequential":
        return _sequential_forward(machine, model, call)
    return _layer_forward(machine, model, layer, call)


def _sequential_forward(machine: Machine, model: Model, call: Call) -> Any:
    value: Any = call.argument(0, default=Unknown())
    parts = [
        part for name, part in model.fields.items() if isinstance(name, str) and isinstance(part, (Model, Unknown))
    ]
    for part in parts:
        value = machine.call(part, Call([value], {}, call.node, call.frame))
    if model.fields.get("incomplete"):
        value = combined_tensors(machine, value).with_(complete=False, known=False)
    return value


def _layer_forward(machine: Machine, model: Model, layer: Layer, call: Call) -> Any:
    first = call.argument(0, "input", Unknown())
    if layer.activation:
        return activated(machine, first, layer.activation, place=model.built)
    if layer.passes:
        return passed(machine, first)
    fields: dict[str, Any] = {"layer": layer.kind}
    if "leaf" not in model.fields:
        result = combined_tensors(machine, *call.values(), **fields)
    else:
        width = model.fields.get("out_features")
        fields["width"] = width if isinstance(width, int) else None
        result = combined_tensors(machine, *call.values(), **fields)
        if machine.modes["grad"] is not False:
            reached, certain = frozenset((model.fields["leaf"],)), True
            if machine.frozen:
                reached, certain = thawed(machine, Parameters(reached))
            # A result of our own: nobody has seen it yet.
            result.reaches |= reached
            result.complete = result.complete and certain
            result.grad = result.grad or bool(reached)
    if layer.recurrent:
        return Tuple((result, Tuple((result, result)) if layer.kind.startswith("LSTM") else result))
    return result


def _opaque_forward(machine: Machine, model: Model, call: Call) -> Any:
    parameters = parameters_of(machine, model)
    reached, certain = thawed(machine, parameters)
    result = combined_tensors(machine, *call.values())
    if machine.modes["grad"] is not False:
        result = result.with_(
            reaches=result.reaches | reached, complete=result.complete and certain and parameters.complete, grad=True
        )
    return result.with_(
        width=_opaque_width(model), known=bool(model.layer and model.layer.mode_matters), activation=None
    )


def _opaque_width(model: Model) -> int | None:
    for name in ("fc", "classifier", "head", "heads", "last_linear", "_fc"):
        head = model.fields.get(name)
        if isinstance(head, Model) and "asked" not in head.fields:
            linear = [part for part in descendants(head) if "out_features" in part.fields]
            width = linear[-1].fields["out_features"] if linear else None
            return width if isinstance(width, int) else None
    width = model.fields.get("outputs")
    if any(isinstance(value, Model) for value in model.fields.values()):
        return None  # a part of it was replaced or changed
    return width if isinstance(width, int) else None


def compute_loss(machine: Machine, criterion: str, call: Call, *, built: Any = None) -> Tensor:
    output = call.argument(0, "input", Unknown(graph=True))
    target = call.argument(1, "target", Unknown())
    result = combined_tensors(machine, output, target)
    place = machine.place()
    source = output if isinstance(output, Tensor) else None
    known_loaders = target.loaders if isinstance(target, Tensor) and target.loaders else result.loaders
    samples = known_loaders[0].samples if len(known_loaders) == 1 else None
    machine.note_measure(result.loaders)
    if criterion == "cross_entropy" and isinstance(target, Tensor) and target.activation is not None:
        source = None  # soft labels: made from another network's output
    machine.emit(
        LossComputed,
        criterion=criterion,
        criterion_built=built,
        activation=source.activation if source else None,
        layer=source.layer if source else "",
        input_known=bool(source and source.known and source.complete),
        outputs=source.width if source else None,
        classes=samples.classes if samples and isinstance(target, Tensor) and target.role == "target" else None,
        samples=samples,
        models=result.models,
    )
    return result.with_(loss=(place, criterion), activation=None, known=True, width=None)


CALL[Model] = call_model
