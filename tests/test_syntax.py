"""IPython's syntax becomes Python of the same lines and columns."""

from __future__ import annotations

import ast
import warnings

import pytest

from tinyguard.notebook.lines import logical_lines
from tinyguard.notebook.magics import statement_start
from tinyguard.notebook.syntax import Fault, parse


def lines(source: str) -> list[tuple[int, str]]:
    """The statements of a cell with their lines; a `pass` stands for what only IPython understands."""
    tree = parse(source).tree
    assert tree is not None, parse(source)
    return [(statement.lineno, ast.unparse(statement)) for statement in tree.body]


@pytest.mark.parametrize(
    "line",
    [
        "%matplotlib inline",
        "% matplotlib inline",
        "!pip install torch",
        "!!ls",
        "!echo \"it's [",
        "?model",
        "??model",
        "model?",
        "model.fc[0].weight??",
        "%timeit?",
        "torch.*load*?",
        "/train model loader",
        ",train a b",
        ";train a b",
        "pip install torch",
        "conda install -y torch",
        "cd ..",
        "cd '/content/drive/My Drive'",
        "ls *.pt",
        "matplotlib inline",
        "load_ext autoreload",
        "run train.py",
        "!pip install torch \\\n    torchvision",
    ],
)
def test_a_line_for_ipython_takes_its_lines_and_does_nothing(line: str) -> None:
    height = line.count("\n") + 1
    assert lines(f"a = 1\n{line}\nb = 2") == [(1, "a = 1"), (2, "pass"), (2 + height, "b = 2")]
    assert lines(f"{line}\nb = 2") == [(1, "pass"), (1 + height, "b = 2")]


@pytest.mark.parametrize("line", ["ls", "ls -l", "pwd", "cd -p", "whos", "watermark -iv"])
def test_a_cell_of_one_command_is_no_python_although_it_parses(line: str) -> None:
    assert lines(line) == []


def test_names_that_are_commands_elsewhere_stay_python() -> None:
    assert lines("ls()") == [(1, "ls()")]
    assert lines("ls - 1") == [(1, "ls - 1")]
    assert lines("run = 1\n!ls\nload = run") == [(1, "run = 1"), (2, "pass"), (3, "load = run")]
    assert lines("time = 3\n!ls\ntime (4)") == [(1, "time = 3"), (2, "pass"), (3, "time(4)")]


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("files = !ls", "files = get_ipython().getoutput()"),
        ("files = ! ls \\\n  -l", "files = get_ipython().getoutput()"),
        ("a, b = !ls", "a, b = get_ipython().getoutput()"),
        ("found['x=y'] = !ls", "found['x=y'] = get_ipython().getoutput()"),
        ("home = %env HOME", "home = get_ipython().run_line_magic()"),
        ("timing = %timeit -o f()", "timing = get_ipython().run_line_magic()"),
    ],
)
def test_what_ipython_gives_is_an_unknown_value(line: str, python: str) -> None:
    assert lines(f"{line}\ny = 1") == [(1, python), (line.count("\n") + 2, "y = 1")]


def test_magics_inside_blocks_leave_a_block() -> None:
    source = "if x:\n    !ls\nelse:\n    %cd foo\nfor i in x:\n    i?\n    y = i"
    assert lines(source) == [
        (1, "if x:\n    pass\nelse:\n    pass"),
        (5, "for i in x:\n    pass\n    y = i"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        'text = """\n%matplotlib inline\n!ls\nwhat?\n"""',
        "text = f'''\n!ls {x}\n'''",
        "rest = (a\n% b)",
        "rest = a \\\n% b",
        "files = [\n  'a',  # !ls\n  'b?',\n]",
        "x = 1  # is it?",
        "x = 'is it?'",
        "x != 3",
        "print('x =!y')",
        "x = y % z",
    ],
)
def test_what_only_looks_like_a_magic_stays(statement: str) -> None:
    tree = ast.parse(statement)
    assert lines(f"{statement}\n!ls")[0] == (1, ast.unparse(tree.body[0]))


