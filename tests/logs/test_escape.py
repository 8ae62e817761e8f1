"""Octets and text of strangers on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.logs.escape import escape, escape_octets, escape_utf8


def test_ordinary_text_stays() -> None:
    assert escape("GET /ä ✓") == "GET /ä ✓"
    assert escape_utf8("GET /ä ✓".encode()) == "GET /ä ✓"
    assert escape_octets(b"GET /a b~") == "GET /a b~"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\\", r"\\"),
        ("\x85", r"\x85"),
        ("\u2028", r"\u2028"),
        # What follows would be read from right to left.
        ("\u202e", r"\u202e"),
        ("\ud800", r"\ud800"),
        ("\udcff", r"\xff"),
    ],
)
def test_text_that_would_act_on_a_terminal(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_octets_that_are_no_text() -> None:
    assert escape_octets(b"a\\b\x00\xc3\xa9") == r"a\x5cb\x00\xc3\xa9"
    assert escape_utf8(b"/\x1b[2J\xc2\x9b\xff\xc3\xa9") == r"/\x1b[2J\x9b\xff" + "é"


@given(st.text(st.characters(codec=None)))
def test_text_is_printable(text: str) -> None:
    assert escape(text).isprintable()


@given(st.binary())
def test_octets_are_printable_and_can_be_read_back(octets: bytes) -> None:
    assert escape_utf8(octets).isprintable()
    shown = escape_octets(octets)
    assert shown.isprintable()
    assert shown.isascii()
    assert shown.encode("ascii").decode("unicode_escape").encode("latin-1") == octets
