"""What IPython's magics do with the Python around them: knowledge, as data."""

from __future__ import annotations

from tinyguard.pattern import pattern


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Cell magics that run their body as Python in the user's namespace. One that stands in neither list is taken for one
# of these when its body parses.
PYTHON_CELLS = _words(
    "time timeit capture prun memit lprun mprun debug snakeviz scalene pyinstrument wandb heat ipytest"
)

# Cell magics whose body is something else: another language, a text, a file, another process.
FOREIGN_CELLS = _words(
    """
    ! HTML R SVG bash bigquery cmd cpp cu cuda cython file html javascript js julia latex markdown octave perl pypy
    python python2 python3 ruby script sh shell sql svg sx system writefile
    """
)

# Those of them whose results may become names of the notebook that nobody can tell.
BINDING_CELLS = _words("R bigquery cython julia octave sql")

# First lines with one `%` that make the whole cell foreign: some hosts write them so.
FOREIGN_FIRST_LINES = _words("md scala fs sh")

# Line magics that run the rest of their line as Python, with the letters of their options that take a value.
PYTHON_LINES = {
    "time": "",
    "timeit": "nrpv",
    "prun": "lsTD",
    "memit": "rti",
    "lprun": "fmDTu",
    "mprun": "fT",
    "snakeviz": "f",
    "debug": "b",
}

# Line magics after which the notebook may have names that it does not show.
BINDING_LINES = pattern(r"(?:pylab|run|macro|rerun|recall)\b|store[ \t]+-\w*r")

# Names that IPython takes for magics without their `%` when the line is no Python.
AUTOMAGIC = _words(
    """
    alias alias_magic autocall autoreload autosave bookmark cat cd clear colors conda config cp debug dhist dirs
    doctest_mode edit env gui hist history ldir less lf lk ll load load_ext loadpy logoff logon logstart logstate
    logstop ls lsmagic lx macro magic mamba man matplotlib micromamba mkdir more mv notebook page pastebin pdb pdef
    pdoc pfile pinfo pinfo2 pip popd precision prun psearch psource pushd pwd pycat pylab quickref recall rehashx
    reload_ext rep rerun reset reset_selective rm rmdir run save sc set_env store sx system tb tensorboard time timeit
    unalias unload_ext uv who who_ls whos xdel xmode
    """
)

_OPTION = pattern(r"-(?:-[\w-]+(?:=\S*)?|(\w)(\S*))[ \t]+")
_OUTPUT_NAME = pattern(r"--(?:out|err|proc)[ \t=]+([A-Za-z_]\w*)")


def statement_start(magic: str, line: str) -> int:
    """Where in `line`, the text after the name of a magic of PYTHON_LINES, its options end and the Python begins.

    >>> "-n 10 -qr3 f(x)"[statement_start("timeit", "-n 10 -qr3 f(x)"):]
    'f(x)'
    """
    start = 0
    while option := _OPTION.match(line, start):
        start = option.end()
        if option[1] and not option[2] and option[1] in PYTHON_LINES[magic]:
            start += len(line[start:]) - len(line[start:].partition(" ")[2].lstrip())
    return start


def cell_binds(magic: str, line: str) -> tuple[str, ...]:
    """Names that a cell magic with this first line binds; "*" when nobody can tell."""
    if magic == "capture":
        return tuple(word for word in line.split() if word.isidentifier())[:1]
    if magic in BINDING_CELLS:
        return ("*",)
    return tuple(_OUTPUT_NAME.findall(line))


def written_file(magic: str, line: str) -> str:
    """The file that a `%%writefile` cell makes of its body; "" when it appends or writes none."""
    path = line.strip().strip("\"'")
    return path if magic in ("writefile", "file") and not path.startswith("-") else ""
