"""Static witness: the pretend nn.Module. Building, calling, children, parameters, modes."""

from __future__ import annotations

from typing import Any

from tinyguard.events import GradientsCleared, LossComputed, ModelBuilt, ModelUse, ModeSet, Parameters
from tinyguard.program.assignment import keep_attribute
from tinyguard.program.attributes import bound
from tinyguard.program.calls import initialise
from tinyguard.program.containers import collected
from tinyguard.program.heap import merged
from tinyguard.program.iteration import children_of
from tinyguard.program.machine import ATTRIBUTE, CALL, ITEM, MAKERS, SET_ATTRIBUTE, Call, Machine
from tinyguard.program.tensors import activated, combined_tensors, detached, passed, thawed
from tinyguard.program.torch_layers import CONTAINERS, layer_named, opaque
from tinyguard.program.values import (
    CONSTANT,
    MISSING,
    Bound,
    Class,
    Dict,
    Function,
    Graph,
    Iteration,
    Layer,
    Leaves,
    List,
    Method,
    Model,
    Tensor,
    Tuple,
    Unknown,
)

# --- building ---------------------------------------------------------------------------------------------------------


def make_model(machine: Machine, cls: Class, call: Call) -> Any:
    """An instance of a user's nn.Module class; one on top of a class that cannot be read has parameters unseen."""
    model = Model(machine.new_number(), cls.name, cls=cls, built=machine.place())
    if not all(isinstance(base, Class) or getattr(base, "path", "") in MAKERS for base in cls.lineage()):
        model.fields["incomplete"] = True
    machine.constructing += 1
    try:
        initialise(machine, cls, model, call)
    finally:
        machine.constructing -= 1
    announce(machine, model)
    return model


def make_layer(machine: Machine, call: Call) -> Model:
    """torch.nn.<Something>(...)"""
    name = call.path.rpartition(".")[2]
    layer = layer_named(name)
    model = Model(machine.new_number(), name, layer=layer, built=machine.place())
    fields = model.fields
    if name in CONTAINERS:
        _fill_container(machine, model, call)
    elif layer.parameters:
        fields["leaf"] = machine.new_number()
        if name in ("Linear", "LazyLinear"):
            fields["in_features"] = call.argument(0, "in_features")
            fields["out_features"] = call.argument(1 if name == "Linear" else 0, "out_features")
        if layer.recurrent and _positive(call.argument(-1, "dropout", 0)):
            fields["uses_mode"] = True
    elif layer.passes and layer.mode_matters and call.argument(0, "p", 0.5) == 0:
        fields["no_effect"] = True
    announce(machine, model)
    return model


def _positive(value: Any) -> bool:
    return not (isinstance(value, (int, float)) and value <= 0)


def _fill_container(machine: Machine, model: Model, call: Call) -> None:
    arguments: list[tuple[Any, Any]] = []
    for value in call.args:
        if isinstance(value, Dict):
            arguments.extend(value.fields.items())
            model.fields["incomplete"] = model.fields.get("incomplete") or not value.exact
        elif isinstance(value, (List, Tuple)) or not isinstance(value, (Model, Unknown)):
            items, exact = collected(machine, value, call.frame)
            arguments.extend((None, item) for item in items)
            if not exact and not (isinstance(value, List) and items):
                model.fields["incomplete"] = True
        else:
            arguments.append((None, value))
    if call.open:
        model.fields["incomplete"] = True
    for index, (key, value) in enumerate(arguments):
        if isinstance(value, Tuple) and len(value.items) == 2:
            key, value = value.items
        model.fields[key if isinstance(key, str) else str(index)] = value


def make_opaque(machine: Machine, call: Call, *, kind: str = "", mode_matters: bool = True) -> Model:
    """A network of a library: one leaf, children made when they are asked for."""
    kind = kind or call.path.rpartition(".")[2]
    model = Model(machine.new_number(), kind, layer=opaque(kind, mode_matters=mode_matters), built=machine.place())
    model.fields["leaf"] = machine.new_number()
    model.fields["pretrained"] = _pretrained(call)
    width = call.argument(-1, "num_classes", call.argument(-1, "num_labels", MISSING))
    model.fields["outputs"] = width if width is not MISSING else None
    announce(machine, model)
    return model


def _pretrained(call: Call) -> bool | None:
    """Whether a constructor's arguments ask for trained weights; None: cannot be known."""
    for name in ("weights", "pretrained"):
        if name in call.kwargs:
            value = call.kwargs[name]
            if value is None or value is False:
                return False
            return None if isinstance(value, Unknown) else True
    return bool(call.args and call.args[0] is True) or ("from_pretrained" in call.path)


