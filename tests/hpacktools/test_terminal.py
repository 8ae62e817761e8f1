"""Text for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.terminal import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\xe9 \u65e5\u672c \\x1b", "caf\xe9 \u65e5\u672c \\x1b"),
        ("a\x1b[2J\x9b\x7f\x00", "a\\x1b[2J\\x9b\\x7f\\x00"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202eright to left", "\\u202eright to left"),
        ("\udcff", "\\udcff"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_any_text_is_printable(text: str) -> None:
    assert printable(text).isprintable()
