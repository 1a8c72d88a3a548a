"""The guard beside a real training: it changes nothing, survives its own faults, and leaves no trace."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import random
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

import tinyguard
from tinyguard.errors import TrainingStoppedError
from tinyguard.events import Event
from tinyguard.guard import Guard
from tinyguard.live import witness as live
from tinyguard.live.recorder import Recorder
from tinyguard.rule import Rule, catalogue

pytestmark = pytest.mark.slow


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(16, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x))


def train(epochs: int = 3) -> dict[str, Any]:
    """A small healthy training with everything that draws random numbers."""
    torch.manual_seed(0)
    random.seed(0)
    x = torch.randn(96, 8)
    data = torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long())
    loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    scaler = torch.amp.GradScaler("cpu")
    losses = []
    for _ in range(epochs):
        model.train()
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(inputs).argmax(1) == labels).sum().item() for inputs, labels in loader)
        losses.append(hits)
    saved = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, saved)
    return {
        "losses": losses,
        "checkpoint": saved.getvalue(),
        "torch": torch.get_rng_state().tolist(),
        "python": random.getstate(),
        "model": model,
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("losses", "checkpoint", "torch", "python"))


@pytest.fixture
def alone() -> dict[str, Any]:
    """What the training gives without a guard."""
    return train()


def test_a_training_gives_the_same_to_the_last_bit(alone: dict[str, Any]) -> None:
    with tinyguard.watch() as guard:
        watched = train()
    assert same(alone, watched)
    assert guard.findings == []


def test_models_can_be_pickled_copied_and_saved_while_they_are_watched() -> None:
    with tinyguard.watch():
        model = train()["model"]
        twin = copy.deepcopy(model)
        again = pickle.loads(pickle.dumps(model))
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        saved = torch.load(file, weights_only=False)
        twin.head.weight.data.zero_()
        twin.head.bias.data.zero_()
        x = torch.ones(2, 8)
        model.eval(), twin.eval()
        assert torch.equal(again.eval()(x), model(x))
        assert torch.equal(saved.eval()(x), model(x))
        assert not twin(x).any()


def state_of_torch() -> dict[str, Any]:
    """Everything that the guard could have replaced: the functions of torch's modules and classes, and its hooks."""
    found: dict[str, Any] = {}
    owners = (
        torch, torch.Tensor, torch.autograd, torch.cuda, nn.Module, nn.functional, torch.optim.Optimizer, random,
        torch.utils.data.DataLoader, torch.utils.data.dataloader._BaseDataLoaderIter, torch.utils.data.TensorDataset,
        torch.utils.data.Subset, torch.utils.data.ConcatDataset, *vars(torch.optim.lr_scheduler).values(),
    )  # fmt: skip
    for owner in owners:
        if hasattr(owner, "__dict__"):
            found |= {f"{owner}.{name}": id(value) for name, value in vars(owner).items() if callable(value)}
    for module in ("torch.nn.modules.module", "torch.optim.optimizer"):
        hooks = vars(sys.modules[module])
        found |= {name: len(value) for name, value in hooks.items() if name.startswith("_global") and value}
    return found


def watched() -> tuple[dict[str, Any], weakref.ref[Guard]]:
    """What torch looks like while a training is watched, and the guard that was.

    Not in a test: pytest's rewritten `assert` uses `locals()`, which keeps what a frame has shown of itself.
    """
    with tinyguard.watch() as guard:
        during = state_of_torch()
        train()
    return during, weakref.ref(guard)


def test_off_leaves_no_hook_no_patch_and_no_reference() -> None:
    before = state_of_torch()
    during, guard = watched()
    assert during != before  # else this test would see nothing
    assert state_of_torch() == before
    sys.modules["tinyguard.watching"]._last.clear()
    gc.collect()
    assert guard() is None


def freed() -> bool:
    """Whether `del` frees a model in a function that was watched."""
    model = Net()
    nn.functional.cross_entropy(model(torch.rand(8, 8)), torch.randint(3, (8,))).backward()
    gone = weakref.ref(model)
    del model
    gc.collect()
    return gone() is None


def test_what_a_function_deletes_is_freed_while_it_is_watched() -> None:
    with tinyguard.watch():
        assert freed()


def test_watching_again_and_again_hooks_nothing_twice(alone: dict[str, Any]) -> None:
    before = state_of_torch()
    for _ in range(10):
        with tinyguard.watch():
            pass
    with tinyguard.watch(), tinyguard.watch():
        assert same(alone, train())
    assert state_of_torch() == before


