"""The hook, run by the real pre-commit on a scratch repository: it installs tinyguard from a clone of this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PARTS = ("tinyguard", "pyproject.toml", "README.md", ".pre-commit-hooks.yaml")
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Test"), ("EMAIL", "test@example.invalid"))
}


def git(*arguments: str, cwd: Path) -> str:
    environment = {**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull}
    run = subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True, env=environment)
    return run.stdout.strip()


def commit_all(folder: Path) -> str:
    git("init", "--quiet", cwd=folder)
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--message", "All", cwd=folder)
    return git("rev-parse", "HEAD", cwd=folder)


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository with the hook as it stands in the checkout, committed or not, and its revision."""
    folder = tmp_path_factory.mktemp("hook")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder, commit_all(folder)


def test_the_hook_stops_a_commit_with_a_hazard_and_lets_others_pass(hook: tuple[Path, str], tmp_path: Path) -> None:
    source, revision = hook
    config = f"repos: [{{repo: '{source}', rev: {revision}, hooks: [{{id: tinyguard, args: [--fail-on, note]}}]}}]\n"
    project = tmp_path / "project"
    project.mkdir()
    (project / ".pre-commit-config.yaml").write_text(config)
    (project / "text.md").write_text("no notebook\n")
    write_notebook(project / "a.ipynb", "x = 1")
    (project / "b.py").write_text("y = 1\n")
    commit_all(project)
    passed = pre_commit(project, tmp_path)
    assert (passed.returncode, "Passed" in passed.stdout) == (0, True), passed.stdout + passed.stderr
    write_notebook(project / "a.ipynb", "x = 1  # tinyguard: disable")
    stopped = pre_commit(project, tmp_path)
    assert stopped.returncode == 1
    assert "exit code: 1" in stopped.stdout
    assert "note[TNY002]" in stopped.stdout
    assert "--> a.ipynb cell 1 line 1:8" in stopped.stdout
    assert "Checked 2 files, 2 cells: 1 note." in stopped.stdout


def pre_commit(project: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **IDENTITY, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PRE_COMMIT_COLOR": "never"}
    command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--verbose"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, timeout=300)


def write_notebook(path: Path, source: str) -> None:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
