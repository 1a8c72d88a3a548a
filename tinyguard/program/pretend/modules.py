"""Static witness: the pretend nn.Module. Building it, its attributes and methods, its modes."""

from __future__ import annotations

from typing import Any

from tinyguard.events import GradientsCleared, ModelBuilt, ModeSet, Parameters
from tinyguard.program.assignment import keep_attribute
from tinyguard.program.attributes import bound
from tinyguard.program.calls import initialise
from tinyguard.program.containers import collected
from tinyguard.program.iteration import children_of
from tinyguard.program.machine import ATTRIBUTE, ITEM, MAKERS, SET_ATTRIBUTE, Call, Machine
from tinyguard.program.pretend.anatomy import anatomy, descendants, freeze, mode_matters, parameters_of
from tinyguard.program.pretend.forward import call_model, forward_of, forward_of_layer
from tinyguard.program.pretend.layers import CONTAINERS, DIMENSIONED, LAYERS, layer_named, opaque
from tinyguard.program.pretend.values import Leaves, Model, Tensor
from tinyguard.program.values import CONSTANT, MISSING, Class, Dict, Iteration, Known, List, Method, Tuple, Unknown


def make_model(machine: Machine, cls: Class, call: Call) -> Any:
    """An instance of a user's nn.Module class; one on top of a class that cannot be read has parameters unseen."""
    model = Model(machine.new_number(), cls.name, cls=cls, built=machine.place())
    if not all(isinstance(base, Class) or getattr(base, "path", "") in MAKERS for base in cls.lineage()):
        model.fields["incomplete"] = True
    base = next((base for base in cls.lineage() if isinstance(base, Known)), None)
    if base is not None and base.name != "Module" and not base.name.startswith("_"):
        model.layer = layer_named(base.name)
        if cls.find("__init__") is MISSING:
            set_up_layer(machine, model, call)
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
    model = Model(machine.new_number(), name, layer=layer_named(name), built=machine.place())
    set_up_layer(machine, model, call)
    announce(machine, model)
    return model


def set_up_layer(machine: Machine, model: Model, call: Call) -> None:
    """What the constructor of a layer of torch.nn does; a user's class on top of it calls it through super()."""
    layer, fields = model.layer, model.fields
    if layer is None:
        return
    name = layer.kind
    if name in CONTAINERS:
        _fill_container(machine, model, call)
    elif layer.parameters:
        fields["leaf"] = machine.new_number()
        if name in ("Linear", "LazyLinear"):
            fields["in_features"] = _number(call.argument(0, "in_features"))
            fields["out_features"] = _number(call.argument(1 if name == "Linear" else 0, "out_features"))
        if layer.recurrent and _positive(call.argument(-1, "dropout", 0)):
            fields["uses_mode"] = True
    elif layer.passes and layer.mode_matters and call.argument(0, "p", 0.5) == 0:
        fields["no_effect"] = True
    elif name in DIMENSIONED and call.argument(0, "dim") is None and not call.open:
        machine.note_guess(name)


def _number(value: Any) -> Any:
    """A number of a layer: where it is not known, it is no part with parameters for that."""
    return Unknown(value.key) if isinstance(value, Unknown) else value


def _positive(value: Any) -> bool:
    return not (isinstance(value, (int, float)) and value <= 0)


def _fill_container(machine: Machine, model: Model, call: Call) -> None:
    """The parts of a Sequential, ModuleList or ModuleDict.

    Of blocks that a long loop builds two are there: "abridged", all kinds of parameters but not their number. A network
    of two blocks trains like one of twenty; which block stands where is not known.
    """
    arguments: list[tuple[Any, Any]] = []
    for value in call.args:
        if isinstance(value, Dict):
            arguments.extend(value.fields.items())
            model.fields["incomplete"] = model.fields.get("incomplete") or not value.exact
        elif isinstance(value, (List, Tuple)) or not isinstance(value, (Model, Unknown)):
            items, exact = collected(machine, value, call.frame)
            arguments.extend((None, item) for item in items)
            if not exact:
                model.fields["abridged" if isinstance(value, List) and items else "incomplete"] = True
        else:
            arguments.append((None, value))
    if call.open:
        blocks = call.args and all(isinstance(value, Model) for value in call.args)
        model.fields["abridged" if blocks else "incomplete"] = True
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
            mode_matters=mode_matters(body),
            in_forward=bool(machine.forwards),
        )


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


