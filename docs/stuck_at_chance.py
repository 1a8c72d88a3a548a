"""Executes notebooks/stuck_at_chance.ipynb anew as its user did, out of order, with a restart; saves what it shows.

    pip install -e '.[notebooks,run]' && python docs/stuck_at_chance.py

Takes about three minutes on two cores: the models and the images are those of the small profile, see the README.
The user set no seed; the script does, so that the copy can be made again.
"""

from __future__ import annotations

import os
import pathlib
import sysconfig

import nbformat
from nbclient import NotebookClient

NOTEBOOK = pathlib.Path(__file__).parent.parent / "notebooks" / "stuck_at_chance.ipynb"
DAY = [2, 4, 7, 8, 10, 12, 14, 15, 21, 17, 19, 23, 25, 26]  # cell numbers, from 1; cell 5 was skipped
MORNING = [2, 4, 28]  # the kernel had died
SEED = "import torch; torch.manual_seed(0)"


def main() -> None:
    os.environ.update(TINY_IMAGENET_PROFILE="ci")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    for session in (DAY, MORNING):
        client = NotebookClient(
            notebook, allow_errors=True, coalesce_streams=True, record_timing=False, timeout=None,
            resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        )  # fmt: skip
        with client.setup_kernel():
            client.wait_for_reply(client.kc.execute(SEED, silent=True))
            for number in session:
                client.execute_cell(notebook.cells[number - 1], number - 1)
            notebook.metadata.language_info = client.wait_for_reply(client.kc.kernel_info())["content"]["language_info"]
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":  # not the folders of this machine
                here = sysconfig.get_path("purelib")
                output.traceback = [line.replace(here, "site-packages") for line in output.traceback]
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
