"""What a running cell prints, heard line by line: the same numbers as the linter reads in the finished output."""

from __future__ import annotations

from typing import Any

from tinyguard.events import DatasetBuilt, Event, MetricReported, Samples
from tinyguard.finding import Place
from tinyguard.measured.evaluation import EpochReported, MetricsWithdrawn
from tinyguard.metrics import MOST, Metrics
from tinyguard.story import Story

CELL = Place("a.ipynb", 3)


class Heard:
    """A listener and the story that it tells."""

    def __init__(self, *before: Event) -> None:
        self.story = Story()
        for event in before:
            self.story.remember(event)
        self.metrics = Metrics(self.story.remember, lambda: self.story)
        self.metrics.begin(CELL)

    def of(self, kind: type[Any], *fields: str) -> list[Any]:
        return [tuple(getattr(event, field) for field in fields) for event in self.story.all(kind)]


def test_a_line_is_told_when_it_is_complete_with_the_epoch_of_a_line_before() -> None:
    heard = Heard()
    heard.metrics.printed("Epoch 1/3", 40)
    heard.metrics.printed("  test loss 2.30, test acc 10.5%", 40)
    assert heard.of(MetricReported, "name", "value", "epoch") == [("test loss", 2.30, 1), ("test accuracy", 0.105, 1)]
    assert heard.of(EpochReported, "epoch", "steps") == [(1, 40)]


def test_what_shows_the_unit_late_has_all_of_it_told_again() -> None:
    heard = Heard()
    heard.metrics.printed("Epoch 1: test acc 0.5", 10)
    heard.metrics.printed("Epoch 2: test acc 1.5", 20)
    assert heard.of(MetricReported, "value") == [(0.5,), (0.005,), (0.015,)]
    withdrawn = heard.story.all(MetricsWithdrawn)[0]
    assert heard.story.position(withdrawn) > heard.story.position(heard.story.all(MetricReported)[0])


def test_a_cell_that_runs_again_starts_anew() -> None:
    heard = Heard()
    heard.metrics.begin(CELL)
    assert heard.story.all(MetricsWithdrawn) == []
    heard.metrics.printed("Epoch 1: test acc 10%", 10)
    heard.metrics.begin(CELL)
    assert heard.of(MetricsWithdrawn, "place") == [(CELL,)]


def test_steps_are_those_of_the_training_whose_epochs_are_printed() -> None:
    heard = Heard()
    for epoch, steps in ((1, 100), (2, 200), (1, 300), (2, 400)):
        heard.metrics.printed(f"Epoch {epoch}: test acc 10%", steps)
    assert heard.of(EpochReported, "epoch", "steps") == [(1, 100), (2, 200), (1, 100), (2, 200)]


def test_a_history_is_told_from_where_it_has_grown() -> None:
    heard = Heard(DatasetBuilt(place=CELL, dataset=1, samples=Samples(classes=200)))
    heard.metrics.kept(CELL, {"train_loss": (5.31, 5.3), "test_acc": (0.5, 1.5)}, {"train_loss": 0, "test_acc": 0})
    heard.metrics.kept(CELL, {"train_loss": (5.31, 5.3, 5.2), "test_acc": (0.5, 1.5)}, {"train_loss": 2, "test_acc": 2})
    assert heard.of(MetricReported, "name", "value", "epoch", "source", "classes") == [
        ("train loss", 5.31, 1, "history", 200),
        ("train loss", 5.3, 2, "history", 200),
        ("test accuracy", 0.005, 1, "history", 200),
        ("test accuracy", 0.015, 2, "history", 200),
        ("train loss", 5.2, 3, "history", 200),
    ]


def test_a_cell_that_prints_without_end_is_not_read_to_its_end() -> None:
    heard = Heard()
    for step in range(MOST + 50):
        heard.metrics.printed(f"step {step}: loss 2.3", step)
    assert len(heard.story.all(MetricReported)) == MOST
