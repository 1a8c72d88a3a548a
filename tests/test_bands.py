"""Expected learning curves: the table that ships, what lies outside of a band, and the files that bands stand in."""

from __future__ import annotations

import ast
import math
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tinyguard import bandfile, files
from tinyguard.bandfile import as_toml, band_to_expect, read, save, shipped
from tinyguard.bands import Band, BandPoint, Verdict, band_of, expected, find, named, verdict
from tinyguard.config import Configuration, bands_for
from tinyguard.errors import ConfigurationError, UsageError

RESIDUAL = named("residual", shipped())
FLAT = Band(name="flat", points=(BandPoint(1, 0.10, 0.15), BandPoint(50, 0.10, 0.15)))


def test_the_table_that_ships_is_the_published_one() -> None:
    assert [(band.name, band.data_set, band.metric, band.epochs, band.batch_size) for band in shipped()] == [
        (name, "TinyImageNet", "test accuracy", 50, 64)
        for name in ("baseline", "residual", "deeper_wider", "se_attention")
    ]
    assert RESIDUAL.points == ((1, 0.01, 0.02), (10, 0.10, 0.15), (30, 0.30, 0.35), (50, 0.45, 0.50))
    assert named("baseline", shipped()).points == ((1, 0.01, 0.02), (10, 0.08, 0.12), (30, 0.25, 0.30), (50, 0.35, 0.4))


def test_the_notebooks_have_the_same_table() -> None:
    # They import nothing of ours, so that they run without it; and matplotlib need not be here to read them.
    tree = ast.parse((Path(__file__).parent.parent / "notebooks" / "curves.py").read_text())
    tables = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    found: dict[str, Any] = {}
    exec(compile(ast.Module(tables, []), "curves.py", "exec"), found)
    assert found["BANDS"] == {
        band.name: {point.epoch: (100 * point.low, 100 * point.high) for point in band.points} for band in shipped()
    }


def test_between_its_points_a_band_is_straight_over_the_logarithm_of_the_epoch() -> None:
    half = math.sqrt(10 * 30)  # half-way between epochs 10 and 30 on a logarithmic scale
    assert expected(RESIDUAL, half) == pytest.approx((0.20, 0.25))
    assert expected(RESIDUAL, 1) == (0.01, 0.02)
    assert expected(RESIDUAL, 30) == pytest.approx((0.30, 0.35))
    assert expected(RESIDUAL, 50) == pytest.approx((0.45, 0.50))


@pytest.mark.parametrize("epoch", [0, 0.5, 51, math.nan])
def test_outside_of_its_epochs_a_band_says_nothing(epoch: float) -> None:
    assert expected(RESIDUAL, epoch) is None
    assert verdict(RESIDUAL, epoch, 0.005, 10_000) is None


def test_a_band_of_one_point_speaks_of_that_epoch_only() -> None:
    band = Band(name="a", points=(BandPoint(5, 0.1, 0.2),))
    assert [expected(band, epoch) for epoch in (4, 5, 6)] == [None, (0.1, 0.2), None]


@pytest.mark.parametrize(
    ("accuracy", "samples", "told"),
    [
        (0.005, 10_000, Verdict.BELOW),
        (0.0906, 10_000, Verdict.BELOW),  # 906 hits: a tail of 0.0008 of 10,000 draws at 10 %
        (0.0909, 10_000, None),  # 909: 0.0012
        (0.0906, 1_000, None),
        (0.12, 10_000, Verdict.WITHIN),
        (0.10, 10_000, Verdict.WITHIN),
        (0.1609, 10_000, None),
        (0.1615, 10_000, Verdict.ABOVE),
        (0.30, 20, None),
        (1.0, 100, Verdict.ABOVE),
        (0.0, 10, None),
        (0.0, 100, Verdict.BELOW),
        (0.12, None, None),
        (0.12, 0, None),
        (math.nan, 100, None),
        (math.inf, 100, None),
        (12.0, 100, None),  # percent, taken for a fraction
    ],
)
def test_an_accuracy_is_outside_only_where_noise_does_not_explain_it(
    accuracy: float, samples: int | None, told: Verdict | None
) -> None:
    assert verdict(FLAT, 7, accuracy, samples) is told


