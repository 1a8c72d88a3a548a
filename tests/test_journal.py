"""The journal: real files, real processes, and events of every kind there and back."""

from __future__ import annotations

import json
import math
import os
import signal
import time
import types
from collections.abc import Hashable, Mapping
from contextlib import suppress
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import child, damaged, journal
from stories import at, ended, optimizer_built, stepped

from tinyguard import events
from tinyguard.events import CellExecuted, Event, Measured, NameBound, OptimizerStepped
from tinyguard.finding import Finding, Place, Severity
from tinyguard.journal.encoding import decode, encode, known_records
from tinyguard.journal.errors import EncodingError, JournalError
from tinyguard.journal.files import journal_folder, journals
from tinyguard.journal.notes import MOST_TEXT, CellSource, LeftOut, SessionEnded, cell_source
from tinyguard.journal.reading import Unreadable, lines, sessions
from tinyguard.journal.reading import events as events_in
from tinyguard.journal.writing import Journal
from tinyguard.record import Record

# --- there and back --------------------------------------------------------------------------------------------------

NAMES = st.text(max_size=8)  # also lone surrogates, quotes, line ends
INTEGERS = st.integers() | st.integers(0, 9)
NUMBERS = st.floats() | st.integers().map(float)
SETTLED = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | NAMES | st.binary(max_size=3)
CONDITIONS = st.recursive(
    SETTLED, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3)
)
PLAIN = st.recursive(
    SETTLED | NUMBERS | st.complex_numbers(allow_nan=False) | st.just(...),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(CONDITIONS, inner, max_size=3)
        | st.frozensets(CONDITIONS, max_size=3)
    ),
    max_leaves=8,
)


@cache
def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that a field with this annotation may have."""
    origin, of = get_origin(annotation), get_args(annotation)
    single = {int: INTEGERS, float: NUMBERS, str: NAMES, bool: st.booleans(), type(None): st.none()}
    if annotation in single:
        return single[annotation]
    if annotation is Any:
        return PLAIN
    if annotation is Hashable:
        return CONDITIONS
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values, of))
    if origin is tuple and of[1] is Ellipsis:
        return st.lists(values(of[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, of))
    if annotation == frozenset[int]:
        return st.frozensets(INTEGERS, max_size=3) | st.builds(
            lambda first: frozenset(range(first, first + 9)), INTEGERS
        )
    if origin is frozenset:
        return st.frozensets(values(of[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(NAMES, values(of[1]), max_size=3)
    if issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    assert issubclass(annotation, Record | tuple), annotation
    return some(annotation)


def some(kind: Any) -> st.SearchStrategy[Any]:
    """Records or named tuples of this kind, with any of the fields that have a default left out."""
    hints = get_type_hints(kind)
    required = kind._required if issubclass(kind, Record) else set(kind._fields) - kind._field_defaults.keys()
    fields = {name: values(hints[name]) for name in kind._fields}
    optional = {name: value for name, value in fields.items() if name not in required}
    chosen = st.fixed_dictionaries({name: fields[name] for name in sorted(required)}, optional=optional)
    return chosen.map(lambda given: kind(**given))


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types all the way down, and nan is nan."""
    if type(one) is not type(other):
        return False
    match one:
        case Record():
            return same(one.values(), other.values())
        case float():
            return one == other or (math.isnan(one) and math.isnan(other))
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case dict():
            return len(one) == len(other) and all(map(same, one.items(), other.items()))
        case frozenset():
            return one == other and all(any(same(item, there) for there in other) for item in one)
    return bool(one == other)


