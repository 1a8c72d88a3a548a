"""Reads the story of a PyTorch training notebook and names what will go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyguard import lint as lint
    from tinyguard.finding import Finding, Place, Severity
    from tinyguard.watching import as_json, findings, log, watch

__version__ = "0.1.0"
__all__ = ["Finding", "Place", "Severity", "__version__", "as_json", "findings", "lint", "log", "watch"]


def __getattr__(name: str) -> Any:
    # Imported when first asked for: the command line must not pay for what it does not use.
    import importlib

    if name == "lint":
        return importlib.import_module("tinyguard.lint")
    if name in ("as_json", "findings", "log", "watch"):
        return getattr(importlib.import_module("tinyguard.watching"), name)
    if name in __all__:
        return getattr(importlib.import_module("tinyguard.finding"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext tinyguard`"""
    from tinyguard import magic

    global _magic
    _magic = magic.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext tinyguard`"""
    from tinyguard import magic

    if _magic is not None:
        magic.unload(_magic)


_magic: Any = None
