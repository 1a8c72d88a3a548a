"""Notebook -> executed copy: the one stage that runs the user's code, and the only one that needs Jupyter."""
