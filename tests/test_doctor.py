"""The pre-flight: each answer by an example, and that nothing of the user's is different afterwards."""

from __future__ import annotations

import doctest
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from trainings import BUGS, load

from tinyguard.doctor.answers import Answer, Part, Report, Verdict, wrong

torch = pytest.importorskip("torch")
numpy = pytest.importorskip("numpy")

from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from tinyguard.doctor import setting, show
from tinyguard.doctor.checkup import doctor
from tinyguard.doctor.show import bundle, markup, text

OK, WRONG, UNKNOWN = Verdict.OK, Verdict.WRONG, Verdict.UNKNOWN


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def blobs(count: int = 96, classes: int = 3) -> TensorDataset:
    labels = torch.arange(count) % classes
    return TensorDataset(torch.randn(count, 8) + labels[:, None], labels)


def experiment(model: nn.Module, **more: Any) -> dict[str, Any]:
    """What lies ready in a kernel before the training."""
    return {
        "train_loader": DataLoader(blobs(), batch_size=32, shuffle=True),
        "test_loader": DataLoader(blobs(48), batch_size=16),
        "model": model,
        "criterion": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.Adam(model.parameters(), lr=3e-4),
        **more,
    }


def mlp(classes: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, classes))


def asked(namespace: Mapping[str, Any], question: str, title: str = "model `model`") -> Answer:
    return doctor(namespace).answer(title, question)


def test_a_sound_experiment_has_nothing_wrong_and_nothing_unknown() -> None:
    report = doctor(experiment(mlp()))
    assert report.answers(WRONG) == report.answers(UNKNOWN) == ()
    loader = "loader `train_loader` (train)"
    assert report.answer(loader, "batches").told == "3 of 32"
    assert report.answer(loader, "shape of a batch").told == "(32, 8) float32"
    assert report.answer(loader, "shape of its targets").told == "(32) int64"
    assert report.answer(loader, "range of its targets").told == "0 to 2"
    assert report.answer(loader, "classes").told == "3 classes, 0 to 2, in the whole data set"
    assert report.answer("loader `test_loader` (test)", "batches").told == "3 of 16"
    assert report.answer("model `model`", "device").told == "cpu"
    assert report.answer("model `model`", "mode").told == "training=True"
    assert "ln 3 = 1.099" in report.answer("model `model`", "first loss").told
    assert report.answer("optimizer `optimizer`", "learning rate").told == "0.0003"


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_an_optimizer_of_an_earlier_model_is_wrong() -> None:
    namespace = experiment(mlp())
    namespace["model"] = mlp()
    found = asked(namespace, "holds the parameters of", "optimizer `optimizer`")
    assert found.verdict is WRONG
    assert found.told == "none of its 4 parameters belongs to a model here (`model`)"
    assert "build optimizer again" in found.change


def test_a_layer_that_the_optimizer_misses_is_named() -> None:
    namespace = experiment(mlp())
    namespace["model"][2] = nn.Linear(16, 3)
    found = asked(namespace, "holds the parameters of", "optimizer `optimizer`")
    assert (found.verdict, found.told[:42]) == (WRONG, "`model`, but not `2.weight`, `2.bias`: 2 o")


def test_too_few_outputs_are_wrong_and_too_many_a_question() -> None:
    few = asked(experiment(mlp(2)), "outputs")
    assert (few.verdict, few.told, few.change) == (WRONG, "2, for 3 classes", "build the model with 3 outputs")
    assert asked(experiment(mlp(9)), "outputs").verdict is UNKNOWN


class Forgetful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.unused, self.last = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x: Any) -> Any:
        return self.last(self.first(x).relu())


def test_a_layer_that_forward_leaves_out_gets_no_gradient() -> None:
    found = asked(experiment(Forgetful()), "every parameter gets a gradient")
    assert (found.verdict, found.told) == (WRONG, "none for `unused.weight`, `unused.bias`: 2 of 6")


