"""The state of a training -> text, picture, HTML and JSON: examples, and states that nobody would wish for."""

from __future__ import annotations

import base64
import doctest
import json
import math
import random
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tinyguard import bands, panel, report
from tinyguard.bandfile import shipped
from tinyguard.bands import Band, BandPoint, Verdict
from tinyguard.events import Number, TrainingPlanned
from tinyguard.finding import Finding, Place, Related, Severity
from tinyguard.panel import axes, markdown, state, summary
from tinyguard.panel import words as words_module
from tinyguard.panel.axes import Axes, line, ticks
from tinyguard.panel.bundle import MIME, mime_bundle
from tinyguard.panel.chart import in_one_unit
from tinyguard.panel.ink import COLORS
from tinyguard.panel.markup import findings_list
from tinyguard.panel.of_story import Training, training_state
from tinyguard.panel.picture import picture
from tinyguard.panel.plain import state_as_json
from tinyguard.panel.state import Loader, Model, Optimizer, Point, Series, TrainingState, thinned
from tinyguard.panel.text import text
from tinyguard.progress import Progress
from tinyguard.report.text import width
from tinyguard.story import Story

SCHEMA = json.loads((Path(panel.__file__).parent / "schema.json").read_text())
SVG = "{http://www.w3.org/2000/svg}"

STALE = Finding(
    code="TNY501",
    severity=Severity.ERROR,
    message="`optimizer` holds 62 parameters, none of which is one of `model`: 0 of 62 moved in step 1",
    place=Place("a.ipynb", 4, 2, 1),
    cause="`model` was built again in cell 6.",
    remedy="Build `optimizer` again: run cell 4 after cell 6.",
    related=(Related("`model` was built here", Place("a.ipynb", 6, 1)),),
    evidence={"moved": 0, "ratio": math.nan},
)
EVAL = Finding(
    code="TNY301", severity=Severity.WARNING, message="`model` is in eval mode", place=Place("train.py", None, 7)
)
STATE = TrainingState(
    cell=7,
    execution_count=12,
    models=(Model(name="model", kind="ResidualNet", parameters=11_234_567),),
    optimizers=(Optimizer(name="optimizer", kind="Adam", rates=(3e-4, 3e-4)),),
    loaders=(
        Loader(name="train_loader", split="train", samples=100_000, batches=1563, batch_size=64),
        Loader(name="test_loader", split="test", samples=10_000, batches=157, batch_size=64),
    ),
    device="cuda:0",
    epoch=3,
    epochs=50,
    step=412,
    steps=1563,
    elapsed_s=151.0,
    steps_per_s=21.34,
    remaining_s=4000.0,
    series=(
        Series(name="loss", split="train", points=((1, 5.3), (1563, 5.2), (3126, 5.1)), unit="step"),
        Series(name="accuracy", split="test", points=((1, 0.0061), (2, 0.0052))),
    ),
    chance=1 / 200,
    band=shipped()[1],
    findings=(STALE, EVAL),
    marks=(1, None),
    guard_share=0.0031,
)


def hostile(text: str) -> TrainingState:
    """A state in which this text stands wherever a text can stand."""
    place = Place(text, None, 1)
    finding = Finding(
        code="TNY501",
        severity=Severity.ERROR,
        message=text,
        place=place,
        cause=text,
        remedy=text,
        related=(Related(text, place),),
        evidence={text: text},
    )
    return TrainingState(
        models=(Model(name=text, kind=text),),
        optimizers=(Optimizer(name=text, kind=text, rates=(math.nan,)),),
        loaders=(Loader(name=text, split=text),),
        device=text,
        status=text,
        series=(
            Series(name="accuracy", split=text, points=((1, 0.1),)),
            Series(name=text, split=text, points=((1, 0.1),)),
        ),
        band=Band(name=text, points=(BandPoint(1, 0.1, 0.2),), source=text, metric=text, data_set=text),
        findings=(finding,),
        marks=(1,),
    )


