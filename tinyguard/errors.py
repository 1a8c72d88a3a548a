"""What the user can mend: errors whose text says what is wrong and what would be right."""

from __future__ import annotations

from collections.abc import Iterable


class TinyguardError(Exception):
    """Base of all our exceptions; `tinyguard.cli.main` prints its text and turns it into the exit code."""

    exit_code = 2


class UsageError(TinyguardError):
    """The command line asks for something that does not exist or makes no sense."""


class TrainingStoppedError(TinyguardError):
    """The guard stopped a training, as it was told to: `%tinyguard on --stop error`."""


class ConfigurationError(TinyguardError):
    """A pyproject.toml has a [tool.tinyguard] that cannot be followed."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the likeliest known one, or else all of them if they are few.

    >>> did_you_mean("selct", ["select", "ignore"])
    '; did you mean "select"?'
    >>> did_you_mean("x", ["select", "ignore"])
    '; known are ignore, select'
    """
    from difflib import get_close_matches  # an error is the only one to need it

    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; known are {', '.join(words)}" if 0 < len(words) <= 12 else ""
