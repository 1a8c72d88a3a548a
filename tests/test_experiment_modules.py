"""The modules beside the notebooks do what their names say: real (tiny) trainings, so torch is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
MODELS = ("baseline", "residual", "deeper_wider", "se_attention")
CLASSES = ("n03", "n01", "n02")  # as wnids.txt has them: not sorted

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
    for name in ("models_imagenet", "dataset_utils", "training_utils"):
        sys.modules.pop(name, None)


def module(name: str) -> ModuleType:
    return __import__(name)


def loader(torch: Any, samples: int, *, classes: int = 3) -> Any:
    """Images whose colour tells their class."""
    targets = torch.arange(samples) % classes
    images = 0.1 * torch.randn(samples, 3, 16, 16) + torch.eye(3)[targets % 3][:, :, None, None]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, targets), batch_size=8, shuffle=True)


def tiny_imagenet(folder: Path) -> Path:
    """Three classes in the published layout, one image greyscale."""
    from PIL import Image

    root = folder / "tiny-imagenet-200"
    for number, name in enumerate(CLASSES):
        images = root / "train" / name / "images"
        images.mkdir(parents=True)
        for index in range(4):
            Image.new("RGB", (64, 64), (80 * number, 0, 0)).save(images / f"{name}_{index}.JPEG")
    Image.new("L", (64, 64), 200).save(root / "train" / "n01" / "images" / "n01_0.JPEG")
    images = root / "val" / "images"
    images.mkdir(parents=True)
    annotations = ""
    for index, name in enumerate((*CLASSES, *CLASSES)):
        Image.new("RGB", (64, 64), (80 * index // 3, 0, 0)).save(images / f"val_{index}.JPEG")
        annotations += f"val_{index}.JPEG\t{name}\t0\t32\t44\t62\n"
    (root / "val" / "val_annotations.txt").write_text(annotations)
    (root / "wnids.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_200_logits_and_gradients_reach_every_parameter(torch: Any, name: str) -> None:
    model = module("models_imagenet").get_model(name, 200, width=8)
    logits = model(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, 200)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 199])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_models_differ_in_what_their_names_say(torch: Any) -> None:
    models = module("models_imagenet")
    built = {name: models.get_model(name, 200, width=8) for name in MODELS}
    kinds = {name: [type(part).__name__ for part in model.modules()] for name, model in built.items()}
    blocks = {name: kinds[name].count("Block") for name in MODELS}
    assert kinds["se_attention"].count("SqueezeExcitation") == blocks["se_attention"] == blocks["baseline"]
    assert not any("SqueezeExcitation" in kinds[name] for name in MODELS if name != "se_attention")
    assert blocks["deeper_wider"] > blocks["residual"]
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
    model = module("models_imagenet").get_model("residual", 3, width=8)
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
    model = module("models_imagenet").get_model("baseline", 3, width=8).train(mode)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss, accuracy = module("training_utils").evaluate(
        model, loader(torch, 24), torch.nn.CrossEntropyLoss(), torch.device("cpu")
    )
    assert loss > 0
    assert 0 <= accuracy <= 100
    assert model.training is mode
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_both_splits_number_the_classes_alike(torch: Any, tmp_path: Path) -> None:
    data = module("dataset_utils")
    root = str(tiny_imagenet(tmp_path) / "tiny-imagenet-200")
    train, val = data.TinyImageNet(root, split="train"), data.TinyImageNet(root, split="val")
    assert train.classes == val.classes == ["n01", "n02", "n03"]
    assert (len(train), len(val)) == (12, 6)
    assert train.targets == [0] * 4 + [1] * 4 + [2] * 4
    assert val.targets == [2, 0, 1, 2, 0, 1]
    assert train[0][0].shape == (3, 64, 64)  # the greyscale one


@pytest.mark.parametrize("augmentation", ["none", "basic", "strong"])
def test_only_training_images_are_augmented(torch: Any, tmp_path: Path, augmentation: str) -> None:
    train_loader, test_loader, num_classes = module("dataset_utils").get_dataset_loaders(
        "tiny_imagenet", 4, 0, augmentation, data_dir=str(tiny_imagenet(tmp_path))
    )
    images, targets = next(iter(train_loader))
    assert images.shape == (4, 3, 64, 64)
    assert targets.dtype == torch.int64
    assert num_classes == 200
    random = [type(step).__name__ for step in train_loader.dataset.transform.transforms if "Random" in repr(step)]
    assert bool(random) is (augmentation != "none")
    assert not any("Random" in repr(step) for step in test_loader.dataset.transform.transforms)
    assert torch.equal(next(iter(test_loader))[0], next(iter(test_loader))[0])


def test_a_folder_without_the_data_says_what_to_do(torch: Any, tmp_path: Path) -> None:
    data = module("dataset_utils")
    with pytest.raises(FileNotFoundError, match=r"extract tiny-imagenet-200\.zip there"):
        data.get_dataset_loaders("tiny_imagenet", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match="no data set is called 'imagenet'"):
        data.get_dataset_loaders("imagenet", data_dir=str(tmp_path))