class NeverOff(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.layer(F.dropout(x, 0.5))


def test_dropout_that_eval_does_not_switch_off_is_named_with_its_line() -> None:
    found = asked(experiment(NeverOff()), "two passes in eval mode agree")
    assert found.verdict is WRONG
    line = NeverOff.forward.__code__.co_firstlineno + 1
    assert f"bernoulli_ draws at random, called from line {line} of test_doctor.py, in `NeverOff.forward`" in found.told
    assert (
        asked(experiment(nn.Sequential(nn.Dropout(), nn.Linear(8, 3))), "two passes in eval mode agree").verdict is OK
    )


class HalfBlind(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.layer(x[:, :4])


def test_features_without_influence_are_told() -> None:
    found = asked(experiment(HalfBlind()), "every input has an influence")
    assert (found.verdict, found.told) == (WRONG, "without any: 4 of 8 features (4, 5, 6, 7)")


def test_inputs_far_from_normal_start_with_a_loss_far_above_chance() -> None:
    pixels = TensorDataset(255 * torch.rand(96, 8), torch.arange(96) % 3)
    namespace = experiment(mlp(), train_loader=DataLoader(pixels, batch_size=32, shuffle=True))
    found = asked(namespace, "first loss")
    assert found.verdict is WRONG
    assert "normalise the inputs" in found.change


def test_probabilities_into_cross_entropy_are_wrong() -> None:
    found = asked(experiment(nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1))), "first loss")
    assert (found.verdict, found.change) == (WRONG, "leave out the softmax")


def test_what_cannot_learn_one_batch_is_wrong() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.shift = nn.Linear(8, 3), nn.Parameter(torch.zeros(1))

        def forward(self, x: Any) -> Any:
            return self.layer(x).detach() + self.shift  # the same for all classes

    found = asked(experiment(Cut()), "can learn one batch by heart")
    assert found.verdict is WRONG


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("attention_over_the_batch", "a sample's output depends on it alone"),
        ("normalised_over_the_batch", "a sample's output depends on it alone"),
        ("recurrence_along_the_batch", "a sample's output depends on it alone"),
        ("recurrence_along_the_batch", "every input has an influence"),
        ("dropout_never_off", "two passes in eval mode agree"),
    ],
)
def test_bugs_that_need_no_training_are_found_before_it(name: str, question: str) -> None:
    training = load(str(Path(BUGS) / f"{name}.py"))
    told = {}
    for which, source in (("bug", training.bug), ("twin", training.twin)):
        namespace: dict[str, Any] = {}
        exec(source.partition("\nfor epoch")[0].partition("\ndef test()")[0], namespace)
        model = "net" if "net" in namespace else "model"
        told[which] = asked(namespace, question, f"model `{model}`").verdict
    assert told == {"bug": WRONG, "twin": OK}


def test_a_language_model_that_sees_what_it_is_to_predict_is_wrong() -> None:
    class Reader(nn.Module):
        def __init__(self, *, both_ways: bool) -> None:
            super().__init__()
            self.embed = nn.Embedding(9, 8)
            self.rnn = nn.GRU(8, 8, batch_first=True, bidirectional=both_ways)
            self.out = nn.Linear(16 if both_ways else 8, 9)

        def forward(self, x: Any) -> Any:
            return self.out(self.rnn(self.embed(x))[0])

    letters = torch.randint(9, (64, 13))
    loader = DataLoader(TensorDataset(letters[:, :-1], letters[:, 1:]), batch_size=16)
    tags = DataLoader(TensorDataset(letters, letters), batch_size=16)
    question = "no step sees later ones"
    assert asked(experiment(Reader(both_ways=True), train_loader=loader), question).verdict is WRONG
    assert asked(experiment(Reader(both_ways=True), train_loader=tags), question).verdict is UNKNOWN
    assert asked(experiment(Reader(both_ways=False), train_loader=loader), question).verdict is OK