class Tags(HTMLParser):
    """What stands in a page: its tags, its attributes, its text; fails where a tag is closed that is not open."""

    VOID = {"img", "br", "meta"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


TAGS = {"div", "img", "ul", "li", "b", "br", "code", "details", "summary", "table", "tr", "th", "td", "p"}


def checked(page: str) -> Tags:
    """The page, which has no tag and no attribute but ours, and takes nothing from elsewhere."""
    tags = Tags(page)
    assert tags.seen <= TAGS
    assert {name for name, _ in tags.attributes} <= {"class", "style", "src", "alt", "width"}
    sources = [value or "" for name, value in tags.attributes if name == "src"]
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    return tags


def drawn(svg: str) -> ElementTree.Element:
    """The picture, which has no element but ours, and takes nothing from elsewhere."""
    root = ElementTree.fromstring(svg)
    names = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert names <= {"svg", "title", "desc", "style", "rect", "path", "text", "g", "circle"}
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or "href" in name]
    assert "url(" not in svg
    return root


def words(svg: str) -> list[str]:
    return [element.text or "" for element in drawn(svg).iter(f"{SVG}text")]


def test_text_tells_what_the_panel_shows_in_eighty_columns() -> None:
    assert (
        text(STATE)
        == """\
training `model` in cell 7 [In 12]
[#-----------------------] 4.53 %  epoch 3 of 50, step 412 of 1,563
time      2:31 min gone; 1:06 h left; 21.34 steps/s; on cuda:0
model     model: ResidualNet, 11,234,567 parameters
optimizer optimizer: Adam, learning rate 0.0003 in 2 groups
guard     0.31 % of the time
loader    train_loader: train, 100,000 samples in 1,563 batches of 64
loader    test_loader: test, 10,000 samples in 157 batches of 64
loss      train 5.1 (began at 5.3)
accuracy  test 0.52 % (best 0.61 % in epoch 1)
          chance 0.50 %
          expected of residual after epoch 2: 3.7 to 5.9 %, below
error[TNY501] cell 4, line 2: `optimizer` holds 62 parameters, none of which is
  one of `model`: 0 of 62 moved in step 1
  remedy: Build `optimizer` again: run cell 4 after cell 6.
warning[TNY301] train.py, line 7: `model` is in eval mode
"""
    )


def test_text_of_a_training_that_has_not_begun_is_short() -> None:
    assert text(TrainingState()) == "training\nno epoch has begun\ntime      0 s gone\n"


def test_text_shows_a_few_findings_and_counts_the_rest() -> None:
    shown = text(TrainingState(findings=(EVAL,) * 8))
    assert shown.count("warning[TNY301]") == 5
    assert shown.endswith("and 3 more: %tinyguard findings\n")


@pytest.mark.parametrize(
    ("fields", "done"),
    [
        ({}, None),
        ({"epoch": 3, "step": 5, "steps": 10}, None),
        ({"epochs": 50}, 0.0),
        ({"epoch": 3, "epochs": 50}, 0.04),
        ({"epoch": 3, "epochs": 50, "step": 5, "steps": 10}, 0.05),
        ({"epoch": 3, "epochs": 50, "step": 99, "steps": 10}, 0.06),
        ({"epoch": 60, "epochs": 50, "step": 99, "steps": 10}, 1.0),
        ({"epoch": 50, "epochs": 50, "finished": True}, 1.0),
        ({"epoch": 3, "epochs": 50, "step": 5, "steps": 10, "finished": True}, 0.05),  # interrupted
    ],
)
def test_progress_is_what_is_done_of_what_was_planned(fields: dict[str, Any], done: float | None) -> None:
    assert TrainingState(**fields).progress == (done if done is None else pytest.approx(done))


