"""Files that are whole or not there: what has the name is complete, whatever happened while it was written."""

from __future__ import annotations

import os

from tinyguard.errors import UsageError


def write_whole(path: str, text: str) -> None:
    """Writes a file of UTF-8 in one step: who reads it sees what was there before, or all of the new.

    Raises UsageError when it cannot be written; then what was there before is still there.
    """
    target = os.path.realpath(path)
    unfinished = f"{target}.{os.getpid()}.unfinished"
    try:
        try:
            # Not tempfile: its files are for their owner's eyes only, and this one is to be handed on.
            with open(unfinished, "x", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(unfinished, target)
        except FileExistsError:
            raise UsageError(f"{path}: is being written already ({unfinished} exists)") from None
        except BaseException:
            if os.path.exists(unfinished):
                os.remove(unfinished)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
