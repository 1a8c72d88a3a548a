"""Static witness: models that code nobody can read has made, known by what is done with them."""

from __future__ import annotations

from typing import Any

from tinyguard.events import ModelBuilt
from tinyguard.program.machine import Machine
from tinyguard.program.pretend.anatomy import parameters_of
from tinyguard.program.pretend.layers import opaque
from tinyguard.program.pretend.values import Model
from tinyguard.program.values import MADE, Unknown


def is_unread_model(machine: Machine, name: str, value: Any) -> bool:
    """Unread code made it of nothing of ours, and the notebook gives its parameters to somebody by this name."""
    made = isinstance(value, Unknown) and isinstance(value.key, tuple) and value.key[0] == MADE
    return made and name in machine.models


def make_unread(machine: Machine, value: Unknown) -> Model:
    """All its parameters are one leaf; whether its mode matters nobody knows."""
    model = Model(machine.new_number(), "", layer=opaque("", mode_matters=False), built=machine.place())
    pretrained = False if isinstance(value.key, tuple) and value.key[2] else None
    model.fields.update({"leaf": machine.new_number(), "pretrained": pretrained, "unread": True})
    machine.emit(ModelBuilt, model=model.number, parameters=parameters_of(machine, model), pretrained=pretrained)
    return model