def announce(machine: Machine, model: Model) -> None:
    """Write ModelBuilt, unless it is a part that a larger model builds, or has nothing to train."""
    if machine.constructing:
        return
    body = anatomy(machine, model)
    parameters = body.parameters
    if parameters.leaves or model.cls is not None or model.fields.get("incomplete"):
        machine.emit(
            ModelBuilt,
            model=model.number,
            parameters=parameters,
            kind=model.kind,
            pretrained=body.pretrained,
            mode_matters=_mode_matters(body),
        )


# --- what it consists of ----------------------------------------------------------------------------------------------


class _Anatomy:
    """What a model consists of, until an attribute of some model changes."""

    __slots__ = ("incomplete", "mode_matters", "parameters", "parts", "pretrained", "uses")
    parameters: Parameters

    def __init__(self, model: Model) -> None:
        self.parts = descendants(model)
        self.uses: dict[Any, ModelUse] = {}
        leaves: set[int] = set()
        certain = True  # every parameter was seen
        self.incomplete = self.mode_matters = False
        trained: list[Any] = []
        for part in self.parts:
            fields, layer = part.fields, part.layer
            fields.seen = True  # type: ignore[attr-defined]
            for value in fields.values():
                if isinstance(value, Leaves):
                    leaves |= value.parameters.leaves
                elif isinstance(value, Unknown) and value.graph:
                    certain = False
            if isinstance(leaf := fields.get("leaf"), int):
                leaves.add(leaf)
            if fields.get("incomplete"):
                self.incomplete = True
            if "either" in fields:
                certain = False
                leaves.update(*(_Anatomy(way).parameters.leaves for way in fields["either"]))
            if "pretrained" in fields:
                trained.append(fields["pretrained"])
            if fields.get("uses_mode") or (layer is not None and layer.mode_matters and "no_effect" not in fields):
                self.mode_matters = True
        self.parameters = Parameters(frozenset(leaves), certain and not self.incomplete)
        unclear = self.incomplete or None in trained or any(isinstance(value, Unknown) for value in trained)
        self.pretrained = True if True in trained else None if unclear else False


def anatomy(machine: Machine, model: Model) -> _Anatomy:
    key = ("anatomy", model.number, machine.heap.structure, len(model.fields))
    known: _Anatomy | None = machine.caches.get(key)
    if known is None:
        known = machine.caches[key] = _Anatomy(model)
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


def _mode_matters(body: _Anatomy) -> bool | None:
    """Has dropout or batch norm; None: parts of it cannot be seen."""
    return True if body.mode_matters else None if body.incomplete else False


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
            mode_matters=_mode_matters(body),
            parameters=body.parameters,
            pretrained=body.pretrained,
            outputs=outputs,
            grad=grad,
        )
    return use


# --- calling ----------------------------------------------------------------------------------------------------------


def call_model(machine: Machine, model: Model, call: Call) -> Any:
    if model.layer is not None and model.layer.criterion:
        return compute_loss(machine, model.layer.criterion, call, built=model.built)
    if machine.forwards:
        return _forward(machine, model, call)
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
    graph = () if off else (Graph(),)

    def attach(value: Any) -> Any:
        if isinstance(value, Tensor) and off:
            return detached(value).with_(
                models=merged((use,), inputs.models), loaders=merged(inputs.loaders, value.loaders)
            )
        if isinstance(value, Tensor):
            grad = value.grad or inputs.grad
            return value.with_(
                reaches=value.reaches | inputs.reaches,
                complete=value.complete and inputs.complete,
                models=merged((use,), inputs.models),
                loaders=merged(inputs.loaders, value.loaders),
                grad=grad,
                graphs=merged(graph, inputs.graphs) if grad else (),
            )
        if isinstance(value, Tuple):
            return Tuple(tuple(attach(part) for part in value.items))
        if isinstance(value, List):
            items = tuple(attach(part) for part in value.items)
            return List(machine.new_number(), {"items": items, "exact": value.exact})
        if isinstance(value, Dict):
            twin = Dict(machine.new_number(), {name: attach(part) for name, part in value.fields.items()})
            twin.state = dict(value.state)
            return twin
        return value

    return attach(result)


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
            return result
    events, outside, grad = len(machine.events), machine.heap.outside, machine.modes["grad"]
    machine.asked_mode = False
    machine.modes["grad"] = True
    machine.forwards.append(model)
    try:
        result = _forward(machine, model, call)
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


