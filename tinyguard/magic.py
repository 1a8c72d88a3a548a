"""`%tinyguard` in a notebook: parses, calls the guard, shows what it says."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from tinyguard.errors import TinyguardError, UsageError, did_you_mean
from tinyguard.finding import Finding, Severity
from tinyguard.guard import Guard
from tinyguard.live.cells import saved_cells
from tinyguard.live.kernel import executed_before
from tinyguard.panel.bundle import mime_bundle
from tinyguard.report.catalogue import explanation
from tinyguard.report.full import Full
from tinyguard.report.text import plural
from tinyguard.rule import catalogue
from tinyguard.watching import made_current

HELP = """\
%tinyguard on [--stop error|warning]   watch every training from now on; --stop ends one at its first such finding
%tinyguard off                         watch no more; every hook is taken away
%tinyguard status                      whether it watches, and what it found
%tinyguard findings                    everything found so far
%tinyguard journal                     where this session is kept: `tinyguard replay` reads it
%tinyguard explain CODE                all about one rule, with examples
%%tinyguard [--stop error|warning]     watch this cell only"""

MOST_BYTES = 50_000_000  # of notebooks in the folder that are looked at
STOPS = {"error": Severity.ERROR, "warning": Severity.WARNING}


class Magic:
    """The commands, for one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self.guard: Guard | None = None
        self._panel: Any = None  # the handle of the display in the cell that runs
        self.commands: Mapping[str, Callable[[list[str]], None]] = {
            "on": self.on,
            "off": self.off,
            "status": self.status,
            "findings": self.findings,
            "journal": self.journal,
            "explain": self.explain,
            "help": self.help,
        }

    def line(self, line: str) -> None:
        """%tinyguard COMMAND ..."""
        try:
            name, *words = shlex.split(line) or ["status"]
            if name.lstrip("-") in ("help", "h", "?"):
                name = "help"
            if name not in self.commands:
                raise UsageError(f"no command is called {name!r}{did_you_mean(name, self.commands)}")
            self.commands[name](words)
        except (TinyguardError, ValueError) as error:
            self._say(f"tinyguard: {error}")

    def cell(self, line: str, cell: str) -> None:
        """%%tinyguard: watches while this cell runs."""
        on = self.guard is not None and self.guard.on
        if not on:
            self.line(f"on --quiet {line}")
        try:
            self._shell.run_cell(cell)
        finally:
            if not on:
                self.line("off --quiet")

    def on(self, words: list[str]) -> None:
        stop, quiet = _stop_in(words)
        if self.guard is not None and self.guard.on:
            self.guard.stop = stop
            return
        notebook = notebook_path(self._shell)
        self.guard = Guard(
            tell=self._tell,
            complain=self._say,
            notebook=notebook,
            path=os.path.relpath(notebook) if notebook else None,
            namespace=lambda: self._shell.user_ns,
            shell=self._shell,
            journal=True,
            on_progress=self._progress,
            stop=stop,
        )
        self._shell.events.register("post_run_cell", self._finish)
        self.guard.start()
        made_current(self.guard)
        if not quiet:
            self._say("tinyguard watches: what goes wrong is told in the cell that does it")

    def off(self, words: list[str]) -> None:
        if self.guard is None or not self.guard.on:
            return
        self.guard.end()
        self._shell.events.unregister("post_run_cell", self._finish)
        if "--quiet" not in words:
            self._say(f"tinyguard is off; it found {self._count()}")

    def status(self, _words: list[str]) -> None:
        if self.guard is None:
            self._say("tinyguard is off: %tinyguard on")
        else:
            self._say(f"tinyguard is {'on' if self.guard.on else 'off'}; it found {self._count()}")

    def findings(self, _words: list[str]) -> None:
        if self.guard is None or not self.guard.findings:
            self._say("tinyguard found nothing so far")
        else:
            self._say(Full().notebook(self.guard.notebook, self.guard.findings).rstrip())

    def journal(self, _words: list[str]) -> None:
        path = self.guard.journal if self.guard is not None else ""
        self._say(os.path.relpath(path) if path else "there is no journal: %tinyguard on")

    def explain(self, words: list[str]) -> None:
        if len(words) != 1:
            raise UsageError("say which rule: %tinyguard explain TNY501")
        self._say(explanation(words[0], catalogue()).rstrip())

    def help(self, _words: list[str]) -> None:
        self._say(HELP)

    def _count(self) -> str:
        assert self.guard is not None
        count = len(self.guard.findings)
        return plural(count, "hazard") if count else "nothing"

    def _tell(self, finding: Finding) -> None:
        assert self.guard is not None
        self._say(Full().notebook(self.guard.notebook, [finding]).rstrip())

    def _progress(self) -> None:
        """Draws the panel of the cell that trains, or draws it anew in its place."""
        assert self.guard is not None
        self._draw(mime_bundle(self.guard.state()))

    def _finish(self, _result: Any) -> None:
        """The cell is over: its panel stays as the last picture."""
        if self._panel is not None and self.guard is not None:
            self._draw(mime_bundle(self.guard.state(finished=True)))
            self._panel = None

    def _draw(self, bundle: dict[str, Any]) -> None:
        from IPython.display import display

        if self._panel is None:
            self._panel = display(bundle, raw=True, display_id=True)
        else:
            self._panel.update(bundle, raw=True)

    def _say(self, text: str) -> None:
        print(text, flush=True)


def _stop_in(words: list[str]) -> tuple[Severity | None, bool]:
    """The level of --stop, and whether --quiet was given."""
    stop, quiet = None, False
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--quiet":
            quiet = True
        elif word.startswith("--stop"):
            level = word.partition("=")[2] or (left.pop(0) if left else "")
            if level not in STOPS:
                raise UsageError(f"--stop takes {' or '.join(STOPS)}, not {level!r}")
            stop = STOPS[level]
        else:
            raise UsageError(f"no option is called {word!r}{did_you_mean(word, ['--stop'])}")
    return stop, quiet


def notebook_path(shell: Any) -> str | None:
    """The file of the notebook, where the front end tells it: VS Code, Jupyter servers, `tinyguard run`."""
    for path in (shell.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        if isinstance(path, str) and path.endswith(".ipynb") and os.path.isfile(path):
            return path
    return _by_its_cells(executed_before(shell))


def _by_its_cells(executed: list[str]) -> str | None:
    """The one notebook of this folder whose first cells are those that were executed: nbclient and others run it so."""
    found, left = [], MOST_BYTES
    for name in sorted(name for name in os.listdir() if name.endswith(".ipynb")):
        left -= os.path.getsize(name)
        if left < 0:
            return None
        code = [cell.source.strip() for cell in saved_cells(name) if cell.code]
        if executed and code[: len(executed)] == [source.strip() for source in executed]:
            found.append(os.path.abspath(name))
    return found[0] if len(found) == 1 else None


def load(shell: Any) -> Magic:
    """%load_ext tinyguard"""
    magic = Magic(shell)
    shell.register_magic_function(magic.line, "line", "tinyguard")
    shell.register_magic_function(magic.cell, "cell", "tinyguard")
    shell.set_hook("complete_command", lambda _shell, _event: list(magic.commands), str_key="%tinyguard")
    return magic


def unload(magic: Magic) -> None:
    magic.off(["--quiet"])
