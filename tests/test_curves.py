"""Learning curves in recorded outputs: which numbers belong together, and what the rules of learning make of them."""

from __future__ import annotations

import pytest
from examples import expectations, notebook, parse

from tinyguard.curves import Curve, curves
from tinyguard.events import MetricReported, RunEnded
from tinyguard.finding import Finding, Place
from tinyguard.judge import judge
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.program.outputs import metrics
from tinyguard.rules.accuracy_at_chance import AccuracyAtChance
from tinyguard.rules.loss_flat import LossFlat
from tinyguard.rules.loss_not_finite import LossNotFinite

RULES = {rule.code: rule for rule in (AccuracyAtChance(), LossFlat(), LossNotFinite())}


def reported(text: str, classes: int | None = None) -> list[MetricReported]:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    return list(metrics(Notebook(path="n.ipynb", cells=(Cell(number=1, count=1, outputs=(output,)),)), classes))


def points(found: list[Curve]) -> list[tuple[str, tuple[float, ...]]]:
    return [(curve.name, curve.points) for curve in found]


def told(events: list[MetricReported], *codes: str) -> list[Finding]:
    """What the rules say of these events alone: nothing is known of the program."""
    end = RunEnded(place=Place("n.ipynb"), complete=True)
    return judge([*events, end], [RULES[code] for code in codes or RULES])


def test_an_epoch_that_goes_back_starts_the_next_training() -> None:
    text = "".join(f"Epoch {epoch} test acc {acc}%\n" for epoch, acc in ((1, 1), (2, 2), (1, 3), (2, 4)))
    assert points(curves(reported(text), "accuracy")) == [
        ("test accuracy", (0.01, 0.02)),
        ("test accuracy", (0.03, 0.04)),
    ]


def test_the_last_of_several_in_an_epoch_counts() -> None:
    text = "[1,  2000] loss: 2.3\n[1,  4000] loss: 2.2\n[2,  2000] loss: 2.1\n"
    assert points(curves(reported(text), "loss")) == [("loss", (2.2, 2.1))]
    assert points(curves(reported(text), "loss", each=True)) == [("loss", (2.3, 2.2, 2.1))]


def test_a_history_is_a_curve_of_its_own() -> None:
    text = "Epoch 1 test acc 5.0%\nEpoch 2 test acc 6.0%\n{'test_acc': [5.0, 6.0]}\n"
    assert [curve.points for curve in curves(reported(text), "accuracy")] == [(0.05, 0.06)] * 2


@pytest.mark.parametrize("code", RULES)
def test_the_examples_of_a_rule_need_nothing_but_their_outputs(code: str, tmp_path: object) -> None:
    rule = RULES[code]
    for text in (*rule.bad, *rule.good):
        example = parse(text)
        found = told(list(metrics(notebook(example, str(tmp_path)), 10)), code)
        assert {(finding.code, finding.place.cell) for finding in found} == {
            (name, cell) for name, cell, _ in expectations(example)
        }


def test_the_message_has_the_numbers() -> None:
    text = "".join(f"Epoch {epoch} test acc: {hits}/10000\n" for epoch, hits in ((1, 50), (2, 49), (3, 52)))
    (finding,) = told(reported(text, 200), "TNY701")
    assert finding.message == (
        "the test accuracy stays at chance in epochs 1 to 3: 0.50 %, 0.49 %, 0.52 %; guessing among 200 classes gives "
        "0.50 % (at most 0.74 % of 10,000 samples)"
    )


def test_a_model_that_learns_and_is_measured_wrongly_is_told_so() -> None:
    """The numbers of a published notebook that read a raw val/ folder."""
    val = (0.51, 0.49, 0.52, 0.56, 0.49, 0.61, 0.53)
    text = "".join(
        f"Epoch {epoch}: train loss {1.42 - epoch / 8:.2f} val acc {acc}%\n" for epoch, acc in enumerate(val)
    )
    (finding,) = told([event.replace(samples=10_000) for event in reported(text, 200)], "TNY701")
    assert "yet the train loss fell from 1.42 to 0.67" in finding.message
    assert finding.remedy.startswith("compare the labels of the evaluation data")


def test_an_accuracy_that_tells_it_leaves_the_loss_nothing_to_say() -> None:
    text = "".join(f"Epoch {epoch} train loss 2.304 test acc {acc}%\n" for epoch, acc in ((1, 10.1), (2, 9.9), (3, 10)))
    assert [finding.code for finding in told(reported(text, 10))] == ["TNY701"]


@pytest.mark.parametrize(
    "text",
    [
        "Epoch 1 D loss 1.386\nEpoch 2 D loss 1.386\nEpoch 3 D loss 1.386\n",  # ln 4, of a discriminator
        "Epoch 1 train loss 1.31\nEpoch 2 train loss 1.31\nEpoch 3 train loss 1.31\n",
        "loss 1.386\nloss 1.387\nloss 1.386\n",
        "Epoch 1 train loss 1.386\nEpoch 2 train loss 1.446\nEpoch 3 train loss 1.401\n",
    ],
)
def test_a_loss_near_ln_4_can_be_something_else(text: str) -> None:
    assert told(reported(text, 4), "TNY702") == []


def test_where_the_loss_was_lost_is_said() -> None:
    (finding,) = told(reported("".join(f"epoch {n}: loss {v}\n" for n, v in enumerate(("inf", 2.1, "nan", "nan")))))
    assert finding.message == 'the loss is not finite from epoch 3 on: "epoch 2: loss nan"'