@pytest.mark.parametrize(
    ("source", "statement"),
    [
        ("%time model = fit(x)", "model = fit(x)"),
        ("%timeit -n 10 -r3 fit(x)", "fit(x)"),
        ("%prun -s cumtime fit(x)", "fit(x)"),
        ("%%time fit(x)", "fit(x)"),
        ("time model = fit(x)", "model = fit(x)"),
        ("if x:\n    %time model = fit(x)", "model = fit(x)"),
        ("%time for x in y: fit(x)", "fit(x)"),
        ("%lprun -f fit -s fit(x)", "fit(x)"),
        (">>> model = fit(x)", "model = fit(x)"),
        ("In [3]: model = fit(x)", "model = fit(x)"),
        ("    model = fit(x)\n    !ls", "model = fit(x)"),
        ("!ls\néé = 'é'; model = fit(x)", "model = fit(x)"),
    ],
)
def test_python_behind_a_magic_keeps_its_columns(source: str, statement: str) -> None:
    """Every name of the tree stands in the source where the tree says."""
    tree = parse(source).tree
    assert tree is not None
    found = [ast.get_source_segment(source, node) for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    assert statement in found
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            assert ast.get_source_segment(source, node) == node.id


def test_a_magic_whose_rest_is_no_python_does_nothing() -> None:
    assert lines("%time\nx = 1") == [(1, "pass"), (2, "x = 1")]
    assert lines("%time if\nx = 1") == [(1, "pass"), (2, "x = 1")]


@pytest.mark.parametrize(
    "first", ["%%time", "%%capture", "%%prun -s cumtime", "%%memit", "\n\n%%time", "# timed\n%%time", "%%unheard_of -x"]
)
def test_a_transparent_cell_magic_leaves_its_body_on_its_lines(first: str) -> None:
    height = first.count("\n") + 1
    assert lines(f"{first}\nx = 1\n!ls\ny = 2") == [(height + 1, "x = 1"), (height + 2, "pass"), (height + 3, "y = 2")]


def test_cell_magics_stack() -> None:
    assert lines("%%capture out\n%%time\nx = 1") == [(3, "x = 1")]
    assert parse("%%capture out\n%%bash\nls").code is False


def test_the_setup_of_timeit_is_python() -> None:
    assert lines("%%timeit -n 3 x = 1\ny = x") == [(1, "x = 1"), (2, "y = x")]


@pytest.mark.parametrize(
    "source",
    [
        "%%bash\nls -la",
        "%%html\n<b>",
        "%%script false\nx = 1",
        "%%writefile a.py\nx = 1",
        "%%javascript\nlet x",
        "%%unheard_of\nSELECT * FROM x",
        "%md\n# A title",
        "# shell\n%%sh\nls -la",
    ],
)
def test_a_cell_in_another_language_is_no_code_and_no_error(source: str) -> None:
    parsed = parse(source)
    assert (parsed.tree, parsed.fault, parsed.code) == (None, None, False)


def test_the_file_that_a_cell_writes_is_known() -> None:
    assert parse("%%writefile going/models.py\nx = 1").written_to == "going/models.py"
    assert parse("%%writefile 'my models.py'\nx = 1").written_to == "my models.py"
    assert parse("%%writefile -a models.py\nx = 1").written_to == ""
    assert parse("%%bash\nls").written_to == ""


@pytest.mark.parametrize(
    ("source", "binds"),
    [
        ("%%capture out\nx = 1", ("out",)),
        ("%%capture --no-stderr out\nx = 1", ("out",)),
        ("%%capture\nx = 1", ()),
        ("%%bash --out listing\nls", ("listing",)),
        ("%%cython\ncdef int x", ("*",)),
        ("%run helper.py", ("*",)),
        ("%pylab inline", ("*",)),
        ("%store -r model", ("*",)),
        ("%store model", ()),
        ("%matplotlib inline", ()),
        ("%load_ext autoreload", ()),
        ("x = 1", ()),
        ("def :", ("*",)),
    ],
)
def test_names_bound_by_magics(source: str, binds: tuple[str, ...]) -> None:
    assert parse(source).binds == binds


def test_await_at_the_top_level_is_python() -> None:
    assert lines("await f()\nasync with a as b:\n    pass")[0] == (1, "await f()")


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\ny = = 2", 2, "invalid syntax"),
        ("!ls\n\ndef f(:", 3, "invalid syntax"),
        ("%%time\nx = 1\n  y = 2", 3, "unexpected indent"),
        ("x = 1\nprint x", 2, "Python 2 syntax (Missing parentheses in call to 'print'. Did you mean print(...)?)"),
        ("x\nexec 'y'", 2, "Python 2 syntax (Missing parentheses in call to 'exec'. Did you mean exec(...)?)"),
        ("x = 'a\0b'", 1, "source code string cannot contain null bytes"),
        ("x = 1\ny = '\ud800'", 2, "half a character (a lone surrogate)"),
        ("x = " + "-" * 100_000 + "1", 1, "nested too deeply to be parsed"),
        ("x = a" + ".b" * 100_000, 1, "nested too deeply to be parsed"),
        ("x = " + "(" * 10_000, 1, "too many nested parentheses"),
    ],
)
def test_a_cell_that_does_not_parse_says_where_and_why(source: str, line: int, message: str) -> None:
    parsed = parse(source)
    assert parsed.tree is None
    assert parsed.fault == Fault(line, message)


def test_invalid_escapes_are_no_faults() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert parse(r"x = '\d'").tree is not None


def test_logical_lines_lose_nothing() -> None:
    source = "x = (1,\n  2)\n!a \\\n  b\n'''\n%c\n'''\nd = \\\n  e  # it's [\nf = '[' ; g"
    pieces = ["x = (1,\n  2)\n", "!a \\\n  b\n", "'''\n%c\n'''\n", "d = \\\n  e  # it's [\n", "f = '[' ; g"]
    assert list(logical_lines(source)) == pieces


def test_options_of_a_magic_end_where_its_statement_begins() -> None:
    assert statement_start("timeit", "-n 10 -qr3 f(x)") == len("-n 10 -qr3 ")
    assert statement_start("timeit", "-x") == 0
    assert statement_start("time", "-x + y") == len("-x ")  # as IPython reads it
