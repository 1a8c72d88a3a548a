"""Static witness: what is true, and under which name an undecided condition goes."""

from __future__ import annotations

from typing import Any

from tinyguard.program.machine import Machine
from tinyguard.program.pretend.values import Tensor
from tinyguard.program.values import CONSTANT, Dict, Known, List, Object, Tuple, Unknown, new_key


def truth(machine: Machine, value: Any) -> bool | None:
    """Whether it counts as true; None: cannot be known, `condition_of` says under which name."""
    if isinstance(value, CONSTANT):
        return bool(value)
    if isinstance(value, Tuple):
        return bool(value.items)
    if isinstance(value, List) and (value.items or value.exact):
        return bool(value.items)
    if isinstance(value, Dict) and (value.fields or value.exact):
        return bool(value.fields)
    if not isinstance(value, (Unknown, Tensor, List, Dict)):
        return True
    key, polarity = condition_of(value)
    known = machine.facts.get(key)
    return None if known is None else known is polarity


def condition_of(value: Any) -> tuple[Any, bool]:
    """The key of the condition "this value is true", and its polarity (`not` flips it)."""
    key = value.key if isinstance(value, Unknown) else identity_of(value)
    polarity = True
    while isinstance(key, tuple) and key[0] == "not":
        key, polarity = key[1], not polarity
    return key, polarity


def key_of(value: Any) -> Any:
    """What identifies a value within a condition."""
    return value.key if isinstance(value, Unknown) else identity_of(value)


def identity_of(value: Any) -> Any:
    """What identifies a value that is known within a condition."""
    if isinstance(value, CONSTANT) and value == value:  # not nan
        return ("constant", value)
    if isinstance(value, Object):
        return ("object", value.number)
    if isinstance(value, Known):
        return ("known", value.path)
    if not isinstance(value, Tensor):
        return new_key()  # not id(): it is given again once the value is gone
    if not hasattr(value, "key"):
        value.key = new_key()
    return value.key
