"""Whether the kernel that writes a journal still lives: it holds a lock on the file as long as it does."""

from __future__ import annotations

import os
import socket
import time

try:
    import fcntl
except ImportError:  # Windows: there the number of the process has to do
    fcntl = None  # type: ignore[assignment]

ATTEMPTS, PAUSE_S = 20, 0.005  # for the lock: somebody may just be looking whether it is held


def hold(handle: int) -> None:
    """Locks an open file until it is closed or the process ends, however it ends; where that is possible.

    A forked child holds it, too, as long as it lives.
    """
    for _ in range(ATTEMPTS):
        if _lock(handle) is not False:
            return
        time.sleep(PAUSE_S)


def _lock(handle: int, *, shared: bool = False) -> bool | None:
    """Whether the file is ours now; False: somebody else's; None: there are no locks here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def is_alive(path: str, pid: int, host: str) -> bool:
    """Whether the session that writes this journal still lives; where nothing can be seen, it is taken for alive.

    The lock tells, but for one that a child of a killed kernel holds: then the number of the process does. Raises
    OSError when there is no such file.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        free = _lock(handle, shared=True)
    finally:
        os.close(handle)
    return not free and is_running(pid, host)


def is_running(pid: int, host: str) -> bool:
    """Whether a process with this number may run: certainly not only where it can be seen."""
    if host != socket.gethostname():
        return True
    if os.name == "nt":  # there os.kill would end it
        try:
            import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]  # comes with ipykernel
        except ImportError:
            return True
        return bool(psutil.pid_exists(pid))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def remove_unheld(path: str, pid: int, host: str) -> bool:
    """Removes the journal unless its session may still write it; whether it is gone. Raises OSError.

    It is removed under our lock, so that a session which is about to lock it sees that it has lost it.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        ours = _lock(handle)
        if ours is False or (ours is None and is_running(pid, host)):
            return False
        if ours is None:
            os.close(handle)
            handle = -1  # Windows removes no open file
        os.remove(path)
        return True
    finally:
        if handle >= 0:
            os.close(handle)
