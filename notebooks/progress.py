"""How far a download or an extraction is: a bar of tqdm, or lines where that is not installed."""

from __future__ import annotations

import importlib
from typing import Any


class Lines:
    """One printed line for each tenth."""

    def __init__(self, *, desc: str, total: int, initial: int = 0, unit: str, **_: object) -> None:
        self.desc, self.total, self.done, self.unit = desc, total, initial, unit

    def update(self, more: int) -> None:
        before, self.done = self.done, self.done + more
        if self.done * 10 // self.total > before * 10 // self.total:
            print(f"{self.desc}: {self.done:,} of {self.total:,} {self.unit}", flush=True)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass


try:
    bar: Any = importlib.import_module("tqdm").tqdm
except ImportError:
    bar = Lines