def test_files_that_are_gone_empty_or_damaged_are_counted(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path in paths:
        image.new("RGB", (4, 4)).save(path)

    class Pictures(Dataset[Any]):
        def __init__(self) -> None:
            self.root = str(tmp_path)
            self.files = [str(path) for path in paths]

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, index: int) -> Any:
            return torch.rand(8), index % 3

    def told(question: str) -> tuple[Verdict, str]:
        found = asked(experiment(mlp(), train_loader=DataLoader(Pictures())), question, "loader `train_loader` (train)")
        return found.verdict, found.told

    assert told("data path") == (OK, str(tmp_path))
    assert told("files") == (OK, "all of 6 files are there")
    assert told("damaged files") == (OK, "none: 6 of 6 files were read")
    paths[2].write_bytes(paths[2].read_bytes()[:40])
    assert told("damaged files")[1].startswith(f"1 of the 6 that were read cannot be, the first {paths[2]}")
    paths[3].write_bytes(b"")
    assert told("files") == (WRONG, f"1 of 6 files are empty, the first {paths[3]}")
    paths[4].unlink()
    assert told("files") == (WRONG, f"1 of 6 files are not there, the first {paths[4]}")


# --- what cannot be known ---------------------------------------------------------------------------------------------


def test_what_cannot_be_copied_or_called_costs_its_answers_and_says_why() -> None:
    class Uncopied(nn.Linear):
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("no copies of me")

    class Itself(nn.Linear):
        def __deepcopy__(self, memo: Any) -> Any:
            return self

    class Pair(nn.Linear):
        def forward(self, left: Any, right: Any) -> Any:
            return super().forward(left + right)

    for model, why in (
        (Uncopied(8, 3), "it cannot be copied: TypeError: no copies of me"),
        (Itself(8, 3), "its copy shares tensors with it"),
        (Pair(8, 3), "its forward does not take a batch: TypeError"),
    ):
        found = asked(experiment(model), "forward")
        assert found.verdict is UNKNOWN
        assert why in found.told


def test_a_stream_is_left_alone() -> None:
    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            raise AssertionError("consumed")

    found = asked(experiment(mlp(), train_loader=DataLoader(Stream())), "batch", "loader `train_loader` (train)")
    assert (found.verdict, "IterableDataset" in found.told) == (UNKNOWN, True)


def test_a_data_set_that_fails_costs_the_batch() -> None:
    class Broken(Dataset[Any]):
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> Any:
            raise OSError("disk gone")

    report = doctor(experiment(mlp(), train_loader=DataLoader(Broken()), test_loader=DataLoader(Broken())))
    assert report.answer("loader `train_loader` (train)", "batch").told == "no batch could be drawn: OSError: disk gone"
    assert report.answer("model `model`", "forward").verdict is UNKNOWN


def test_when_time_is_over_the_rest_is_skipped_and_says_so() -> None:
    report = doctor(experiment(mlp()), seconds=0.0)
    assert report.answer("model `model`", "can learn one batch by heart").told == "time ran out"


def test_an_empty_kernel_is_told_to_run_its_cells() -> None:
    assert doctor({"x": 3}).answer("kernel", "subjects").verdict is UNKNOWN


def test_models_and_loaders_in_a_dict_are_found_and_parts_are_not_models_of_their_own() -> None:
    model = mlp()
    namespace = {"models": {"a": model}, "loaders": {"train": DataLoader(blobs(), batch_size=32)}, "head": model[2]}
    titles = [part.title for part in doctor(namespace).parts]
    assert titles == ["kernel", "loader `loaders['train']` (train)", "model `models['a']`"]


# --- nothing is changed -----------------------------------------------------------------------------------------------


class Busy(nn.Module):
    """Counts, remembers, draws at random, writes into its input, and prints."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.seen = 0, []
        self.norm, self.drop, self.layer = nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.seen.append(x.shape)
        print("forward")
        return self.layer(self.drop(self.norm(x.add_(random.random() + numpy.random.rand()))))


class Counted(Dataset[Any]):
    """Counts what is drawn, has generators, and gives its own tensors."""

    def __init__(self) -> None:
        self.rows, self.drawn = torch.randn(64, 8), 0
        self.generator, self.python = torch.Generator().manual_seed(3), random.Random(3)
        self.numpy = numpy.random.default_rng(3)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        self.drawn += 1
        torch.rand(1, generator=self.generator)
        self.python.random(), self.numpy.random(), torch.rand(1)
        return self.rows[index], index % 3


def everything(namespace: Mapping[str, Any]) -> list[Any]:
    """Of the user's, to be compared."""
    model, loader, optimizer = namespace["model"], namespace["train_loader"], namespace["optimizer"]
    data = loader.dataset
    state = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters()), data.rows]
    return [
        *(None if tensor is None else tensor.detach().numpy().tobytes() for tensor in state),
        [module.training for module in model.modules()],
        (model.calls, list(model.seen), data.drawn, list(namespace["hooked"])),
        repr(optimizer.state_dict()),
        torch.get_rng_state().numpy().tobytes(),
        (
            random.getstate(),
            repr(numpy.random.get_state()),
            data.python.getstate(),
            repr(data.numpy.bit_generator.state),
        ),
        *(one.get_state().numpy().tobytes() for one in (data.generator, loader.generator)),
        torch.is_grad_enabled(),
        [len(hooks) for hooks in (nn.modules.module._global_forward_hooks, model._forward_hooks)],
    ]