def test_every_kind_of_event_can_be_written() -> None:
    def below(kind: type[Event]) -> set[type[Event]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    of_ours = {kind for kind in below(Event) if kind.__module__.startswith("tinyguard.")} - {Event, Measured}
    assert of_ours | {Finding, CellSource, LeftOut, SessionEnded} == set(known_records().values())


@pytest.mark.parametrize("kind", known_records().values(), ids=known_records())
def test_what_is_read_is_what_was_written(kind: type[Record]) -> None:
    @given(some(kind))
    @settings(max_examples=40, deadline=None)
    def there_and_back(record: Record) -> None:
        line = encode(record, at=1.5)
        assert b"\n" not in line
        assert same(decode(line), record)

    there_and_back()


def test_lines_are_short_and_tell_their_kind_first() -> None:
    step = OptimizerStepped(
        place=Place("a.ipynb", 3, 7), optimizer=2, parameters=events.Parameters(frozenset(range(62)))
    )
    assert encode(step, at=1.23456) == (
        b'{"type":"OptimizerStepped","place":["a.ipynb",3,7],"optimizer":2,"parameters":[[[0,61]]],"at":1.235}'
    )


def test_stretches_of_numbers_and_defaults_at_the_end_are_shortened() -> None:
    event = events.GradientsSet(place=Place("a"), parameters=events.Parameters(frozenset({1, 2, 5, 7, 8, 9}), False))
    assert encode(event) == b'{"type":"GradientsSet","place":["a"],"parameters":[[1,2,5,[7,9]],false]}'


def test_a_nan_is_no_null() -> None:
    event = events.MetricReported(place=at(1), name="loss", kind="loss", value=math.nan)
    assert b'"value":"nan"' in encode(event)


def test_what_no_line_can_hold_is_refused() -> None:
    with pytest.raises(EncodingError, match=r"OptimizerBuilt: a journal holds plain values only, not <object"):
        encode(optimizer_built(1)[0].replace(settings={"closure": object()}))

    class Own(Event):
        pass

    with pytest.raises(EncodingError, match="Own: a journal holds no such records"):
        encode(Own(place=at(1)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "is not JSON: it was cut off or changed"),
        ('{"type":"ModeSet","pla', "is not JSON: it was cut off or changed"),
        ("[" * 100_000, "is not JSON: it was cut off or changed"),
        ("[]", 'has no "type"'),
        ('{"type":"OptimiserStepped"}', 'knows no "OptimiserStepped"; did you mean "OptimizerStepped"?'),
        (
            '{"type":"ModeSet","place":["a",1],"model":1,"mode":1}',
            'ModeSet: unknown field "mode", the field "training" is missing',
        ),
        ('{"type":"ModeSet","place":["a",1],"model":"1","training":true}', "ModeSet.model: wants an integer, not '1'"),
        (
            '{"type":"ModeSet","place":["a",1],"model":1,"training":1}',
            "ModeSet.training: wants bool or NoneType, not 1",
        ),
        ('{"type":"ModeSet","place":[],"model":1,"training":true}', "ModeSet.place: wants 1 to 6 items for path, cell"),
        (
            '{"type":"ModeSet","place":["a",true],"model":1,"training":true}',
            "ModeSet.place.cell: wants int or NoneType",
        ),
        (
            '{"type":"Escaped","place":["a"],"objects":[1,"x"]}',
            "Escaped.objects[1]: wants an integer, not 'x'",
        ),
        ('{"type":"GradientsSet","place":["a"],"parameters":[[[1,99999999999]]]}', "GradientsSet.parameters.leaves"),
        ('{"type":"SessionEnded","at":"now"}', '"at" is no number of seconds'),
        (
            '{"type":"Finding","code":"TNY1","severity":"FATAL","message":"","place":["a"]}',
            "Finding.severity: wants one of NOTE, WARNING, ERROR, not 'FATAL'",
        ),
        (
            '{"type":"SettingIgnored","place":["a"],"name":"x","value":{"set":[[1]]},"configured":1,'
            '"configured_at":["a"],"configured_as":"x"}',
            "SettingIgnored.value: wants what a set can hold",
        ),
    ],
)
def test_what_is_wrong_with_a_line_is_told(line: str, message: str) -> None:
    with pytest.raises(EncodingError) as raised:
        decode(line)
    assert message in str(raised.value)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_changed_line_is_refused_or_read_but_never_breaks(data: st.DataObject) -> None:
    """Whatever the change: a record of some kind, or an error of ours."""
    line = bytearray(encode(optimizer_built(1)[0].replace(settings={"betas": (0.9, 0.999)}, lr=1e-3), at=1.0))
    for _ in range(data.draw(st.integers(1, 3))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.sampled_from(b'[]{}",:0a-n\xff'))
    with suppress(EncodingError):
        assert isinstance(decode(bytes(line)), Record)


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_journal_begins_with_its_session(tmp_path: Path) -> None:
    path = journal(tmp_path / ".tinyguard", notebook="a.ipynb", kernel="k-1")
    first, last = Path(path).read_text().splitlines()
    told = json.loads(first)
    assert list(told)[:5] == ["tinyguard_journal", "version", "notebook", "kernel", "started"]
    assert (told["tinyguard_journal"], told["notebook"], told["kernel"]) == (1, os.path.abspath("a.ipynb"), "k-1")
    assert told["pid"] == os.getpid()
    assert json.loads(last)["type"] == "SessionEnded"
    assert f"-{os.getpid()}-" in path


