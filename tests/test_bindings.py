"""Names as Python resolves them: what a cell reads, binds and deletes, and what calls of its functions need."""

from __future__ import annotations

import ast

import pytest

from tinyguard.program.names.bindings import cell_names
from tinyguard.program.names.steps import BIND, READ, CellNames, Class, Function, Step


def names_of(source: str) -> CellNames:
    return cell_names(ast.parse(source))


def read(source: str) -> set[str]:
    return set(names_of(source).read)


def function(source: str) -> Function:
    """The last thing that the source binds."""
    value = names_of(source).steps[-1].value
    assert isinstance(value, Function)
    return value


def deferred(source: str) -> set[str]:
    """What a call of the function reads from the notebook."""
    found = function(source)
    own = {argument.arg for argument in ast.walk(found.node.args) if isinstance(argument, ast.arg)}
    return {step.name for step in found.steps if step.kind == READ} - own


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = y", {"y"}),
        ("x = 1\nprint(x)", {"print"}),
        ("x += 1", {"x"}),
        ("a.b.c = d[e]", {"a", "d", "e"}),
        ("f(key=value, **rest)", {"f", "value", "rest"}),
        ("model.train(mode=True).fit", {"model"}),
        ("f'{x:{width}} {y!r}'", {"x", "width", "y"}),
        ("[i * k for i in items if i > low]", {"k", "items", "low"}),
        ("{i: j for i in a for j in i}", {"a"}),
        ("sum(i for i in i)", {"sum", "i"}),
        ("lambda a, b=c: a + d", {"c", "d"}),
        ("if (n := len(a)) > 1: print(n)", {"len", "a", "print"}),
        ("import a.b, c as d\nprint(a, d)", {"print"}),
        ("import a.b\nb", {"b"}),
        ("from a import b as c\nb, c", {"b"}),
        ("for i in range(3): pass\ni", {"range"}),
        ("with open(p) as (f, g): f, g", {"open", "p"}),
        ("def f(x: int = default) -> Result: return hidden", {"int", "default", "Result"}),
        ("from __future__ import annotations\ndef f(x: T) -> U: pass", set()),
        ("@decorate(1)\nclass C(Base, metaclass=Meta):\n    x = y\n    z = x", {"decorate", "Base", "Meta", "y"}),
        ("class C:\n    def f(self): return hidden", set()),
        ("x: int", {"int"}),
        ("x: int\nx", {"int", "x"}),
        ("try: a\nexcept E as e: e", {"a", "E", "e"}),
        ("del x", set()),
        (
            "match a:\n    case {'k': v, **rest} if v > w: v, rest\n    case C(p=q) | [q, *_]: q",
            {"a", "w", "C", "v", "rest", "q"},
        ),
        ("match a:\n    case None: pass\n    case c.D: pass", {"a", "c"}),
        ("async def f(): await g()", set()),
        ("await g()", {"g"}),
        ("x = yield_ = z", {"z"}),
    ],
)
def test_reads_before_own_bindings(source: str, expected: set[str]) -> None:
    # What a branch binds is only perhaps bound behind it, so those reads are listed.
    assert read(source) == expected


@pytest.mark.parametrize(
    ("source", "sure", "perhaps"),
    [
        ("a, (b, *c) = d", {"a", "b", "c"}, set()),
        ("a = b = 1", {"a", "b"}, set()),
        ("if x: a = 1", set(), {"a"}),
        ("if x: a = 1\nelse: a = 2", {"a"}, set()),
        ("if x: a = 1\nelif y: a = 2\nelse: a = 3", {"a"}, set()),
        ("if __name__ == '__main__': a = 1", {"a"}, set()),
        ("for i in x:\n    a = 1", {"i", "a"}, set()),
        ("try: import a\nexcept ImportError: a = None", set(), {"a"}),
        ("try: a = 1\nfinally: b = 2", {"a", "b"}, set()),
        ("try: a = 1\nexcept KeyboardInterrupt: pass", {"a"}, set()),
        ("while x: a = 1", {"a"}, set()),
        ("import a.b.c", {"a"}, set()),
        ("class C:\n    x = 1\n    def f(self): self.y = 1", {"C"}, set()),
        ("def f():\n    x = 1", {"f"}, set()),
        ("[x for x in y]", set(), set()),
        ("[(last := x) for x in y]", {"last"}, set()),
        ("raise ValueError\na = 1", set(), {"a"}),
        ("a.b = c[0] = 1", set(), set()),
    ],
)
def test_bindings_are_sure_or_possible(source: str, sure: set[str], perhaps: set[str]) -> None:
    found = names_of(source)
    assert (found.bound_for_sure, found.bound - found.bound_for_sure) == (sure, perhaps)


