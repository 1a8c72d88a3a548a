"""What a run shows of the text that the cells print."""

from __future__ import annotations

import time

import pytest

from tinyguard.run.epochs import Epochs
from tinyguard.run.lines import Text, last_state, readable

# --- the text of a kernel --------------------------------------------------------------------------------------------


def test_a_line_is_what_a_terminal_shows_of_it_in_the_end() -> None:
    assert last_state("loss\r") == "loss"
    assert last_state("\r 1%\r 50%\r100%") == "100%"
    assert last_state("abcdef\rxy") == "xycdef"


def test_text_in_pieces_is_the_same_text() -> None:
    whole = "a\r\n\r 1/3\r 2/3\nabc\rx\r\ry\n\n\rend\r."
    for size in range(1, len(whole)):
        text = Text()
        for start in range(0, len(whole), size):
            text.add(whole[start : start + size])
        assert str(text) == "a\n 2/3\nybc\n\n.nd"


def test_a_line_that_is_written_over_takes_no_more_room_than_one() -> None:
    text = Text()
    for step in range(100_000):
        text.add(f"\r{step}/100000")
    assert str(text) == "99999/100000"
    assert len(text._lines.open) < 100


def test_what_a_terminal_would_obey_is_spelled_out_and_colours_are_left_out() -> None:
    assert readable("\x1b[1;31mred\x1b[0m\tä\n\x1b[2J\x07\u202e") == "red\tä\n\\x1b[2J\\x07\\u202e"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Epoch 3/50", "epoch 3/50"),
        ("epoch [3/50], loss 0.1", "epoch 3/50"),
        ("Epoch 3 of 50", "epoch 3/50"),
        ("Epoch: 03 / 50\n", "epoch 3/50"),
        ("EPOCH (3/50)\nEpoch 4/50\n", "epoch 4/50"),
        ("\r 45%|####5     | 45/100 [00:01<00:02, 30.1it/s]", "45/100"),
        ("\r 45%|████▌     | 27.0k/60.0k [00:01<00:02]", "27.0k/60.0k"),
        ("\r 1%| | 1/100 [00:00<?]\r 2%| | 2/100 [00:00<?]", "2/100"),
        ("Epoch 2/50: 45%|####5     | 45/100 [00:01<00:02, 30.1it/s]", "epoch 2/50  45/100"),
        ("Epochs:   4%|4         | 2/50 [00:01<00:02]", "epoch 2/50"),
        ("Epoch 2/50\n100%|##########| 9/9 [00:01<00:00]\nEpoch 3/50\n", "epoch 3/50"),
        ("epoch 12/7 of 2024", ""),
        ("epochs: 50, loss 3/50, 45%|, 45/100", ""),
        ("", ""),
    ],
)
def test_the_progress_of_training_is_recognised(text: str, told: str) -> None:
    for size in (1, 7, 1000):
        seen = Epochs()
        for start in range(0, len(text), size):
            seen.read(text[start : start + size])
        assert str(seen) == told


def test_recognition_of_progress_takes_time_in_proportion_to_the_text() -> None:
    began = time.monotonic()
    for text in ("1%|" * 100_000, "epoch " * 100_000, " " * 1_000_000, "9" * 1_000_000, "epoch 1" + " " * 100_000):
        Epochs().read(text)
    assert time.monotonic() - began < 2