@pytest.mark.parametrize(
    ("accuracy", "told"),
    [(0.005, Verdict.BELOW), (0.03, None), (0.09, Verdict.WITHIN), (0.14, None), (0.2, Verdict.ABOVE)],
)
def test_between_two_points_only_what_both_bar_is_outside(accuracy: float, told: Verdict | None) -> None:
    # The note that the table comes from calls 3 % after five epochs normal; the line drawn there begins at 7.3 %.
    assert verdict(RESIDUAL, 5, accuracy, 10_000) is told


def test_nothing_is_below_nought_or_above_certainty() -> None:
    band = Band(name="all", points=(BandPoint(1, 0.0, 1.0),))
    assert [verdict(band, 1, accuracy, 10) for accuracy in (0.0, 1.0)] == [Verdict.WITHIN] * 2


@pytest.mark.parametrize("name", ["deeper_wider", "Deeper/Wider", "DeeperWider", " deeper wider "])
def test_a_band_is_found_however_its_name_is_written(name: str) -> None:
    assert find(name, shipped()) is shipped()[2]


def test_an_unknown_name_is_told_with_the_likeliest() -> None:
    with pytest.raises(UsageError, match=r'no band and no file has the name "residaul"; did you mean "residual"\?'):
        band_to_expect("residaul")


@given(some.dictionaries(some.integers(1, 300), some.floats(0, 1), min_size=1, max_size=30), some.floats(0, 1))
def test_a_healthy_run_lies_in_its_own_band(history: dict[int, float], tolerance: float) -> None:
    band = band_of("mine", history, tolerance=tolerance)
    for epoch, accuracy in history.items():
        edges = expected(band, epoch)
        assert edges is not None
        assert edges[0] - 1e-6 <= accuracy <= edges[1] + 1e-6


def test_the_band_of_a_run_reaches_over_its_neighbours() -> None:
    band = band_of("mine", {1: 0.02, 2: 0.10, 3: 0.08}, tolerance=0.1, source="Monday")
    assert band.points == ((1, 0.018, 0.11), (2, 0.018, 0.11), (3, 0.072, 0.11))
    assert (band.epochs, band.source) == (3, "Monday")


@pytest.mark.parametrize("history", [{}, {1: math.nan}, {1: 8.0}, {0: 0.1}, {1: -0.1}])
def test_there_is_no_band_of_a_run_without_accuracies(history: dict[int, float]) -> None:
    with pytest.raises(UsageError, match="mine"):
        band_of("mine", history, tolerance=0.1)


def test_a_saved_band_is_what_expect_reads(tmp_path: Path) -> None:
    band = band_of("mine", {1: 0.1, 2: 0.3}, tolerance=0.2).replace(batch_size=64, data_set="CIFAR10")
    save(band, str(tmp_path / "mine.toml"))
    assert band_to_expect(str(tmp_path / "mine.toml")) == band
    assert os.listdir(tmp_path) == ["mine.toml"]


