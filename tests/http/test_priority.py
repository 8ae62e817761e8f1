"""``h2static.http.priority``: RFC 9218 section 4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.priority import DEFAULT_INCREMENTAL, DEFAULT_URGENCY, parse_priority

DEFAULT = (DEFAULT_URGENCY, DEFAULT_INCREMENTAL)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"u=0", (0, False)),
        (b"u=7", (7, False)),
        (b"i", (3, True)),
        (b"i=?1", (3, True)),
        (b"i=?0", (3, False)),
        (b"u=5, i", (5, True)),
        (b"i,u=2", (2, True)),
        (b"u=1,\ti=?0", (1, False)),
        (b"u=1, u=2", (2, False)),
        (b"i, i=?0", (3, False)),
        (b"u=4;foo=1, i;bar", (4, True)),
        (b"x=1, u=6, *y, a-b.c_d*=2", (6, False)),
        # Values out of range or of another type are ignored, one by one.
        (b"u=8, i", (3, True)),
        (b"u=-1", DEFAULT),
        (b"u=10", DEFAULT),
        (b"u=1.5", DEFAULT),
        (b'u="1"', DEFAULT),
        (b"u", DEFAULT),
        (b"u=?1", DEFAULT),
        (b"i=1", DEFAULT),
        (b"i=?2", DEFAULT),
        # No dictionary at all.
        (b"", DEFAULT),
        (b"U=1", DEFAULT),
        (b"u=1 i", DEFAULT),
        (b"u = 1", DEFAULT),
        (b",", DEFAULT),
        (b"u=1,", DEFAULT),
        (b"=1", DEFAULT),
        (b"\xff", DEFAULT),
        (b"1u=1", DEFAULT),
        (b"u=1" + b" " * 300 + b", i", DEFAULT),
    ],
)
def test_values(value: bytes, expected: tuple[int, bool]) -> None:
    assert parse_priority(value) == expected


@given(st.one_of(st.binary(max_size=300), st.text("ui=?018,; ").map(str.encode)))
def test_any_octets_are_a_priority(value: bytes) -> None:
    urgency, incremental = parse_priority(value)
    assert 0 <= urgency <= 7
    # RFC 8941 section 3.2: a key alone is true.
    members = [member.strip(b" \t").partition(b";")[0] for member in value.split(b",")]
    assert not incremental or b"i" in members or b"i=?1" in members
