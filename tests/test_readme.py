"""What the README shows is what the program does. `python tests/test_readme.py` writes it anew."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tinyguard.arguments import COMMANDS
from tinyguard.config import settings_of
from tinyguard.report.catalogue import markdown
from tinyguard.rule import catalogue
from tinyguard.selection import codes_of

README = Path(__file__).parent.parent / "README.md"
SECTION = re.compile(
    r"(<!-- (?P<what>output: (?P<command>[^\n]*)|rules|facts) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL
)

# The facts that the rules must serve: they can be seen in a file.
FACTS = {
    "C1": "Number of epochs: the notebook had `num_epochs=3`; it should be 50",
    "C2": "Batch size too small: the notebook had 32; for TinyImageNet 64 or 128",
    "C3": "Loader not passed correctly: the wrong one, or one that is created again in some cell",
    "C4": "Model not in training mode: no `train()` where it must be, `eval()` by mistake",
    "C5": "The kernel was restarted half-way, and loaders were not initialised again",
    "R1": "One standard configuration for all models",
    "R3": "A new optimizer for every model, never a used one",
    "I1": "Restart the kernel, so that all variables are cleared",
    "I2": "Run all cells in order, skipping none",
    "I5": "`num_classes` is 200, not 10",
}


def written(text: str) -> str:
    """The README with every generated part as it should be."""
    return SECTION.sub(lambda match: match[1] + generated(match["what"], match["command"]) + match[5], text)


def generated(what: str, command: str | None) -> str:
    if what == "rules":
        return markdown(catalogue().values())
    if what == "facts":
        return facts()
    assert command is not None
    run = subprocess.run(
        [sys.executable, "-m", "tinyguard", *command.split()], cwd=README.parent, capture_output=True, text=True
    )
    return f"```\n{run.stdout}{run.stderr}```\n"


def facts() -> str:
    lines = ["| fact | | rules |", "|---|---|---|"]
    for fact, text in FACTS.items():
        rules = ", ".join(code for code, rule in catalogue().items() if fact in rule.serves)
        lines.append(f"| {fact} | {text} | {rules} |")
    return "\n".join(lines) + "\n"


def test_the_generated_parts_are_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(SECTION.findall(text)) == 4
    assert written(text) == text, "run `python tests/test_readme.py`"


def test_the_configuration_shown_is_one() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    settings = settings_of(tomllib.loads(shown)["tool"]["tinyguard"], file="pyproject.toml")
    assert codes_of([*(settings.select or ()), *settings.ignored_in("tutorials/a.ipynb")], catalogue(), source="README")


@pytest.mark.parametrize("command", ["lint", "run", "replay"])
def test_every_option_is_told(command: str) -> None:
    text = README.read_text(encoding="utf-8")
    for name, option in COMMANDS[command].options.items():
        value = r"\|".join(option.choices) or option.value  # a | would end the column
        assert f"`{name} {value}".rstrip() + "`" in text


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_that_a_file_can_show_is_served_by_a_rule(fact: str) -> None:
    assert any(fact in rule.serves for rule in catalogue().values())


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