def _forward(machine: Machine, model: Model, call: Call) -> Any:
    if model.cls is not None:
        forward = model.cls.find("forward")
        if isinstance(forward, Function):
            return machine.call(Bound(forward, model), call)
    layer = model.layer
    if layer is None or layer.opaque or "either" in model.fields:
        return _opaque_forward(machine, model, call)
    if model.kind == "Sequential":
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
    result = combined_tensors(machine, *call.values()).with_(layer=model.kind)
    if "leaf" in model.fields:
        reached, certain = thawed(machine, Parameters(frozenset((model.fields["leaf"],))))
        if machine.modes["grad"] is not False:
            result = result.with_(
                reaches=result.reaches | reached,
                complete=result.complete and certain,
                grad=result.grad or bool(reached),
            )
        width = model.fields.get("out_features")
        result = result.with_(width=width if isinstance(width, int) else None, activation=None, known=True)
    if layer.recurrent:
        return Tuple((result, Tuple((result, result)) if model.kind.startswith("LSTM") else result))
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


# --- losses -----------------------------------------------------------------------------------------------------------


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


# --- attributes and methods -------------------------------------------------------------------------------------------

_SCALARS = frozenset(
    """
    in_features out_features in_channels out_channels kernel_size stride padding num_features hidden_size
    bias_ num_layers embedding_dim num_embeddings weight_ih_l0 config device dtype eps momentum
""".split()
)
METHODS = frozenset(
    """
    train eval parameters named_parameters children named_children modules named_modules zero_grad to cuda cpu
    float double half bfloat16 type apply requires_grad_ state_dict load_state_dict register_buffer
    register_parameter add_module register_module forward append extend insert items keys values
    register_forward_hook register_forward_pre_hook register_backward_hook register_full_backward_hook
    share_memory get_submodule get_parameter buffers named_buffers train_on extra_repr _get_name __init__
    __call__ __setattr__ __getattr__ __getitem__ __len__ save_pretrained get_input_embeddings
    gradient_checkpointing_enable compile to_empty
""".split()
)


def attribute_of_model(machine: Machine, model: Model, name: str) -> Any:
    if name in model.fields:
        if name == "training":
            machine.asked_mode = True
        return model.fields[name]
    if model.cls is not None:
        found = model.cls.find(name)
        if found is not MISSING:
            return bound(machine, found, model, name)
    if name in METHODS:
        return Method(model, name)
    if name == "__class__":
        return model.cls or Unknown()
    if name in ("weight", "bias") and "leaf" in model.fields:
        either = "either" in model.fields
        leaves = parameters_of(machine, model) if either else Parameters(frozenset((model.fields["leaf"],)))
        return Leaves(leaves, model)
    if name in _SCALARS:
        return Unknown()
    if model.layer is not None and model.layer.opaque:
        return asked_child(machine, model, name)
    return Unknown(graph=model.fields.get("incomplete") is True)


def asked_child(machine: Machine, model: Model, name: str) -> Model:
    """A part of an opaque network, made when it is first asked for."""
    child = Model(machine.new_number(), name, layer=model.layer, built=model.built)
    child.fields["leaf"] = machine.new_number()
    child.fields["training"] = model.fields["training"]
    child.fields["asked"] = True
    machine.heap.write(model.fields, name, child)
    return child


def item_of_model(machine: Machine, model: Model, index: Any) -> Any:
    parts = [value for value in model.fields.values() if isinstance(value, Model)]
    if isinstance(index, str) and index in model.fields:
        return model.fields[index]
    if model.layer is not None and model.layer.opaque:
        return attribute_of_model(machine, model, f"[{index!r}]" if isinstance(index, CONSTANT) else "[*]")
    if isinstance(index, int) and -len(parts) <= index < len(parts) and not model.fields.get("incomplete"):
        return parts[index]
    value: Any = Unknown(graph=True)
    for part in parts[:4]:
        value = part if isinstance(value, Unknown) else machine.heap.joined(value, part, {})
    return value


def set_mode(machine: Machine, model: Model, training: Any) -> None:
    flag = training if isinstance(training, bool) else Unknown()
    parts = anatomy(machine, model).parts
    for part in parts:
        machine.heap.write(part.fields, "training", flag)
        for way in part.fields.get("either", ()):  # it is one of them, the other keeps its mode
            if way.fields["training"] is not flag:
                machine.heap.write(way.fields, "training", Unknown())
    machine.emit(
        ModeSet,
        model=model.number,
        training=training if isinstance(training, bool) else None,
        models=tuple(part.number for part in parts if part is not model),
    )


