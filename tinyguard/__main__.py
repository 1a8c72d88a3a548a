"""The program `tinyguard`, also as `python -m tinyguard`: a process that ends with the command."""

from __future__ import annotations

import gc
import os
import sys


def program() -> None:
    """Runs the command line of this process and ends it."""
    watches = sys.argv[1:2] == ["watch"]  # the program is the user's: it is run, and ends, as Python would have it
    if not watches:
        gc.set_threshold(100_000)  # hardly anything waits for a collection: see `Machine.dissolve`
    from tinyguard.cli import main

    # A stream that the caller has closed is None.
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115
    code = main()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if watches:
        sys.exit(code)
    os._exit(code)  # nothing is left to do: taking all objects down one by one would cost 2 ms


if __name__ == "__main__":
    program()
