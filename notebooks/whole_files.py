"""Files that are whole or not there: what has the name is complete, whatever happened while it was written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def written_whole(path: str) -> Iterator[IO[bytes]]:
    """A file to write to, which becomes `path` when the block ends well and is gone when it does not.

    Makes the folder. Raises OSError; the file that was there before stays as it was then.
    """
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(prefix=".unfinished-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def refusal(error: BaseException) -> str:
    """What the operating system said ("No space left on device"), though a library put it into other words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)
