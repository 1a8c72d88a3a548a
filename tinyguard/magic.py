"""`%tinyguard` in a notebook: parses, calls the guard, shows what it says."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from tinyguard.bandfile import save, shipped
from tinyguard.bands import Band, band_of
from tinyguard.check import rules_of_a_run
from tinyguard.checking import Ran, checked
from tinyguard.errors import TinyguardError, UsageError, did_you_mean
from tinyguard.finding import Finding, Severity
from tinyguard.guard import Guard
from tinyguard.live.cells import saved_cells
from tinyguard.live.kernel import executed_before
from tinyguard.panel.bundle import mime_bundle
from tinyguard.panel.document import state_of
from tinyguard.panel.report import write
from tinyguard.panel.summary import TrainedModel, summary
from tinyguard.panel.words import span
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
%tinyguard check                       what lint says of this notebook, as this kernel has run it
%tinyguard summary [NAME]              accuracies, history and learning rates of every model trained in this session
%tinyguard curves [NAME]               their learning curves, against chance and what is expected
%tinyguard expect [NAME|FILE]          hold the accuracy against this band from now on; without a name: which there are
%tinyguard expect --save FILE [NAME]   keep the last training as the band to be expected of later ones
%tinyguard report [FILE]               all of it in one file to hand over: .html (if none is named), .md or .json
%tinyguard journal                     where this session is kept: `tinyguard replay` reads it
%tinyguard doctor                      examines models, loaders and optimizers before a training, on copies of them
%tinyguard explain CODE                all about one rule, with examples
%%tinyguard [--stop error|warning]     watch this cell only"""

TOLERANCE = 0.1  # of a saved band: a tenth of each accuracy, up and down
REPORT = "tinyguard-report.html"
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
            "check": self.check,
            "summary": self.summary,
            "curves": self.curves,
            "expect": self.expect,
            "report": self.report,
            "journal": self.journal,
            "doctor": self.doctor,
            "explain": self.explain,
            "help": self.help,
        }

    def line(self, line: str) -> None:
        try:
            name, *words = shlex.split(line) or ["status"]
            if name.lstrip("-") in ("help", "h", "?"):
                name = "help"
            if name not in self.commands:
                raise UsageError(f"no command is called {name!r}{did_you_mean(name, self.commands)}")
            self.commands[name](words)
        except (TinyguardError, ValueError) as error:
            self._say(f"tinyguard: {error}")

    line.__doc__ = f"Watch the trainings of this notebook.\n\n{HELP}"

    def cell(self, line: str, cell: str) -> None:
        """Watch the trainings of this cell: %%tinyguard [--stop error|warning]"""
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
            path=_relative(notebook),
            namespace=lambda: self._shell.user_ns,
            shell=self._shell,
            rules=rules_of_a_run(notebook or os.getcwd(), self._say),
            journal=True,
            on_progress=self._progress,
            stop=stop,
        )
        self.guard.start()
        self._shell.events.register("post_run_cell", self._finish)  # behind the guard, which may find more
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

    def check(self, _words: list[str]) -> None:
        inputs = dict(enumerate(self._shell.history_manager.input_hist_raw))
        executions = self.guard.cells.executions.values() if self.guard is not None else ()
        numbers = {execution.count: execution.number for execution in executions if execution.count is not None}
        path = (self.guard.cells.notebook if self.guard is not None else None) or notebook_path(self._shell)
        rules = rules_of_a_run(path or os.getcwd(), self._say)
        held = self._shell.user_ns.keys()
        self._say(checked(_relative(path), Ran(inputs=inputs, numbers=numbers), held, rules))

    def summary(self, words: list[str]) -> None:
        self._say("\n".join(summary(model) for model in self._trained(words)).rstrip())

    def curves(self, words: list[str]) -> None:
        from IPython.display import display

        for model in self._trained(words):
            display(mime_bundle(state_of(model)), raw=True)

    def expect(self, words: list[str]) -> None:
        guard = self._guard("expect")
        match words:
            case ["--save", path, *names] if len(names) <= 1:
                model = self._trained([])[-1]
                name = names[0] if names else model.kind or model.name
                accuracies = {int(epoch): accuracy for epoch, accuracy in model.points("accuracy", model.split)}
                save(band_of(name, accuracies, tolerance=TOLERANCE), path)
                self._say(f"{path} expects {plural(len(accuracies), 'epoch')} of {name}: %tinyguard expect {path}")
            case []:
                self._say("\n".join(f"{band.name:16} {_told(band)}" for band in guard.handover.known_bands()))
            case [wanted]:
                band = guard.handover.known_band(wanted)
                guard.expect(band)
                self._say(f"{band.name}: {_told(band)}")
            case _:
                raise UsageError("say which: %tinyguard expect NAME|FILE, or %tinyguard expect --save FILE [NAME]")

    def report(self, words: list[str]) -> None:
        if len(words) > 1:
            raise UsageError("say one file: %tinyguard report [FILE]")
        path = words[0] if words else REPORT
        write(self._guard("report").handover.document(), path)
        self._say(f"written: {path}")

    def journal(self, _words: list[str]) -> None:
        path = self.guard.journal if self.guard is not None else ""
        self._say(os.path.relpath(path) if path else "there is no journal: %tinyguard on")

    def doctor(self, words: list[str]) -> None:
        if words:
            raise UsageError("`%tinyguard doctor` takes no words")
        if "torch" not in sys.modules:
            self._say("there is nothing to examine: nothing has imported torch")
            return
        from IPython.display import display

        from tinyguard.doctor.checkup import doctor
        from tinyguard.doctor.show import bundle

        aside = self.guard.aside if self.guard is not None else nullcontext
        display(bundle(doctor(self._shell.user_ns, aside=aside)), raw=True)

    def explain(self, words: list[str]) -> None:
        if len(words) != 1:
            raise UsageError("say which rule: %tinyguard explain TNY501")
        self._say(explanation(words[0], catalogue()).rstrip())

    def help(self, _words: list[str]) -> None:
        self._say(HELP)

    def completions(self, line: str) -> list[str]:
        """What may come next in a line that begins with %tinyguard or %%tinyguard."""
        name, *words = line.split()
        if not line.endswith(" "):
            words = words[:-1]  # the last one is what is to be completed
        match [name, *words]:
            case ["%tinyguard"]:
                return list(self.commands)
            case ["%tinyguard", "explain"]:
                return list(catalogue())
            case ["%tinyguard", "expect"]:
                return ["--save", *(band.name for band in shipped())]
            case ["%tinyguard", "summary" | "curves"] if self.guard is not None:
                return sorted({model.name for model in self.guard.handover.models()})
            case ["%tinyguard", "on"] | ["%%tinyguard"]:
                return ["--stop"]
            case [*_, "--stop"]:
                return list(STOPS)
        return []

    def _guard(self, command: str) -> Guard:
        """Raises UsageError when nothing was watched."""
        if self.guard is None:
            raise UsageError(f"nothing was watched in this kernel: run %tinyguard on before %tinyguard {command}")
        return self.guard

    def _trained(self, words: list[str]) -> tuple[TrainedModel, ...]:
        """The trainings of this session, of the models of these names. Raises UsageError when there is none."""
        models = self._guard("summary").handover.models()
        if not models:
            raise UsageError("nothing has been trained since %tinyguard on")
        wanted = tuple(model for model in models if not words or model.name in words or model.kind in words)
        if not wanted:
            known = {name for model in models for name in (model.name, model.kind) if name}
            raise UsageError(f"no model is called {words[0]!r}{did_you_mean(words[0], known)}")
        return wanted

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
        self._draw(mime_bundle(self.guard.handover.state(finished=False)))

    def _finish(self, _result: Any) -> None:
        """The cell is over: its panel stays as the last picture."""
        if self._panel is not None and self.guard is not None:
            self._draw(mime_bundle(self.guard.handover.state(finished=True)))
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


