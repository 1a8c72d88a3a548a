"""The static witness follows imports into the files beside a notebook, and into the cells that write them."""

from __future__ import annotations

import json
import os

import pytest
from watched import Watched, watch, watch_notebook

from tinyguard.events import BackwardRan, LoaderBuilt, ModelBuilt, ModeSet, Parameters, SeedSet
from tinyguard.lint import lint
from tinyguard.notebook.reader import read

SEED = "from torch import manual_seed as number\n"


def beside(notebook: str, /, **files: str) -> Watched:
    """A notebook and modules beside it; `a_b` is the file a/b.py, `a_init` the file a/__init__.py."""
    paths = {name: name.replace("_", "/").replace("init", "__init__") for name in files}
    parts = [f"# %% file: {paths[name]}.py\n{text}" for name, text in files.items()]
    return watch("\n".join([f"# %%\n{notebook}", *parts]))


@pytest.mark.parametrize(
    "use",
    [
        "import helpers\nhelpers.run(5)",
        "import helpers as h\nh.run(5)",
        "from helpers import run\nrun(5)",
        "from helpers import run as go\ngo(5)",
        "from helpers import *\nrun(5)",
        "import importlib, helpers\nimportlib.reload(helpers)\nhelpers.run(5)",
        "try:\n    from helpers import run\nexcept ImportError:\n    from other import run\nrun(5)",
        "import sys\nsys.path.append('.')\nimport helpers\nhelpers.run(5)",
    ],
)
def test_a_module_beside_the_notebook_is_run(use: str) -> None:
    seen = beside(use, helpers=f"{SEED}def run(n):\n    number(n)")
    assert seen.lines(SeedSet) == [("SeedSet", "helpers.py", 3)]
    event = seen.one(SeedSet)
    assert event.value == 5
    assert [(place.cell, place.line) for place in event.via] == [(1, use.count("\n") + 1)]


@pytest.mark.parametrize(
    "use",
    [
        "import pkg.tools\npkg.tools.run()",
        "import pkg.tools as t\nt.run()",
        "from pkg import tools\ntools.run()",
        "from pkg.tools import run\nrun()",
        "import pkg\nfrom pkg.tools import run\nrun()",
    ],
)
@pytest.mark.parametrize("files", [{}, {"pkg_init": ""}], ids=["without __init__", "with __init__"])
def test_a_module_in_a_folder_is_run(use: str, files: dict[str, str]) -> None:
    assert beside(use, pkg_tools=f"{SEED}def run():\n    number(5)", **files).numbers == [5]


def test_a_package_gives_what_its_init_takes_from_its_modules() -> None:
    seen = beside(
        "from pkg import run\nrun()", pkg_init="from .tools import run", pkg_tools=f"{SEED}def run(): number(5)"
    )
    assert seen.numbers == [5]


def test_modules_of_a_package_import_each_other() -> None:
    seen = beside(
        "from pkg.a import run\nrun()",
        pkg_init="",
        pkg_a="from . import b\nfrom .sub import c\ndef run():\n    b.run(4)\n    c.run()",
        pkg_b=f"{SEED}def run(n): number(n)",
        pkg_sub_init="",
        pkg_sub_c="from ..b import run as again\ndef run(): again(5)",
    )
    assert seen.numbers == [4, 5]


def test_modules_that_import_each_other_end() -> None:
    seen = beside(
        "from a import run\nrun()",
        a=f"{SEED}import b\nN = 5\ndef run(): b.run()",
        b="import a\ndef run(): a.number(a.N)",
    )
    assert seen.numbers == [5]


def test_a_module_is_run_once() -> None:
    assert beside("import a, b\nimport a", a=f"{SEED}number(5)", b="import a").numbers == [5]


def test_a_module_in_a_folder_added_to_the_path_is_found() -> None:
    assert beside("import sys\nsys.path.append('src')\nimport a", src_a=f"{SEED}number(5)").numbers == [5]


def test_a_module_in_the_folder_above_is_found(tmp_path: os.PathLike[str]) -> None:
    folder = os.path.join(tmp_path, "notebooks")
    os.mkdir(folder)
    with open(os.path.join(tmp_path, "above.py"), "w", encoding="utf-8") as file:
        file.write(f"{SEED}number(5)")
    for path in ("..", "../", os.fspath(tmp_path)):
        source = f"import sys\nsys.path.insert(0, {path!r})\nimport above"
        assert watch_notebook(read(os.path.join(folder, "n.py"), source.encode())).numbers == [5]


def test_a_folder_of_another_machine_is_found_by_its_last_parts() -> None:
    seen = beside(
        "import sys\nsys.path.append('/content/drive/My Drive/project/src')\nimport a", src_a=f"{SEED}number(5)"
    )
    assert seen.numbers == [5]


def test_a_module_at_the_root_of_the_repository_is_found(tmp_path: os.PathLike[str]) -> None:
    folder = os.path.join(tmp_path, "repository", "notebooks", "first")
    os.makedirs(folder)
    for place in (os.path.join(tmp_path, "outside.py"), os.path.join(tmp_path, "repository", "inside.py")):
        with open(place, "w", encoding="utf-8") as file:
            file.write(f"{SEED}number(5)")
    path = os.path.join(folder, "n.py")
    assert watch_notebook(read(path, b"import inside")).numbers == []
    os.mkdir(os.path.join(tmp_path, "repository", ".git"))
    assert watch_notebook(read(path, b"import inside")).numbers == [5]
    assert watch_notebook(read(path, b"import outside")).numbers == []