def call_method_of_model(machine: Machine, model: Model, name: str, call: Call) -> Any:
    match name:
        case "train":
            mode = call.argument(0, "mode", True)
            set_mode(machine, model, mode)
            return model
        case "eval":
            set_mode(machine, model, False)
            return model
        case "parameters" | "buffers":
            return Leaves(parameters_of(machine, model), model) if name == "parameters" else Unknown()
        case "named_parameters":
            # One pair whose name is not known: what happens to one parameter happens to each.
            return Iteration((Leaves(parameters_of(machine, model), model),), _named)
        case "children" | "modules":
            return _parts(machine, model, descendants(model) if name == "modules" else children_of(model))
        case "named_children" | "named_modules":
            parts = _parts(machine, model, descendants(model) if name == "named_modules" else children_of(model))
            return Iteration((parts,), _named)
        case "items":
            entries = [(key, value) for key, value in model.fields.items() if isinstance(value, Model)]
            return List(machine.new_number(), {"items": tuple(Tuple(pair) for pair in entries), "exact": True})
        case "keys" | "values":
            pairs = [(key, value) for key, value in model.fields.items() if isinstance(value, Model)]
            chosen = tuple(pair[name == "values"] for pair in pairs)
            return List(machine.new_number(), {"items": chosen, "exact": True})
        case "zero_grad":
            machine.emit(GradientsCleared, parameters=parameters_of(machine, model), by="model.zero_grad()")
            return None
        case "requires_grad_":
            freeze(machine, parameters_of(machine, model), call.argument(0, "requires_grad", True))
            return model
        case "apply":
            machine.call(call.argument(0), Call([Unknown()], {}, call.node, call.frame)) if call.args else None
            return model
        case "load_state_dict":
            machine.heap.write(model.fields, "pretrained", True)
            return Unknown()
        case "forward" | "__call__":
            if model.cls is None or not machine.forwards:
                return call_model(machine, model, call)
            return _forward(machine, model, call)
        case "add_module" | "register_module":
            machine.heap.write(model.fields, call.argument(0, "name", "?"), call.argument(1, "module"))
            return None
        case "register_parameter":
            machine.heap.write(model.fields, call.argument(0, "name", "?"), call.argument(1, "param"))
            return None
        case "register_buffer":
            key = call.argument(0, "name", "?")
            machine.heap.write(model.fields, key if isinstance(key, str) else "?", Tensor())
            return None
        case "append" | "insert":
            machine.heap.write(model.fields, str(len(children_of(model))), call.args[-1] if call.args else None)
            return model
        case "extend":
            for item in collected(machine, call.argument(0), call.frame)[0]:
                machine.heap.write(model.fields, str(len(children_of(model))), item)
            return model
        case "to" | "cuda" | "cpu" | "float" | "double" | "half" | "bfloat16" | "type" | "share_memory" | "to_empty":
            return model
        case "__len__":
            return len(children_of(model))
        case "__getitem__":
            return item_of_model(machine, model, call.argument(0))
    return Unknown()


def _named(parts: tuple[Any, ...], lap: int | None) -> Any:
    return Tuple((Unknown(), parts[0]))


def _parts(machine: Machine, model: Model, parts: list[Model]) -> Any:
    if model.layer is not None and model.layer.opaque:
        return List(machine.new_number(), {"items": (asked_child(machine, model, "[*]"),), "exact": False})
    return List(machine.new_number(), {"items": tuple(parts), "exact": not model.fields.get("incomplete")})


def freeze(machine: Machine, parameters: Parameters, requires_grad: Any) -> None:
    value = not requires_grad if isinstance(requires_grad, bool) else Unknown()
    for leaf in parameters.leaves:
        machine.heap.write(machine.frozen, leaf, value)


def set_attribute_of_model(machine: Machine, model: Model, name: str, value: Any) -> None:
    if name == "training":
        set_mode(machine, model, value)
    else:
        keep_attribute(machine, model, name, value)


CALL[Model] = call_model
ATTRIBUTE[Model] = attribute_of_model
SET_ATTRIBUTE[Model] = set_attribute_of_model
ITEM[Model] = item_of_model
MAKERS["torch.nn.Module"] = make_model
