"""Findings -> text and JSON."""