def observers() -> list[str]:
    """The names of all functions that observe."""
    found: list[str] = []

    class Listing(Recorder):
        def observer(self, function: Callable[..., None]) -> Callable[..., None]:
            found.append(function.__qualname__)
            return super().observer(function)

    original, live.Recorder = live.Recorder, Listing
    try:
        with tinyguard.watch():
            train(1)
    finally:
        live.Recorder = original
    return sorted(set(found))


def test_a_fault_in_any_observer_is_told_in_one_line_and_the_training_goes_on(alone: dict[str, Any]) -> None:
    names = observers()
    assert len(names) > 15
    silent = []
    for name in names:

        class Failing(Recorder):
            def observer(self, function: Callable[..., None], name: str = name) -> Callable[..., None]:
                if function.__qualname__ != name:
                    return super().observer(function)

                def fail(*args: Any, **kwargs: Any) -> None:
                    raise ZeroDivisionError("forced")

                fail.__qualname__ = name
                return super().observer(fail)

        original, live.Recorder = live.Recorder, Failing
        said = io.StringIO()
        try:
            with tinyguard.watch(out=said):
                assert same(alone, train()), name
        finally:
            live.Recorder = original
        lines = said.getvalue().splitlines()
        assert len(lines) <= 1, (name, lines)
        if lines:
            assert "ZeroDivisionError" in lines[0]
        else:
            silent.append(name)
    assert len(silent) < len(names) / 3  # those that this training does not need


def test_a_fault_in_any_rule_is_told_in_one_line_and_the_others_go_on(alone: dict[str, Any]) -> None:
    class Broken(Rule):
        code = "TNY999"
        on = (Event,)

        def check(self, event: Event, story: Any) -> Iterator[Any]:
            raise ZeroDivisionError("forced")

    said: list[str] = []
    guard = Guard(tell=lambda finding: None, complain=said.append, rules=[Broken(), *catalogue().values()])
    guard.start()
    try:
        assert same(alone, train())
        stale()
    finally:
        guard.end()
    assert len(said) == 1
    assert "TNY999" in said[0]
    assert {finding.code for finding in guard.findings} == {"TNY501"}


def stale(steps: int = 20) -> int:
    """Trains a model with the optimizer of another; how far it came."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model = nn.Linear(4, 3)
    for step in range(steps):
        try:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
            optimizer.step()
        except TrainingStoppedError:
            return step
    return steps


def test_a_training_is_stopped_where_that_is_wanted_and_only_there() -> None:
    with tinyguard.watch(out=io.StringIO(), stop="error"):
        assert stale() <= 3
    with tinyguard.watch(out=io.StringIO()):
        assert stale() == 20


def test_an_interrupted_step_does_not_confuse_the_guard() -> None:
    class Interrupting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)
            self.calls = 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt
            return self.layer(x)

    with tinyguard.watch(out=io.StringIO()) as guard:
        model = Interrupting()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(8):
            try:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()
                optimizer.step()
            except KeyboardInterrupt:
                pass
    assert guard.findings == []


def test_a_finding_is_told_once_however_often_the_step_runs() -> None:
    said = io.StringIO()
    with tinyguard.watch(out=said):
        stale(50)
    assert said.getvalue().count("error[TNY501]") == 1
    assert [finding.code for finding in tinyguard.findings()] == ["TNY501"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="stop is"), tinyguard.watch(stop="sometimes"):
        pass


def watched_script(folder: Path) -> str:
    """What is said of a training whose optimizer is that of an earlier model."""
    script = folder / "train.py"
    script.write_text(
        "import torch\nfrom torch import nn\n"
        "model = nn.Linear(4, 3)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "model = nn.Linear(4, 3)\n"
        "for step in range(9):\n"
        "    optimizer.zero_grad()\n"
        "    nn.functional.cross_entropy(model(torch.rand(8, 4)), torch.randint(3, (8,))).backward()\n"
        "    optimizer.step()\n"
    )
    code = "import sys; from tinyguard.watching import run_script; run_script(sys.argv[1:], out=sys.stdout)"
    done = subprocess.run([sys.executable, "-c", code, str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_what_is_watched_has_its_lines_shown(tmp_path: Path) -> None:
    said = watched_script(tmp_path)
    assert "train.py line 5:9" in said
    assert "5 | model = nn.Linear(4, 3)" in said


def test_what_the_project_ignores_is_not_told_by_the_guard_either(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.tinyguard]\nignore = ["TNY501", "TNY605"]\n')
    assert watched_script(tmp_path) == ""
    (tmp_path / "pyproject.toml").write_text('[tool.tinyguard]\nignore = ["TNY999"]\n')
    assert "TNY999" in watched_script(tmp_path).splitlines()[0]
    assert "TNY501" in watched_script(tmp_path)