def test_git_sees_nothing_of_it(tmp_path: Path) -> None:
    journal(tmp_path / ".tinyguard")
    assert (tmp_path / ".tinyguard" / ".gitignore").read_text() == "*\n"
    (tmp_path / ".tinyguard" / ".gitignore").write_text("mine\n")
    journal(tmp_path / ".tinyguard")
    assert (tmp_path / ".tinyguard" / ".gitignore").read_text() == "mine\n"


def test_journals_lie_in_the_nearest_project(tmp_path: Path) -> None:
    book = tmp_path / "notebooks" / "deep" / "a.ipynb"
    book.parent.mkdir(parents=True)
    assert journal_folder(os.fspath(book)) == os.fspath(book.parent / ".tinyguard")
    for name in (".git", "notebooks/pyproject.toml", "notebooks/deep/.tinyguard"):
        (tmp_path / name).touch()
        root = (tmp_path / name).parent
        assert (
            journal_folder(os.fspath(book)) == journal_folder(os.fspath(book.parent)) == os.fspath(root / ".tinyguard")
        )


def test_rare_events_are_in_the_file_at_once_and_steps_soon(tmp_path: Path) -> None:
    writer = Journal(os.fspath(tmp_path), on_fault=pytest.fail)
    births = optimizer_built(1)
    for event in births:
        writer.write(event)
    assert list(events_in(writer.path)) == births
    writer.write(stepped(2))
    assert list(events_in(writer.path)) == births
    time.sleep(0.25)
    writer.write(stepped(3))
    assert list(events_in(writer.path)) == [*births, stepped(2), stepped(3)]
    writer.write(stepped(4))
    writer.flush()
    assert list(events_in(writer.path))[-1] == stepped(4)
    writer.close()
    writer.write(stepped(5))
    writer.flush()
    assert [type(line.record) for line in lines(writer.path)][-1] is SessionEnded


def test_a_record_that_cannot_be_written_is_told_once_and_costs_only_itself(tmp_path: Path) -> None:
    faults: list[str] = []
    writer = Journal(os.fspath(tmp_path), on_fault=faults.append)
    wrong = optimizer_built(1)[0].replace(settings={"closure": print})
    for event in (wrong, stepped(2), wrong, stepped(3)):
        writer.write(event)
    writer.close()
    (fault,) = faults
    assert fault.startswith(
        f"{writer.path}: left out of the journal: OptimizerBuilt: a journal holds plain values only"
    )
    kinds = [type(line.record).__name__ for line in lines(writer.path)]
    assert kinds == ["LeftOut", "OptimizerStepped", "LeftOut", "OptimizerStepped", "SessionEnded"]


