"""How a run that is not clean tells so."""

from __future__ import annotations

from tinyguard.errors import TinyguardError

FAILED, UNUSABLE, TIME_LIMIT, KERNEL_DIED = 1, 2, 4, 5


class RunError(TinyguardError):
    """The run cannot begin, or did not come to its end."""

    def __init__(self, text: str, exit_code: int = UNUSABLE) -> None:
        super().__init__(f"run: {text}")
        self.exit_code = exit_code