@pytest.mark.parametrize("broken", ["def run(:", "\0", "x = '"])
def test_a_module_that_does_not_parse_is_unknown_code(broken: str) -> None:
    seen = beside("from helpers import build\nbuild()(torch.ones(2)).backward()", helpers=broken)
    assert seen.one(BackwardRan).reaches == Parameters(complete=False)
    assert seen.result.complete


def test_a_module_that_is_not_there_is_unknown_code() -> None:
    seen = watch("from nowhere import model\nmodel(torch.ones(2)).backward()")
    assert seen.one(BackwardRan).reaches == Parameters(complete=False)


def test_the_main_part_of_a_module_does_not_run_when_it_is_imported() -> None:
    text = "if __name__ == '__main__':\n    number(1)\nnumber(2)"
    assert beside(f"import helpers\n{text}", helpers=f"{SEED}{text}").numbers == [2, 1, 2]


def test_a_state_of_a_module_is_seen_by_all() -> None:
    seen = beside(
        "import state, other\nstate.n = 5\nother.run()",
        state="n = 1",
        other=f"{SEED}import state\ndef run(): number(state.n)",
    )
    assert seen.numbers == [5]


def test_a_trainer_in_a_module_is_followed_to_its_lines() -> None:
    seen = beside(
        "from engine import Trainer\nmodel = nn.Dropout()\nTrainer(model).evaluate()",
        engine="class Trainer:\n    def __init__(self, model):\n        self.model = model\n"
        "    def evaluate(self):\n        self.model.eval()",
    )
    assert seen.lines(ModeSet) == [("ModeSet", "engine.py", 5)]
    assert seen.one(ModeSet).decision.line == 3


@pytest.mark.parametrize(
    ("imports", "build"),
    [
        ("import torch", "torch.nn.Linear(4, 3)"),
        ("import torch.nn as nn", "nn.Linear(4, 3)"),
        ("import torch as T", "T.nn.Linear(4, 3)"),
        ("from torch import nn", "nn.Linear(4, 3)"),
        ("from torch import nn as N", "N.Linear(4, 3)"),
        ("from torch.nn import Linear", "Linear(4, 3)"),
        ("from torch.nn import Linear as L", "L(4, 3)"),
        ("from torch.nn import *", "Linear(4, 3)"),
        ("from torch import *", "nn.Linear(4, 3)"),
        ("import torch\nnn = torch.nn", "nn.Linear(4, 3)"),
        ("import torch.nn\nfrom functools import partial", "partial(torch.nn.Linear, 4)(3)"),
    ],
)
def test_torch_is_known_by_any_name(imports: str, build: str) -> None:
    assert watch(f"del torch, nn\n{imports}\nmodel = {build}").one(ModelBuilt).kind == "Linear"


def ipynb(*cells: str) -> bytes:
    raw = [
        {"cell_type": "code", "metadata": {}, "source": cell, "execution_count": None, "outputs": []} for cell in cells
    ]
    return json.dumps({"cells": raw, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


@pytest.mark.parametrize("path", ["-", "n.ipynb"])
def test_a_cell_that_writes_a_file_is_a_module_from_then_on(path: str, tmp_path: os.PathLike[str]) -> None:
    book = read(
        path if path == "-" else os.path.join(tmp_path, path),
        ipynb(
            "!mkdir lib",
            "%%writefile lib/build.py\nfrom torch import nn\nfrom .more import freeze\n"
            "def build():\n    return nn.Linear(4, 3)",
            "%%writefile lib/more.py\n\ndef freeze(model):\n    model.eval()",
            "from lib import build, more\nmodel = build.build()\nmore.freeze(model)\nbuild.freeze(model)",
        ),
    )
    seen = watch_notebook(book)
    assert seen.lines(ModelBuilt, ModeSet) == [("ModelBuilt", 2, 5), ("ModeSet", 3, 4), ("ModeSet", 3, 4)]
    assert seen.all(ModeSet)[1].decision.cell == 4
    assert lint(book).partly == ()


def test_a_written_file_that_does_not_parse_is_unknown_code() -> None:
    seen = watch_notebook(read("-", ipynb("%%writefile a.py\ndef (", "import a\na.model(torch.ones(2)).backward()")))
    assert seen.one(BackwardRan).reaches == Parameters(complete=False)


def test_nothing_is_read_from_disk_for_standard_input(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open("helpers.py", "w", encoding="utf-8") as file:
        file.write(f"{SEED}number(5)")
    assert watch_notebook(read("-", b"import helpers\n")).numbers == []


def test_a_loader_of_a_module_keeps_its_split() -> None:
    seen = beside(
        "from data import loaders\ntrain_loader, val_loader = loaders(8)",
        data="from torch.utils.data import DataLoader\nfrom torchvision.datasets import ImageFolder\n"
        "def loaders(size):\n"
        "    return tuple(DataLoader(ImageFolder(f'data/{s}'), batch_size=size) for s in ['train', 'val'])",
    )
    assert [(event.samples.split, event.batch_size) for event in seen.all(LoaderBuilt)] == [
        ("train", 8),
        ("validation", 8),
    ]
