"""The rules about the configuration of a run, on hand-made events; their examples are linted in test_rules.py."""

from __future__ import annotations

from typing import Any

import pytest
from loader_stories import (
    CIFAR_TRAIN,
    END,
    MODEL,
    TEST_LOADER,
    TRAIN_LOADER,
    at,
    epoch,
    loader_built,
    model_built,
    named,
    optimizer_built,
    parameters,
    places,
    plan,
    step,
    use,
)
from stories import told

from tinyguard.datasets import data_set
from tinyguard.events import Event, ModelBuilt, Number, RunEnded, Samples, SeedSet, SettingIgnored, TrainingPlanned
from tinyguard.finding import Severity
from tinyguard.rules.batch_size_unfit import BatchSizeUnfit
from tinyguard.rules.comparison_unequal import ComparisonUnequal
from tinyguard.rules.configured_value_unused import ConfiguredValueUnused
from tinyguard.rules.few_epochs import FewEpochs
from tinyguard.rules.seed_missing import SeedMissing

TINY = Samples(kind="ImageFolder", split="train", evidence="folder 'train'", root="tiny-imagenet-200/train")

# --- TNY601 -----------------------------------------------------------------------------------------------------------


def test_two_epochs_of_cifar_from_scratch_are_told_where_the_number_is_written() -> None:
    (finding,) = told(FewEpochs(), model_built(), step(), plan(2), END)
    assert finding.place == at(4)
    assert "2 epochs from scratch on CIFAR10 (50,000 samples, 10 classes)" in finding.message


def test_three_epochs_of_tiny_imagenet_are_few_and_fifty_are_not() -> None:
    (finding,) = told(FewEpochs(), model_built(), step(samples=TINY), plan(3, samples=TINY), END)
    assert "TinyImageNet" in finding.message
    assert told(FewEpochs(), model_built(), step(samples=TINY), plan(50, samples=TINY), END) == []


@pytest.mark.parametrize(
    ("epochs", "changes"),
    [
        (20, {}),
        (None, {}),
        (2, {"models": (use(pretrained=True),)}),
        (2, {"models": (use(pretrained=None),)}),  # weights may have been loaded
        (2, {"samples": CIFAR_TRAIN.replace(size=500)}),  # a small part
        (2, {"samples": CIFAR_TRAIN.replace(kind="MNIST")}),
        (2, {"samples": Samples(kind="TensorDataset", split="train", size=64, classes=3)}),
        (2, {"samples": None}),
        (2, {"functions": ("smoke_test", "fit")}),
        (2, {"optimizers": ()}),
    ],
)
def test_few_epochs_are_fine_when(epochs: int | None, changes: dict[str, Any]) -> None:
    assert told(FewEpochs(), model_built(), step(), plan(epochs, **changes), END) == []


def test_a_number_of_epochs_that_is_called_a_trial_is_one() -> None:
    trial = plan(2).replace(epochs=Number(value=2, place=at(4), name="debug_epochs"))
    assert told(FewEpochs(), model_built(), step(), trial, END) == []


def test_epochs_of_one_model_add_up() -> None:
    assert told(FewEpochs(), model_built(), step(), plan(2), plan(2), END) == []


def test_a_longer_training_of_the_same_class_makes_the_short_one_a_trial() -> None:
    other = (use(9, parameters=parameters(90)),)
    longer = plan(30, models=other, place=at(7))
    assert told(FewEpochs(), model_built(), model_built(9), step(), plan(2), longer, END) == []
    of_another_kind: list[Event] = [model_built(), model_built(9, kind="ResNet")]
    assert places(FewEpochs(), of_another_kind, step(), plan(2), longer, END) == [at(4)]


@pytest.mark.parametrize(("size", "classes", "few"), [(20_000, 100, True), (20_000, 10, False), (2_000, 100, False)])
def test_unknown_data_needs_many_samples_of_many_classes(size: int, classes: int, few: bool) -> None:
    own = Samples(kind="Birds", split="train", size=size, classes=classes)
    assert bool(told(FewEpochs(), model_built(), step(samples=own), plan(3, samples=own), END)) is few


def test_a_part_of_unknown_size_may_be_small() -> None:
    part = CIFAR_TRAIN.replace(size=None, sources=frozenset({99}))
    assert told(FewEpochs(), model_built(), step(samples=part), plan(2, samples=part), END) == []


def test_one_number_for_several_models_is_told_once() -> None:
    other = use(9, parameters=parameters(90))
    models = [model_built(), *step(), *step(models=(other,))]
    assert places(FewEpochs(), models, plan(2), plan(2, models=(other,), place=at(7)), END) == [at(4)]


def test_a_run_that_was_not_read_whole_may_train_on() -> None:
    assert told(FewEpochs(), model_built(), step(), plan(2), RunEnded(place=at(9), complete=False)) == []


def test_a_few_passes_of_an_autoencoder_or_gan_are_not_judged() -> None:
    for criterion in ("mse_loss", "binary_cross_entropy", ""):
        assert told(FewEpochs(), model_built(), step(criterion=criterion), plan(2), END) == []


