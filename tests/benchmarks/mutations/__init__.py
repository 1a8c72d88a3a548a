"""The hazards that are planted into real notebooks: each where the text alone makes certain that it is one.

A mutation yields a mutant for every place of a notebook where its precondition holds. It knows nothing of our
interpreter: only lines, names and the shape of statements. Importing a family registers its hazards.
"""

from mutations import configuration, data, gradient, loss, mode, optimizer, state
from mutations.hazard import HAZARDS, Hazard, Mutant

__all__ = ["HAZARDS", "Hazard", "Mutant", "configuration", "data", "gradient", "loss", "mode", "optimizer", "state"]
