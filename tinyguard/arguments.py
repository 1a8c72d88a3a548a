"""The words of the command line -> the command, its options, its arguments; and the help that explains them.

`argparse` would do the same; importing it and telling it our options takes a tenth of the whole start-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyguard.errors import UsageError, did_you_mean
from tinyguard.record import Record


class Option(Record):
    """`--notes`, or `--select CODES`."""

    help: str
    value: str = ""  # what it is called in the help; empty: a switch
    choices: tuple[str, ...] = ()
    against: str = ""  # the option that it excludes
    repeatable: bool = False


class Command(Record):
    """`tinyguard lint`: what it does, what it takes."""

    summary: str
    options: Mapping[str, Option] = {}
    arguments: str = ""  # as in the help: "PATH..."
    ending: str = ""  # of its help
    takes_all: bool = False  # what comes behind the first word is not ours


class Request(Record):
    """A command line, understood."""

    command: str  # empty: only help or the version is wanted
    options: Mapping[str, Any] = {}  # by their names with underscores: {"fail_on": "error", "p": ("a=1", "b=2")}
    words: tuple[str, ...] = ()
    text: str = ""  # the help or the version, if that is all that is wanted


# What is found is told in the same way by whatever finds it.
TELLING: Mapping[str, Option] = {
    "--output-format": Option(value="FORMAT", choices=("full", "concise", "json"), help="full if not given"),
    "--fail-on": Option(
        value="LEVEL",
        choices=("error", "warning", "note"),
        help="the lowest severity that gives exit code 1; warning if not given",
    ),
    "--allow-skipped": Option(help="something skipped does not give exit code 3"),
    "--select": Option(value="CODES", help="only these rules, by code, prefix or name: TNY501,TNY6,seed-missing"),
    "--ignore": Option(value="CODES", help="not these rules"),
    "--notes": Option(help="show notes and suspicions, too"),
    "--color": Option(
        value="WHEN",
        choices=("auto", "always", "never"),
        help="auto if not given: on a terminal, if NO_COLOR is not set",
    ),
}
TELLING_EXIT_CODES = (
    "exit codes:\n"
    "  0  nothing at or above the level of --fail-on\n"
    "  1  findings\n"
    "  2  wrong usage, or nothing could be read\n"
    "  3  no findings, but something was skipped\n"
)

COMMANDS: Mapping[str, Command] = {
    "lint": Command(
        summary="report the hazards of notebooks and scripts, without running them",
        arguments="PATH...",
        options={
            **TELLING,
            "--stdin-filename": Option(value="NAME", help="what - is called, and where its modules lie"),
        },
        ending="PATH is a notebook, a script, a folder, or - for standard input. [tool.tinyguard] of the nearest\n"
        "pyproject.toml is heard, too; what is given here goes before it.\n\n" + TELLING_EXIT_CODES,
    ),
    "run": Command(
        summary="execute a notebook with parameters, and keep an executed copy however it ends",
        arguments="NOTEBOOK",
        options={
            "-p": Option(
                value="NAME=VALUE",
                repeatable=True,
                help="a parameter: a Python literal, or else a string; may be given several times",
            ),
            "-o": Option(value="OUT", help="where the copy goes; NAME.executed.ipynb beside the notebook if not given"),
            "--timeout": Option(value="SECONDS", help="for the whole run; none if not given"),
            "--kernel": Option(value="NAME", help="that of the notebook if not given, or else this Python"),
            "--progress": Option(
                value="WHEN",
                choices=("auto", "always", "never"),
                help="auto if not given: a bar on a terminal, else a line a cell",
            ),
        },
        ending="Parameters are assigned in a new cell below the one tagged `parameters`, which must assign them, too.\n"
        "The copy is written after every cell, and also when a cell fails, the kernel dies, the time is up or\n"
        "the run is interrupted. The notebook itself does not change, unless it is OUT.\n\n"
        "exit codes:\n"
        "    0  all cells were executed\n"
        "    1  a cell failed; those below it were not executed\n"
        "    2  wrong usage, the notebook cannot be read, the copy cannot be written, something is not installed\n"
        "    4  the time limit was reached\n"
        "    5  the kernel died\n"
        "  130  interrupted (Ctrl-C)\n"
        "  143  terminated (SIGTERM)\n",
    ),
    "replay": Command(
        summary="judge the events of a journal once more, without torch",
        arguments="JOURNAL",
        options=TELLING,
        ending="JOURNAL is a file that the guard wrote in the folder .tinyguard of a project. [tool.tinyguard] of the\n"
        "nearest pyproject.toml is heard, too; what is given here goes before it.\n\n" + TELLING_EXIT_CODES,
    ),
    "watch": Command(
        summary="run a training script as it is, and say at the first wrong step what is wrong",
        arguments="SCRIPT ARGUMENT...",
        takes_all=True,
        ending="What comes behind SCRIPT is for the script; the exit code is the script's. Findings go to standard\n"
        "error.\n"
        "In a notebook: %load_ext tinyguard, then %tinyguard on.\n",
    ),
    "rules": Command(
        summary="list all rules",
        options={
            "--markdown": Option(help="as the table of the README", against="--json"),
            "--json": Option(help="as JSON", against="--markdown"),
        },
    ),
    "explain": Command(summary="tell all about one rule, with examples", arguments="CODE"),
}


def parse(arguments: list[str], *, version: str) -> Request:
    """What the command line asks for. Raises UsageError, naming the word that is wrong and what would be right."""
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        return Request(command="", text=help_of_all())
    if first == "--version":
        return Request(command="", text=f"tinyguard {version}\n")
    if not first:
        raise UsageError(f"wants a command: {', '.join(COMMANDS)}; `tinyguard --help` tells more")
    if first not in COMMANDS:
        import os

        hint = f"; did you mean `tinyguard lint {first}`?" if os.path.exists(first) else did_you_mean(first, COMMANDS)
        raise UsageError(f'there is no command "{first}"{hint}')
    return _request(first, arguments[1:])


def _request(name: str, arguments: list[str]) -> Request:
    known = COMMANDS[name].options
    options: dict[str, Any] = {}
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word == "--" or (words and COMMANDS[name].takes_all):
            words += rest if word == "--" else (word, *rest)
        elif not word.startswith("-") or word == "-":
            words.append(word)
        elif word in ("-h", "--help"):
            return Request(command="", text=help_of(name))
        else:
            given, equals, value = word.partition("=")
            option = known.get(given)
            if option is None:
                raise UsageError(f'{name}: there is no option "{given}"{did_you_mean(given, known)}')
            if option.value and not equals:
                value = next(rest, "")
            key = given.lstrip("-").replace("-", "_")
            told = _value(given, option, value) if option.value or equals else True
            options[key] = (*options.get(key, ()), told) if option.repeatable else told
    for given, option in known.items():
        if option.against and {given[2:], option.against[2:]} <= options.keys():
            raise UsageError(f"{given}: does not go together with {option.against}")
    return Request(command=name, options=options, words=tuple(words))


def _value(name: str, option: Option, value: str) -> str:
    if not option.value:
        raise UsageError(f"{name}: takes no value")
    if not value or value.startswith("--"):
        wanted = ", ".join(option.choices) or option.value
        raise UsageError(f"{name}: wants a value: {wanted}")
    if option.choices and value not in option.choices:
        hint = did_you_mean(value, option.choices)
        raise UsageError(f'{name}: "{value}" is none of its values{hint}')
    return value


def help_of_all() -> str:
    commands = "".join(f"  {name:<8} {command.summary}\n" for name, command in COMMANDS.items())
    return (
        "usage: tinyguard COMMAND ...\n\nFinds what will go wrong in PyTorch training notebooks.\n\n"
        f"commands:\n{commands}\n  --version, --help; `tinyguard COMMAND --help` tells more\n"
    )


def help_of(name: str) -> str:
    command = COMMANDS[name]
    lines = [f"usage: tinyguard {name} {'[OPTIONS] ' * bool(command.options)}{command.arguments}".rstrip(), ""]
    lines += [f"{command.summary[0].upper()}{command.summary[1:]}.", ""]
    for given, option in command.options.items():
        lines.append(f"  {f'{given} {option.value}'.rstrip():<24} {option.help}")
        if option.choices:
            lines.append(f"  {'':<24} {option.value}: {', '.join(option.choices)}")
    return "\n".join([*lines, "", command.ending]).rstrip() + "\n"