# --- TNY602 -----------------------------------------------------------------------------------------------------------


def test_batches_of_four_on_cifar_are_told_where_the_size_is_written() -> None:
    small = loader_built(batch_size=4, batch_size_at=at(3, 2))
    assert places(BatchSizeUnfit(), small, epoch()) == [at(3, 2)]
    assert places(BatchSizeUnfit(), small.replace(batch_size_at=None, via=(at(7),)), epoch()) == [at(7)]
    assert told(BatchSizeUnfit(), loader_built(batch_size=32), epoch()) == []


def test_32_is_small_for_200_classes() -> None:
    (finding,) = told(BatchSizeUnfit(), loader_built(samples=TINY, batch_size=32), epoch(samples=TINY))
    assert "64 or 128" in finding.remedy
    assert told(BatchSizeUnfit(), loader_built(samples=TINY, batch_size=64), epoch(samples=TINY)) == []


def test_small_batches_are_fine_for_small_sets_fine_tuning_and_accumulation() -> None:
    few = CIFAR_TRAIN.replace(size=500)
    assert told(BatchSizeUnfit(), loader_built(samples=few, batch_size=4), epoch(samples=few)) == []
    small = loader_built(batch_size=4)
    assert told(BatchSizeUnfit(), small, epoch(models=(use(pretrained=True),))) == []
    drawn, first, stepped, passed = epoch()
    assert told(BatchSizeUnfit(), small, [drawn, first, first.replace(), stepped, passed]) == []
    assert told(BatchSizeUnfit(), small, step()) == []  # one batch, to see whether the loss falls


def test_small_batches_are_fine_where_no_classes_are_learnt_or_it_is_a_trial() -> None:
    small = loader_built(batch_size=4)
    assert told(BatchSizeUnfit(), small, epoch(criterion="mse_loss")) == []
    assert told(BatchSizeUnfit(), small, named("smoke_loader", TRAIN_LOADER), epoch()) == []


def test_dropping_the_only_batch_is_an_error_without_any_training() -> None:
    samples = Samples(kind="TensorDataset", size=48)
    none = loader_built(samples=samples, batch_size=64, drop_last=True)
    (finding,) = told(BatchSizeUnfit(), none)
    assert (finding.severity, finding.place) == (Severity.ERROR, at(1, TRAIN_LOADER))
    assert told(BatchSizeUnfit(), none.replace(batch_size=48)) == []
    assert told(BatchSizeUnfit(), none.replace(drop_last=None)) == []


def test_a_training_of_fifty_steps_is_hardly_one() -> None:
    large = loader_built(batch_size=10_000)
    (finding,) = told(BatchSizeUnfit(), large, epoch(), plan(10))
    assert "50 steps" in finding.message
    assert told(BatchSizeUnfit(), large, epoch(), plan(100)) == []
    assert told(BatchSizeUnfit(), large, epoch(), plan(None)) == []
    assert told(BatchSizeUnfit(), large, epoch(), plan(10, models=(use(pretrained=True),))) == []
    assert told(BatchSizeUnfit(), large, epoch(), plan(10, optimizers=())) == []
    assert told(BatchSizeUnfit(), large, epoch(), plan(10, functions=("sanity_check",))) == []
    medium = CIFAR_TRAIN.replace(size=2_000)
    assert told(BatchSizeUnfit(), loader_built(samples=medium, batch_size=500), epoch(), plan(10)) == []
    assert told(BatchSizeUnfit(), loader_built(batch_size=50_000), epoch(), plan(10)) == []  # full batches, on purpose


# --- TNY603 -----------------------------------------------------------------------------------------------------------


def ignored(**fields: Any) -> SettingIgnored:
    ordinary = {
        "place": at(5),
        "name": "num_epochs",
        "value": 3,
        "configured": 50,
        "configured_at": at(1, 2),
        "configured_as": "config['num_epochs']",
        "function": "train_model",
    }
    return SettingIgnored(**{**ordinary, **fields})


def test_an_ignored_setting_is_told_at_the_call_with_both_numbers() -> None:
    (finding,) = told(ConfiguredValueUnused(), ignored())
    assert finding.place == at(5)
    assert "`config['num_epochs']` is 50" in finding.message
    assert "num_epochs=3" in finding.message
    assert finding.related[0].place == at(1, 2)


def test_a_setting_that_is_repeated_or_meant_for_a_trial_is_not_ignored() -> None:
    assert told(ConfiguredValueUnused(), ignored(value=50)) == []
    assert told(ConfiguredValueUnused(), ignored(function="smoke_test")) == []
    for no_configuration in ("param_group['lr']", "sample_set.num_epochs", "vocabulary.num_epochs"):
        assert told(ConfiguredValueUnused(), ignored(configured_as=no_configuration)) == []
    for configuration in (
        "NUM_EPOCHS",
        "cfg.train.epochs",
        "train_config['epochs']",
        "self.hparams.epochs",
        "Config.N",
    ):
        assert len(told(ConfiguredValueUnused(), ignored(configured_as=configuration))) == 1
    assert told(ConfiguredValueUnused(), ignored(facts=frozenset({("quick", True)}))) == []