def test_saving_keeps_the_other_bands_of_the_file_and_nothing_else_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "bands.toml"
    save(FLAT, str(file))
    save(RESIDUAL, str(file))
    save(FLAT.replace(source="again"), str(file))
    assert read(str(file)) == (RESIDUAL, FLAT.replace(source="again"))
    with pytest.raises(UsageError, match=r"holds 2 bands \(residual, flat\); one is wanted"):
        band_to_expect(str(file))
    file.write_text("[tool.ruff]\n")
    with pytest.raises(UsageError, match="holds other things than bands"):
        save(FLAT, str(file))
    assert file.read_text() == "[tool.ruff]\n"


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mine.toml: cannot be written: No such file or directory"):
        save(FLAT, str(tmp_path / "nowhere" / "mine.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UsageError, match=r"folder.toml: cannot be written"):
        files.write_whole(str(tmp_path / "folder.toml"), "text")
    assert os.listdir(tmp_path) == ["folder.toml"]


@given(some.text(min_size=1), some.text())
def test_any_name_survives_the_file(name: str, source: str) -> None:
    band = FLAT.replace(name=name, source=source)
    assert bandfile.bands_of(tomllib.loads(as_toml(band))["bands"]) == (band,)


def test_half_a_surrogate_pair_is_spelled_out() -> None:
    assert tomllib.loads(as_toml(FLAT.replace(name="\ud800")))["bands"].keys() == {"\\ud800"}


MINE = "points = { 1 = [0.1, 0.2] }\n"


def test_users_give_bands_in_pyproject_and_in_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.tinyguard]\nnotes = true\n[tool.tinyguard.bands.mine]\n{MINE}")
    (tmp_path / "tinyguard.toml").write_text(f"[bands.yours]\n{MINE}[bands.mine]\nsource = 'near'\n{MINE}")
    (tmp_path / "deep").mkdir()
    point = (BandPoint(1, 0.1, 0.2),)
    mine, near, yours = (
        Band(name="mine", points=point),
        Band(name="mine", points=point, source="near"),
        Band(name="yours", points=point),
    )
    assert bands_for(str(tmp_path / "deep")) == (yours, near, mine)
    settings = Configuration().settings(str(tmp_path / "a.ipynb"))
    assert (settings.bands, settings.notes) == ((mine,), True)
    assert band_to_expect("mine", bands_for(str(tmp_path))) == near
    assert band_to_expect("residual", bands_for(str(tmp_path))) is RESIDUAL
    assert read(str(tmp_path / "pyproject.toml")) == (mine,)
    (tmp_path / "tinyguard.toml").unlink()
    assert bands_for(str(tmp_path / "deep")) == (mine,)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bands = 5", "bands wants tables"),
        ("bands.mine = 5", "[bands.mine] wants points, such as points = {"),
        ("[bands.mine]", "[bands.mine] wants points"),
        (f"[bands.mine]\n{MINE}bach-size = 3", '[bands.mine] has no key "bach-size"; did you mean "batch-size"?'),
        (f"[bands.mine]\n{MINE}batch-size = 0", "[bands.mine] batch-size wants a number from 1, not 0"),
        (f"[bands.mine]\n{MINE}epochs = true", "[bands.mine] epochs wants a number from 1, not True"),
        (f"[bands.mine]\n{MINE}source = 3", "[bands.mine] source wants a text, not 3"),
        ("[bands.mine]\npoints = []", "[bands.mine] points wants a table"),
        ("[bands.mine]\npoints = {}", "[bands.mine] points wants a table"),
        ("[bands.mine]\npoints = {x = [0, 1]}", '[bands.mine] points: "x" is no epoch'),
        ("[bands.mine]\npoints = {0 = [0, 1]}", '[bands.mine] points: "0" is no epoch'),
        ("[bands.mine]\npoints = {1 = [8, 12]}", "[bands.mine] points: epoch 1 wants [lowest, highest] as fractions"),
        ("[bands.mine]\npoints = {1 = [0.2, 0.1]}", "[bands.mine] points: epoch 1 wants"),
        ("[bands.mine]\npoints = {1 = [nan, 0.1]}", "[bands.mine] points: epoch 1 wants"),
        ("[bands.mine]\npoints = {1 = 0.1}", "[bands.mine] points: epoch 1 wants"),
        ("x = 1", "has no table [bands.NAME]"),
        ("[bands", "is not TOML"),
    ],
)
def test_a_mistake_names_file_and_key_and_what_would_be_right(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read(str(tmp_path / "mine.toml"))
    assert str(raised.value).startswith(f"{tmp_path / 'mine.toml'}: {complaint}")


def test_mistakes_in_the_configuration_are_told_with_their_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.tinyguard.bands.mine]\npoints = { 1 = [8, 12] }\n")
    with pytest.raises(
        ConfigurationError, match=r"pyproject.toml: \[tool.tinyguard.bands.mine\] points: epoch 1 wants"
    ):
        Configuration().settings(str(tmp_path))
    (tmp_path / "pyproject.toml").write_text("[tool.tinyguard]\nbands = 3\n")
    with pytest.raises(
        ConfigurationError, match=r"\[tool.tinyguard\] bands wants tables, \[tool.tinyguard.bands.NAME\]"
    ):
        Configuration().settings(str(tmp_path))
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "tinyguard.toml").write_text(f"ignore = []\n[bands.mine]\n{MINE}")
    with pytest.raises(
        ConfigurationError, match=r'tinyguard.toml: has no key "ignore"; only \[bands.NAME\] stand here'
    ):
        bands_for(str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: cannot be read: No such file"):
        band_to_expect(str(tmp_path / "nowhere.toml"))
