"""How large an experiment is: the full one needs a GPU and the real images, the small one minutes of two cores."""

from __future__ import annotations

import os
from typing import NamedTuple

VARIABLE = "TINY_IMAGENET_PROFILE"  # environment variable: "full" or "ci"


class Profile(NamedTuple):
    """What the modules take where a notebook does not say."""

    synthetic: bool  # the images are drawn, see stand_in.py
    width: int  # channels of the first stage of a model
    stem_stride: int  # 2: the stem halves the image, and all that follows costs a quarter
    residual: tuple[int, int, int, int]  # blocks of each stage of the residual model; the plain ones have one each
    deeper: tuple[int, int, int, int]  # ... and of the deeper and wider one


PROFILES = {
    "full": Profile(synthetic=False, width=64, stem_stride=1, residual=(2, 2, 2, 2), deeper=(2, 3, 3, 2)),
    "ci": Profile(synthetic=True, width=12, stem_stride=2, residual=(1, 1, 1, 1), deeper=(1, 2, 2, 1)),
}


def profile_named(name: str | None = None) -> Profile:
    """The profile of that name, or of $TINY_IMAGENET_PROFILE, or the full one. Raises ValueError for any other."""
    wanted = name or os.environ.get(VARIABLE) or "full"
    if wanted not in PROFILES:
        raise ValueError(f"no profile is called {wanted!r}; there are {', '.join(map(repr, PROFILES))}")
    return PROFILES[wanted]