# --- TNY604 -----------------------------------------------------------------------------------------------------------


def comparison(*settings: dict[str, Any], kinds: str = "ABCDEF") -> list[Event]:
    """One training after the other, in cells 10, 11 ..., by the loop in cell 5; settings are changes."""
    events: list[Event] = []
    for number, (kind, changes) in enumerate(zip(kinds, settings, strict=False)):
        model, optimizer, own = 100 + number, 200 + number, parameters(300 + number)
        adam = {"kind": changes.get("optimizer", "Adam"), "lr": changes.get("lr", 3e-4)}
        events += [
            model_built(model, kind=kind, parameters=own),
            optimizer_built(optimizer, parameters=own, **adam),
            plan(
                changes.get("epochs", 10),
                via=(at(10 + number),),
                models=(use(model, parameters=own),),
                optimizers=(optimizer,),
                batch_size=changes.get("batch_size", 64),
                evaluated=(TEST_LOADER,),
            ),
        ]
    return events


def test_the_one_that_is_trained_unlike_the_others_is_told_at_its_call() -> None:
    (finding,) = told(ComparisonUnequal(), comparison({}, {}, {"epochs": 5}, {}), END)
    assert finding.place == at(12)
    assert "epochs 5, all others 10" in finding.message
    for odd in ({"batch_size": 32}, {"lr": 0.1}, {"optimizer": "SGD", "lr": 0.1}):
        assert places(ComparisonUnequal(), comparison({}, odd, {}), END) == [at(11)]


def test_equal_settings_tuned_settings_and_searches_are_fine() -> None:
    assert told(ComparisonUnequal(), comparison({}, {}, {}), END) == []
    assert told(ComparisonUnequal(), comparison({}, {"epochs": 5}, {"epochs": 7}), END) == []
    assert told(ComparisonUnequal(), comparison({}, {"epochs": 5}), END) == []  # who of two is wrong?
    assert told(ComparisonUnequal(), comparison({}, {"lr": 0.1}, {}, kinds="AAA"), END) == []
    assert told(ComparisonUnequal(), comparison({}, {"epochs": None}, {}), END) == []


def test_what_is_no_comparison_is_not_judged() -> None:
    story = comparison({}, {"epochs": 5}, {})
    plans = [event for event in story if isinstance(event, TrainingPlanned)]
    assert places(ComparisonUnequal(), story, END) == [at(11)]
    assert told(ComparisonUnequal(), story, RunEnded(place=at(9), complete=False)) == []
    assert told(ComparisonUnequal(), story, plans[0], END) == []  # the first model was trained on

    def changed(**changes: Any) -> list[Event]:
        return [event.replace(**changes) if isinstance(event, TrainingPlanned) else event for event in story]

    assert told(ComparisonUnequal(), changed(evaluated=()), END) == []
    assert told(ComparisonUnequal(), changed(functions=("quick_check",)), END) == []
    assert told(ComparisonUnequal(), changed(facts=frozenset({("flag", True)})), END) == []
    pretrained = plans[2].replace(models=(plans[2].models[0].replace(pretrained=True),))
    assert told(ComparisonUnequal(), [pretrained if event is plans[2] else event for event in story], END) == []
    nameless = [event.replace(kind="") if isinstance(event, ModelBuilt) else event for event in story]
    assert told(ComparisonUnequal(), nameless, END) == []


# --- TNY605 -----------------------------------------------------------------------------------------------------------


def test_a_training_without_a_seed_is_told_once_where_the_first_model_is_built() -> None:
    other = model_built(9, place=at(3), parameters=parameters(90))
    (finding,) = told(SeedMissing(), model_built(MODEL), other, step(), step(models=(use(9),)), END)
    assert (finding.place, finding.severity) == (at(2), Severity.WARNING)


def test_a_seed_of_torch_or_lightning_is_enough_and_one_of_numpy_is_not() -> None:
    for library in ("torch", "lightning", ""):
        assert told(SeedMissing(), SeedSet(place=at(1), library=library), model_built(), step(), END) == []
    (finding,) = told(SeedMissing(), SeedSet(place=at(1), library="numpy"), model_built(), step(), END)
    assert finding.severity is Severity.NOTE


def test_pretrained_or_untrained_models_need_no_seed() -> None:
    assert told(SeedMissing(), model_built(), step(models=(use(pretrained=True),)), END) == []
    assert told(SeedMissing(), model_built(), END) == []
    assert told(SeedMissing(), model_built(), step(), RunEnded(place=at(9), complete=False)) == []


# --- the table behind them --------------------------------------------------------------------------------------------


def test_data_sets_are_known_by_their_class_and_by_common_spellings() -> None:
    tiny = data_set("tiny_imagenet")
    assert tiny is not None
    assert (tiny.classes, tiny.train, tiny.test) == (200, 100_000, 10_000)
    assert data_set("TinyImageNetDataset") is data_set("tiny-imagenet-200") is tiny
    assert data_set("ImageFolder") is None
    assert data_set("") is None
