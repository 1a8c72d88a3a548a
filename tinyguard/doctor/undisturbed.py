"""Whatever happens inside leaves no trace in the kernel: random numbers, hooks, modes of torch, printed words."""

from __future__ import annotations

import contextlib
import io
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.nn.modules import module as module_hooks
from torch.optim import optimizer as optimizer_hooks

from tinyguard.live.measures.generators import is_generator

SEED = 0

# Hooks on every module and optimizer, of the guard or of the user: they would see what is none of theirs.
_HOOKS = tuple(
    hooks
    for owner, names in (
        (module_hooks, [name for name in vars(module_hooks) if name.startswith("_global_") and "hook" in name]),
        (optimizer_hooks, ["_global_optimizer_pre_hooks", "_global_optimizer_post_hooks"]),
    )
    for name in names
    if isinstance(hooks := getattr(owner, name, None), dict)
)


@contextlib.contextmanager
def undisturbed(generators: Iterable[Any] = ()) -> Iterator[None]:
    """Gradients are on, random numbers are our own, warnings and prints go nowhere, no global hook is called.

    `generators`: those of the user's (torch, numpy, `random.Random`) that may be drawn from. What code of the user's
    changes beyond that, such as a list it appends to, nobody can give back.
    """
    restore = [*_random_states(generators)]
    hooked = [(hooks, dict(hooks)) for hooks in _HOOKS]
    try:
        for hooks, _ in hooked:
            hooks.clear()
        seeded()
        with (
            torch.enable_grad(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for hooks, before in hooked:
            hooks.clear()
            hooks.update(before)
        for act in restore:
            act()


def seeded(seed: int = SEED) -> None:
    """Inside of `undisturbed`: the same random numbers from here on."""
    # Not torch.manual_seed: before CUDA is in use, that decides how it will be seeded.
    for generator in _torch_generators():
        generator.manual_seed(seed)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)


def _torch_generators() -> list[torch.Generator]:
    cuda = list(torch.cuda.default_generators) if torch.cuda.is_initialized() else []
    return [torch.default_generator, *cuda]


def _random_states(generators: Iterable[Any]) -> Iterator[Callable[[], object]]:
    """What brings each state back."""
    state = random.getstate()
    yield lambda: random.setstate(state)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        legacy = numpy.random.get_state()
        yield lambda: numpy.random.set_state(legacy)
    for generator in {id(one): one for one in (*_torch_generators(), *generators) if is_generator(one)}.values():
        yield _restoring(generator)


def _restoring(generator: Any) -> Callable[[], object]:
    if isinstance(generator, torch.Generator):
        bits = generator.get_state()
        return lambda: generator.set_state(bits)
    if isinstance(generator, random.Random):
        python = generator.getstate()
        return lambda: generator.setstate(python)
    if hasattr(generator, "bit_generator"):
        inner = generator.bit_generator.state

        def restore() -> None:
            generator.bit_generator.state = inner

        return restore
    legacy = generator.get_state()
    return lambda: generator.set_state(legacy)
