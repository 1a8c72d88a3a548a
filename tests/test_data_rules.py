"""The rules about data, on hand-made events; their examples are linted in test_rules.py."""

from __future__ import annotations

from typing import Any

import pytest
from loader_stories import (
    CIFAR_TEST,
    CIFAR_TRAIN,
    END,
    MODEL,
    NAMED_TEST,
    TEST_LOADER,
    TEST_SET,
    TRAIN_LOADER,
    TRAIN_SET,
    at,
    both_loaders,
    dataset_built,
    epoch,
    evaluation,
    loader_built,
    loss,
    model_built,
    named,
    parameters,
    places,
    step,
    use,
)
from stories import told

from tinyguard.events import BatchDrawn, Escaped, Event, LossComputed, MetricReported, RunEnded, Samples
from tinyguard.finding import Severity
from tinyguard.rules.augmentation_on_evaluation_data import AugmentationOnEvaluationData
from tinyguard.rules.class_count_mismatch import ClassCountMismatch
from tinyguard.rules.class_order_differs import ClassOrderDiffers
from tinyguard.rules.evaluated_on_training_data_only import EvaluatedOnTrainingDataOnly
from tinyguard.rules.loader_rebuilt_after_taken import LoaderRebuiltAfterTaken
from tinyguard.rules.raw_validation_folder import RawValidationFolder
from tinyguard.rules.same_loader_for_both import SameLoaderForBoth
from tinyguard.rules.trained_on_evaluation_data import TrainedOnEvaluationData
from tinyguard.rules.training_loader_unshuffled import TrainingLoaderUnshuffled

# --- TNY201 -----------------------------------------------------------------------------------------------------------


def test_training_on_the_test_split_is_told_at_the_call_that_passes_the_loader() -> None:
    (finding,) = told(TrainedOnEvaluationData(), both_loaders(), step(TEST_LOADER, CIFAR_TEST, via=(at(7, 2),)))
    assert finding.place == at(7, 2)
    assert "train=False" in finding.message
    assert [related.place for related in finding.related] == [at(1, TEST_LOADER), at(5, 4)]


def test_without_a_call_it_is_told_at_the_loop_over_the_loader() -> None:
    assert places(TrainedOnEvaluationData(), both_loaders(), step(TEST_LOADER, CIFAR_TEST)) == [at(5, 1)]


def test_a_call_that_led_to_the_loader_as_well_decided_nothing() -> None:
    main = at(8)
    loaders = [event.replace(via=(main, at(7, 1))) for event in both_loaders()]
    training = step(TEST_LOADER, CIFAR_TEST, via=(main, at(7, 2)))
    assert places(TrainedOnEvaluationData(), loaders, training) == [at(7, 2)]


def test_training_on_the_training_split_is_fine() -> None:
    assert places(TrainedOnEvaluationData(), both_loaders(), step()) == []


def test_a_test_split_is_no_hazard_where_there_is_no_training_data() -> None:
    test_only: list[Event] = [loader_built(TEST_LOADER, CIFAR_TEST)]
    assert places(TrainedOnEvaluationData(), test_only, step(TEST_LOADER, CIFAR_TEST)) == []


def test_an_optimizer_that_does_not_train_the_model_is_no_training() -> None:
    attack = step(TEST_LOADER, CIFAR_TEST, models=(use(parameters=parameters(77)),))
    assert places(TrainedOnEvaluationData(), both_loaders(), attack) == []


def test_adaptation_without_labels_is_no_hazard_when_only_a_name_tells_the_split() -> None:
    loaders: list[Event] = [loader_built(), loader_built(TEST_LOADER, NAMED_TEST)]
    assert places(TrainedOnEvaluationData(), loaders, step(TEST_LOADER, NAMED_TEST, criterion="")) == []
    assert places(TrainedOnEvaluationData(), loaders, step(TEST_LOADER, NAMED_TEST)) == [at(5, 1)]


def test_a_maybe_is_not_places() -> None:
    maybe = step(TEST_LOADER, CIFAR_TEST, facts=frozenset({("flag", True)}))
    assert places(TrainedOnEvaluationData(), both_loaders(), maybe) == []


