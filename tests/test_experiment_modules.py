"""The modules beside the notebooks do what their names say: real (tiny) trainings, so torch is needed."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from obstacles import printed, started, unwritable

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
MODELS = ("baseline", "residual", "deeper_wider", "se_attention")
MODULES = {path.stem for path in NOTEBOOKS.glob("*.py")}

pytestmark = pytest.mark.slow


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield torch
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    for name in MODULES:
        sys.modules.pop(name, None)


def module(name: str) -> ModuleType:
    return __import__(name)


def loader(torch: Any, samples: int, *, classes: int = 3) -> Any:
    """Images whose colour tells their class."""
    targets = torch.arange(samples) % classes
    images = 0.1 * torch.randn(samples, 3, 16, 16) + torch.eye(3)[targets % 3][:, :, None, None]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, targets), batch_size=8, shuffle=True)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The stand-in data, two training images and one validation image a class."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(NOTEBOOKS))
        stand_in = module("stand_in")
        made = stand_in.make(str(folder), stand_in.StandIn(2, 1))
    return str(Path(made).parent)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_200_logits_and_gradients_reach_every_parameter(torch: Any, name: str) -> None:
    model = module("models_imagenet").get_model(name, 200, profile="ci")
    logits = model(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 200)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 199])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_models_differ_in_what_their_names_say(torch: Any) -> None:
    models = module("models_imagenet")
    built = {name: models.get_model(name, 200, profile="ci") for name in MODELS}
    kinds = {name: [type(part).__name__ for part in model.modules()] for name, model in built.items()}
    blocks = {name: kinds[name].count("Block") for name in MODELS}
    assert kinds["se_attention"].count("SqueezeExcitation") == blocks["se_attention"] == blocks["baseline"]
    assert not any("SqueezeExcitation" in kinds[name] for name in MODELS if name != "se_attention")
    assert blocks["deeper_wider"] > blocks["residual"] >= blocks["baseline"]
    assert built["deeper_wider"].classifier.in_features > built["residual"].classifier.in_features
    assert all("BatchNorm2d" in kinds[name] for name in MODELS)
    with pytest.raises(ValueError, match="no model is called 'resnet'"):
        models.get_model("resnet", 200)


def test_attention_weighs_channels_between_0_and_1(torch: Any) -> None:
    attention = module("models_imagenet").SqueezeExcitation(16)
    ratio = attention(torch.ones(2, 16, 4, 4))
    assert ratio.shape == (2, 16, 4, 4)
    assert ((ratio > 0) & (ratio < 1)).all()
    assert (ratio == ratio[:, :, :1, :1]).all()


def test_training_learns_and_tells_one_number_an_epoch(torch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    training = module("training_utils")
    model = module("models_imagenet").get_model("residual", 3, profile="ci")
    config = training.get_optimizer_config("Adam")
    assert config == {"lr": 3e-4, "weight_decay": 1e-6}
    config["lr"] = 3e-3
    history = training.train_model(
        model,
        loader(torch, 48),
        loader(torch, 24),
        num_epochs=3,
        optimizer=training.get_optimizer(model, "Adam", **config),
        criterion=torch.nn.CrossEntropyLoss(),
        device="cpu",
        print_every=1,
    )
    assert {name: len(values) for name, values in history.items()} == {
        "train_loss": 3,
        "train_acc": 3,
        "test_loss": 3,
        "test_acc": 3,
    }
    assert history["train_loss"][-1] < history["train_loss"][0]
    assert history["train_acc"][-1] > 60  # percent; chance is 33
    assert "Epoch 3/3 | Train Loss: " in capsys.readouterr().out
    assert training.get_optimizer_config("Adam")["lr"] == 3e-4


@pytest.mark.parametrize("mode", [True, False])
def test_an_evaluation_changes_neither_the_model_nor_its_mode(torch: Any, mode: bool) -> None:
    model = module("models_imagenet").get_model("baseline", 3, profile="ci").train(mode)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss, accuracy = module("training_utils").evaluate(
        model, loader(torch, 24), torch.nn.CrossEntropyLoss(), torch.device("cpu")
    )
    assert loss > 0
    assert 0 <= accuracy <= 100
    assert model.training is mode
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_both_splits_number_the_classes_alike(torch: Any, data_dir: str) -> None:
    data = module("dataset_utils")
    root = str(Path(data_dir) / "tiny-imagenet-200")
    train, val = data.TinyImageNet(root, split="train"), data.TinyImageNet(root, split="val")
    assert train.classes == val.classes == (Path(root) / "wnids.txt").read_text().split()
    assert train.classes != sorted(train.classes)
    assert (len(train), len(val)) == (400, 200)
    assert sorted(val.targets) == train.targets[::2] == list(range(200))
    assert train[0][0].shape == (3, 64, 64)  # the greyscale one
    assert train.synthetic


@pytest.mark.parametrize("augmentation", ["none", "basic", "strong"])
@pytest.mark.parametrize("cached", [True, False])
def test_only_training_images_are_augmented(torch: Any, data_dir: str, augmentation: str, cached: bool) -> None:
    train_loader, test_loader, num_classes = module("dataset_utils").get_dataset_loaders(
        "tiny_imagenet", 4, 0, augmentation, data_dir=data_dir, cached=cached
    )
    images, targets = next(iter(train_loader))
    assert images.shape == (4, 3, 64, 64)
    assert targets.dtype == torch.int64
    assert num_classes == 200
    for loader, random in ((train_loader, augmentation != "none"), (test_loader, False)):
        once, again = (torch.stack([loader.dataset[index][0] for index in range(8)]) for _ in range(2))
        assert torch.equal(once, again) is not random
        assert torch.isfinite(once).all()


def test_decoded_images_make_the_batches_that_files_make(torch: Any, data_dir: str) -> None:
    data = module("dataset_utils")
    batches = []
    for cached in (True, False):
        torch.manual_seed(3)
        loader, *_ = data.get_dataset_loaders("tiny_imagenet", 64, 0, "none", data_dir=data_dir, cached=cached)
        batches.append(list(loader))
    assert len(batches[0]) == len(batches[1]) == 7
    for (images, targets), (others, other_targets) in zip(*batches, strict=True):
        assert torch.equal(images, others)
        assert torch.equal(targets, other_targets)


def test_an_image_is_shifted_and_mirrored_by_itself(torch: Any) -> None:
    import numpy as np

    pixels = np.random.default_rng(0).integers(1, 256, (32, 64, 64, 3), dtype=np.uint8)
    torch.manual_seed(0)
    shifted = (255 * module("augmentation").basic(pixels)).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    found = set()
    for before, after in zip(pixels, shifted, strict=True):
        framed = np.pad(before, ((8, 8), (8, 8), (0, 0)))
        found |= {
            (top, left, step)
            for top in range(17)
            for left in range(17)
            for step in (1, -1)
            if np.array_equal(framed[top : top + 64, left : left + 64][:, ::step], after)
        }
    assert len(found) > 20  # of 32 images, not all alike
    assert {step for *_, step in found} == {1, -1}


def test_a_changed_image_is_decoded_again(torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    cache = module("image_cache")
    monkeypatch.setenv("TINY_IMAGENET_CACHE", str(tmp_path / "decoded"))
    path = str(tmp_path / "a.JPEG")
    Image.new("RGB", (64, 64), (200, 0, 0)).save(path)
    assert cache.decoded(str(tmp_path), "train", [path])[0, 0, 0, 0] > 150
    first = list((tmp_path / "decoded").iterdir())
    assert cache.decoded(str(tmp_path), "train", [path])[0, 0, 0, 0] > 150
    assert list((tmp_path / "decoded").iterdir()) == first
    Image.effect_noise((64, 64), 50).save(path)
    assert cache.decoded(str(tmp_path), "train", [path])[0].std() > 20
    assert len(list((tmp_path / "decoded").iterdir())) == 1


def test_data_sets_that_share_a_cache_keep_their_files(
    torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setenv("TINY_IMAGENET_CACHE", str(tmp_path / "decoded"))
    for name in ("one", "other", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        path = tmp_path / name / "a.JPEG"
        if not path.exists():
            Image.new("RGB", (64, 64)).save(path)
        module("image_cache").decoded(str(tmp_path / name), "train", [str(path)])
    assert len(list((tmp_path / "decoded").iterdir())) == 2


def test_damaged_images_are_named(torch: Any, tmp_path: Path) -> None:
    from PIL import Image

    cache, error = module("image_cache"), module("tiny_imagenet").DataError
    Image.new("RGB", (64, 64)).save(tmp_path / "whole.JPEG")
    Image.new("RGB", (32, 64)).save(tmp_path / "small.JPEG")
    (tmp_path / "cut.JPEG").write_bytes((tmp_path / "whole.JPEG").read_bytes()[:300])
    paths = [str(tmp_path / name) for name in ("whole.JPEG", "cut.JPEG", "small.JPEG")]
    with pytest.raises(error, match=r"2 of 3 images are damaged: .*cut\.JPEG .*small\.JPEG is 32 x 64 pixels"):
        cache.decoded(str(tmp_path / "set"), "train", paths)
    assert not list((tmp_path / "decoded").iterdir())


@pytest.mark.parametrize("inner", ["", "new/folder"])
def test_a_folder_that_cannot_be_written_to_is_named_with_what_to_do(
    torch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "a.JPEG")
    error = module("tiny_imagenet").DataError
    with unwritable(tmp_path / "unwritable") as folder:
        monkeypatch.setenv("TINY_IMAGENET_CACHE", str(folder / inner))
        wanted = rf"cannot be kept in {folder / inner}.*: Permission denied; .* set TINY_IMAGENET_CACHE to a folder"
        with pytest.raises(error, match=wanted):
            module("image_cache").decoded(str(tmp_path), "train", [str(tmp_path / "a.JPEG")])
        wanted = rf"cannot be written to {folder / inner}: Permission denied; .* pass a data_dir that can be written"
        with pytest.raises(error, match=wanted):
            module("stand_in").make(str(folder / inner))
        wanted = rf"{folder / inner}/a\.pt cannot be written: Permission denied; make room or name a folder elsewhere"
        with pytest.raises(module("checkpoints").CheckpointError, match=wanted):
            trained(torch, 1, folder / inner / "a.pt")


def test_a_disk_that_fills_while_images_are_decoded_leaves_no_half_file(data_dir: str, tmp_path: Path) -> None:
    told = printed(
        """
