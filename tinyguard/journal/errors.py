"""What can be wrong with a journal."""

from __future__ import annotations

from tinyguard.errors import TinyguardError


class JournalError(TinyguardError):
    """A file is no journal, or one of another version; the text begins with its path."""


class EncodingError(TinyguardError):
    """A record cannot become a line, or a line is no record; the text names the field."""
