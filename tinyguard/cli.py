"""The door of the command line: parse, call, print, return the exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn

from tinyguard import __version__
from tinyguard.errors import TinyguardError, UsageError, did_you_mean

COMMANDS = ("lint", "rules", "explain")
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 + SIGINT, 128 + SIGPIPE, as a shell would say it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the one place where an exception becomes an exit code."""
    import gc

    gc.disable()  # the command is short; `check` collects when it has worked through many files
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names of files and cells may hold anything
    try:
        code = run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except TinyguardError as error:
        print(f"tinyguard: {error}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it closes it
        code = BROKEN_PIPE
    except KeyboardInterrupt:
        code = INTERRUPTED
    gc.freeze()  # nothing is left to be collected when Python ends
    return code


def run(arguments: list[str]) -> int:
    """Parses and does what is asked. Raises TinyguardError."""
    if not arguments:
        raise UsageError(f"wants a command: {', '.join(COMMANDS)}; `tinyguard --help` tells more")
    first = arguments[0]
    if not first.startswith("-") and first not in COMMANDS:
        hint = f"; did you mean `tinyguard lint {first}`?" if os.path.exists(first) else did_you_mean(first, COMMANDS)
        raise UsageError(f'there is no command "{first}"{hint}')
    options, unknown = parser().parse_known_args(arguments)
    for word in unknown:
        if not word.startswith("-"):
            raise UsageError(f'{first}: "{word}" is one argument too many')
        raise UsageError(f'{first}: there is no option "{word}"{did_you_mean(word, options.known)}')
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


class Help(argparse.HelpFormatter):
    """Help of a fixed width: to ask the terminal, argparse would import shutil at every start."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, formatter_class=Help, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')}; `{self.prog} --help` tells more")


def parser() -> Parser:
    top = Parser(prog="tinyguard", description="Finds what will go wrong in PyTorch training notebooks.")
    top.add_argument("--version", action="version", version=f"tinyguard {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", prog="tinyguard", parser_class=Parser)
    lint = commands.add_parser(
        "lint",
        help="report the hazards of notebooks and scripts",
        description="Reports the hazards of notebooks and scripts. Never runs them.",
        epilog="Exit codes: 0 nothing at or above the level of --fail-on; 1 findings; 2 wrong usage, or nothing "
        "could be read; 3 no findings, but something was skipped.",
        argument_default=argparse.SUPPRESS,
    )
    add_lint_options(lint)
    lint.set_defaults(command=lint_command, known=known_options(lint))
    rules = commands.add_parser("rules", help="list all rules")
    form = rules.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as the table of the README")
    form.add_argument("--json", action="store_true", help="as JSON")
    rules.set_defaults(command=rules_command, known=known_options(rules))
    explain = commands.add_parser("explain", help="tell all about one rule")
    explain.add_argument("code", metavar="CODE", help="its code or name")
    explain.set_defaults(command=explain_command, known=known_options(explain))
    return top


def add_lint_options(lint: argparse.ArgumentParser) -> None:
    """None has a default: what is not given is left to the configuration."""

    def choice(option: str, *values: str, help: str) -> None:
        lint.add_argument(option, type=one_of(option, values), metavar="|".join(values), help=help)

    lint.add_argument("paths", nargs="*", metavar="PATH", help="notebooks, scripts, folders; - for standard input")
    choice("--output-format", "full", "concise", "json", help="full unless configured; concise: one line a finding")
    choice("--fail-on", "error", "warning", "note", help="the lowest severity that gives exit code 1; else warning")
    lint.add_argument("--allow-skipped", action="store_true", help="something skipped does not give exit code 3")
    lint.add_argument("--select", type=codes, metavar="CODES", help="only these rules: TNY501,TNY6,graph-kept")
    lint.add_argument("--ignore", type=codes, metavar="CODES", help="not these rules")
    lint.add_argument("--notes", action="store_true", help="show notes and suspicions too")
    choice("--color", "auto", "always", "never", help="auto: on a terminal, unless NO_COLOR is set")
    lint.add_argument("--stdin-filename", metavar="NAME", help="what - is called, and where its modules lie")


def known_options(parser: argparse.ArgumentParser) -> list[str]:
    return [option for option in parser._option_string_actions if option.startswith("--")]


def one_of(option: str, choices: Collection[str]) -> Callable[[str], str]:
    """The type of an option with few values, for argparse."""

    def convert(value: str) -> str:
        if value not in choices:
            hint = did_you_mean(value, choices)
            raise UsageError(
                f'{option}: "{value}" is not one of {", ".join(choices)}' + hint * hint.startswith("; did")
            )
        return value

    return convert


def codes(value: str) -> tuple[str, ...]:
    """The type of --select and --ignore, for argparse."""
    named = tuple(code.strip() for code in value.split(",") if code.strip())
    if not named:
        raise UsageError("--select, --ignore: name no code; write them as in TNY501,TNY6")
    return named


def lint_command(options: argparse.Namespace) -> int:
    from tinyguard.check import STDIN, Check
    from tinyguard.config import LEVELS

    paths: list[str] = getattr(options, "paths", [])
    if not paths:
        raise UsageError("lint: wants at least one PATH: a notebook, a script, a folder, or - for standard input")
    given = {key: value for key, value in vars(options).items() if key in SETTINGS}
    if "fail_on" in given:
        given["fail_on"] = LEVELS[given["fail_on"]]
    data = sys.stdin.buffer.read() if STDIN in paths else None
    if data is None and hasattr(options, "stdin_filename"):
        raise UsageError("--stdin-filename: goes with - among the paths")
    check = Check(given, stdin_name=stdin_name(options, data or b""))
    format = check.settings(os.curdir if paths[0] == STDIN else paths[0]).output_format
    report = report_named(format, color=wants_color(getattr(options, "color", "auto")))
    return check.run(paths, data=data, report=report, out=sys.stdout, err=sys.stderr)


SETTINGS = ("output_format", "fail_on", "allow_skipped", "select", "ignore", "notes")


def stdin_name(options: argparse.Namespace, data: bytes) -> str:
    """What standard input is called; its kind is read off its first letter when nobody says."""
    is_notebook = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    name: str = getattr(options, "stdin_filename", "stdin.ipynb" if is_notebook else "stdin.py")
    return name


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


def rules_command(options: argparse.Namespace) -> int:
    from tinyguard.report import catalogue as report
    from tinyguard.rule import catalogue

    render = report.markdown if options.markdown else report.as_json if options.json else report.table
    sys.stdout.write(render(catalogue().values()))
    return 0


def explain_command(options: argparse.Namespace) -> int:
    from tinyguard.report.catalogue import explanation
    from tinyguard.rule import catalogue

    sys.stdout.write(explanation(options.code, catalogue()))
    return 0