import os, image_cache, tiny_imagenet
root, os.environ["TINY_IMAGENET_CACHE"] = sys.argv[1:]
paths = [path for path, _ in tiny_imagenet.images_of(root, "train")]
disk_fills(room=100_000)
try: image_cache.decoded(root, "train", paths)
except tiny_imagenet.DataError as error: print(error)
""",
        Path(data_dir) / "tiny-imagenet-200",
        tmp_path,
    )
    assert told == (
        f"the decoded images cannot be kept in {tmp_path}: File too large; they take 5 MB: make room, set "
        "TINY_IMAGENET_CACHE to a folder elsewhere, or pass cached=False\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_while_images_are_drawn_leaves_no_half_data_set(data_dir: str, tmp_path: Path) -> None:
    told = printed(
        """
import stand_in
disk_fills(room=5_000)  # the annotations come after most images, and are larger
try: stand_in.make(sys.argv[1], stand_in.StandIn(1, 1))
except stand_in.DataError as error: print(error)
""",
        tmp_path,
    )
    assert told == (
        f"the stand-in data cannot be written to {tmp_path}: File too large; they take 2 MB: make room, or pass a "
        "data_dir that can be written to\n"
    )
    assert list(tmp_path.rglob("*")) == [tmp_path / "synthetic-1x1-seed0-v1"]


def test_a_drawing_that_was_killed_leaves_nothing_for_ever(torch: Any, tmp_path: Path) -> None:
    stand_in = module("stand_in")
    of = stand_in.StandIn(5, 1)
    home = tmp_path / of.name
    draw = "import stand_in; stand_in.make(sys.argv[1], stand_in.StandIn(5, 1))"

    def half_drawn(*, by: int) -> None:
        deadline = time.monotonic() + 60
        while len(list(home.glob(".unfinished-*/*/train"))) < by:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    with started(draw, tmp_path) as killed:
        half_drawn(by=1)
        killed.send_signal(signal.SIGSTOP)
        with started(draw, tmp_path) as stopped:
            half_drawn(by=2)
            stopped.send_signal(signal.SIGSTOP)
            killed.kill()
            killed.wait()
            root = stand_in.make(str(tmp_path), of)
            assert len(list(home.glob(".unfinished-*"))) == 1  # of the one that lives
            stopped.send_signal(signal.SIGCONT)
            assert stopped.wait() == 0
    assert os.listdir(home) == ["tiny-imagenet-200"]
    assert module("tiny_imagenet").check_layout(root).train_per_class == 5


def test_stand_in_images_that_were_deleted_are_drawn_again(torch: Any, tmp_path: Path) -> None:
    data, stand_in = module("dataset_utils"), module("stand_in")
    root = Path(stand_in.make(str(tmp_path), stand_in.StandIn(1, 1)))
    data.TinyImageNetInMemory(str(root))  # leaves the decoded images beside it
    (root / "synthetic.json").unlink()
    with pytest.raises(module("tiny_imagenet").DataError, match=rf"{root} has lost its synthetic\.json: delete"):
        stand_in.make(str(tmp_path), stand_in.StandIn(1, 1))
    shutil.rmtree(root)
    assert stand_in.make(str(tmp_path), stand_in.StandIn(1, 1)) == str(root)
    assert module("tiny_imagenet").check_layout(str(root)).synthetic


def test_a_disk_that_fills_during_a_checkpoint_leaves_the_one_before(torch: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    trained(torch, 1, path)
    before = path.read_bytes()
    told = printed(
        f"""