def test_the_verdict_is_that_of_the_last_evaluation() -> None:
    assert STATE.verdict() is Verdict.BELOW
    assert STATE.replace(loaders=()).verdict() is None
    assert STATE.replace(band=None).verdict() is None
    assert STATE.replace(series=()).verdict() is None
    healthy = Series(name="accuracy", split="test", points=((1, 0.005), (10, 0.12)))
    assert STATE.replace(series=(healthy,)).verdict() is Verdict.WITHIN
    validation = healthy.replace(split="validation")
    assert STATE.replace(series=(validation,)).verdict() is None  # nobody knows over how many samples
    held_out = Loader(name="held_out", split="validation", samples=5_000)
    assert STATE.replace(series=(validation,), loaders=(held_out,)).verdict() is Verdict.WITHIN


def test_a_long_series_keeps_its_ends_and_its_extremes() -> None:
    points = [(float(step), 5 - step / 1e5 + (3 if step == 54_321 else 0)) for step in range(1, 100_001)]
    kept = thinned(points)
    assert len(kept) <= 500
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert points[54_320] in kept
    assert list(kept) == sorted(kept)


def test_a_series_that_fits_stays_whole() -> None:
    points = [(1.0, 2.0), (2.0, math.nan)]
    assert repr(thinned(points)) == repr(tuple(points))
    assert thinned([(math.nan, 1.0), (2.0, 1.0), (math.inf, 1.0)]) == ((2.0, 1.0),)


def test_the_step_at_which_a_loss_ceased_to_be_a_number_is_kept() -> None:
    points = [(float(step), math.nan if step > 7_000 else 2.0) for step in range(1, 10_001)]
    kept = thinned(points, limit=50)
    assert next(x for x, value in kept if math.isnan(value)) == 7_001.0


@given(some.lists(some.tuples(some.floats(), some.floats()), max_size=60).map(sorted), some.integers(2, 20))
def test_thinned_points_are_some_of_the_points_and_not_too_many(points: list[Point], limit: int) -> None:
    kept = thinned(points, limit)
    assert len(kept) <= limit
    assert {repr(point) for point in kept} <= {repr(point) for point in points}


@pytest.mark.parametrize(
    "module", [axes, bands, markdown, state, summary, words_module], ids=lambda module: module.__name__
)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_ticks_are_round() -> None:
    assert ticks(0, 0.43, 4) == [0.0, 0.2, 0.4]
    assert ticks(5.07, 5.31, 4) == [5.1, 5.2, 5.3]
    assert ticks(0, 2, 5, whole=True) == [0.0, 1.0, 2.0]


def test_a_line_breaks_where_a_value_is_not_a_number() -> None:
    axes = Axes(left=0, right=100, top=0, bottom=10, x_low=0, x_high=10, y_low=0, y_high=10)
    points = ((0.0, 0.0), (1.0, 5.0), (2.0, math.nan), (3.0, 2.5), (4.0, math.inf), (5.0, 99.0))
    assert line(points, axes) == "M0 10l10-5M30 7.5M50 0"


def test_steps_are_drawn_as_epochs_where_their_number_is_known() -> None:
    unit, lines = in_one_unit(STATE, "loss")
    assert (unit, [x for x, _ in lines[0].points]) == ("epoch", [1 / 1563, 1.0, 2.0])
    unit, lines = in_one_unit(STATE.replace(steps=None), "loss")
    assert (unit, [x for x, _ in lines[0].points]) == ("step", [1, 1563, 3126])


def test_lines_of_the_same_split_have_colours_of_their_own() -> None:
    series = [
        Series(name="loss", split=split, points=((1, 1.0),)) for split in ("train", "train", "odd", "test", "new")
    ]
    _, lines = in_one_unit(TrainingState(series=tuple(series)), "loss")
    assert [one.role for one in lines] == ["train", "validation", "test", "other", "other"]


def test_a_training_without_accuracy_has_its_loss_over_the_whole_width() -> None:
    shown = words(picture(STATE.replace(series=STATE.series[:1])))
    assert "loss" in shown
    assert not {"accuracy", "no values yet"} & set(shown)
    assert words(picture(TrainingState())).count("no values yet") == 2