def test_a_forked_child_writes_nothing(tmp_path: Path) -> None:
    writer = Journal(os.fspath(tmp_path), on_fault=pytest.fail)
    writer.write(stepped(1))  # waits
    child_pid = os.fork()
    if child_pid == 0:
        writer.write(optimizer_built(9)[0])
        writer.flush()
        writer.close()
        os._exit(0)
    os.waitpid(child_pid, 0)
    writer.close()
    assert list(events_in(writer.path)) == [stepped(1)]


# --- what befalls it -------------------------------------------------------------------------------------------------


def test_a_killed_kernel_loses_at_most_its_last_moment(tmp_path: Path) -> None:
    program = """
journal = Journal(folder, on_fault=print)
for number in range(1, 1_000_000):
    journal.write(stepped(number))
    if number % 1000 == 0:
        journal.write(CellExecuted(place=at(1), count=number, order=number))
        print(number, flush=True)
"""
    with child(program, tmp_path) as process:
        assert process.stdout is not None
        for _ in range(5):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout.read().split("\n")[:-1] if line)])
    (path,) = journals(os.fspath(tmp_path))
    unreadable: list[Unreadable] = []
    found = list(events_in(path, unreadable.append))
    steps = [event.place.line for event in found if isinstance(event, OptimizerStepped)]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= told
    assert len(unreadable) <= 1
    (session,) = sessions(os.fspath(tmp_path))
    assert not session.alive
    assert session.last == found[-1]


def test_two_kernels_in_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    program = """
journal = Journal(folder, on_fault=print, notebook=sys.argv[2], max_journals=1)
print(journal.path, flush=True)
for number in range(1, 2001):
    journal.write(stepped(number))
journal.flush()
sys.stdin.readline()
"""
    for _ in range(3):
        journal(tmp_path, stepped(1), notebook="old.ipynb")
    processes = []
    for name in ("a.ipynb", "b.ipynb"):
        command = child(program, tmp_path, name)
        processes.append(command)
    paths = [process.stdout.readline().strip() for process in processes if process.stdout is not None]
    try:
        deadline = time.monotonic() + 30
        while any(len(list(events_in(path))) < 2000 for path in paths):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sorted(journals(os.fspath(tmp_path))) == sorted(paths), (
            "the finished ones are gone, those in use are not"
        )
        found = sessions(os.fspath(tmp_path))
        assert [session.alive for session in found] == [True, True]
        assert [session.path for session in sessions(os.fspath(tmp_path), "b.ipynb")] == [paths[1]]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    for path in paths:
        assert [event.place.line for event in events_in(path)] == list(range(1, 2001))
    assert [session.alive for session in sessions(os.fspath(tmp_path))] == [False, False]


def test_a_child_that_outlives_its_kernel_does_not_keep_the_session_alive(tmp_path: Path) -> None:
    """A worker of a DataLoader holds the lock of the kernel that forked it."""
    program = """
journal = Journal(folder, on_fault=print)
worker = os.fork()
if worker == 0:
    time.sleep(60)
    os._exit(0)
print(worker, flush=True)
"""
    with child(program, tmp_path) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
    try:
        (session,) = sessions(os.fspath(tmp_path))
        assert not session.alive
    finally:
        os.kill(worker, signal.SIGKILL)


def test_a_full_disk_ends_the_journal_and_nothing_else(tmp_path: Path) -> None:
    program = """
import resource
faults = []
journal = Journal(folder, on_fault=faults.append)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
for number in range(1, 5001):
    journal.write(stepped(number))
    if number % 100 == 0:
        journal.flush()
journal.close()
print(faults == [f"{journal.path}: the journal ends here: File too large"], faults)
"""
    with child(program, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.read().startswith("True")
    (path,) = journals(os.fspath(tmp_path))
    assert os.path.getsize(path) == 5000
    unreadable: list[Unreadable] = []
    steps = [event.place.line for event in events_in(path, unreadable.append)]
    assert steps == list(range(1, len(steps) + 1))
    assert steps
    assert [line.number for line in unreadable] == [len(steps) + 2]


def test_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / ".tinyguard").write_text("a file")
    faults: list[str] = []
    writer = Journal(os.fspath(tmp_path / ".tinyguard"), on_fault=faults.append)
    for event in (stepped(1), *optimizer_built(2)):
        writer.write(event)
    writer.flush()
    writer.close()
    assert (writer.path, faults) == ("", [f"{tmp_path}/.tinyguard: no journal can be written there: File exists"])


