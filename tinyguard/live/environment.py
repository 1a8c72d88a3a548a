"""Live witness: what runs here, for whoever is asked for help with it."""

from __future__ import annotations

import os
import platform
import sys

GB = 1e9  # bytes


def environment() -> dict[str, str]:
    """Versions, device and memory in use, as far as they are known. torch is not imported for it."""
    known = {"Python": platform.python_version(), "system": platform.platform(terse=True), "cores": str(os.cpu_count())}
    torch = sys.modules.get("torch")
    if torch is not None:
        known["torch"] = torch.__version__
        known["threads"] = str(torch.get_num_threads())
        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            known["GPU"] = torch.cuda.get_device_name()
            known["CUDA"] = str(torch.version.cuda)
            known["GPU memory in use"] = f"{(total - free) / GB:.2f} of {total / GB:.2f} GB"
            known["GPU memory of this process"] = (
                f"{torch.cuda.memory_allocated() / GB:.2f} GB, at most {torch.cuda.max_memory_allocated() / GB:.2f} GB"
            )
        elif torch.backends.mps.is_available():
            known["GPU"] = "Apple MPS"
            known["GPU memory of this process"] = f"{torch.mps.current_allocated_memory() / GB:.2f} GB"
        else:
            known["GPU"] = "none that torch can use"
    if memory := _resident():
        known["memory of this process"] = f"{memory / GB:.2f} GB"
    return known


def _resident() -> int | None:
    """Bytes of main memory that this process holds; None where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
