"""What `tinyguard lint` costs, against the floor of json.loads + ast.parse and against other linters.

    python tests/benchmarks/lint_speed.py [FOLDER] [--peers BIN ...] [--rounds 5] [--json FILE]

Without a folder it generates one. All times are CPU time, the minimum over rounds; what is compared is measured in
turns, in one process or as whole commands. Ratios hold on a busy machine, absolute figures do not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator

import commands
import samples
from figure import Figure

# Command lines of the other linters; `{files}` is filled in. pynblint reads one notebook a process.
PEERS = {
    "ruff": "ruff check --no-cache --isolated -q {files}",
    "nbQA+flake8": "nbqa flake8 {files}",
    "pynblint": "pynblint {files}",
}
ONE_AT_A_TIME = {"pynblint"}
PYNBLINT_SAMPLE = 6  # notebooks; 1.2 s each, so all of them would take minutes


# --- whole commands --------------------------------------------------------------------------------------------------


def start_up(rounds: int) -> Iterator[Figure]:
    with samples.trivial() as trivial:
        ways = {
            "python": [sys.executable, "-c", "pass"],
            "tinyguard": commands.tinyguard("lint", trivial),
            "floor": [sys.executable, "-c", "import ast, json, argparse, re"],
        }
        costs = commands.alternate(ways, rounds)
    python, ours = costs["python"].cpu, costs["tinyguard"].cpu
    yield Figure("start-up: python -c pass", 1e3 * python, "ms")
    yield Figure("start-up: python + ast, json, argparse, re", 1e3 * costs["floor"].cpu, "ms")
    remark = "" if costs["tinyguard"].exit_code < 2 else f"exit code {costs['tinyguard'].exit_code}"
    yield Figure("start-up: tinyguard lint one.ipynb", 1e3 * ours, "ms", remark=remark)
    yield Figure("start-up: tinyguard / python -c pass", ours / python, "x", 4.0)


def whole_folder(files: list[str], peers: list[str], rounds: int) -> Iterator[Figure]:
    """All notebooks as one command line, for us and for each peer that is on the path."""
    environment = dict(commands.ENVIRONMENT, PATH=os.pathsep.join([*peers, os.environ.get("PATH", "")]), NO_COLOR="1")
    ways = {"tinyguard": commands.tinyguard("lint", *files)}
    with samples.trivial() as trivial:
        starts = {"tinyguard": commands.tinyguard("lint", trivial)}
        for name, template in PEERS.items():
            command = found_on(environment["PATH"], template)
            if command is not None:
                ways[name] = commands.filled(command, files if name not in ONE_AT_A_TIME else files[:1])
                starts[name] = commands.filled(command, [trivial])
        start = commands.alternate(starts, rounds, environment)
        cost = commands.alternate(ways, rounds, environment)
    if "pynblint" in cost:
        spread = files[:: max(1, len(files) // PYNBLINT_SAMPLE)][:PYNBLINT_SAMPLE]
        command = found_on(environment["PATH"], PEERS["pynblint"]) or ""
        each = [commands.run(commands.filled(command, [file]), environment) for file in spread]
        scale = len(files) / len(each)
        cost["pynblint"] = cost["pynblint"]._replace(
            cpu=scale * sum(one.cpu for one in each), wall=scale * sum(one.wall for one in each)
        )
    yield from folder_figures(len(files), start, cost)


def folder_figures(count: int, start: dict[str, commands.Cost], cost: dict[str, commands.Cost]) -> Iterator[Figure]:
    for name, found in cost.items():
        note = "estimated from a sample" if name in ONE_AT_A_TIME else f"exit code {found.exit_code}"
        yield Figure(f"{count} notebooks: {name}, CPU", found.cpu, "s", remark=note)
        yield Figure(f"{count} notebooks: {name}, wall", found.wall, "s")
    ours = cost["tinyguard"]
    yield Figure(f"{count} notebooks: peak memory", ours.memory / 1e6, "MB", 200.0)
    if "nbQA+flake8" in cost:
        yield Figure(
            f"{count} notebooks: tinyguard / nbQA+flake8, wall", ours.wall / cost["nbQA+flake8"].wall, "x", 0.1
        )
        yield Figure(f"{count} notebooks: tinyguard / nbQA+flake8, CPU", ours.cpu / cost["nbQA+flake8"].cpu, "x", 0.1)
    if "pynblint" in cost:
        yield Figure(f"{count} notebooks: tinyguard / pynblint, CPU", ours.cpu / cost["pynblint"].cpu, "x")
    if "ruff" in cost:
        ruff = cost["ruff"].cpu - start["ruff"].cpu
        yield Figure("all but start-up, whole commands: / ruff", (ours.cpu - start["tinyguard"].cpu) / ruff, "x", 2.0)


def found_on(path: str, template: str) -> str | None:
    """The command line with its program's full name, or None when the program is not there."""
    import shutil

    name, _, rest = template.partition(" ")
    program = shutil.which(name, path=path)
    return None if program is None else f"{program} {rest}"


# --- the report ------------------------------------------------------------------------------------------------------


def figures(files: list[str], options: argparse.Namespace) -> Iterator[Figure]:
    # Children first: their peak memory includes ours up to the moment they start.
    yield from start_up(options.starts)
    folder = list(whole_folder(files, options.peers, options.rounds)) if options.commands else []
    yield from folder
    ruff = [one.value for one in folder if one.name.endswith("ruff, CPU")]
    from in_process import against_floor, linearity

    yield from against_floor(files, options.rounds, ruff[0] if ruff else None)
    yield from linearity(options.cells, options.rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="notebooks to measure on; generated when left out")
    parser.add_argument("--generate", type=int, default=300, metavar="N", help="how many, without a folder (300)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=20, metavar="N", help="rounds for the start-up (20)")
    parser.add_argument("--peers", action="append", default=[], metavar="BIN", help="folder with other linters")
    parser.add_argument("--no-commands", dest="commands", action="store_false", help="skip the whole folder's commands")
    parser.add_argument("--cells", type=int, nargs="*", default=(10, 100, 1_000, 10_000), help="sizes for linearity")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as generated:
        if options.folder is None:
            samples.write(generated, options.generate)
        files = samples.paths(options.folder or generated)
        if not files:
            parser.error(f"{options.folder}: no notebooks in this folder")
        broken = commands.traceback_of(commands.tinyguard("lint", *files))
        if broken:
            sys.exit(f"tinyguard lint breaks down, there is nothing to measure:\n{broken}")
        print(f"{len(files)} notebooks, {sum(map(os.path.getsize, files)) / 1e6:.1f} MB, CPU time, minimum over rounds")
        found = []
        for figure in figures(files, options):
            found.append(figure)
            print(figure, flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([{**figure._asdict(), "met": figure.met} for figure in found], file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