def test_the_last_fit_on_training_and_validation_data_is_meant() -> None:
    validation = CIFAR_TRAIN.replace(split="validation", evidence="its name `val_loader`")
    loaders: list[Event] = [loader_built(), loader_built(TEST_LOADER, validation)]
    assert places(TrainedOnEvaluationData(), loaders, step(), step(TEST_LOADER, validation)) == []
    in_eval_mode = step(TEST_LOADER, validation, models=(use(training=False),))
    assert places(TrainedOnEvaluationData(), loaders, step(), in_eval_mode) == [at(5, 1)]


def test_few_shot_learning_adapts_to_the_tasks_of_the_test_split() -> None:
    tasks = loader_built(TEST_LOADER, CIFAR_TEST, sampler=True, batch_size=None)
    assert places(TrainedOnEvaluationData(), loader_built(), tasks, step(TEST_LOADER, CIFAR_TEST)) == []
    drawn_by_index = tasks.replace(batch_size=64)
    assert places(TrainedOnEvaluationData(), loader_built(), drawn_by_index, step(TEST_LOADER, CIFAR_TEST)) == [
        at(5, 1)
    ]


def test_a_test_split_is_never_part_of_the_last_fit() -> None:
    assert places(TrainedOnEvaluationData(), both_loaders(), step(), step(TEST_LOADER, CIFAR_TEST)) == [at(5, 1)]


# --- TNY202 -----------------------------------------------------------------------------------------------------------


def test_two_loaders_over_one_data_set_are_told_at_the_second() -> None:
    loaders = [
        dataset_built(TRAIN_SET),
        loader_built(TRAIN_LOADER, dataset=TRAIN_SET),
        named("train_loader", TRAIN_LOADER),
        loader_built(TEST_LOADER, dataset=TRAIN_SET),
        named("test_loader", TEST_LOADER),
    ]
    assert places(SameLoaderForBoth(), loaders, step(), evaluation(TEST_LOADER, CIFAR_TRAIN)) == [at(1, TEST_LOADER)]
    samplers = [event.replace(sampler=True) if hasattr(event, "sampler") else event for event in loaders]
    assert places(SameLoaderForBoth(), samplers, step(), evaluation(TEST_LOADER, CIFAR_TRAIN)) == []


def test_a_test_set_of_the_training_split_is_told_where_it_is_built() -> None:
    loaders = [
        dataset_built(TRAIN_SET),
        dataset_built(TEST_SET, CIFAR_TRAIN),
        loader_built(TRAIN_LOADER, dataset=TRAIN_SET),
        loader_built(TEST_LOADER, dataset=TEST_SET),
        named("testloader", TEST_LOADER),
    ]
    (finding,) = told(SameLoaderForBoth(), loaders, step(), evaluation(TEST_LOADER, CIFAR_TRAIN))
    assert finding.place == at(1, TEST_SET)
    assert "train=True" in finding.message


@pytest.mark.parametrize(
    "other",
    [
        CIFAR_TRAIN.replace(root="elsewhere"),
        CIFAR_TRAIN.replace(kind="CIFAR100"),
        CIFAR_TRAIN.replace(evidence="'train'"),  # read another way: who knows what it selects
        CIFAR_TRAIN.replace(evidence="its name `train_set`"),
    ],
)
def test_data_that_may_differ_is_not_the_same(other: Samples) -> None:
    loaders = [
        dataset_built(TRAIN_SET),
        dataset_built(TEST_SET, other),
        loader_built(TRAIN_LOADER, dataset=TRAIN_SET),
        loader_built(TEST_LOADER, other, dataset=TEST_SET),
        named("test_loader", TEST_LOADER),
    ]
    assert places(SameLoaderForBoth(), loaders, step(), evaluation(TEST_LOADER, other)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"measured": False},
        {"backward": True},
        {"models": (use(9, parameters=parameters(90)),)},
        {"facts": frozenset({("flag", True)})},
    ],
)
def test_no_evaluation_of_the_trained_model_is_no_hazard(changes: dict[str, Any]) -> None:
    loaders = [loader_built(), named("train_loader", TRAIN_LOADER), named("val_loader", TRAIN_LOADER, place=at(3))]
    passed = evaluation(TRAIN_LOADER, CIFAR_TRAIN, **changes)
    assert places(SameLoaderForBoth(), loaders, step(), passed) == []


