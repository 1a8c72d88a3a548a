"""Cells -> events: the static witness. Runs the notebook on a pretend torch; never runs the user's code."""