def test_the_folder_is_deleted_meanwhile(tmp_path: Path) -> None:
    faults: list[str] = []
    writer = Journal(os.fspath(tmp_path / ".tinyguard"), on_fault=faults.append)
    writer.write(optimizer_built(1)[0])
    for path in (tmp_path / ".tinyguard").iterdir():
        path.unlink()
    (tmp_path / ".tinyguard").rmdir()
    for event in (*optimizer_built(1), stepped(2)):
        writer.write(event)
    writer.close()
    assert faults == [f"{writer.path}: the journal ends here: the file was deleted"]
    assert not (tmp_path / ".tinyguard").exists()


def test_without_locks_the_number_of_the_process_tells(tmp_path: Path) -> None:
    """As on Windows: there is no fcntl."""
    finished = journal(tmp_path, stepped(1))
    program = """
sys.modules["fcntl"] = None
for name in [name for name in sys.modules if name.startswith("tinyguard")]:
    del sys.modules[name]
from tinyguard.journal.writing import Journal
from tinyguard.journal.reading import sessions
journal = Journal(folder, on_fault=print, max_journals=1)
print([session.alive for session in sessions(folder)], flush=True)
"""
    with child(program, tmp_path) as process:
        assert process.stdout is not None
        # The one of this very process stays: its number may mean that it is in use.
        assert process.stdout.read() == "[True, True]\n"
    assert len(journals(os.fspath(tmp_path))) == 2
    assert os.path.exists(finished)


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_a_long_training_keeps_its_births_and_drops_its_steps(tmp_path: Path) -> None:
    ran = CellExecuted(place=at(1, 2), count=2, order=2)
    finding = Finding(code="TNY501", severity=Severity.ERROR, message="m", place=at(2))
    steps = [stepped(line) for line in range(1, 301)]
    path = journal(tmp_path, *optimizer_built(1), *steps, ran, finding, *steps, max_bytes=20_000)
    found = [line.record for line in lines(path)]
    kinds = [type(record).__name__ for record in found]
    assert kinds[-4:] == ["LeftOut", "CellExecuted", "Finding", "SessionEnded"]
    assert isinstance(found[-4], LeftOut)
    assert found[-4].onwards
    assert found[-4].reason == "15,000 bytes are full: from here on only births, bindings, cells, findings"
    assert kinds[2:-4] == ["OptimizerStepped"] * (len(kinds) - 6)
    assert len(kinds) > 100
    assert 15_000 < os.path.getsize(path) < 16_000


def test_no_journal_is_longer_than_it_may_be(tmp_path: Path) -> None:
    path = journal(tmp_path, *(event for line in range(500) for event in optimizer_built(line)), max_bytes=20_000)
    assert 19_000 < os.path.getsize(path) <= 20_000
    last = [line.record for line in lines(path)][-1]
    assert last == LeftOut(reason="20,000 bytes are full", onwards=True)


def test_the_oldest_journals_go(tmp_path: Path) -> None:
    paths = [journal(tmp_path, stepped(number)) for number in range(6)]
    (tmp_path / "notes.txt").write_text("mine")
    with open(paths[1], "rb") as file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)  # somebody uses this one
        newest = journal(tmp_path, max_journals=3)
        assert journals(os.fspath(tmp_path)) == [newest, paths[5], paths[1]]
    assert (tmp_path / "notes.txt").exists()


