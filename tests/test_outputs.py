"""What a notebook's recorded outputs say of its training: the forms that people print, and what is left alone."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from tinyguard.events import MetricReported
from tinyguard.notebook.cells import Cell, Notebook
from tinyguard.program.outputs import READ, metrics
from tinyguard.program.readings import LONGEST, form, readings

STUCK = Path(__file__).parent.parent / "notebooks" / "stuck_at_chance.ipynb"


def printed(*texts: str | list[str], classes: int | None = None, count: int | None = 1) -> list[MetricReported]:
    outputs = tuple({"output_type": "stream", "name": "stdout", "text": text} for text in texts)
    return reported({}, *outputs, classes=classes, count=count)


def reported(_: dict[str, Any], *outputs: dict[str, Any], classes: int | None = None, count: int | None = 1) -> Any:
    cell = Cell(number=7, source="train()", count=count, outputs=outputs)
    return list(metrics(Notebook(path="n.ipynb", cells=(cell,)), classes))


def shown(found: list[MetricReported]) -> list[tuple[str, float, int | None]]:
    return [(metric.name, round(metric.value, 6), metric.epoch) for metric in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Test Acc: 0.50%", [("test accuracy", 0.005, None)]),
        (
            "Epoch 1/3 | Train Loss: 5.0937, Train Acc: 1.43% | Test Loss: 4.9128, Test Acc: 1.87% | 164.2s",
            [
                ("train loss", 5.0937, 1),
                ("train accuracy", 0.0143, 1),
                ("test loss", 4.9128, 1),
                ("test accuracy", 0.0187, 1),
            ],
        ),
        (
            "Epoch 3/50 - loss: 5.2983 - acc: 0.0050 - val_loss: 5.3 - val_acc: 0.0049",
            [
                ("loss", 5.2983, 3),
                ("accuracy", 0.005, 3),
                ("validation loss", 5.3, 3),
                ("validation accuracy", 0.0049, 3),
            ],
        ),
        (
            "Epoch 2 - loss: 1.5 - val_loss: 1.6 - acc: 0.4 - val_acc: 0.3",
            [("loss", 1.5, 2), ("validation loss", 1.6, 2), ("accuracy", 0.4, 2), ("validation accuracy", 0.3, 2)],
        ),
        (
            "Test set: Average loss: 5.2987, Accuracy: 50/10000 (1%)",
            [("test loss", 5.2987, None), ("test accuracy", 0.005, None)],
        ),
        ("train loss 1.42 val acc 0.51", [("train loss", 1.42, None), ("validation accuracy", 0.51, None)]),
        ("[1,  2000] loss: 2.173", [("loss", 2.173, 1)]),
        ("Validation loss decreased (inf --> 0.369).  Saving model ...", [("validation loss", 0.369, None)]),
        ("Train Loss: 3.0634 Acc: 0.3006", [("train loss", 3.0634, None), ("train accuracy", 0.3006, None)]),
        ("Train Epoch: 4 [0/50000 (0%)]\tLoss: 2.341827", [("train loss", 2.341827, 4)]),
        ("Accuracy of the network on the 10000 test images: 9 %", [("test accuracy", 0.09, None)]),
        ("Test Accuracy (Overall): 87% (8781/10000)", [("test accuracy", 0.8781, None)]),
        (
            "Tot: 59s | Test >> Loss: 1.146 | Acc: 60.500% (6050/10000) 2500/2500",
            [("test loss", 1.146, None), ("test accuracy", 0.605, None)],
        ),
        ("Loss: 0.7 (12/100)", [("loss", 0.7, None)]),
        ("Accuracy on test set: 73.31%", [("test accuracy", 0.7331, None)]),
        ("epoch 0, loss nan", [("loss", math.nan, 1)]),
        ("Epoch: 5 loss: tensor(nan, device='cuda:0')", [("loss", math.nan, 5)]),
        ("Epoch [   10/   50] | d_loss: 0.5220 | g_loss: inf", [("d loss", 0.522, 10), ("g loss", math.nan, 10)]),
        (
            "nll_train: 82.3 acc_train: 0.51 acc_val: 0.48",
            [("train accuracy", 0.51, None), ("validation accuracy", 0.48, None)],
        ),
        (" * Acc@1 0.500 Acc@5 2.512", [("accuracy", 0.005, None)]),
        (
            "{'val_loss': 2.3039, 'val_acc': 0.1209}",
            [("validation loss", 2.3039, None), ("validation accuracy", 0.1209, None)],
        ),
        (
            "{'train_loss': [5.3, 5.31], 'test_acc': [np.float64(0.5), 1.2]}",
            [("train loss", 5.3, 1), ("train loss", 5.31, 2), ("test accuracy", 0.005, 1), ("test accuracy", 0.012, 2)],
        ),
        (
            "\x1b[36m│\x1b[0m\x1b[36m      val_accuracy       \x1b[0m│\x1b[35m   0.00499   \x1b[0m│",
            [("validation accuracy", 0.00499, None)],
        ),
    ],
)
def test_a_line_is_read(line: str, expected: list[tuple[str, float, int | None]]) -> None:
    assert repr(shown(printed(line + "\n"))) == repr(expected)


@pytest.mark.parametrize(
    "line",
    [
        "1 | loss_module | CrossEntropyLoss | 0",
        "│ 1 │ accuracy │ Accuracy             │      0 │",
        "<MseLossBackward object at 0x7f3b49fe2470>",
        "accumulated 12 steps; accepted: 3",
        "Validation loss has not improved since: 0.023.. Count:  1",
        "Best Val Loss: 0.2594",
        "Accuracy before training:  9.75",
        "Accuracy of  bird :  0 %",
        "Test Accuracy of T-shirt/top: 88% (880/1000)",
        "top-5 acc: 2.5%",
        "Stopping early, the loss has diverged",
        "sex  capital-gain  capital-loss  hours-per-week",
        "Text(0.5, 1.0, 'Test Accuracy')",
    ],
)
def test_a_line_is_left_alone(line: str) -> None:
    assert shown(printed(line + "\n")) == []


def test_a_name_says_what_else_it_is() -> None:
    assert [metric.plain for metric in printed("Test Loss: 0.3 | kl_loss: 0.1 | avg. loss: 2\n")] == [True, False, True]


def test_the_best_accuracy_was_reached_but_is_no_point_of_the_curve() -> None:
    (metric,) = printed("Best Validation Accuracy: 0.10719999670982361, Epoch: 10\n")
    assert (metric.name, metric.split, metric.plain) == ("validation best accuracy", "validation", False)


def test_hits_give_the_number_of_samples() -> None:
    (metric,) = printed("Test Accuracy: 50/10000 (0%)\n")
    assert (metric.value, metric.samples) == (0.005, 10000)


def test_the_epoch_stands_on_a_line_of_its_own() -> None:
    text = "Epoch 0/2\n----------\nTrain Loss: 2.3\nval Acc: 0.1\n\nEpoch 1/2\n----------\nTrain Loss: 2.2\n"
    assert shown(printed(text)) == [("train loss", 2.3, 1), ("validation accuracy", 0.1, 1), ("train loss", 2.2, 2)]


def test_one_accuracy_above_1_makes_percentages_of_all_in_its_cell() -> None:
    found = printed("train acc 12.3, val acc 0.51\n", "train acc 20.1, val acc 0.49\n")
    assert [value for name, value, _ in shown(found) if name == "validation accuracy"] == [0.0051, 0.0049]


def test_a_loss_at_chance_makes_percentages_of_bare_accuracies() -> None:
    text = "loss 5.31 test acc 0.5\n"
    assert shown(printed(text, classes=200))[1] == ("test accuracy", 0.005, None)
    assert shown(printed(text))[1] == ("test accuracy", 0.5, None)  # nothing says that it is not one half
    assert shown(printed("loss 1.31 test acc 0.5\n", classes=200))[1] == ("test accuracy", 0.5, None)
    assert shown(printed("loss 5.31 test acc 0.005\n", classes=200))[1] == ("test accuracy", 0.005, None)


def test_an_accuracy_that_is_none_is_left_out() -> None:
    assert printed("total acc: 33525\n") == []


def test_of_a_progress_bar_the_last_state_counts() -> None:
    bar = "\r  0%|   | 0/9 loss=7.1\r 50%|## | 4/9 loss=3.2\r100%|####| 9/9 loss=2.5\n"
    assert shown(printed(bar)) == [("loss", 2.5, None)]
    assert shown(printed("loss: 2.5\r\nloss: 2.4\r\n")) == [("loss", 2.5, None), ("loss", 2.4, None)]


def test_pieces_of_a_stream_are_one_text() -> None:
    assert shown(printed("Test A", ["cc: 0.", "5", "0%\n"])) == [("test accuracy", 0.005, None)]


def test_results_count_and_pages_and_errors_do_not() -> None:
    plain = {"output_type": "execute_result", "data": {"text/plain": ["{'test_acc': 0.1}"]}, "execution_count": 1}
    page = {"output_type": "display_data", "data": {"text/html": "loss: 3.1", "text/plain": "<HTML object>"}}
    error = {"output_type": "error", "ename": "E", "evalue": "loss: 3.2", "traceback": ["loss: 3.3"]}
    assert shown(reported({}, plain, page, error)) == [("test accuracy", 0.1, None)]


def test_cells_that_were_not_run_and_broken_outputs_say_nothing() -> None:
    assert printed("loss: 2.5\n", count=None) == []
    assert reported({}, {"output_type": "stream"}, {"output_type": "stream", "text": [1, None]}, {"data": 3}) == []


def test_the_place_is_the_cell() -> None:
    (metric,) = printed("loss: 2.5\n")
    assert (metric.place.path, metric.place.cell, metric.place.line) == ("n.ipynb", 7, 0)


def test_very_long_outputs_are_read_at_both_ends() -> None:
    middle = "nothing to see here\n" * (READ // 10)
    text = "loss: 2.5\n" + middle + "loss: 2.4\n" + middle + "loss: 2.3\n"
    assert [metric.value for metric in printed(text)] == [2.5, 2.3]
    assert printed("x" * LONGEST + " loss: 2.3\n") == []


@pytest.mark.parametrize(
    "piece",
    [
        "loss ",
        "loss(",
        "acc: ",
        "7 ",
        "loss: 7/",
        "Loss: 0.7 (7/",
        "epoch  ",
        "train_",
        "{'loss': [",
        "\x1b[",
        "\r",
        "|│ ",
    ],
)
def test_the_cost_is_linear_in_the_text(piece: str) -> None:
    def cost(length: int) -> float:
        text = "loss" + piece * (length // len(piece))
        started = time.process_time()
        printed(text)
        return time.process_time() - started

    long, short = (min(cost(length) for _ in range(5)) for length in (2 * READ, READ // 10))
    assert long < 60 * short + 0.1  # 20 times the text; a square would be 400 times


@pytest.mark.parametrize("line", ["epoch 9e999 loss: 1e999", f"acc: {'9' * 500}/{'9' * 500}", "acc: 0/0", "loss: ²"])
def test_numbers_that_are_none_do_no_harm(line: str) -> None:
    assert all(math.isnan(metric.value) for metric in printed(line + "\n"))


def test_the_stuck_notebook_shows_what_its_user_saw() -> None:
    raw = json.loads(STUCK.read_text())
    cells = tuple(
        Cell(
            number=number,
            code=cell["cell_type"] == "code",
            count=cell.get("execution_count"),
            outputs=tuple(cell.get("outputs", ())),
        )
        for number, cell in enumerate(raw["cells"], 1)
    )
    found = metrics(Notebook(path=str(STUCK), cells=cells), 200)
    test = [(metric.place.cell, metric.epoch, metric.value) for metric in found if metric.name == "test accuracy"]
    by_cell: dict[int | None, list[float]] = {}
    for cell, _, value in test:
        by_cell.setdefault(cell, []).append(value)
    learning, *stuck, _comparison = by_cell.values()
    assert sorted(learning) == learning
    assert learning[-1] > 4 * 0.005  # the residual model
    assert len(stuck) == 3
    assert all(0.002 < value < 0.008 for values in stuck for value in values)  # chance, of 2,000 images
    assert [epoch for _, epoch, _ in test[:12]] == [1, 2, 3] * 4


def test_lines_that_differ_in_a_duration_have_one_form() -> None:
    form.cache_clear()
    lines = [
        f" [====>]  Step: 19ms | Tot: 2m{seconds}s | Train >> Loss: 0.5 | Acc: 81% (40/49)" for seconds in (48, 49)
    ]
    found = list(readings("\n".join(lines)))
    assert [(reading.name, reading.value) for reading in found] == [
        ("train loss", 0.5),
        ("train accuracy", 40 / 49),
    ] * 2
    assert form.cache_info().misses == 1