def test_parts_of_two_copies_of_the_training_split_are_not_the_same_data() -> None:
    part, rest = (CIFAR_TRAIN.replace(sources=frozenset({copy}), size=None) for copy in (31, 32))
    loaders = [
        dataset_built(TRAIN_SET, part),
        dataset_built(TEST_SET, rest),
        loader_built(TRAIN_LOADER, part, dataset=TRAIN_SET),
        loader_built(TEST_LOADER, rest, dataset=TEST_SET),
        named("val_loader", TEST_LOADER),
    ]
    assert places(SameLoaderForBoth(), loaders, step(samples=part), evaluation(TEST_LOADER, rest)) == []


def test_another_name_for_the_training_loader_is_told_where_it_is_given() -> None:
    loaders: list[Event] = [
        loader_built(),
        named("train_loader", TRAIN_LOADER),
        named("val_loader", TRAIN_LOADER, place=at(3)),
    ]
    assert places(SameLoaderForBoth(), loaders, step(), evaluation(TRAIN_LOADER, CIFAR_TRAIN)) == [at(3)]


def test_a_parameter_called_test_loader_makes_no_claim() -> None:
    parameter = named("test_loader", TRAIN_LOADER, local=True)
    loaders: list[Event] = [loader_built(), named("train_loader", TRAIN_LOADER), parameter]
    assert places(SameLoaderForBoth(), loaders, step(), evaluation(TRAIN_LOADER, CIFAR_TRAIN)) == []


# --- TNY203 -----------------------------------------------------------------------------------------------------------


def test_a_test_loader_that_is_never_used_while_the_training_data_is_measured() -> None:
    measured = evaluation(TRAIN_LOADER, CIFAR_TRAIN, via=(at(7),))
    story = [*both_loaders(), *step(), measured]
    assert places(EvaluatedOnTrainingDataOnly(), story, END) == [at(7)]
    assert places(EvaluatedOnTrainingDataOnly(), story, evaluation(), END) == []
    drawn = BatchDrawn(place=at(8), loader=TEST_LOADER, samples=CIFAR_TEST)
    assert places(EvaluatedOnTrainingDataOnly(), story, drawn, END) == []
    escaped = Escaped(place=at(8), objects=(TEST_LOADER,))
    assert places(EvaluatedOnTrainingDataOnly(), story, escaped, END) == []
    assert places(EvaluatedOnTrainingDataOnly(), story, RunEnded(place=at(9), complete=False)) == []


def test_measuring_another_model_or_an_overfitted_sample_claims_nothing() -> None:
    other = evaluation(TRAIN_LOADER, CIFAR_TRAIN, models=(use(9, parameters=parameters(90)),))
    assert places(EvaluatedOnTrainingDataOnly(), both_loaders(), step(), other, END) == []
    overfitted = [loader_built(33), named("overfit_loader", 33), *step(33), evaluation(33, CIFAR_TRAIN)]
    assert places(EvaluatedOnTrainingDataOnly(), both_loaders(), overfitted, END) == []


# --- TNY204 -----------------------------------------------------------------------------------------------------------

NEWER = 33


def test_a_step_on_a_loader_whose_name_means_a_newer_one_is_told_where_it_was_rebuilt() -> None:
    first = [loader_built(), named("train_loader", TRAIN_LOADER)]
    rebuilt = [loader_built(NEWER, batch_size=128), named("train_loader", NEWER, place=at(4))]
    assert places(LoaderRebuiltAfterTaken(), first, rebuilt, step()) == [at(4)]
    assert places(LoaderRebuiltAfterTaken(), first, step(), rebuilt, step(NEWER)) == []
    kept = named("small_loader", TRAIN_LOADER)
    assert places(LoaderRebuiltAfterTaken(), first, kept, rebuilt, step()) == []
    assert places(LoaderRebuiltAfterTaken(), first, rebuilt, step(NEWER), step()) == []


def test_one_line_that_builds_a_loader_for_each_trainer_replaces_nothing() -> None:
    first = [loader_built(), named("train_loader", TRAIN_LOADER)]
    again = [loader_built(NEWER, place=at(1, TRAIN_LOADER)), named("train_loader", NEWER)]
    assert places(LoaderRebuiltAfterTaken(), first, again, step()) == []


# --- TNY205 -----------------------------------------------------------------------------------------------------------