def test_deletion_takes_a_name_away() -> None:
    found = names_of("x = 1\ndel x\nprint(x)")
    assert found.deleted == {"x"}
    assert "x" in found.read


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(a, *b, c=1, **d): return a, b, c, d, e", {"e"}),
        ("def f():\n    x = 1\n    return x", set()),
        ("def f():\n    print(x)\n    x = 1", {"print"}),
        ("def f():\n    global x\n    x = y\n    return x", {"y"}),
        ("def f():\n    def g(): return x, y\n    x = 1\n    return g", {"y"}),
        ("def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += m\n    return g", {"m"}),
        ("def f(x): return [x + y for y in z]", {"z"}),
        ("def f():\n    import a\n    class C(a.B):\n        k = v\n    return C", {"v"}),
        ("def f(x):\n    x = x + 1\n    return lambda y: x + y + z", {"z"}),
        ("def f():\n    for i, (a, b) in enumerate(p): pass\n    with q as r: pass", {"enumerate", "p", "q"}),
        ("f = lambda a: a + b", {"b"}),
    ],
)
def test_functions_read_the_notebook_when_they_are_called(source: str, expected: set[str]) -> None:
    assert deferred(source) == expected


def test_global_binds_at_the_call() -> None:
    steps = function("def f():\n    global x\n    x = 1").steps
    assert [(step.kind, step.name) for step in steps] == [(BIND, "x")]


def certain(source: str, name: str) -> bool:
    return next(step.certain for step in names_of(source).steps if step.kind == READ and step.name == name)


@pytest.mark.parametrize(
    "source",
    [
        "x",
        "for i in r: x",
        "with w: x",
        "x and y",
        "y if x else z",
        "[x for i in r]",
        "try: x\nexcept KeyboardInterrupt: 0",
    ],
)
def test_what_runs_anyway_is_certain(source: str) -> None:
    assert certain(source, "x")


@pytest.mark.parametrize(
    "source",
    [
        "if y: x",
        "y and x",
        "z if y else x",
        "[x for i in r if i]",
        "try: x\nexcept NameError: 0",
        "try: x\nexcept: 0",
        "raise y\nx",
        "sys.exit()\nx",
        "f(lambda: x)",
        "assert y, x",
        "match y:\n    case 1: x",
    ],
)
def test_what_may_not_run_is_not(source: str) -> None:
    assert not certain(source, "x")


def test_what_follows_a_conditional_return_is_not_certain() -> None:
    steps = function("def f(a):\n    if a: return\n    b").steps
    assert [step.certain for step in steps if step.name == "b"] == [False]


@pytest.mark.parametrize(
    "source", ["exec(code)", "globals()['x'] = 1", "locals().update(d)", "vars()['x'] = 1", "from a import *"]
)
def test_code_that_may_bind_anything(source: str) -> None:
    assert "*" in names_of(source).bound


@pytest.mark.parametrize("source", ["vars(options)", "'x' in globals()", "'x' not in locals()"])
def test_looking_at_a_namespace_binds_nothing(source: str) -> None:
    assert "*" not in names_of(source).bound


def test_classes_keep_their_methods_for_later() -> None:
    step: Step = names_of("class Net(Base):\n    def forward(self, x): return scale * x").steps[-1]
    assert isinstance(step.value, Class)
    assert step.value.bases == ("Base",)
    assert {inner.name for inner in step.value.methods["forward"].steps} >= {"scale"}


def test_magics_bind_what_they_say() -> None:
    assert cell_names(ast.parse("x"), ["out"]).bound == {"out"}
    assert cell_names(ast.parse("x"), ["*"]).bound == {"*"}


def test_an_expression_deeper_than_the_stack_is_survived() -> None:
    tree: ast.expr = ast.Name("x", ast.Load())
    for _ in range(5000):
        tree = ast.UnaryOp(ast.USub(), tree)
    assert cell_names(ast.Module([ast.Expr(tree)], [])).bound == {"*"}