def test_the_picture_tells_the_figures_and_has_a_title_and_a_description() -> None:
    svg = picture(STATE)
    root = drawn(svg)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "training `model` in cell 7 [In 12]: epoch 3 of 50, step 412 of 1,563"
    description = root.findtext(f"{SVG}desc") or ""
    assert description.startswith("loss train 5.1 (began at 5.3); accuracy test 0.52 %")
    assert "error TNY501: `optimizer` holds 62 parameters" in description
    shown = words(svg)
    assert {"train 5.1", "test 0.52 %", "chance 0.50 %", "expected: below", "1 error", "1 warning"} <= set(shown)
    assert shown.count("epoch") == 2


def paths(svg: str, kind: str) -> list[ElementTree.Element]:
    return [element for element in drawn(svg).iter(f"{SVG}path") if element.get("class") == kind]


def test_the_picture_shows_band_chance_and_where_a_finding_was_proven() -> None:
    svg = picture(STATE)
    assert len(paths(svg, "band-fill")) == 2  # the area and its sample in the legend
    assert len(paths(svg, "error-line")) == 2  # one in each chart
    assert len(paths(svg, "warning-line")) == 0  # no step proved it
    bare = picture(STATE.replace(band=None, chance=None, findings=(), marks=()))
    assert not paths(bare, "band-fill")
    assert not [element for element in drawn(bare).iter() if "2 3" in (element.get("stroke-dasharray") or "")]


def test_each_severity_has_a_shape_of_its_own() -> None:
    note = STALE.replace(severity=Severity.NOTE, code="TNY701")
    root = drawn(picture(STATE.replace(findings=(STALE, EVAL, note))))
    shapes = {
        severity: next(
            (element.tag, element.get("d"))
            for element in root.iter()
            if element.get("class") == f"{severity}-fill" and element.get("transform")
        )
        for severity in ("error", "warning", "note")
    }
    assert len(set(shapes.values())) == 3


def test_every_colour_has_a_dark_one_and_both_can_be_asked_for() -> None:
    svg = picture(STATE)
    style = drawn(svg).findtext(f"{SVG}style") or ""
    assert style.startswith("@media (prefers-color-scheme:dark){")
    for kind in {element.get("class") for element in drawn(svg).iter() if element.get("class")}:
        assert f".{kind}{{" in style
    light, dark = picture(STATE, dark=False), picture(STATE, dark=True)
    assert "<style" not in light + dark
    for role, (by_day, by_night) in COLORS.items():
        assert (f'"{by_day}"' in light) == (f'"{by_night}"' in dark), role
        assert f'"{by_day}"' not in dark


