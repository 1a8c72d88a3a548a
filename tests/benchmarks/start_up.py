"""Where the start-up of the command goes, module by module, and why records are not dataclasses.

python tests/benchmarks/start_up.py [--rounds 10] [--top 25] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import commands
import samples

LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \| +(\S+)")
CLASSES = 20  # about as many records as the events and findings have

FIELDS = "    path: str\n    line: int = 0\n    name: str = ''\n    size: int | None = None\n"
RECORDS = "from __future__ import annotations\nfrom tinyguard.record import Record\n" + "".join(
    f"class C{number}(Record):\n{FIELDS}" for number in range(CLASSES)
)
DATACLASSES = "from __future__ import annotations\nfrom dataclasses import dataclass\n" + "".join(
    f"@dataclass(frozen=True, kw_only=True)\nclass C{number}:\n{FIELDS}" for number in range(CLASSES)
)


class Import(NamedTuple):
    module: str
    own_us: int  # microseconds of its own top level
    total_us: int  # with everything it imported first


def imports(statement: str, rounds: int) -> dict[str, Import]:
    """What the statement imports in a fresh interpreter, each module at its fastest round."""
    fastest: dict[str, Import] = {}
    for _ in range(rounds):
        for found in _imports_once(statement):
            known = fastest.get(found.module, found)
            fastest[found.module] = Import(
                found.module, min(found.own_us, known.own_us), min(found.total_us, known.total_us)
            )
    return fastest


def _imports_once(statement: str) -> Iterator[Import]:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", statement],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=commands.ENVIRONMENT,
    )
    if told.returncode > 1:
        sys.exit(f"exit code {told.returncode}:\n{told.stderr[-2_000:]}")
    for line in told.stderr.splitlines():
        match = LINE.match(line)
        if match:
            yield Import(match[3], int(match[1]), int(match[2]))


def lint_command(path: str) -> str:
    """The command, as its installed script runs it."""
    return f"import sys\nsys.argv = ['tinyguard', 'lint', {path!r}]\nfrom tinyguard.__main__ import program\nprogram()"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--top", type=int, default=25, help="modules to show (25)")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()

    with samples.trivial() as path:
        ours = beyond_bare(lint_command(path), options.rounds)
        compared = comparison(lint_command(path), options.rounds)
    print(f"{'module':44}{'own ms':>8}{'with what it imports':>22}")
    for found in sorted(ours, key=lambda one: -one.own_us)[: options.top]:
        print(f"{found.module:44}{found.own_us / 1e3:8.2f}{found.total_us / 1e3:22.2f}")
    own = sum(found.own_us for found in ours if found.module.startswith("tinyguard"))
    others = sum(found.own_us for found in ours) - own
    print(f"{len(ours)} modules beyond a bare interpreter: tinyguard {own / 1e3:.1f} ms, others {others / 1e3:.1f} ms")
    for name, milliseconds in compared.items():
        print(f"{name + ', beyond python -c pass':70}{milliseconds:6.1f} ms CPU")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"imports": [found._asdict() for found in ours], "compared": compared}, file, indent=1)
    return 0


def beyond_bare(statement: str, rounds: int) -> list[Import]:
    bare = imports("pass", rounds)
    return [found for name, found in imports(statement, rounds).items() if name not in bare]


def comparison(lint: str, rounds: int) -> dict[str, float]:
    """Milliseconds of CPU beyond a bare interpreter, each in fresh interpreters, in turns."""
    statements = {
        "pass": "pass",
        f"{CLASSES} frozen classes as Record": RECORDS,
        f"{CLASSES} frozen classes as dataclasses": DATACLASSES,
        "the whole command on a notebook of one line": lint,
    }
    ways = {name: [sys.executable, "-c", statement] for name, statement in statements.items()}
    costs = commands.alternate(ways, 2 * rounds)
    return {name: 1e3 * (cost.cpu - costs["pass"].cpu) for name, cost in costs.items() if name != "pass"}


if __name__ == "__main__":
    sys.exit(main())
