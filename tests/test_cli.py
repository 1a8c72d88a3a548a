"""The command line as a user meets it: every run is a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "tinyguard"]
ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "", "TERM": "xterm"}

EVAL_MODE = """\
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 3), nn.Dropout())
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.eval()
optimizer.zero_grad()
model(torch.ones(2, 4)).sum().backward()
optimizer.step()
"""
NOTE = "x = 1  # tinyguard: disable\n"  # TNY002, a note


def tinyguard(*arguments: str, cwd: Path, data: bytes = b"") -> subprocess.CompletedProcess[str]:
    run = subprocess.run([*COMMAND, *arguments], cwd=cwd, input=data, capture_output=True, env=ENVIRONMENT, timeout=60)
    out, err = (stream.decode("utf-8") for stream in (run.stdout, run.stderr))
    assert "Traceback" not in err
    return subprocess.CompletedProcess(run.args, run.returncode, out, err)


def notebook(path: Path, *sources: str, **metadata: Any) -> Path:
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in sources
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


# --- exit codes ------------------------------------------------------------------------------------------------------


def test_nothing_wrong_gives_0(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "x = 1", "y = 2")
    run = tinyguard("lint", "a.ipynb", cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "Checked 1 file, 2 cells: no findings.\n", "")


def test_findings_give_1(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", EVAL_MODE)
    run = tinyguard("lint", "a.ipynb", "--select", "TNY301", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stdout.startswith("error[TNY301] ")
    assert "--> a.ipynb cell 1 line " in run.stdout
    assert run.stdout.endswith("Checked 1 file, 1 cell: 1 error.\n")


def test_findings_below_the_fail_level_give_0(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", NOTE)
    shown = tinyguard("lint", "a.ipynb", "--notes", "--output-format", "concise", cwd=tmp_path)
    assert (shown.returncode, shown.stdout.split(" this")[0]) == (0, "a.ipynb:1:1:8: TNY002")
    assert shown.stderr == "Checked 1 file, 1 cell: 1 note.\n"
    assert tinyguard("lint", "a.ipynb", "--fail-on", "note", cwd=tmp_path).returncode == 1


def test_notes_are_hidden_and_counted_unless_asked_for(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", NOTE)
    hidden = tinyguard("lint", "a.ipynb", cwd=tmp_path)
    assert hidden.stdout == "Checked 1 file, 1 cell: no findings. 1 note hidden (--notes shows it).\n"
    for asked in (["--notes"], ["--select", "TNY002"], ["--select", "tny0"], ["--select", "suppression-malformed"]):
        assert "note[TNY002]" in tinyguard("lint", "a.ipynb", *asked, cwd=tmp_path).stdout
    assert "hidden" not in tinyguard("lint", "a.ipynb", "--ignore", "TNY0", cwd=tmp_path).stdout


def test_something_skipped_gives_3_unless_allowed(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "x = 1", "x = = 1")
    run = tinyguard("lint", "a.ipynb", cwd=tmp_path)
    assert run.returncode == 3
    assert "skipped a.ipynb cell 2 line 1: does not parse" in run.stdout
    assert run.stdout.endswith("Checked 1 file, 2 cells: no findings. 1 skipped.\n")
    assert tinyguard("lint", "a.ipynb", "--allow-skipped", cwd=tmp_path).returncode == 0


def test_findings_go_before_skips(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", EVAL_MODE, "x = = 1")
    assert tinyguard("lint", "a.ipynb", cwd=tmp_path).returncode == 1
    assert tinyguard("lint", "a.ipynb", "--select", "TNY0", cwd=tmp_path).returncode == 3


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.ipynb", b"", "is empty"),
        ("a.ipynb", b'{"cells": [', "the file was cut off"),
        ("a.ipynb", b"no json", "is not JSON"),
        ("a.ipynb", b"[1]", "is JSON but no notebook"),
        ("a.ipynb", b'{"cells": [], "metadata": {}}', "has no cells"),
        ("a.ipynb", b'{"cells": [{}], "metadata": {"kernelspec": {"language": "R"}}}', "is written in R"),
        ("a.ipynb", b"\xff\xff{}", "is not utf-8"),
        ("a.ipynb", b"[" * 100_000, "nested too deeply"),
        ("a.py", b"x = = 1\n", "does not parse"),
    ],
)
def test_nothing_readable_gives_2(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    run = tinyguard("lint", name, cwd=tmp_path)
    assert run.returncode == 2
    assert f"skipped {name}" in run.stdout
    assert reason in run.stdout


def test_one_readable_file_among_unreadable_ones_gives_3(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(b"")
    notebook(tmp_path / "b.ipynb", "x = 1")
    assert tinyguard("lint", ".", cwd=tmp_path).returncode == 3


def test_a_broken_link_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").symlink_to("nowhere.ipynb")
    run = tinyguard("lint", "a.ipynb", cwd=tmp_path)
    assert run.returncode == 2
    assert "is a broken link to nowhere.ipynb" in run.stdout


# --- wrong usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "wants a command: lint, run, replay, watch, rules, explain"),
        ("lnt", 'there is no command "lnt"; did you mean "lint"?'),
        ("a.ipynb", 'there is no command "a.ipynb"; did you mean `tinyguard lint a.ipynb`?'),
        ("lint", "lint: wants at least one PATH"),
        ("lint gone.ipynb", "gone.ipynb: no such file or folder"),
        ("lint empty", "empty: holds no notebook (.ipynb) and no script with cells (.py with # %%)"),
        ("lint --slect TNY5 a.ipynb", 'lint: there is no option "--slect"; did you mean "--select"?'),
        ("lint --select TNY999 a.ipynb", '--select: no rule has the code, prefix or name "TNY999"'),
        ("lint --select suppression-unusd a.ipynb", 'did you mean "suppression-unused"?'),
        ("lint --ignore E501 a.ipynb", '--ignore: no rule has the code, prefix or name "E501"'),
        ("lint a.ipynb --select ,", "--select: names no code; write them as in TNY501,TNY6"),
        ("lint a.ipynb --select", "--select: wants a value: CODES"),
        ("lint --select --notes a.ipynb", "--select: wants a value: CODES"),
        ("lint --notes=yes a.ipynb", "--notes: takes no value"),
        ("lint --fail-on= a.ipynb", "--fail-on: wants a value: error, warning, note"),
        ("lint --fail-on eror a.ipynb", '--fail-on: "eror" is none of its values; did you mean "error"?'),
        (
            "lint --output-format xml a.ipynb",
            '--output-format: "xml" is none of its values; known are concise, full, json',
        ),
        ("lint --color blue a.ipynb", '--color: "blue" is none of its values; known are always, auto, never'),
        ("lint --stdin-filename x.py a.ipynb", "--stdin-filename: goes with - among the paths"),
        ("rules --markdown --json", "--markdown: does not go together with --json"),
        ("rules x", 'rules: "x" is one argument too many'),
        ("explain", "explain: wants one CODE, such as TNY501"),
        ("explain TNY001 TNY002", "explain: wants one CODE, such as TNY501"),
        ("explain TNY000", 'explain: no rule has the code or name "TNY000"; did you mean "TNY'),
        ("explain TNY5", 'explain: no rule has the code or name "TNY5"'),
    ],
)
def test_wrong_usage_is_explained_and_gives_2(tmp_path: Path, arguments: str, message: str) -> None:
    notebook(tmp_path / "a.ipynb", "x = 1")
    (tmp_path / "empty").mkdir()
    run = tinyguard(*arguments.split(), cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("tinyguard: ")
    assert message in run.stderr


def test_a_mistake_in_the_configuration_gives_2(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "x = 1")
    (tmp_path / "pyproject.toml").write_text("[tool.tinyguard]\nslect = []\n")
    run = tinyguard("lint", "a.ipynb", cwd=tmp_path)
    assert run.returncode == 2
    assert 'pyproject.toml: [tool.tinyguard] has no key "slect"; did you mean "select"?' in run.stderr
    (tmp_path / "pyproject.toml").write_text('[tool.tinyguard]\n"\\u001B[2J" = 1\n')
    assert '[tool.tinyguard] has no key "\\x1b[2J"' in tinyguard("lint", "a.ipynb", cwd=tmp_path).stderr
    (tmp_path / "pyproject.toml").write_text('[tool.tinyguard]\nignore = ["TNY999"]\n')
    run = tinyguard("lint", "a.ipynb", cwd=tmp_path)
    assert run.returncode == 2
    assert 'pyproject.toml: [tool.tinyguard]: no rule has the code, prefix or name "TNY999"' in run.stderr


# --- paths and configuration -----------------------------------------------------------------------------------------


def test_the_configuration_decides_and_the_command_line_goes_before_it(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", NOTE)
    notebook(tmp_path / "old" / "b.ipynb", NOTE)
    notebook(tmp_path / "drafts" / "c.ipynb", NOTE)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.tinyguard]\nfail-on = "note"\noutput-format = "concise"\nexclude = ["old"]\n'
        'per-file-ignores = {"drafts/*" = ["TNY0"]}\n'
    )
    run = tinyguard("lint", ".", cwd=tmp_path)
    assert run.returncode == 1
    assert [line.partition(":")[0] for line in run.stdout.splitlines()] == ["a.ipynb"]
    assert run.stderr == "Checked 2 files, 2 cells: 1 note.\n"
    run = tinyguard("lint", ".", "--fail-on", "error", "--output-format", "full", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    named = tinyguard("lint", "old/b.ipynb", cwd=tmp_path)
    assert named.stdout.startswith("old/b.ipynb:1:1:8: TNY002"), "a file that is named is never excluded"


def test_each_file_is_judged_by_its_own_configuration(tmp_path: Path) -> None:
    notebook(tmp_path / "one" / "a.ipynb", NOTE)
    notebook(tmp_path / "two" / "b.ipynb", NOTE)
    (tmp_path / "two" / "pyproject.toml").write_text('[tool.tinyguard]\nfail-on = "note"\n')
    assert tinyguard("lint", "one", cwd=tmp_path).returncode == 0
    assert tinyguard("lint", "one", "two", cwd=tmp_path).returncode == 1


def test_standard_input_is_a_notebook_or_a_script(tmp_path: Path) -> None:
    data = notebook(tmp_path / "a.ipynb", NOTE).read_bytes()
    options = ("--notes", "--output-format", "concise")
    assert tinyguard("lint", "-", *options, cwd=tmp_path, data=data).stdout.startswith("stdin.ipynb:1:1:8: TNY002")
    script = tinyguard("lint", "-", *options, cwd=tmp_path, data=NOTE.encode())
    assert script.stdout.startswith("stdin.py:1:8: TNY002")
    named = tinyguard("lint", "-", *options, "--stdin-filename", "x/b.ipynb", cwd=tmp_path, data=data)
    assert named.stdout.startswith("x/b.ipynb:1:1:8: TNY002")


def test_json_is_one_document(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", NOTE)
    notebook(tmp_path / "b.ipynb", NOTE)
    run = tinyguard("lint", ".", "--notes", "--output-format", "json", cwd=tmp_path)
    document = json.loads(run.stdout)
    assert [found["place"]["path"] for found in document["findings"]] == ["a.ipynb", "b.ipynb"]
    assert document["summary"]["notes"] == 2


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", NOTE)
    assert "\x1b" not in tinyguard("lint", "a.ipynb", "--notes", cwd=tmp_path).stdout
    assert "\x1b[1;36m" in tinyguard("lint", "a.ipynb", "--notes", "--color", "always", cwd=tmp_path).stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_on_a_terminal_there_are_colours_unless_unwanted(tmp_path: Path, no_color: str, coloured: bool) -> None:
    notebook(tmp_path / "a.ipynb", NOTE)
    ours, theirs = os.openpty()
    environment = {**ENVIRONMENT, "NO_COLOR": no_color}
    subprocess.run([*COMMAND, "lint", "a.ipynb", "--notes"], cwd=tmp_path, stdout=theirs, env=environment, timeout=60)
    os.close(theirs)
    assert ("\x1b[1;36m" in os.read(ours, 100_000).decode()) is coloured
    os.close(ours)


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_no_finding(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "x = 1")
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [*COMMAND, "lint", "a.ipynb"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert run.returncode == 2
    assert run.stderr == "tinyguard: standard output cannot be written: No space left on device\n"


def test_closed_streams_change_no_exit_code(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", EVAL_MODE)
    command = f"'{sys.executable}' -m tinyguard lint"
    for words, code in (("a.ipynb >&-", 1), ("a.ipynb 2>&-", 1), ("nowhere >&- 2>&-", 2)):
        assert subprocess.run(f"{command} {words}", shell=True, cwd=tmp_path, capture_output=True).returncode == code


# --- the rules -------------------------------------------------------------------------------------------------------


def test_the_rules_are_listed(tmp_path: Path) -> None:
    assert "TNY001  note       suppression-unused " in tinyguard("rules", cwd=tmp_path).stdout
    assert "| TNY001 | suppression-unused |" in tinyguard("rules", "--markdown", cwd=tmp_path).stdout
    described = json.loads(tinyguard("rules", "--json", cwd=tmp_path).stdout)
    assert described[0]["code"] == "TNY001"
    assert described[0]["documentation"].startswith("A comment asks tinyguard to be silent")


@pytest.mark.parametrize("code", ["TNY002", "tny002", "suppression-malformed"])
def test_a_rule_is_explained(tmp_path: Path, code: str) -> None:
    text = tinyguard("explain", code, cwd=tmp_path).stdout
    assert text.startswith("TNY002 suppression-malformed (note; tinyguard's own comments)\n\nA comment to tinyguard")
    assert "    learning_rate = 0.1  # tinyguard: disable[TNY501]" in text


def test_help_tells_commands_options_and_exit_codes(tmp_path: Path) -> None:
    assert "  lint     report the hazards" in tinyguard("--help", cwd=tmp_path).stdout
    text = tinyguard("lint", "--help", cwd=tmp_path).stdout
    assert "  --fail-on LEVEL          the lowest severity that gives exit code 1; warning if not given\n" in text
    assert "                           LEVEL: error, warning, note\n" in text
    assert "  3  no findings, but something was skipped\n" in text
    assert tinyguard("explain", "-h", cwd=tmp_path).stdout.startswith("usage: tinyguard explain CODE\n")


def test_options_may_be_written_with_an_equals_sign_and_end_with_two_dashes(tmp_path: Path) -> None:
    notebook(tmp_path / "--notes", NOTE)
    run = tinyguard("lint", "--fail-on=note", "--output-format=concise", "--", "--notes", cwd=tmp_path)
    assert (run.returncode, run.stdout.partition(" this")[0]) == (1, "--notes:1:1:8: TNY002")


def test_the_version_is_told(tmp_path: Path) -> None:
    assert tinyguard("--version", cwd=tmp_path).stdout == "tinyguard 0.1.0\n"


# --- interruptions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["rules"], ["--help"], ["lint", "--help"]])
def test_a_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait() == 141


def test_an_interruption_is_quiet(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "lint", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        time.sleep(0.5)  # it waits for its input by then
        run.send_signal(signal.SIGINT)
        out, err = run.communicate()
        assert (run.returncode, out, err) == (130, b"", b"")


def test_names_that_are_not_text_are_shown_and_do_not_crash(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\x1b.ipynb"
    Path(os.fsdecode(path)).write_bytes(b"")
    run = subprocess.run([*COMMAND, "lint", path], capture_output=True, timeout=60)
    assert run.returncode == 2
    assert b"\\udcff\\x1b.ipynb: is empty" in run.stdout