def luminance(color: str) -> float:
    channels = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    "role", ["ink", "pale", "train", "test", "validation", "other", "band", "error", "warning", "note"]
)
def test_words_and_lines_are_legible_on_either_ground(role: str) -> None:
    for color, ground in zip(COLORS[role], COLORS["ground"], strict=True):
        low, high = sorted((luminance(color), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_picture_stays_small_however_much_there_is_to_show() -> None:
    chance = random.Random(1)
    steps = tuple((float(step), chance.random()) for step in range(1, 20_001))
    epochs = tuple((float(epoch), chance.random()) for epoch in range(1, 1001))
    series = [
        Series(name=name, split=split, points=points, unit=unit)
        for name in ("loss", "accuracy")
        for split, points, unit in (
            ("train", steps, "step"),
            ("test", epochs, "epoch"),
            ("validation", epochs, "epoch"),
        )
    ]
    findings = tuple(STALE.replace(place=Place("a.ipynb", cell, 1)) for cell in range(300))
    state = STATE.replace(series=tuple(series), steps=20, findings=findings, marks=tuple(range(1, 601, 2)))
    assert len(picture(state).encode()) < 25_000
    bundle = mime_bundle(state.replace(findings=findings[:5]))
    assert len(json.dumps(bundle)) < 150_000


def test_html_tells_each_finding_with_place_cause_and_remedy() -> None:
    page = mime_bundle(STATE)["text/html"]
    told = checked(page).text
    assert "✖ error TNY501 in cell 4, line 2" in told
    assert "optimizer holds 62 parameters, none of which is one of model" in told
    assert "Why: model was built again in cell 6." in told
    assert "Change: Build optimizer again: run cell 4 after cell 6." in told
    assert "See cell 6, line 1: model was built here" in told
    assert "▲ warning TNY301 in train.py, line 7" in told
    assert "train_loader: train, 100,000 samples in 1,563 batches of 64" in told
    assert "<code>optimizer</code> holds" in page


def test_the_picture_in_the_html_is_the_picture() -> None:
    (source,) = re.findall('src="data:image/svg[+]xml;base64,([^"]*)"', mime_bundle(STATE)["text/html"])
    assert base64.b64decode(source).decode() == picture(STATE)


def test_html_shows_some_findings_and_counts_the_rest() -> None:
    assert findings_list([]) == ""
    assert findings_list([EVAL] * 21).endswith("<p>and 1 more finding</p>")
    assert findings_list([EVAL] * 21).count("<li") == 20


def test_json_is_what_its_schema_says() -> None:
    found = mime_bundle(STATE)[MIME]
    jsonschema.validate(found, SCHEMA)
    assert found["models"] == [{"name": "model", "kind": "ResidualNet", "parameters": 11_234_567}]
    assert found["series"][1] == {
        "name": "accuracy",
        "split": "test",
        "unit": "epoch",
        "points": [[1, 0.0061], [2, 0.0052]],
    }
    assert found["band"]["points"][1] == [10, 0.10, 0.15]
    assert (found["verdict"], found["progress"], found["chance"]) == ("below", 0.0452719, 0.005)
    assert found["findings"][0]["evidence"] == {"moved": 0, "ratio": "nan"}
    assert [finding["step"] for finding in found["findings"]] == [1, None]
    assert found["findings"][0]["place"]["cell"] == 4
    assert found["findings"][1]["place"]["file_line"] == 7


def test_json_has_every_field_of_the_state_and_the_schema_asks_for_each() -> None:
    found = state_as_json(STATE)
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == set(found)
    assert set(TrainingState._fields) - {"marks"} <= set(found)


def test_findings_have_the_form_of_the_report() -> None:
    theirs = json.loads((Path(report.__file__).parent / "schema.json").read_text())["$defs"]
    ours = json.loads(json.dumps(SCHEMA["$defs"]))
    assert ours["place"] == theirs["place"]
    assert ours["finding"]["properties"].pop("step")
    ours["finding"]["required"].remove("step")
    assert ours["finding"] == theirs["finding"]


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onload='alert(1)",
        "</text></svg><script>",
        "&lt;b&gt; & ]]> <!-- -->",
        "\x1b[31mred\x1b[0m \x1b]0;title\x07",
        "\u202eright to left\u2066 \u200b",
        "\x00\x01\x7f\x9b",
        "\ud800 half a pair",
        "line\r\nline\ttab\x0b\x85\u2028",
        "`<b>`",
        "名前" * 300,
        "x" * 5000,
        "",
    ],
)
def test_hostile_text_is_text_everywhere(evil: str) -> None:
    state = hostile(evil)
    svg, bundle = picture(state), mime_bundle(state)
    drawn(svg)
    checked(bundle["text/html"])
    assert len(svg.encode()) < 25_000
    jsonschema.validate(bundle[MIME], SCHEMA)
    json.dumps(bundle, ensure_ascii=False, allow_nan=False).encode()
    plain = bundle["text/plain"]
    assert all(row.isprintable() and width(row) <= 80 for row in plain.splitlines())
    visible = svg + bundle["text/html"]
    assert "\x1b" not in visible
    assert "\u202e" not in visible


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, -1e308, 1e-320, 0.0, -5.0])
@pytest.mark.parametrize("count", [1, 2, 700])
def test_any_value_can_be_drawn(value: float, count: int) -> None:
    points = tuple((float(x), value if x % 2 else 1.0) for x in range(1, count + 1))
    same = tuple((float(x), value) for x in range(1, count + 1))
    for shown in (points, same):
        series = tuple(
            Series(name=name, split="test", points=shown, unit=unit)
            for name in ("loss", "accuracy")
            for unit in ("epoch", "step")
        )
        state = STATE.replace(series=series, elapsed_s=value, remaining_s=value, steps_per_s=value, guard_share=value)
        for element in drawn(picture(state)).iter():
            for name in {"d", "x", "y", "cx", "cy", "width", "transform"} & set(element.attrib):
                assert re.fullmatch(r"[-0-9. MLHVZhvlmz]*|translate[(][-0-9. ]*[)]", element.attrib[name])
        assert all(len(told) <= 100 for told in words(picture(state)))
        json.dumps(mime_bundle(state), allow_nan=False)


