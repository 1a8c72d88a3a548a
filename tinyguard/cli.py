"""The door of the command line: parse, call, print, return the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from tinyguard import __version__
from tinyguard.arguments import Request, parse
from tinyguard.errors import TinyguardError, UsageError

UNWRITABLE = 2
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 + SIGINT, 128 + SIGPIPE, as a shell would say it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the one place where an exception becomes an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names of files and cells may hold anything
    try:
        code = run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except TinyguardError as error:
        from tinyguard.report.text import escaped

        print(f"tinyguard: {escaped(str(error))}", file=sys.stderr)
        code = error.exit_code
    except OSError as error:  # what is read has its own answers: this is standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the rest of it would fail once more
        code = BROKEN_PIPE
        if not isinstance(error, BrokenPipeError):
            print(f"tinyguard: standard output cannot be written: {error.strerror}", file=sys.stderr)
            code = UNWRITABLE
    except KeyboardInterrupt:
        code = INTERRUPTED
    return code


def run(arguments: list[str]) -> int:
    """Does what is asked. Raises TinyguardError."""
    request = parse(arguments, version=__version__)
    match request.command:
        case "lint":
            return lint(request)
        case "run":
            return execute(request)
        case "replay":
            return replay(request)
        case "watch":
            return watch(request)
        case "rules":
            sys.stdout.write(rules(request))
        case "explain":
            sys.stdout.write(explain(request))
        case _:
            sys.stdout.write(request.text)
    return 0


def lint(request: Request) -> int:
    from tinyguard.check import STDIN, Check

    paths = list(request.words)
    if not paths:
        raise UsageError("lint: wants at least one PATH: a notebook, a script, a folder, or - for standard input")
    given, color = settings_given(request)
    stdin_name = given.pop("stdin_filename", None)
    if stdin_name is not None and STDIN not in paths:
        raise UsageError("--stdin-filename: goes with - among the paths")
    data = sys.stdin.buffer.read() if STDIN in paths else None
    check = Check(given, stdin_name=stdin_name or name_of(data or b""))
    report = report_named(check.settings(paths[0]).output_format, color=wants_color(color))
    return check.run(paths, data=data, report=report, out=sys.stdout, err=sys.stderr)


def replay(request: Request) -> int:
    from tinyguard.check import Check
    from tinyguard.replay import replay as replay_journal

    if len(request.words) != 1:
        raise UsageError("replay: wants one JOURNAL: a file in the folder .tinyguard of a project")
    given, color = settings_given(request)
    check = Check(given, of_a_run=True)
    report = report_named(check.settings(request.words[0]).output_format, color=wants_color(color))
    return replay_journal(request.words[0], check, report=report, out=sys.stdout, err=sys.stderr)


def watch(request: Request) -> int:
    from tinyguard.watching import run_script

    if not request.words:
        raise UsageError("watch: wants a SCRIPT, and behind it what the script is to be given")
    return run_script(list(request.words), out=sys.stderr)


def settings_given(request: Request) -> tuple[dict[str, Any], str]:
    """The settings that the command line decides, and when to use colours."""
    from tinyguard.config import LEVELS

    given: dict[str, Any] = dict(request.options)
    color = given.pop("color", "auto")
    if "fail_on" in given:
        given["fail_on"] = LEVELS[given["fail_on"]]
    for option in ("select", "ignore"):
        if option in given:
            given[option] = codes(f"--{option}", given[option])
    return given, color


def execute(request: Request) -> int:
    from tinyguard.run.command import Wanted
    from tinyguard.run.command import run as run_notebook

    if len(request.words) != 1:
        raise UsageError("run: wants one NOTEBOOK")
    given: dict[str, Any] = dict(request.options)
    timeout = given.get("timeout")
    wanted = Wanted(
        notebook=request.words[0],
        parameters=given.get("p", ()),
        copy=given.get("o"),
        timeout_s=None if timeout is None else seconds("--timeout", timeout),
        kernel=given.get("kernel"),
        progress=given.get("progress", "auto"),
    )
    return run_notebook(wanted, out=sys.stdout, err=sys.stderr)


def seconds(option: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise UsageError(f'{option}: "{value}" is no number of seconds above 0')
    return number


def codes(option: str, value: str) -> tuple[str, ...]:
    named = tuple(code.strip() for code in value.split(",") if code.strip())
    if not named:
        raise UsageError(f"{option}: names no code; write them as in TNY501,TNY6")
    return named


def name_of(data: bytes) -> str:
    """What standard input is called when nobody says: its kind is read off its first letter."""
    return "stdin.ipynb" if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else "stdin.py"


def wants_color(when: str) -> bool:
    if when == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return when == "always"


def report_named(format: str, *, color: bool) -> Any:
    """The report of that name; the others are not even imported."""
    if format == "json":
        from tinyguard.report.json import Json

        return Json()
    if format == "concise":
        from tinyguard.report.concise import Concise

        return Concise()
    from tinyguard.report.full import Full

    return Full(color=color)


def rules(request: Request) -> str:
    from tinyguard.report import catalogue as report
    from tinyguard.rule import catalogue

    if request.words:
        raise UsageError(f'rules: "{request.words[0]}" is one argument too many')
    if "markdown" in request.options:
        return report.markdown(catalogue().values())
    if "json" in request.options:
        return report.as_json(catalogue().values())
    return report.table(catalogue().values())


def explain(request: Request) -> str:
    from tinyguard.report.catalogue import explanation
    from tinyguard.rule import catalogue

    if len(request.words) != 1:
        raise UsageError("explain: wants one CODE, such as TNY501")
    return explanation(request.words[0], catalogue())
