"""Draws the README's picture: what `tinyguard lint` prints on a terminal, as an SVG.

    pip install -e . rich && python docs/picture.py

Writes docs/stuck_at_chance.svg, next to this file.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

from rich.ansi import AnsiDecoder
from rich.console import Console, Group

HERE = pathlib.Path(__file__).parent
COMMAND = ["lint", "notebooks/stuck_at_chance.ipynb", "--select", "TNY204,TNY301,TNY105", "--color", "always"]
COLUMNS = 118
SHOWN = 40  # lines


def printed() -> str:
    """What the command writes on a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "tinyguard", *COMMAND], cwd=HERE.parent, capture_output=True, text=True, check=False
    )
    return done.stdout


def main() -> None:
    lines = ["$ tinyguard lint notebooks/stuck_at_chance.ipynb", *printed().splitlines()[:SHOWN]]
    console = Console(record=True, width=COLUMNS, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    console.print(Group(*AnsiDecoder().decode("\n".join(lines))))
    svg = console.export_svg(title="tinyguard")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no fonts from other hosts
    svg = svg.replace("Fira Code", "DejaVu Sans Mono").replace("<svg ", '<svg xml:space="preserve" ', 1)
    (HERE / "stuck_at_chance.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