NUMBERS = some.one_of(some.none(), some.integers(0, 10**9))
FLOATS = some.one_of(some.none(), some.floats())
TEXTS = some.text(max_size=12)
SERIES = some.builds(
    Series,
    name=some.sampled_from(["loss", "accuracy", "lr"]),
    split=some.sampled_from(["train", "test", "validation", "<odd>"]),
    points=some.lists(some.tuples(some.floats(0, 1e9), some.floats()), max_size=12).map(
        lambda points: tuple(sorted(points))
    ),
    unit=some.sampled_from(["epoch", "step"]),
)
STATES = some.builds(
    TrainingState,
    cell=some.one_of(some.none(), some.integers(1, 99)),
    models=some.lists(some.builds(Model, name=TEXTS, kind=TEXTS, parameters=NUMBERS), max_size=3).map(tuple),
    epoch=some.integers(0, 100),
    epochs=NUMBERS,
    step=some.integers(0, 10**7),
    steps=NUMBERS,
    elapsed_s=some.floats(),
    steps_per_s=FLOATS,
    remaining_s=FLOATS,
    series=some.lists(SERIES, max_size=5).map(tuple),
    chance=some.one_of(some.none(), some.floats(0, 1)),
    band=some.sampled_from([None, *shipped()]),
    findings=some.sampled_from([(), (STALE,), (EVAL, STALE)]),
    marks=some.lists(NUMBERS, max_size=3).map(tuple),
    finished=some.booleans(),
    status=TEXTS,
    guard_share=FLOATS,
)


@settings(deadline=None)
@given(STATES)
def test_whatever_the_state_every_form_of_it_is_sound(state: TrainingState) -> None:
    bundle = mime_bundle(state)
    drawn(picture(state))
    checked(bundle["text/html"])
    jsonschema.validate(bundle[MIME], SCHEMA)
    json.dumps(bundle, allow_nan=False, ensure_ascii=False).encode()
    assert all(width(row) <= 80 for row in bundle["text/plain"].splitlines())


def test_the_time_left_follows_from_the_epochs_that_the_program_plans() -> None:
    plan = TrainingPlanned(epochs=Number(value=4), place=Place("a.ipynb", 1, 1))
    progress = Progress(steps=15, epochs=1, step=5, batches=10, elapsed_s=30.0)

    def state(progress: Progress, plan: TrainingPlanned | None) -> TrainingState:
        training = Training(cell=Place("a.ipynb", 1), progress=progress, plan=plan)
        return training_state(training, Story(), findings=(), marks=(), finished=False)

    assert (state(progress, plan).epochs, state(progress, plan).remaining_s) == (4, 50.0)
    assert (state(progress, None).epochs, state(progress, None).remaining_s) == (None, None)
    beyond = progress.replace(epochs=5)
    assert (state(beyond, plan).epochs, state(beyond, plan).remaining_s) == (None, None)