def test_an_unshuffled_training_loader_is_told_at_its_constructor() -> None:
    unshuffled = loader_built(shuffle=False)
    assert places(TrainingLoaderUnshuffled(), unshuffled, epoch()) == [at(1, TRAIN_LOADER)]
    assert places(TrainingLoaderUnshuffled(), unshuffled, step()) == []  # one batch, to see whether the loss falls
    assert places(TrainingLoaderUnshuffled(), loader_built(), epoch()) == []
    assert places(TrainingLoaderUnshuffled(), unshuffled.replace(sampler=True), epoch()) == []
    assert places(TrainingLoaderUnshuffled(), unshuffled.replace(shuffle=None), epoch()) == []
    assert places(TrainingLoaderUnshuffled(), unshuffled.replace(batch_size=25_000), epoch()) == []


def test_the_order_of_unknown_data_may_be_meant() -> None:
    tensors = Samples(kind="TensorDataset", split="train", evidence="its name", size=1000)
    unshuffled = loader_built(samples=tensors, shuffle=False)
    assert places(TrainingLoaderUnshuffled(), unshuffled, epoch(samples=tensors)) == [at(1, TRAIN_LOADER)]
    assert places(TrainingLoaderUnshuffled(), unshuffled, epoch(samples=tensors, criterion="mse_loss")) == []
    own = tensors.replace(kind="CharDataset")
    assert places(TrainingLoaderUnshuffled(), unshuffled.replace(samples=own), epoch(samples=own)) == []


def test_only_what_is_surely_more_than_a_few_batches_is_judged() -> None:
    part = CIFAR_TRAIN.replace(size=None, sources=frozenset({99}))
    for batch_size, expected in ((64, [at(1, TRAIN_LOADER)]), (500, []), (None, [])):
        unshuffled = loader_built(samples=part, shuffle=False, batch_size=batch_size, dataset=TRAIN_SET)
        assert places(TrainingLoaderUnshuffled(), unshuffled, epoch(samples=part)) == expected
    tried = [loader_built(shuffle=False), named("debug_loader", TRAIN_LOADER)]
    assert places(TrainingLoaderUnshuffled(), tried, epoch()) == []
    unknown = CIFAR_TRAIN.replace(split=None)
    assert (
        places(TrainingLoaderUnshuffled(), loader_built(samples=unknown, shuffle=False), epoch(samples=unknown)) == []
    )


# --- TNY206 -----------------------------------------------------------------------------------------------------------


def test_augmented_test_data_is_told_where_the_data_set_is_built() -> None:
    training = CIFAR_TRAIN.replace(augmentation=("RandomCrop",))
    augmented = CIFAR_TEST.replace(augmentation=("RandomCrop",))
    loaders = [dataset_built(TEST_SET, augmented), loader_built(TEST_LOADER, augmented, dataset=TEST_SET)]
    once = evaluation(samples=augmented)
    (finding,) = told(AugmentationOnEvaluationData(), loaders, step(samples=training), once, END)
    assert finding.place == at(1, TEST_SET)
    assert "RandomCrop" in finding.message
    assert (
        len(
            told(
                AugmentationOnEvaluationData(),
                loaders,
                step(samples=training),
                once,
                step(samples=training),
                once,
                step(samples=training),
            )
        )
        == 1
    )
    assert (
        places(AugmentationOnEvaluationData(), loaders, step(samples=training), once, once, once, END) == []
    )  # test-time augmentation
    assert places(AugmentationOnEvaluationData(), loaders, once.replace(measured=False), END) == []
    shared = [loader_built(samples=training, dataset=TEST_SET), loaders[1]]  # a sampler holds some of it out
    assert places(AugmentationOnEvaluationData(), loaders[0], shared, once, END) == [at(1, TEST_LOADER)]
    turned = CIFAR_TRAIN.replace(augmentation=("RandomRotation",))
    assert places(AugmentationOnEvaluationData(), loaders, loader_built(samples=turned), once, END) == []
    assert places(AugmentationOnEvaluationData(), evaluation(samples=training), END) == []
    assert places(AugmentationOnEvaluationData(), evaluation(), END) == []


# --- TNY207 -----------------------------------------------------------------------------------------------------------


