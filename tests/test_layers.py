"""Imports point one way. Read off the source, so that an import inside a function counts, too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "tinyguard"

# A module, or the folder it is in -> what it may import of ours, beside what lies in the same folder.
GROUND = {"record", "pattern", "finding"}
ALLOWED: dict[str, set[str]] = {
    "record": set(),
    "pattern": set(),
    "errors": set(),
    "finding": {"record"},
    "datasets": {"record", "pattern"},
    "splits": {"pattern"},
    "progress": {"record"},
    "events": GROUND,
    "measured": GROUND | {"events"},
    "training": GROUND | {"events", "measured", "datasets", "story", "steps"},
    "story": GROUND | {"events"},
    "steps": GROUND | {"events", "story"},
    "runs": GROUND | {"events"},
    "classes": GROUND | {"events"},
    "chance": set(),
    "curves": GROUND | {"events", "measured", "story", "chance"},
    "evaluations": GROUND | {"events", "measured", "story", "curves"},
    "rule": GROUND | {"events", "story"},
    "rules": GROUND
    | {
        "events",
        "measured",
        "story",
        "rule",
        "datasets",
        "training",
        "steps",
        "runs",
        "chance",
        "curves",
        "evaluations",
        "bands",
    },
    "notebook": {"record", "pattern"},
    "program": GROUND | {"events", "notebook", "datasets", "splits"},
    "live": GROUND | {"errors", "events", "measured", "notebook", "datasets", "splits", "progress"},
    "selection": GROUND | {"errors", "rule"},
    "config": GROUND | {"errors", "bandfile"},
    "files": {"errors"},
    "bands": {"record", "errors", "chance"},
    "bandfile": {"bands", "errors", "files"},
    "panel": GROUND
    | {"", "bands", "chance", "classes", "curves", "datasets", "errors", "evaluations", "events", "measured", "files"}
    | {"progress", "report", "story"},
    "suppress": GROUND | {"notebook", "rule", "selection"},
    "judge": GROUND | {"events", "story", "rule"},
    "lint": GROUND | {"events", "story", "rule", "notebook", "program", "judge", "suppress", "classes"},
    "metrics": GROUND | {"events", "measured", "story", "program", "classes"},
    "memory": GROUND | {"events", "journal", "notebook", "program"},
    "foresight": GROUND | {"events", "rule", "notebook", "program", "judge"},
    "guard": GROUND
    | {
        "foresight",
        "errors",
        "events",
        "measured",
        "story",
        "rule",
        "notebook",
        "live",
        "judge",
        "suppress",
        "memory",
        "metrics",
        "handover",
        "bands",
    },
    "handover": GROUND | {"errors", "events", "config", "bandfile", "bands", "live", "panel", "progress", "story"},
    "checking": GROUND | {"lint", "notebook", "program", "report", "rule", "runs"},
    "report": GROUND | {"", "notebook", "rule", "errors"},
    "watching": GROUND | {"check", "errors", "guard", "panel", "report"},
    "doctor": GROUND | {"datasets", "live", "panel", "report", "splits"},
    "magic": GROUND
    | {"bandfile", "bands", "check", "checking", "doctor", "errors", "guard", "live", "panel", "report", "rule"}
    | {"watching"},
    "check": GROUND | {"errors", "config", "selection", "notebook", "lint", "rule", "report"},
    "journal": GROUND | {"", "events", "measured", "errors"},
    "replay": GROUND | {"events", "journal", "judge", "rule", "notebook", "lint", "check"},
    "arguments": {"record", "errors"},
    "run": {"record", "errors", "notebook", "report"},
    "cli": {"", "arguments", "errors", "config", "check", "report", "rule", "run", "replay", "watching"},
    "__main__": {"cli"},
    "": {"lint", "finding", "magic", "watching"},
}
JUPYTER = {"nbformat", "nbclient", "jupyter_client", "jupyter_core", "ipykernel", "tqdm"}
BARRED = {"torch", "torchvision", "numpy", "IPython", "jupyter", "pathlib", "dataclasses", "asyncio"} | JUPYTER
EXCEPT = {
    "run": JUPYTER | {"asyncio"},  # it executes notebooks; nothing else may need what that needs
    "live": {"torch", "torchvision", "IPython"},  # it lives in the kernel, beside the training
    "doctor": {"torch"},  # imported when a kernel that has torch asks for it
    "magic": {"IPython"},
}

# Without the pretend modules: they are read as source, never imported.
MODULES = sorted(path for path in ROOT.rglob("*.py") if "library" not in path.parts)


def layer(module: str) -> str:
    """The layer of a dotted name: "tinyguard.program.values" -> "program"; the package itself is ""."""
    return [*module.split("."), ""][1]


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names of the modules that are imported, wherever in the source; those for type checkers do not count."""
    checked_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in checked_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            assert node.module is not None
            if node.module in ("tinyguard", "tinyguard.rules", "tinyguard.report", "tinyguard.program"):
                for alias in node.names:
                    is_module = (ROOT.parent / (node.module + "." + alias.name).replace(".", "/")).with_suffix(".py")
                    yield f"{node.module}.{alias.name}" if is_module.exists() else node.module
            else:
                yield node.module


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    own = layer(name_of(path))
    assert own in ALLOWED, f"say in this test what {name_of(path)} may import"
    for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
        if module.split(".")[0] == "tinyguard":
            assert layer(module) in ALLOWED[own] | {own}, f"{name_of(path)} must not import {module}"
        assert module.split(".")[0] not in BARRED - EXCEPT.get(own, set()), f"{name_of(path)} must not import {module}"


@pytest.mark.parametrize("path", sorted((ROOT / "rules").glob("*.py")), ids=name_of)
def test_a_rule_imports_no_other_rule(path: Path) -> None:
    modules = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    assert not {module for module in modules if module.startswith("tinyguard.rules")}


def test_the_analysis_by_name_knows_nothing_of_the_machine() -> None:
    for path in (ROOT / "program" / "names").glob("*.py"):
        ours = [name for name in imported(ast.parse(path.read_text())) if name.startswith("tinyguard.program")]
        assert all(name.startswith("tinyguard.program.names") for name in ours), path


def test_linting_loads_nothing_of_what_runs_notebooks(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    program = (
        "import sys; from tinyguard.cli import main; main(['lint', sys.argv[1]])\n"
        "print([name for name in sys.modules if name.startswith(('tinyguard.run.', 'nbformat', 'asyncio'))])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.py")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["Checked 1 file, 1 cell: no findings.", "[]"]