def _told(band: Band) -> str:
    """ "TinyImageNet: epoch 1 1.0 to 2.0 %, epoch 10 10.0 to 15.0 %"."""
    points = ", ".join(f"epoch {point.epoch} {span(point.low, point.high)}" for point in band.points)
    return f"{band.data_set}: {points}" if band.data_set else points


def _relative(path: str | None) -> str | None:
    return os.path.relpath(path) if path is not None else None


def notebook_path(shell: Any) -> str | None:
    """The file of the notebook, where the front end tells it: VS Code, Jupyter servers, `tinyguard run`."""
    for path in (shell.user_ns.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        if isinstance(path, str) and path.endswith(".ipynb") and os.path.isfile(path):
            return path
    return _by_its_cells(executed_before(shell))


def _by_its_cells(executed: list[str]) -> str | None:
    """The one notebook of this folder whose first cells are those that were executed: nbclient and others run it so."""
    found, left = [], MOST_BYTES
    try:
        names = sorted(name for name in os.listdir() if name.endswith(".ipynb"))
    except OSError:  # the folder is gone
        return None
    for name in names:
        left -= os.path.getsize(name) if os.path.isfile(name) else 0
        if left < 0:
            return None
        code = [cell.source.strip() for cell in saved_cells(name) if cell.code and cell.source.strip()]
        if executed and code[: len(executed)] == [source.strip() for source in executed]:
            found.append(os.path.abspath(name))
    return found[0] if len(found) == 1 else None


def load(shell: Any) -> Magic:
    """%load_ext tinyguard"""
    magic = Magic(shell)
    shell.register_magic_function(magic.line, "line", "tinyguard")
    shell.register_magic_function(magic.cell, "cell", "tinyguard")
    for name in ("%tinyguard", "%%tinyguard"):
        shell.set_hook("complete_command", lambda _shell, event: magic.completions(event.line), str_key=name)
    return magic


def unload(magic: Magic) -> None:
    magic.off(["--quiet"])