def test_everything_is_bit_for_bit_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    model = Busy()
    model.drop.eval()
    loader = DataLoader(Counted(), batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(5))
    namespace = experiment(model, train_loader=loader, hooked=[])
    model.register_forward_hook(lambda *_: namespace["hooked"].append(1))
    handle = nn.modules.module.register_module_forward_hook(lambda *_: namespace["hooked"].append(2))
    try:
        for x, y in loader:
            namespace["criterion"](model(x.clone()), y).backward()
            namespace["optimizer"].step()
        capsys.readouterr()
        before = everything(namespace)
        with torch.no_grad():
            report = doctor(namespace)
        assert everything(namespace) == before
    finally:
        handle.remove()
    assert report.answer("model `model`", "every parameter gets a gradient").verdict is OK
    assert "".join(capsys.readouterr()) == ""


def test_cuda_that_is_not_in_use_yet_will_be_seeded_as_before() -> None:
    queued = list(torch.cuda._queued_calls)
    doctor(experiment(mlp()))
    assert len(torch.cuda._queued_calls) == len(queued)


# --- how it is shown --------------------------------------------------------------------------------------------------


def test_text_of_the_users_is_shown_and_not_obeyed() -> None:
    evil = "<script>alert(1)</script>\x1b[2J"
    report = Report(parts=(Part(title=f"model `{evil}`", answers=(wrong("forward", evil, evil),)),))
    assert "<script>" not in markup(report)
    assert "\x1b" not in markup(report) + text(report)
    assert set(bundle(report)) == {"text/html", "text/plain"}


def test_the_report_in_words() -> None:
    report = Report(
        parts=(Part(title="model `net`", answers=(wrong("device", "cpu", "model.to('cuda')"),)),), seconds=1
    )
    assert text(report).splitlines() == [
        "tinyguard doctor: 1 answer wrong, 0 answers unknown, 0 ok (1 s)",
        "",
        "model `net`",
        "  wrong   device: cpu",
        "          change: model.to('cuda')",
    ]


@pytest.mark.parametrize("module", [show, setting])
def test_examples_in_the_documentation_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# --- in a kernel ------------------------------------------------------------------------------------------------------

CELL = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
train_loader = DataLoader(TensorDataset(torch.randn(64, 8), torch.arange(64) % 3), batch_size=16, shuffle=True)
model = nn.Linear(8, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
TRAIN = """
for x, y in train_loader:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
print(loss.item(), torch.rand(1).item())
"""


@pytest.mark.slow
def test_in_a_notebook_it_changes_no_digit_and_the_guard_looks_away(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    from test_magic import ON, Session

    plain = Session(tmp_path, ON, CELL, TRAIN).run(1, 2, 3)
    with_doctor = Session(tmp_path, ON, CELL, "%tinyguard doctor", TRAIN, "%tinyguard findings")
    told = with_doctor.run(1, 2, 3, 4, 5)
    assert "tinyguard doctor: nothing wrong" in told[2]
    assert "ok      shape of a batch: (16, 8) float32" in told[2]
    assert "text/html" in with_doctor.notebook.cells[2].outputs[0].data
    assert told[3].splitlines()[-1] == plain[2].splitlines()[-1]
    assert "found nothing" in told[4]


@pytest.mark.slow
def test_a_kernel_without_torch_is_not_given_it(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    from test_magic import Session

    told = Session(tmp_path, "%load_ext tinyguard", "%tinyguard doctor").run(1, 2)
    assert "nothing has imported torch" in told[1]