def test_the_raw_validation_folder_of_tiny_imagenet_is_told_where_it_is_read() -> None:
    raw = Samples(kind="ImageFolder", split="validation", evidence="folder 'val'", root="./tiny-imagenet-200/val/")
    (finding,) = told(RawValidationFolder(), dataset_built(TEST_SET, raw), dataset_built(8, raw), END)
    assert (finding.place, finding.severity) == (at(1, TEST_SET), Severity.WARNING)
    for fine in (
        raw.replace(rearranged=True),
        raw.replace(root="tiny-imagenet-200/train"),
        raw.replace(root="tiny-imagenet-200/val/images"),  # sorted into val/images/<class>, or it would not even start
        raw.replace(root="imagenette/val"),
        raw.replace(root=None),
        raw.replace(kind="TinyImageNet"),
        raw.replace(classes=2),
    ):
        assert places(RawValidationFolder(), dataset_built(TEST_SET, fine), END) == []


def test_a_recorded_accuracy_clears_the_folder_or_proves_it_raw() -> None:
    raw = Samples(kind="ImageFolder", split="validation", evidence="folder 'val'", root="tiny-imagenet-200/val")
    accuracy = MetricReported(place=at(8), name="val acc", kind="accuracy", value=0.31, split="validation")
    assert places(RawValidationFolder(), dataset_built(TEST_SET, raw), accuracy, END) == []
    at_chance = accuracy.replace(value=0.0049)
    (finding,) = told(RawValidationFolder(), dataset_built(TEST_SET, raw), at_chance, END)
    assert finding.severity is Severity.ERROR


# --- TNY208 -----------------------------------------------------------------------------------------------------------


def test_classes_in_another_order_for_evaluation() -> None:
    by_name, by_file = CIFAR_TRAIN.replace(class_order="sorted"), CIFAR_TEST.replace(class_order="wnids.txt")
    loaders = [
        dataset_built(TRAIN_SET, by_name),
        dataset_built(TEST_SET, by_file),
        loader_built(TRAIN_LOADER, by_name, dataset=TRAIN_SET),
        loader_built(TEST_LOADER, by_file, dataset=TEST_SET),
    ]
    (finding,) = told(ClassOrderDiffers(), loaders, step(samples=by_name), evaluation(samples=by_file))
    assert finding.place == at(1, TEST_SET)
    assert "wnids.txt" in finding.message
    assert "sorted" in finding.message
    same = CIFAR_TEST.replace(class_order="sorted")
    assert places(ClassOrderDiffers(), loaders, step(samples=by_name), evaluation(samples=same)) == []
    other_model = evaluation(samples=by_file, models=(use(9, parameters=parameters(90)),))
    assert places(ClassOrderDiffers(), loaders, step(samples=by_name), other_model) == []
    looked_at = evaluation(samples=by_file, measured=False)
    assert places(ClassOrderDiffers(), loaders, step(samples=by_name), looked_at) == []
    unknown = CIFAR_TEST.replace(class_order=None)
    assert places(ClassOrderDiffers(), loaders, step(samples=by_name), evaluation(samples=unknown)) == []


# --- TNY209 -----------------------------------------------------------------------------------------------------------


def test_fewer_outputs_than_classes_is_an_error_where_the_model_is_built() -> None:
    (finding,) = told(ClassCountMismatch(), model_built(MODEL, via=(at(3),)), loss(10, 200))
    assert (finding.place, finding.severity) == (at(3), Severity.ERROR)
    assert places(ClassCountMismatch(), model_built(), loss(200, 200)) == []
    assert places(ClassCountMismatch(), model_built(), loss(10, 200, facts=frozenset({("flag", True)}))) == []


def test_with_several_models_in_a_loss_it_is_told_at_the_loss() -> None:
    pair = (use(), use(9, parameters=parameters(90)))
    assert places(ClassCountMismatch(), model_built(), loss(10, 200, models=pair)) == [at(5, 2)]


def test_many_more_outputs_than_classes_is_a_note() -> None:
    (finding,) = told(ClassCountMismatch(), model_built(), loss(1000, 10))
    assert finding.severity is Severity.NOTE
    assert places(ClassCountMismatch(), model_built(), loss(11, 10)) == []  # a background class


def test_outputs_are_not_compared_where_targets_are_no_class_numbers() -> None:
    binary = loss(1, 2, criterion="binary_cross_entropy_with_logits")
    assert places(ClassCountMismatch(), model_built(), binary) == []
    unknown = LossComputed(place=at(5), criterion="cross_entropy", outputs=7, samples=CIFAR_TRAIN)
    assert places(ClassCountMismatch(), model_built(), unknown) == []
