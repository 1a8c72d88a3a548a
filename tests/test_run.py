"""`tinyguard run` as a user meets it: real kernels, every run a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinyguard.cli import seconds
from tinyguard.errors import UsageError
from tinyguard.notebook.reader import read
from tinyguard.run.epochs import Epochs
from tinyguard.run.lines import Text, last_state, readable
from tinyguard.run.parameters import assigned, injection, values_of
from tinyguard.run.progress import duration
from tinyguard.run.watching import Passing

COMMAND = [sys.executable, "-m", "tinyguard", "run"]
MARK = "TINYGUARD_TEST_RUN"  # every process of a run has it in its environment
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SLEEP = "import time\nprint('asleep', flush=True)\ntime.sleep(100)"


def code(source: str, *tags: str, **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source, **more}
    return {**cell, "metadata": {"tags": list(tags)}} if tags else cell


def notebook(path: Path, *cells: str | dict[str, Any], **changes: Any) -> Path:
    numbered = [
        {"id": f"cell-{number}", **(code(cell) if isinstance(cell, str) else cell)}
        for number, cell in enumerate(cells, start=1)
    ]
    document = {"cells": numbered, "metadata": PYTHON, "nbformat": 4, "nbformat_minor": 5, **changes}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


class Process:
    """One `tinyguard run`, going on; no process of it is left when it has been looked at."""

    def __init__(self, *arguments: str, cwd: Path, **environment: str) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", MARK: self.mark, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def line(self) -> str:
        """The next line of standard output, as soon as it is there."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def result(self) -> subprocess.CompletedProcess[str]:
        out, err = (stream.decode("utf-8") for stream in self.process.communicate(timeout=60))
        assert "Traceback (most recent call last):\n  File" not in err, err
        assert not list(self.left()), "a process is left behind"
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)

    def left(self) -> Iterator[int]:
        """The processes of this run that are there."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                    yield int(folder.name)
            except OSError:
                continue


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return Process(*arguments, cwd=cwd, **environment).result()


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def printed(cell: dict[str, Any], stream: str = "stdout") -> list[str]:
    """The texts of the outputs of that stream."""
    return ["".join(output["text"]) for output in cell["outputs"] if output.get("name") == stream]


def error(cell: dict[str, Any]) -> str:
    (found,) = [output for output in cell["outputs"] if output["output_type"] == "error"]
    return f"{found['ename']}: {found['evalue']}"


def run_of(path: Path) -> dict[str, Any]:
    """What the copy says of its run."""
    found: dict[str, Any] = document(path)["metadata"]["tinyguard"]["run"]
    return found


# --- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("x=5", "5"),
        ("x=-5", "-5"),
        ("x=3e-4", "0.0003"),
        ("x=True", "True"),
        ("x=None", "None"),
        ("x=[1, 'a']", "[1, 'a']"),
        ("x={'lr': (0.1,)}", "{'lr': (0.1,)}"),
        ("x=Adam", "'Adam'"),
        ("x='5'", "'5'"),
        ("x=", "''"),
        ("x=a=b", "'a=b'"),
        ("x=__import__('os')", "\"__import__('os')\""),
        ("x=nan", "'nan'"),
        ("x={[]: 1}", "'{[]: 1}'"),
        ("x=ä\n\udcff", "'ä\\n\\udcff'"),
        ("x=" + "[" * 100_000, repr("[" * 100_000)),
    ],
)
def test_a_parameter_is_a_literal_or_else_a_string(given: str, value: str) -> None:
    assert values_of([given]) == {"x": value}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x"], '-p: wants NAME=VALUE, as in -p num_epochs=5; "x" is none'),
        (["=1"], '"=1" is none'),
        (["a.b=1"], '"a.b=1" is none'),
        (["x=1", "x=1"], '-p: "x" is given twice'),
        (["x=1e999"], "-p x: 1e999 is beyond what Python can write as a number"),
        (["x=[-1e999]"], "is beyond"),
    ],
)
def test_a_malformed_parameter_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        values_of(words)
    assert message in str(caught.value)


def test_the_names_of_the_parameters_cell_are_those_it_binds_at_its_top_level(tmp_path: Path) -> None:
    source = (
        "a, (b, *c) = 1, (2, 3)\nd: int = 1\nif a:\n    e = [f for f in c]\ndef g():\n    h = 1\n%time i = 1\nj.k = 1"
    )
    tree = read(str(notebook(tmp_path / "a.ipynb", source))).cells[0].tree
    assert tree is not None
    assert assigned(tree) == {"a", "b", "c", "d", "e", "i"}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["lr = 1"], '-p: a.ipynb has no code cell with the tag "parameters"'),
        ([code("lr = ", "parameters")], "-p: the parameters cell of a.ipynb, cell 1, does not parse"),
        (
            ["", code("x = 1", "parameters")],
            '"lr" is not assigned in the parameters cell of a.ipynb, cell 2; known are',
        ),
        ([code("lrs = 1\ny = 2", "parameters")], '; did you mean "lrs"?'),
    ],
)
def test_a_parameter_must_be_assigned_in_the_parameters_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[str | dict[str, Any]], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path / "a.ipynb", *cells)
    with pytest.raises(UsageError) as caught:
        injection(read("a.ipynb"), {"lr": "1"})
    assert message in str(caught.value)


@pytest.mark.slow
def test_parameters_are_assigned_below_their_cell(tmp_path: Path) -> None:
    before = notebook(
        tmp_path / "a.ipynb", "lr = 1", code("lr, name = 0.1, 'x'", "parameters"), "print(lr, name)"
    ).read_bytes()
    result = run("a.ipynb", "-p", "lr=3e-4", "-p", "name=it's", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "0.0003 it's\n")
    assert (tmp_path / "a.ipynb").read_bytes() == before
    copy = document(tmp_path / "a.executed.ipynb")
    assert [cell["id"] for cell in copy["cells"] if "injected-parameters" not in cell["metadata"].get("tags", [])] == [
        "cell-1",
        "cell-2",
        "cell-3",
    ]
    assert copy["cells"][2]["metadata"]["tags"] == ["injected-parameters"]
    assert "".join(copy["cells"][2]["source"]).splitlines()[1:] == ["lr = 0.0003", 'name = "it\'s"']
    assert run_of(tmp_path / "a.executed.ipynb")["parameters"] == {"lr": "0.0003", "name": '"it\'s"'}


@pytest.mark.slow
def test_parameters_of_an_earlier_run_are_replaced_and_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    notebook(
        tmp_path / "a.ipynb",
        code("lr = 0.1\nn = 1", "parameters"),
        code("lr = 5\nn = 5", "injected-parameters"),
        "print(lr, n)",
        "1 / 0",
    )
    result = run("a.ipynb", "-p", "lr=2", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "2 1\n")
    assert "a.ipynb cell 4 failed: ZeroDivisionError" in result.stderr
    assert [cell["id"] for cell in document(tmp_path / "a.executed.ipynb")["cells"]] == [
        "cell-1",
        "cell-2",
        "cell-3",
        "cell-4",
    ]
    notebook(tmp_path / "b.ipynb", code("lr = 0.1", "parameters"), "1 / 0")
    assert "b.ipynb cell 2 failed: ZeroDivisionError" in run("b.ipynb", "-p", "lr=2", cwd=tmp_path).stderr


# --- what is wrong before the kernel starts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "run: wants one NOTEBOOK"),
        ("a.ipynb b.ipynb", "run: wants one NOTEBOOK"),
        ("gone.ipynb", "run: gone.ipynb: does not exist"),
        (".", "run: .: is a folder"),
        ("text.ipynb", "run: text.ipynb: is not JSON"),
        ("list.ipynb", "run: list.ipynb: is JSON but no notebook"),
        ("cells.ipynb", "run: cells.ipynb cell 1: is a number; a cell is an object"),
        ("invalid.ipynb", "run: invalid.ipynb: is no valid notebook: "),
        ("unversioned.ipynb", "run: unversioned.ipynb: has nothing for its `nbformat`; 3 and 4 can be run"),
        ("r.ipynb", "run: r.ipynb: is written in R"),
        ("script.py", "run: script.py: is a script"),
        ("a.ipynb -p lr=1", '-p: a.ipynb has no code cell with the tag "parameters"'),
        ("a.ipynb -p", "-p: wants a value: NAME=VALUE"),
        ("a.ipynb -o gone/b.ipynb", "run: gone/b.ipynb: cannot be written: No such file or directory"),
        ("a.ipynb -o a.ipynb/b.ipynb", "run: a.ipynb/b.ipynb: cannot be written: Not a directory"),
        ("a.ipynb -o folder", "run: folder: cannot be written: it is a folder or a device"),
        ("a.ipynb -o /dev/null", "run: /dev/null: cannot be written: it is a folder or a device"),
        ("a.ipynb --kernel pyton3", '--kernel: there is no kernel "pyton3"; did you mean "python3"?'),
        ("a.ipynb --timeout 0", '--timeout: "0" is no number of seconds above 0'),
        ("a.ipynb --progress bar", '--progress: "bar" is none of its values'),
        ("a.ipynb --output b.ipynb", 'run: there is no option "--output"'),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is(tmp_path: Path, arguments: str, message: str) -> None:
    notebook(tmp_path / "a.ipynb", "open('executed', 'w')")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.ipynb").write_text("text")
    (tmp_path / "list.ipynb").write_text("[1]")
    (tmp_path / "cells.ipynb").write_text('{"cells": [1], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}')
    notebook(tmp_path / "invalid.ipynb", "x", metadata={"kernelspec": {"name": 1}})
    (tmp_path / "unversioned.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "x"}], "metadata": {}}')
    notebook(tmp_path / "r.ipynb", "x", metadata={"language_info": {"name": "R"}})
    (tmp_path / "script.py").write_text("x = 1\n")
    there = sorted(tmp_path.iterdir())
    result = run(*arguments.split(), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("tinyguard: ")
    assert message in result.stderr
    assert sorted(tmp_path.iterdir()) == there


@pytest.mark.skipif(not os.path.isdir("/sys"), reason="wants a folder that not even root may write in")
def test_a_folder_that_may_not_be_written_in_is_said_before_anything_is_run(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "open('executed', 'w')")
    result = run("a.ipynb", "-o", "/sys/a.ipynb", cwd=tmp_path)
    assert result.returncode == 2
    assert "run: /sys/a.ipynb: cannot be written: " in result.stderr
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("value", ["", "0", "-1", "nan", "inf", "5s", "1e10"])
def test_a_time_limit_is_a_number_of_seconds(value: str) -> None:
    assert seconds("--timeout", "0.5") == 0.5
    with pytest.raises(UsageError, match=r"--timeout: .* is no number of seconds above 0"):
        seconds("--timeout", value)


@pytest.mark.parametrize("missing", ["nbclient", "nbformat", "jupyter_client"])
def test_what_is_not_installed_is_named_with_its_remedy(tmp_path: Path, missing: str) -> None:
    notebook(tmp_path / "a.ipynb", "x = 1")
    program = f"import sys; sys.modules['{missing}'] = None; from tinyguard.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "run", "a.ipynb"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert result.stderr == f"tinyguard: run: needs {missing}: pip install 'tinyguard[run]'\n"


# --- the text of a kernel --------------------------------------------------------------------------------------------


def test_a_line_is_what_a_terminal_shows_of_it_in_the_end() -> None:
    assert last_state("loss\r") == "loss"
    assert last_state("\r 1%\r 50%\r100%") == "100%"
    assert last_state("abcdef\rxy") == "xycdef"


def test_text_in_pieces_is_the_same_text() -> None:
    whole = "a\r\n\r 1/3\r 2/3\nabc\rx\r\ry\n\n\rend\r."
    for size in range(1, len(whole)):
        text = Text()
        for start in range(0, len(whole), size):
            text.add(whole[start : start + size])
        assert str(text) == "a\n 2/3\nybc\n\n.nd"


def test_a_line_that_is_written_over_takes_no_more_room_than_one() -> None:
    text = Text()
    for step in range(100_000):
        text.add(f"\r{step}/100000")
    assert str(text) == "99999/100000"
    assert len(text._lines.open) < 100


def test_what_a_terminal_would_obey_is_spelled_out_and_colours_are_left_out() -> None:
    assert readable("\x1b[1;31mred\x1b[0m\tä\n\x1b[2J\x07\u202e") == "red\tä\n\\x1b[2J\\x07\\u202e"


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        (["a\nb", "c\n"], ["a\nb", "c\n"]),
        (["\r 1%", "\r 2%", "\r 3%\n", "x\n"], ["", "", " 3%\n", "x\n"]),
        (["step 1\r", "step 2\r", "\n"], ["", "", "step 2\n"]),
        (["step 1", "\rstep 2", "\n"], ["step 1", "", "\nstep 2\n"]),
        ([".", ".", ".\n"], [".", ".", ".\n"]),
    ],
)
def test_a_log_gets_text_at_once_and_lines_that_are_written_over_once(pieces: list[str], told: list[str]) -> None:
    passing = Passing(overwriting=False, whole_lines=False)
    assert [passing.write(piece) for piece in pieces] == told
    assert passing.end_line() == ""


def test_above_a_bar_only_whole_lines_are_written() -> None:
    passing = Passing(overwriting=False, whole_lines=True)
    assert [passing.write(piece) for piece in ("a", "b\nc", "\rd")] == ["", "ab\n", ""]
    assert passing.end_line() == "d\n"


def test_a_terminal_of_its_own_gets_text_as_it_comes() -> None:
    passing = Passing(overwriting=True, whole_lines=False)
    assert [passing.write(piece) for piece in ("\r 1%", "\r 2%")] == ["\r 1%", "\r 2%"]
    assert passing.end_line() == "\n"
    assert passing.end_line() == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Epoch 3/50", "epoch 3/50"),
        ("epoch [3/50], loss 0.1", "epoch 3/50"),
        ("Epoch 3 of 50", "epoch 3/50"),
        ("Epoch: 03 / 50\n", "epoch 3/50"),
        ("EPOCH (3/50)\nEpoch 4/50\n", "epoch 4/50"),
        ("\r 45%|####5     | 45/100 [00:01<00:02, 30.1it/s]", "45/100"),
        ("\r 45%|████▌     | 27.0k/60.0k [00:01<00:02]", "27.0k/60.0k"),
        ("\r 1%| | 1/100 [00:00<?]\r 2%| | 2/100 [00:00<?]", "2/100"),
        ("Epoch 2/50: 45%|####5     | 45/100 [00:01<00:02, 30.1it/s]", "epoch 2/50  45/100"),
        ("Epochs:   4%|4         | 2/50 [00:01<00:02]", "epoch 2/50"),
        ("Epoch 2/50\n100%|##########| 9/9 [00:01<00:00]\nEpoch 3/50\n", "epoch 3/50"),
        ("epoch 12/7 of 2024", ""),
        ("epochs: 50, loss 3/50, 45%|, 45/100", ""),
        ("", ""),
    ],
)
def test_the_progress_of_training_is_recognised(text: str, told: str) -> None:
    for size in (1, 7, 1000):
        seen = Epochs()
        for start in range(0, len(text), size):
            seen.read(text[start : start + size])
        assert str(seen) == told


def test_recognition_of_progress_takes_time_in_proportion_to_the_text() -> None:
    began = time.monotonic()
    for text in ("1%|" * 100_000, "epoch " * 100_000, " " * 1_000_000, "9" * 1_000_000, "epoch 1" + " " * 100_000):
        Epochs().read(text)
    assert time.monotonic() - began < 2


def test_durations_are_short() -> None:
    assert [duration(seconds) for seconds in (0, 59.94, 61, 3661)] == ["0.0 s", "59.9 s", "1:01", "1:01:01"]


# --- a clean run -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_clean_run_gives_0_and_a_copy(tmp_path: Path) -> None:
    stale = code(
        "print('stale')", outputs=[{"output_type": "stream", "name": "stdout", "text": "old"}], execution_count=7
    )
    notebook(
        tmp_path / "a.ipynb",
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\n1 + 1",
        "",
        {**stale, "metadata": {"execution": {"iopub.status.busy": "2020"}}},
        "import os; print(os.environ['OF_MINE'], end='')",
    )
    result = run("a.ipynb", cwd=tmp_path, OF_MINE="passed through")
    assert (result.returncode, result.stdout) == (0, "out\nstale\npassed through\n")
    told = [line.rpartition("  ")[0] if line.startswith("[") else line for line in result.stderr.splitlines()]
    assert told[:4] == ["err", "[1/3] cell 2", "[2/3] cell 4", "[3/3] cell 5"]
    assert told[4].startswith("tinyguard: run: a.ipynb: ")
    assert told[4].endswith(" s, written to a.executed.ipynb")
    copy = document(tmp_path / "a.executed.ipynb")
    assert [cell.get("execution_count") for cell in copy["cells"]] == [None, 1, None, 2, 3]
    assert copy["cells"][1]["outputs"][-1]["data"] == {"text/plain": ["2"]}
    assert printed(copy["cells"][3]) == ["stale\n"]
    assert copy["cells"][3]["metadata"] == {}
    assert copy["metadata"]["language_info"]["version"] == sys.version.split()[0]
    about = run_of(tmp_path / "a.executed.ipynb")
    assert (about["status"], about["parameters"]) == ("clean", {})
    assert about["seconds"] > 0
    assert str(tmp_path) not in json.dumps(copy)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.executed.ipynb", "a.ipynb"]


@pytest.mark.slow
def test_outputs_are_joined_and_changed_as_in_jupyter(tmp_path: Path) -> None:
    notebook(
        tmp_path / "a.ipynb",
        "from IPython.display import display, clear_output, HTML\nimport sys\n"
        "for i in range(3):\n    print(i, flush=True)\nhandle = display(HTML('old'), display_id=True)\nprint('after')",
        "handle.update(HTML('new'))",
        "print('gone')\nclear_output(wait=True)\nprint('kept', flush=True)\nprint('too')",
        "for i in range(5):\n    print(f'\\r{i}/5', end='', file=sys.stderr, flush=True)",
        "print('gone', flush=True)\nclear_output()\nprint('kept', flush=True)\nprint('too')",
    )
    assert run("a.ipynb", cwd=tmp_path).returncode == 0
    cells = document(tmp_path / "a.executed.ipynb")["cells"]
    assert [output["output_type"] for output in cells[0]["outputs"]] == ["stream", "display_data", "stream"]
    assert printed(cells[0]) == ["0\n1\n2\n", "after\n"]
    assert cells[0]["outputs"][1]["data"]["text/html"] == ["new"]
    assert printed(cells[2]) == ["kept\ntoo\n"]
    assert printed(cells[3], "stderr") == ["4/5"]
    assert printed(cells[4]) == ["kept\ntoo\n"]


@pytest.mark.slow
def test_text_of_the_notebook_is_kept_in_the_copy_and_cannot_command_the_terminal(tmp_path: Path) -> None:
    source = "print('ä \\x1b[31mred\\x1b[0m \\x1b[2J \\u202eabc 漢')\nraise ValueError('\\x1b]0;x\\x07')"
    notebook(tmp_path / "a.ipynb", source)
    result = run("a.ipynb", cwd=tmp_path)
    assert result.stdout == "ä red \\x1b[2J \\u202eabc 漢\n"
    assert "\x1b" not in result.stderr
    assert result.stderr.endswith("a.ipynb cell 1 failed: ValueError: \\x1b]0;x\\x07\n")
    (cell,) = document(tmp_path / "a.executed.ipynb")["cells"]
    assert printed(cell) == ["ä \x1b[31mred\x1b[0m \x1b[2J \u202eabc 漢\n"]


@pytest.mark.slow
def test_half_characters_do_not_cost_the_copy(tmp_path: Path) -> None:
    notebook(
        tmp_path / "a.ipynb",
        {"cell_type": "markdown", "metadata": {}, "source": "\ud83d"},
        code("x = 1", "parameters"),
        "print(ascii(x))",
        "'\ud83d'",
    )
    result = run("a.ipynb", "-p", b"x=\xff".decode(errors="surrogateescape"), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "'\\udcff'\n")
    assert "a.ipynb cell 4 failed: UnicodeEncodeError: " in result.stderr
    cells = document(tmp_path / "a.executed.ipynb")["cells"]
    assert cells[0]["source"] == ["\ud83d"]
    assert error(cells[4]).startswith("UnicodeEncodeError: ")


@pytest.mark.slow
def test_text_is_passed_on_while_the_cell_still_runs(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "import time\nprint('Epoch 1/2', flush=True)\ntime.sleep(1.5)\nprint('Epoch 2/2')")
    process = Process("a.ipynb", "--progress", "never", cwd=tmp_path)
    assert process.line() == "Epoch 1/2\n"
    seen = time.monotonic()
    assert process.line() == "Epoch 2/2\n"
    assert time.monotonic() - seen > 1
    assert process.result().stderr == ""


@pytest.mark.slow
def test_modules_beside_the_notebook_are_found_wherever_it_is_run_from(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "helper.py").write_text("NAME = 'helped'\n")
    source = "import os\nfrom helper import NAME\nprint(NAME, os.path.basename(os.getcwd()))"
    notebook(tmp_path / "project" / "a.ipynb", source)
    assert run("project/a.ipynb", cwd=tmp_path).stdout == "helped project\n"
    assert (tmp_path / "project" / "a.executed.ipynb").exists()


@pytest.mark.slow
def test_the_copy_may_take_the_place_of_the_notebook_and_keeps_its_mode(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", "print('x')")
    path.chmod(0o640)
    (tmp_path / "link.ipynb").symlink_to("a.ipynb")
    assert run("a.ipynb", "-o", "link.ipynb", cwd=tmp_path).returncode == 0
    assert printed(document(path)["cells"][0]) == ["x\n"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "link.ipynb").is_symlink()


@pytest.mark.slow
def test_old_formats_are_upgraded(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "language": "python", "input": "print(1)", "outputs": [], "metadata": {}}
    third = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [cell]}]}
    (tmp_path / "third.ipynb").write_text(json.dumps(third))
    fourth = {"cells": [code("print(1)")], "metadata": {}, "nbformat": 4, "nbformat_minor": 0}
    (tmp_path / "fourth.ipynb").write_text(json.dumps(fourth))
    for name in ("third", "fourth"):
        result = run(f"{name}.ipynb", cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, "1\n")
        assert f"tinyguard: run: {name}.ipynb: it names no kernel: running it with {sys.executable}" in result.stderr
        copy = document(tmp_path / f"{name}.executed.ipynb")
        assert (copy["nbformat"], copy["nbformat_minor"]) == (4, 5)
        assert printed(copy["cells"][0]) == ["1\n"]
        assert set(copy["metadata"]) <= {"language_info", "tinyguard", "kernelspec"}


@pytest.mark.slow
def test_a_kernel_that_is_not_installed_is_replaced_and_told(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "print(1)", metadata={"kernelspec": {"name": "gone", "display_name": "gone"}})
    result = run("a.ipynb", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "1\n")
    assert 'tinyguard: run: a.ipynb: its kernel "gone" is not installed: running it with ' in result.stderr
    assert run("a.ipynb", "--kernel", "python3", "--progress", "never", cwd=tmp_path).stderr == ""


@pytest.mark.slow
def test_a_kernel_that_does_not_start_leaves_no_copy(tmp_path: Path) -> None:
    kernels = {"gone": ["/nowhere/python"], "broken": [sys.executable, "-c", "import no_such_module"]}
    for name, command in kernels.items():
        (tmp_path / "kernels" / name).mkdir(parents=True)
        spec = {"argv": [*command, "{connection_file}"], "language": "python", "display_name": name}
        (tmp_path / "kernels" / name / "kernel.json").write_text(json.dumps(spec))
    notebook(tmp_path / "a.ipynb", "x = 1")
    for name, message in (("gone", "No such file or directory"), ("broken", "No module named 'no_such_module'")):
        result = run("a.ipynb", "--kernel", name, cwd=tmp_path, JUPYTER_PATH=str(tmp_path))
        assert result.returncode == 2
        assert f'tinyguard: run: the kernel "{name}" cannot be started: ' in result.stderr
        assert message in result.stderr
        assert not (tmp_path / "a.executed.ipynb").exists()


@pytest.mark.slow
def test_on_a_terminal_there_is_a_bar_with_the_progress_of_training(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "import time\nprint('Epoch 1/2', flush=True)\ntime.sleep(1.2)", "2")
    ours, theirs = os.openpty()
    subprocess.run(["stty", "rows", "24", "cols", "80"], stdin=theirs, check=True)
    result = subprocess.run([*COMMAND, "a.ipynb"], cwd=tmp_path, stdout=theirs, stderr=theirs, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert result.returncode == 0
    assert "\rcell 1/2 |" in shown
    assert ", epoch 1/2" in shown
    assert "\rEpoch 1/2\r\n" in shown, "the bar makes room for what is printed"
    assert "\rcell 2/2 |" in shown


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a disk that is always full")
def test_a_run_goes_on_when_nobody_reads_its_streams(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "for i in range(9): print(i, flush=True)", "print('end')")
    with open("/dev/full", "w") as full:
        result = subprocess.run([*COMMAND, "a.ipynb"], cwd=tmp_path, stdout=full, stderr=full, timeout=60)
    assert result.returncode == 0
    assert run_of(tmp_path / "a.executed.ipynb")["status"] == "clean"
    command = f"'{sys.executable}' -m tinyguard run a.ipynb -o b.ipynb | head -n 1"
    assert subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, timeout=60).stdout == b"0\n"
    assert run_of(tmp_path / "b.ipynb")["status"] == "clean"


# --- runs that do not come to their end ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_failed_cell_gives_1_and_is_the_last(tmp_path: Path) -> None:
    notebook(
        tmp_path / "experiment.ipynb",
        code("1 / 0", "raises-exception"),
        "print('before')\nraise ValueError('first\\nsecond')",
        "print('never')",
    )
    result = run("experiment.ipynb", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "before\n")
    assert "ValueError: first\nsecond\n" in result.stderr, "the traceback"
    assert result.stderr.endswith("\ntinyguard: run: experiment.ipynb cell 2 failed: ValueError: first\n")
    cells = document(tmp_path / "experiment.executed.ipynb")["cells"]
    assert error(cells[0]).startswith("ZeroDivisionError")
    assert printed(cells[1]) == ["before\n"]
    assert error(cells[1]) == "ValueError: first\nsecond"
    assert (cells[2]["outputs"], cells[2]["execution_count"]) == ([], None)
    about = run_of(tmp_path / "experiment.executed.ipynb")
    assert (about["status"], about["cell"]) == ("failed", "cell-2")


@pytest.mark.slow
def test_a_cell_that_does_not_parse_fails_when_its_turn_comes(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "print('before')", "x = = 1")
    result = run("a.ipynb", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "before\n")
    assert "a.ipynb cell 2 failed: SyntaxError: invalid syntax" in result.stderr


@pytest.mark.slow
def test_the_time_limit_gives_4(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "print('first')", SLEEP, "print('never')")
    began = time.monotonic()
    result = run("a.ipynb", "--timeout", "2.5", cwd=tmp_path)
    assert 2.5 < time.monotonic() - began < 6
    assert (result.returncode, result.stdout) == (4, "first\nasleep\n")
    assert result.stderr.endswith("tinyguard: run: a.ipynb cell 2: the time limit of 2.5 s was reached\n")
    cells = document(tmp_path / "a.executed.ipynb")["cells"]
    assert printed(cells[1]) == ["asleep\n"]
    assert error(cells[1]) == "TimeoutError: the time limit of 2.5 s was reached"
    assert "time.sleep" in "".join(cells[1]["outputs"][-1]["traceback"]), "where it was"
    assert cells[2]["outputs"] == []
    assert run_of(tmp_path / "a.executed.ipynb")["status"] == "time limit"


@pytest.mark.slow
def test_a_cell_that_cannot_be_interrupted_is_given_up(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{SLEEP}")
    began = time.monotonic()
    assert run("a.ipynb", "--timeout", "2", cwd=tmp_path).returncode == 4
    assert 6 < time.monotonic() - began < 12
    (cell,) = document(tmp_path / "a.executed.ipynb")["cells"]
    assert printed(cell) == ["asleep\n"]
    assert error(cell).startswith("TimeoutError: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("death", "how"),
    [("os._exit(3)", "exit status 3"), ("os.kill(os.getpid(), 9)", "SIGKILL, often for want of memory")],
)
def test_a_kernel_that_dies_gives_5_at_once(tmp_path: Path, death: str, how: str) -> None:
    child = "import os, subprocess, time\nsubprocess.Popen(['sleep', '100'])\n"
    notebook(tmp_path / "a.ipynb", f"{child}print('before', flush=True)\ntime.sleep(0.5)\n{death}", "print('never')")
    began = time.monotonic()
    result = run("a.ipynb", cwd=tmp_path)
    assert time.monotonic() - began < 6
    assert (result.returncode, result.stdout) == (5, "before\n")
    assert result.stderr.endswith(f"tinyguard: run: a.ipynb cell 1: the kernel died ({how})\n")
    cells = document(tmp_path / "a.executed.ipynb")["cells"]
    assert printed(cells[0]) == ["before\n"]
    assert error(cells[0]) == f"DeadKernelError: the kernel died ({how})"
    assert cells[1]["outputs"] == []
    about = run_of(tmp_path / "a.executed.ipynb")
    assert (about["status"], about["cell"]) == ("kernel died", "cell-1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "exit_code", "how"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated by SIGTERM"),
        (signal.SIGHUP, 129, "terminated by SIGHUP"),
    ],
)
def test_an_interrupted_run_keeps_what_there_is(tmp_path: Path, number: int, exit_code: int, how: str) -> None:
    notebook(tmp_path / "a.ipynb", "print('first')", SLEEP, "print('never')")
    process = Process("a.ipynb", cwd=tmp_path)
    assert [process.line(), process.line()] == ["first\n", "asleep\n"]
    process.signal(number)
    result = process.result()
    assert (result.returncode, result.stdout) == (exit_code, "")
    assert result.stderr.endswith(f"tinyguard: run: a.ipynb cell 2: {how}\n")
    cells = document(tmp_path / "a.executed.ipynb")["cells"]
    assert printed(cells[0]) == ["first\n"]
    assert printed(cells[1]) == ["asleep\n"]
    assert error(cells[1]) == f"KeyboardInterrupt: the run was {how}"
    assert cells[2]["outputs"] == []
    assert run_of(tmp_path / "a.executed.ipynb")["status"] == "interrupted"


@pytest.mark.slow
def test_a_second_interruption_waits_for_nothing_and_keeps_the_copy(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{SLEEP}")
    process = Process("a.ipynb", cwd=tmp_path)
    assert process.line() == "asleep\n"
    began = time.monotonic()
    for _ in range(4):
        process.signal(signal.SIGINT)
        time.sleep(0.1)
    assert process.result().returncode == 130
    assert time.monotonic() - began < 3
    (cell,) = document(tmp_path / "a.executed.ipynb")["cells"]
    assert error(cell) == "KeyboardInterrupt: the run was interrupted"


@pytest.mark.slow
def test_an_interruption_while_the_kernel_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "open('executed', 'w')")
    (tmp_path / "kernels" / "mute").mkdir(parents=True)
    command = [sys.executable, "-c", "open('started', 'w'); import time; time.sleep(100)", "{connection_file}"]
    spec = {"argv": command, "language": "python", "display_name": "mute"}
    (tmp_path / "kernels" / "mute" / "kernel.json").write_text(json.dumps(spec))
    process = Process("a.ipynb", "--kernel", "mute", cwd=tmp_path, JUPYTER_PATH=str(tmp_path))
    deadline = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.signal(signal.SIGINT)
    result = process.result()
    assert result.returncode == 130
    assert result.stderr.endswith("tinyguard: run: a.ipynb: interrupted, and no cell was running\n")
    assert run_of(tmp_path / "a.executed.ipynb")["status"] == "interrupted"


@pytest.mark.slow
def test_a_run_that_is_killed_loses_the_running_cell_only(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", "print('first')", SLEEP)
    process = Process("a.ipynb", cwd=tmp_path)
    assert [process.line(), process.line()] == ["first\n", "asleep\n"]
    process.signal(signal.SIGKILL)
    process.process.wait()
    deadline = time.monotonic() + 20
    while list(process.left()) and time.monotonic() < deadline:  # the kernel looks after its parent every second
        time.sleep(0.1)
    assert process.result().returncode == -signal.SIGKILL
    assert printed(document(tmp_path / "a.executed.ipynb")["cells"][0]) == ["first\n"]
    assert run_of(tmp_path / "a.executed.ipynb")["status"] == "running"
