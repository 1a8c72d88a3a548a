"""Every healthy training of the evaluation set gives the same with the guard as without, to the last bit."""

from __future__ import annotations

import pytest
from examples import parse
from trainings import HEALTHY, load, paths, run

torch = pytest.importorskip("torch")
pytest.importorskip("IPython")

from live_examples import executed

pytestmark = pytest.mark.slow

WELL = {training.name: training for training in map(load, paths(HEALTHY))}

SEED = """
# %%
import random as _random
_random.setstate(_random.Random(0).getstate())
"""
# All that a training leaves behind: weights, states of optimizers, tensors, and where the random numbers are.
FINGERPRINT = """
# %%
import hashlib as _hashlib, random as _random
torch.set_printoptions(precision=17, threshold=10**9, sci_mode=True)
def _fingerprint():
    digest = _hashlib.sha256(torch.get_rng_state().numpy().tobytes() + repr(_random.getstate()).encode())
    for name, value in sorted(globals().items()):
        if not name.startswith("_") and isinstance(value, (torch.Tensor, torch.nn.Module, torch.optim.Optimizer)):
            saved = value.state_dict() if hasattr(value, "state_dict") else value.detach()
            digest.update(f"{name} {saved}".encode())
    return digest.hexdigest()
print("fingerprint", _fingerprint())
"""


@pytest.mark.parametrize("name", sorted(WELL))
def test_a_healthy_training_gives_the_same_to_the_last_bit(name: str) -> None:
    text = f"{SEED}{WELL[name].twin}{FINGERPRINT}"
    torch.set_num_threads(1)
    alone = run(text).printed
    try:
        guarded = executed(parse(text)).printed
    finally:
        torch.set_printoptions(profile="default")
    assert "fingerprint" in alone
    assert alone.splitlines()[-1] == guarded.splitlines()[-1]