def _counted(model: Model) -> bool:
    """Whether its children are all there, each in its place."""
    return not (model.fields.get("incomplete") or model.fields.get("abridged"))


def asked_child(machine: Machine, model: Model, name: str) -> Model:
    """A part of an opaque network, made when it is first asked for."""
    child = Model(machine.new_number(), name, layer=model.layer, built=model.built)
    child.fields["leaf"] = machine.new_number()
    if "unread" in model.fields:  # a part or a method: nobody knows, and its parameters are some of the whole's
        child.fields.update({name: model.fields[name] for name in ("leaf", "unread", "pretrained")})
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
    if isinstance(index, int) and -len(parts) <= index < len(parts) and _counted(model):
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


def call_method_of_base(machine: Machine, model: Model, name: str, call: Call) -> Any:
    """`super().__init__(...)` and `super().forward(...)` in a user's class on top of a layer of torch.nn."""
    if name == "__init__":
        return set_up_layer(machine, model, call)
    if name == "forward" and model.layer is not None:
        return forward_of_layer(machine, model, call)
    return call_method_of_model(machine, model, name, call)


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
            return List(
                machine.new_number(), {"items": tuple(Tuple(pair) for pair in entries), "exact": _counted(model)}
            )
        case "keys" | "values":
            pairs = [(key, value) for key, value in model.fields.items() if isinstance(value, Model)]
            chosen = tuple(pair[name == "values"] for pair in pairs)
            return List(machine.new_number(), {"items": chosen, "exact": _counted(model)})
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
            return forward_of(machine, model, call)
        case (
            "add_module" | "register_module" | "register_parameter" | "register_buffer" | "append" | "insert" | "extend"
        ):
            return _put_in(machine, model, name, call)
        case "to" | "cuda" | "cpu" | "float" | "double" | "half" | "bfloat16" | "type" | "share_memory" | "to_empty":
            return model
        case "__len__":
            return len(children_of(model)) if _counted(model) else Unknown()
        case "__getitem__":
            return item_of_model(machine, model, call.argument(0))
    return Unknown()


def _put_in(machine: Machine, model: Model, name: str, call: Call) -> Any:
    """The methods that give a model another part."""
    match name:
        case "append" | "insert":
            machine.heap.write(model.fields, str(len(children_of(model))), call.args[-1] if call.args else None)
            return model
        case "extend":
            for item in collected(machine, call.argument(0), call.frame)[0]:
                machine.heap.write(model.fields, str(len(children_of(model))), item)
            return model
        case "register_buffer":
            key = call.argument(0, "name", "?")
            machine.heap.write(model.fields, key if isinstance(key, str) else "?", Tensor())
        case _:
            part = call.argument(1, "param" if name == "register_parameter" else "module")
            machine.heap.write(model.fields, call.argument(0, "name", "?"), part)
    return None


def _named(parts: tuple[Any, ...], lap: int | None) -> Any:
    return Tuple((Unknown(), parts[0]))


def _parts(machine: Machine, model: Model, parts: list[Model]) -> Any:
    if model.layer is not None and model.layer.opaque:
        return List(machine.new_number(), {"items": (asked_child(machine, model, "[*]"),), "exact": False})
    return List(machine.new_number(), {"items": tuple(parts), "exact": _counted(model)})


def set_attribute_of_model(machine: Machine, model: Model, name: str, value: Any) -> None:
    if name == "training":
        set_mode(machine, model, value)
    else:
        keep_attribute(machine, model, name, value)


ATTRIBUTE[Model] = attribute_of_model
SET_ATTRIBUTE[Model] = set_attribute_of_model
ITEM[Model] = item_of_model
for _name in ("Module", "modules.Module", "modules.module.Module", "modules.loss._Loss", "modules.loss._WeightedLoss"):
    MAKERS[f"torch.nn.{_name}"] = make_model
for _name in (*LAYERS, *CONTAINERS):
    MAKERS[f"torch.nn.{_name}"] = make_model
