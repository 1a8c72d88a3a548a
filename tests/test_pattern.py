"""Patterns that wait to be compiled."""

from __future__ import annotations

import re

import pytest

from tinyguard.pattern import pattern


def test_a_pattern_is_compiled_when_it_is_first_used() -> None:
    broken = pattern("(")
    with pytest.raises(re.error):
        broken.search("(")


def test_a_pattern_finds_what_the_compiled_one_finds() -> None:
    words, text = r"(?P<word>[a-z]+)\d?", "Loss1 acc2"
    lazy, compiled = pattern(words, re.IGNORECASE), re.compile(words, re.IGNORECASE)
    assert lazy.findall(text) == compiled.findall(text) == ["Loss", "acc"]
    assert lazy.sub("x", text) == compiled.sub("x", text)
    assert lazy.pattern == words
    found = lazy.fullmatch("Loss1")
    assert found is not None
    assert found["word"] == "Loss"


def test_bytes_have_patterns_too() -> None:
    found = pattern(rb"coding[:=]\s*(\w+)").search(b"# coding: latin1")
    assert found is not None
    assert found[1] == b"latin1"