sys.path.insert(0, {str(Path(__file__).parent)!r})
import torch
from pathlib import Path
from test_experiment_modules import module, trained
torch.set_num_threads(1)
disk_fills(room={len(before) // 2})
try: trained(torch, 2, Path(sys.argv[1]))
except module("checkpoints").CheckpointError as error: print(error)
""",
        path,
    )
    assert told.splitlines()[1:] == [
        f"the checkpoint {path} cannot be written: File too large; the one of the epoch before is whole: make room or "
        "name a folder elsewhere and start again, or pass checkpoint=None and go without"
    ]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert trained(torch, 2, path)[1] == trained(torch, 2)[1]


def test_stand_in_images_are_the_same_whatever_else_is_drawn(torch: Any, tmp_path: Path, data_dir: str) -> None:
    stand_in = module("stand_in")
    other = Path(stand_in.make(str(tmp_path), stand_in.StandIn(1, 1)))
    same = Path(data_dir) / "tiny-imagenet-200"
    for name in (*(f"train/{cls}/images/{cls}_0.JPEG" for cls in stand_in.class_ids(0)[:20]), "val/images/val_7.JPEG"):
        assert (other / name).read_bytes() == (same / name).read_bytes()
    assert len({(same / f"val/images/val_{number}.JPEG").read_bytes() for number in range(200)}) == 200
    assert stand_in.make(str(tmp_path), stand_in.StandIn(1, 1)) == str(other)
    assert not list(tmp_path.rglob(".unfinished*"))


def test_a_folder_without_the_data_says_what_to_do(torch: Any, tmp_path: Path) -> None:
    data, error = module("dataset_utils"), module("tiny_imagenet").DataError
    with pytest.raises(error, match=r"download=True .*TINY_IMAGENET"):
        data.get_dataset_loaders("tiny_imagenet", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="no data set is called 'imagenet'"):
        data.get_dataset_loaders("imagenet", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="no profile is called 'tiny'; there are 'full', 'ci'"):
        data.get_dataset_loaders("tiny_imagenet", profile="tiny")


def test_no_loader_is_made_of_half_a_data_set_or_of_another_one(torch: Any, tmp_path: Path, data_dir: str) -> None:
    data, error = module("dataset_utils"), module("tiny_imagenet").DataError
    root = Path(shutil.copytree(data_dir, tmp_path / "data")) / "tiny-imagenet-200"
    (root / "synthetic.json").unlink()
    folders = sorted((root / "train").iterdir())
    for folder in folders[:100]:
        shutil.rmtree(folder)
    remedy = rf"\nDelete {root} and extract tiny-imagenet-200\.zip again .*, or let TINY_IMAGENET name a whole one\.$"
    with pytest.raises(error, match=rf"(?s)train: 100 of 200 classes have no images: .*{remedy}"):
        data.get_dataset_loaders("tiny_imagenet", data_dir=str(tmp_path / "data"))
    for number, folder in enumerate(folders):
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_name(f"class_{number}").mkdir()
    with pytest.raises(error, match=rf"(?s)train/ has 200 folders, but of other names: class_0, .*{remedy}"):
        data.get_dataset_loaders("tiny_imagenet", data_dir=str(tmp_path / "data"))
    (root / "wnids.txt").unlink()
    with pytest.raises(error, match=r"(?s)wnids\.txt.* is missing .*\nLet TINY_IMAGENET or data_dir name the folder"):
        data.get_dataset_loaders("tiny_imagenet", data_dir=str(tmp_path / "data"))


def trained(
    torch: Any,
    epochs: int,
    checkpoint: Path | None = None,
    *,
    classes: int = 3,
    optimizer: str = "Adam",
    lr: float = 3e-3,
    seed: int = 5,
    samples: int = 48,
) -> tuple[Any, Any]:
    """A model and its history after some epochs, the same each time."""
    training = module("training_utils")
    training.seed_everything(seed)
    loaders = loader(torch, samples), loader(torch, 24)
    training.seed_everything(seed)
    model = module("models_imagenet").get_model("baseline", classes, profile="ci")
    history = training.train_model(
        model,
        *loaders,
        epochs,
        optimizer=training.get_optimizer(model, optimizer, lr=lr),
        criterion=torch.nn.CrossEntropyLoss(),
        device="cpu",
        checkpoint=None if checkpoint is None else str(checkpoint),
    )
    return model, history


def test_a_resumed_run_ends_as_one_that_was_never_killed(torch: Any, tmp_path: Path) -> None:
    model, history = trained(torch, 3)
    assert trained(torch, 3)[1] == history
    trained(torch, 1, tmp_path / "a.pt")
    torch.rand(17)
    resumed, continued = trained(torch, 3, tmp_path / "a.pt")
    assert continued == history
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in model.state_dict().items())
    assert trained(torch, 3, tmp_path / "a.pt")[1] == history  # nothing is left to do
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_killed_process_goes_on_from_its_last_epoch(torch: Any, tmp_path: Path) -> None:
    code = f"""
import sys
sys.path[:0] = [{str(NOTEBOOKS)!r}, {str(Path(__file__).parent)!r}]
import torch
from pathlib import Path
from test_experiment_modules import trained
torch.set_num_threads(1)
print("history", trained(torch, int(sys.argv[1]), Path(sys.argv[2]))[1], flush=True)
"""
    path = tmp_path / "a.pt"
    with subprocess.Popen([sys.executable, "-c", code, "1000", str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        while "Epoch 3/" not in child.stdout.readline():
            assert child.poll() is None
        child.kill()
    done = len(torch.load(path, weights_only=True)["history"]["test_acc"])
    resumed = trained(torch, done + 1, path)[1]
    assert done >= 3
    assert resumed == trained(torch, done + 1)[1]


def test_a_checkpoint_that_cannot_be_used_says_what_to_do(torch: Any, tmp_path: Path) -> None:
    error = module("checkpoints").CheckpointError
    path = tmp_path / "a.pt"
    trained(torch, 1, path)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1  # a weight
    for damaged in (whole[: len(whole) // 2], b"", b"not a checkpoint", changed):
        path.write_bytes(damaged)
        with pytest.raises(error, match=r"a\.pt is damaged .*delete it to train from the beginning"):
            trained(torch, 2, path)
    for another in ({"format": 1}, {**torch.load(io.BytesIO(whole)), "format": 0}, [1]):
        torch.save(another, path)
        with pytest.raises(error, match=r"a\.pt is no checkpoint of this version; delete it"):
            trained(torch, 2, path)
    path.write_bytes(whole)
    with pytest.raises(error, match=r"of another model: classifier\.weight is \[3, 96\] there and \[4, 96\] here"):
        trained(torch, 2, path, classes=4)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"lr": 1e-3}, r"lr of group 0 is 0\.003 there and 0\.001 here"),
        ({"optimizer": "AdamW"}, "optimizer is Adam there and AdamW here"),
        ({"seed": 6}, "seed is 5 there and 6 here"),
        ({"samples": 40}, "number of batches is 6 there and 5 here"),
    ],
)
def test_a_checkpoint_of_another_run_is_not_gone_on_with(
    torch: Any, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    trained(torch, 1, tmp_path / "a.pt")
    error = module("checkpoints").CheckpointError
    with pytest.raises(error, match=rf"a\.pt is of another run: {told}; delete it to train from the beginning"):
        trained(torch, 2, tmp_path / "a.pt", **changed)


def test_a_look_at_the_loaders_finds_what_is_wrong(
    torch: Any, data_dir: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = module("checks")
    train_loader, test_loader, num_classes = module("dataset_utils").get_dataset_loaders(
        "tiny_imagenet", 64, 0, "none", data_dir=data_dir
    )
    state = torch.get_rng_state()
    assert checks.check_loaders(train_loader, test_loader, num_classes)
    assert torch.equal(torch.get_rng_state(), state)
    assert "train batches: 7, test batches: 4, classes: 200" in capsys.readouterr().out
    part = torch.utils.data.Subset(train_loader.dataset, range(64))
    few = torch.utils.data.DataLoader(part, 64, collate_fn=train_loader.collate_fn)
    assert checks.check_loaders(few, test_loader, num_classes)  # of a part nobody knows what it should hold
    test_loader.dataset.targets = [0] * 200
    assert not checks.check_loaders(train_loader, test_loader, num_classes)
    assert "test: 1 different labels from 0 to 0, for 200 classes" in capsys.readouterr().out


def test_a_look_at_a_model_and_its_optimizer_finds_what_is_wrong(
    torch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    checks, get_model = module("checks"), module("models_imagenet").get_model
    model = get_model("baseline", 200, profile="ci")
    assert checks.check_model(model, "cpu", 200)
    assert checks.check_optimizer(torch.optim.Adam(model.parameters(), lr=3e-4), model)
    assert "learning rate 0.0003" in capsys.readouterr().out
    assert not checks.check_model(model.eval(), "cpu", 10)
    assert "the model is in eval mode: call model.train(); 200 outputs for 10 classes" in capsys.readouterr().out
    other = get_model("baseline", 200, profile="ci")
    assert not checks.check_optimizer(torch.optim.Adam(other.parameters()), model)


def test_the_quick_test_draws_its_line_at_three_percent(torch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    checks = module("checks")
    assert checks.quick_verdict({"test_acc": [1.0, 3.2]})
    assert not checks.quick_verdict({"test_acc": [0.5, 0.5]})
    checks.summarise("baseline", {"test_acc": [1.0, 5.0, 4.0, 4.0, 4.5]})
    told = capsys.readouterr().out
    assert "best test accuracy 5.00 % (epoch 2), final 4.50 %" in told
    assert "epoch 1: 1.00 %, epoch 5: 4.50 %" in told
