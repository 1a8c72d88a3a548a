"""Summaries of trained models, and the report that is handed over when asking for help."""

from __future__ import annotations

import json
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tinyguard.bandfile import shipped
from tinyguard.errors import UsageError
from tinyguard.finding import Finding, Place, Severity
from tinyguard.panel.document import Document, first_epochs, plain_text
from tinyguard.panel.markdown import fenced, markdown, safe
from tinyguard.panel.page import page
from tinyguard.panel.report import as_json, write
from tinyguard.panel.state import Series
from tinyguard.panel.summary import TrainedModel, summary

STALE = Finding(
    code="TNY501",
    severity=Severity.ERROR,
    message="`optimizer` was built for an earlier `model`",
    place=Place("a.ipynb", 4, 2, 1),
    cause="the `model` of cell 6 is another one",
    remedy="build it again after cell 6",
)
NOTE = Finding(code="TNY701", severity=Severity.NOTE, message="slow", place=Place("a.ipynb", 7, 1))


def trained(accuracies: list[float], **fields: Any) -> TrainedModel:
    """A residual network after as many epochs as there are test accuracies."""
    epochs = range(1, len(accuracies) + 1)
    series = (
        Series(name="accuracy", split="test", points=((1, 0.9),), unit="step"),
        Series(name="loss", split="train", points=tuple((epoch, 5.3 - epoch / 10) for epoch in epochs)),
        Series(name="accuracy", split="train", points=tuple((epoch, epoch / 100) for epoch in epochs)),
        Series(name="accuracy", split="test", points=tuple(zip(epochs, accuracies, strict=True))),
        Series(name="loss", split="train", points=((1, 5.4), (2, 5.3)), unit="step"),
    )
    known = {
        "name": "model",
        "kind": "ResidualNet",
        "parameters": 11_234_567,
        "optimizer": "Adam",
        "rates": (3e-4, 3e-5),
        "epochs": len(accuracies),
        "batch_size": 64,
        "samples": 10_000,
        "seconds": 3666.0,
        "device": "cuda:0",
        "memory": 3_412_000_000,
        "series": series,
        "chance": 1 / 200,
        "band": shipped()[1],
    }
    return TrainedModel(**{**known, **fields})


HEALTHY = [0.015] + [0.03] * 8 + [0.12] + [0.2] * 10 + [0.33, 0.32]
DOCUMENT = Document(
    models=(
        trained(HEALTHY, findings=(NOTE, STALE), output="Epoch 1/22: loss 5.31\rEpoch 1/22: loss 5.30\nEpoch 2/22\n"),
        trained([0.005, 0.0051], name="other", band=None),
    ),
    environment={"torch": "2.14.0", "memory in use": "3.41 of 80 GB", "cores": 16},
    findings=(STALE,),
    messages=("UserWarning: step() came first\n  scheduler.step()",),
)


def test_a_summary_tells_best_final_and_milestone_accuracies_history_and_rates() -> None:
    assert (
        summary(trained(HEALTHY, findings=(STALE,)))
        == """\
model: ResidualNet, 11,234,567 parameters, 22 epochs, batches of 64, Adam, 1:01 h
  best test accuracy   33.0 %  in epoch 21
  final test accuracy  32.0 %  64.0 times chance
  epoch 1              1.50 %  expected 1.0 to 2.0 %: within
  epoch 5              3.00 %  expected 7.3 to 11.1 %
  epoch 10             12.0 %  expected 10.0 to 15.0 %: within
  epoch 20             20.0 %  expected 22.6 to 27.6 %
  history              train_loss, train_acc, test_acc
  first train_acc      1.00 %, 2.00 %, 3.00 %, 4.00 %, 5.00 %
  first test_acc       1.50 %, 3.00 %, 3.00 %, 3.00 %, 3.00 %
  group 0              learning rate 0.0003
  group 1              learning rate 3e-05
  error[TNY501] cell 4, line 2
"""
    )


def test_a_summary_of_a_model_at_chance_says_below() -> None:
    told = summary(trained([math.nan, 0.006, 0.005, 0.005, 0.005, math.nan]))
    assert "  epoch 5              0.50 %  expected 7.3 to 11.1 %: below\n" in told
    assert "  best test accuracy   0.60 %  in epoch 2\n" in told
    assert "  final test accuracy  NaN\n" in told


def test_a_summary_says_what_is_not_known() -> None:
    assert (
        summary(TrainedModel(name="x"))
        == "x: 0 epochs\n  accuracy  none is known by epoch\n  history   none is known\n"
    )


def test_validation_stands_in_where_there_is_no_test() -> None:
    series = Series(name="accuracy", split="validation", points=((1, 0.5),))
    told = summary(TrainedModel(name="x", series=(series,)))
    assert "best validation accuracy   50.0 %" in told
    assert "first val" in told


def test_the_gravest_finding_comes_first_and_each_once() -> None:
    assert DOCUMENT.all_findings() == (STALE, NOTE)


def test_the_first_ten_epochs_are_a_table() -> None:
    rows = first_epochs(DOCUMENT.models[0])
    assert rows[0] == ["epoch", "train loss", "train accuracy", "test accuracy"]
    assert rows[1] == ["1", "5.2", "1.00 %", "1.50 %"]
    assert len(rows) == 11
    assert first_epochs(TrainedModel(name="x")) == []


