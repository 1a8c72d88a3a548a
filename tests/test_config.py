"""[tool.tinyguard]: what it decides, for which files, and what is said of a mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyguard.config import Configuration, Settings, path_matches
from tinyguard.errors import ConfigurationError
from tinyguard.finding import Severity


def settings(folder: Path, text: str, file: str = "a.ipynb") -> Settings:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return Configuration().settings(str(folder / file))


def test_every_key_becomes_a_setting(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
[tool.tinyguard]
select = ["TNY5", "graph-kept"]
ignore = ["TNY501"]
fail-on = "error"
allow-skipped = true
notes = true
exclude = ["old"]
output-format = "json"
[tool.tinyguard.per-file-ignores]
"drafts/*" = ["TNY6"]
""",
    )
    assert found == Settings(
        select=("TNY5", "graph-kept"),
        ignore=("TNY501",),
        fail_on=Severity.ERROR,
        allow_skipped=True,
        notes=True,
        exclude=("old",),
        output_format="json",
        per_file_ignores={"drafts/*": ("TNY6",)},
        file=str(tmp_path / "pyproject.toml"),
    )


def test_the_nearest_file_that_speaks_of_tinyguard_decides(tmp_path: Path) -> None:
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.tinyguard]\nfail-on = "note"\n')
    (tmp_path / "one" / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert Configuration().settings(str(inner / "a.ipynb")).fail_on is Severity.NOTE
    (inner / "pyproject.toml").write_text('[tool.tinyguard]\nfail-on = "error"\n')
    assert Configuration().settings(str(inner / "a.ipynb")).fail_on is Severity.ERROR


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert Configuration().settings(str(tmp_path / "a.ipynb")) == Settings()


def test_words_in_a_comment_configure_nothing(tmp_path: Path) -> None:
    assert settings(tmp_path, "# [tool.tinyguard]\n[tool.ruff]\n") == Settings()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("slect = []", '[tool.tinyguard] has no key "slect"; did you mean "select"?'),
        ("fail_on = 'error'", '[tool.tinyguard] has no key "fail_on"; did you mean "fail-on"?'),
        ("fail-on = 'eror'", '[tool.tinyguard] fail-on wants "error", "warning" or "note", not \'eror\''),
        ("fail-on = ['error']", "[tool.tinyguard] fail-on wants"),
        ("select = 'TNY5'", '[tool.tinyguard] select wants a list of codes, such as ["TNY5", "TNY301"], not \'TNY5\''),
        ("ignore = [5]", "[tool.tinyguard] ignore wants a list of codes"),
        ("notes = 1", "[tool.tinyguard] notes wants true or false, not 1"),
        ("allow-skipped = 'yes'", "[tool.tinyguard] allow-skipped wants true or false"),
        ("exclude = 'old'", "[tool.tinyguard] exclude wants a list of globs"),
        ("output-format = 'xml'", '[tool.tinyguard] output-format wants "full", "concise" or "json"'),
        ("per-file-ignores = ['x']", "[tool.tinyguard] per-file-ignores wants a table of lists"),
        ("per-file-ignores = {a = 'x'}", "[tool.tinyguard] per-file-ignores wants a table of lists"),
        ("select = [", "is not TOML"),
    ],
)
def test_a_mistake_names_file_and_key_and_what_would_be_right(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        settings(tmp_path, f"[tool.tinyguard]\n{text}\n")
    assert str(raised.value).startswith(f"{tmp_path / 'pyproject.toml'}: {complaint}")


def test_the_table_must_be_a_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="wants to be a table"):
        settings(tmp_path, "[[tool.tinyguard]]\n")


def test_files_are_matched_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        '[tool.tinyguard]\nignore = ["TNY1"]\nper-file-ignores = {"drafts/*" = ["TNY6"], "*.py" = ["TNY2"]}\n',
        "drafts/a.ipynb",
    )
    assert found.ignored_in(str(tmp_path / "drafts" / "a.ipynb")) == ("TNY1", "TNY6")
    assert found.ignored_in(str(tmp_path / "drafts" / "a.py")) == ("TNY1", "TNY6", "TNY2")
    assert found.ignored_in(str(tmp_path / "a.ipynb")) == ("TNY1",)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("old", "old/a.ipynb", True),
        ("old/", "x/old/a.ipynb", True),
        ("old/*", "old/deep/a.ipynb", True),
        ("old/*", "x/old/a.ipynb", False),
        ("*.py", "x/a.py", True),
        ("x/*.py", "a.py", False),
        ("./old", "old/a.ipynb", True),
        ("old", "older/a.ipynb", False),
    ],
)
def test_globs(tmp_path: Path, pattern: str, path: str, matches: bool) -> None:
    assert path_matches(str(tmp_path / path), pattern, folder=str(tmp_path)) is matches
