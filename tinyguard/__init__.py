"""Reads the story of a PyTorch training notebook and names what will go wrong."""

__version__ = "0.1.0"