def test_printed_lines_show_what_a_terminal_ends_with() -> None:
    assert plain_text("\n 10%\r 50%\r100%\r\nred \x1b[31m\tend  \n\n") == "100%\nred \\x1b[31m    end"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "href"]
        if tag not in {"img", "br", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


# What the note that this project began with asks for: output, history, parameters, memory, errors and warnings.
ASKED = ["Epoch 2/22", "train_acc", "11,234,567", "3.41 GB at most", "UserWarning: step() came first", "TNY501"]


def test_the_page_holds_all_that_is_asked_for_and_needs_nothing_else() -> None:
    text = page(DOCUMENT)
    told = Tags(text).text
    assert [asked for asked in ASKED if asked not in told] == []
    assert "Epoch 1/22: loss 5.31" not in told  # overwritten
    assert {"torch", "2.14.0", "16", "group 1: 3e-05"} <= set(re.findall(r"[^<>]+", text))
    assert text.count('<img src="data:image/svg+xml;base64,') == 2
    assert "http" not in re.sub('base64,[^"]*|http-equiv', "", text)
    assert "Content-Security-Policy\" content=\"default-src 'none';" in text


def test_markdown_holds_all_that_is_asked_for() -> None:
    told = markdown(DOCUMENT)
    assert [asked for asked in ASKED if asked not in told.replace("\\", "")] == []
    assert "| 10 | 4.3 | 10.0 % | 12.0 % |" in told
    assert "- ✖ **error TNY501** in cell 4, line 2: `optimizer` was built for an earlier `model`\n  - why:" in told


def test_json_holds_all_that_is_asked_for() -> None:
    told = json.loads(as_json(DOCUMENT))
    model = told["models"][0]
    assert (told["version"], told["environment"]["cores"]) == (1, 16)
    assert (model["parameters"], model["memory"], model["rates"]) == (11_234_567, 3_412_000_000, [3e-4, 3e-5])
    assert model["history"]["test_acc"][:2] == [0.015, 0.03]
    assert model["output"] == "Epoch 1/22: loss 5.30\nEpoch 2/22"
    assert [finding["code"] for finding in told["findings"]] == ["TNY501", "TNY701"]
    assert told["messages"] == ["UserWarning: step() came first\n  scheduler.step()"]
    assert json.loads(as_json(Document(models=(trained([math.nan]),))))["models"][0]["history"]["test_acc"] == [None]


def test_an_empty_session_can_be_told() -> None:
    assert "tinyguard found nothing." in Tags(page(Document())).text
    assert "Python told none." in markdown(Document())
    assert json.loads(as_json(Document()))["models"] == []


EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></style></title><script>",
    "```\n# out of the fence\n<b>",
    "[link](http://x) ![image](http://x) http://x.example <http://x>",
    "| a | b |\n|---|---|",
    "`code` ``` ` \\` **bold** # head",
    "\x1b[31m\u202e\x00\ud800",
    "",
]


def hostile(text: str) -> Document:
    place = Place(text, None, 1)
    finding = Finding(code="TNY501", severity=Severity.ERROR, message=text, place=place, cause=text, remedy=text)
    series = (
        Series(name="accuracy", split="test", points=((1, 0.5),)),
        Series(name=text, split=text, points=((1, 1.0),)),
    )
    model = TrainedModel(
        name=text, kind=text, optimizer=text, device=text, series=series, output=text, findings=(finding,), epochs=1
    )
    return Document(models=(model,), environment={text: text}, messages=(text,), title=text)


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_text_is_text_in_every_format(evil: str) -> None:
    document = hostile(evil)
    assert Tags(page(document)).seen <= Tags(page(DOCUMENT)).seen | {"img"}
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(markdown(document))
    tags = set(re.findall(r"<(\w+)", rendered))
    assert tags <= {"h1", "h2", "p", "ul", "li", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"}
    json.loads(as_json(document))
    for text in (page(document), markdown(document), as_json(document)):
        assert not {"\x1b", "\u202e", "\x00"} & set(text)


def test_a_fence_is_longer_than_any_that_it_holds() -> None:
    assert fenced("````\nx") == "`````text\n````\nx\n`````"
    assert safe("a|b `c|d` e") == r"a\|b `c|d` e"


def test_the_name_of_the_file_says_the_format(tmp_path: Path) -> None:
    for name, beginning in (("a.html", "<!DOCTYPE"), ("b.HTM", "<!DOCTYPE"), ("c.md", "# "), ("d.json", "{")):
        write(DOCUMENT, str(tmp_path / name))
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(beginning)
    assert sorted(os.listdir(tmp_path)) == ["a.html", "b.HTM", "c.md", "d.json"]
    write(hostile("\ud800"), str(tmp_path / "a.html"))
    assert "\\ud800" in (tmp_path / "a.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("a.pdf", '"[.]pdf" is no format of a report; known are [.]html, [.]md, [.]json'),
        ("report", "the name does not say the format; known are"),
        ("nowhere/a.md", "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_told(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        write(DOCUMENT, str(tmp_path / name))
    assert os.listdir(tmp_path) == []


def test_what_was_there_before_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.md"
    file.write_text("before")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UsageError, match=r"a\.md: cannot be written: No space left on device"):
        write(DOCUMENT, str(file))
    assert (file.read_text(), os.listdir(tmp_path)) == ("before", ["a.md"])