def test_a_long_cell_is_kept_as_its_hash() -> None:
    kept = cell_source(at(1), "x" * MOST_TEXT)
    assert cell_source(at(1), "x" * (MOST_TEXT + 1)).text == ""
    assert kept.text == "x" * MOST_TEXT
    assert kept.sha256 != cell_source(at(1), "x" * (MOST_TEXT + 1)).sha256


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_damaged_line_costs_that_line(tmp_path: Path) -> None:
    path = journal(tmp_path, *(stepped(line) for line in range(2, 7)))
    damaged(path, 3, b"\x00\xff\x00")
    damaged(path, 5, b'{"type":"Unheard"}')
    unreadable: list[Unreadable] = []
    assert [event.place.line for event in events_in(path, unreadable.append)] == [2, 4, 6]
    assert [line[:2] for line in unreadable] == [(path, 3), (path, 5)]
    assert 'knows no "Unheard"' in unreadable[1].reason


def test_a_cut_last_line_is_told_as_such(tmp_path: Path) -> None:
    path = journal(tmp_path, stepped(2), stepped(3), close=False)
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:-20])
    unreadable: list[Unreadable] = []
    assert list(events_in(path, unreadable.append)) == [stepped(2)]
    assert unreadable[0].reason.endswith("and is the last one: the kernel was killed, or the disk full")


def test_of_a_long_journal_some_kinds_can_be_read(tmp_path: Path) -> None:
    ran = CellExecuted(place=at(1), count=1, order=1)
    path = journal(tmp_path, ran, *(stepped(line) for line in range(2, 7)), *optimizer_built(7))
    found = [line.record for line in lines(path, only=(CellExecuted, NameBound))]
    assert found == [ran, optimizer_built(7)[1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: no journal was begun in it"),
        (b"x = 1\n", 'is no journal of tinyguard: "tinyguard_journal" is not in its first line'),
        (b'{"cells": []}', 'is no journal of tinyguard: "tinyguard_journal" is not in its first line'),
        (
            b'{"tinyguard_journal":2,"version":"0.9.0"}\n',
            "is a journal of format 2, written by tinyguard 0.9.0; this is tinyguard 0.1.0, which reads format 1",
        ),
        (
            b'{"tinyguard_journal":1,"version":"0.1.0","notebook":5,"kernel":"","started":""}\n',
            " line 1.notebook: wants str or NoneType, not 5",
        ),
    ],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError) as raised:
        lines(os.fspath(path))
    assert str(raised.value).startswith(os.fspath(path))
    assert message in str(raised.value)
    assert sessions(os.fspath(tmp_path)) == []


def test_sessions_come_newest_first(tmp_path: Path) -> None:
    first = journal(tmp_path, stepped(1), notebook="a.ipynb", kernel="one")
    second = journal(tmp_path, notebook="b.ipynb", kernel="two")
    third = Journal(os.fspath(tmp_path), on_fault=pytest.fail, notebook="a.ipynb")
    third.write(ended())
    found = sessions(os.fspath(tmp_path))
    assert [(session.path, session.alive, session.last) for session in found] == [
        (third.path, True, ended()),
        (second, False, None),
        (first, False, stepped(1)),
    ]
    assert [session.path for session in sessions(os.fspath(tmp_path), notebook="a.ipynb")] == [third.path, first]
    assert list(found[2].events()) == [stepped(1)]
    assert sessions(os.fspath(tmp_path / "nowhere")) == []
    third.close()


def test_writing_a_journal_loads_neither_torch_nor_the_analysis() -> None:
    program = "import tinyguard.journal.writing, tinyguard.journal.restart; print(*sys.modules)"
    with child(program, "-") as process:
        assert process.stdout is not None
        loaded = set(process.stdout.read().split())
    assert not loaded & {"torch", "IPython", "tinyguard.rules", "tinyguard.lint", "tinyguard.notebook", "numpy"}
