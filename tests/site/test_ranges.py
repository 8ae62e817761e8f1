"""Byte ranges (RFC 9110 section 14), and where other servers go wrong with them."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.limits import DEFAULTS
from h2static.site.ranges import content_range, parse_ranges, unsatisfied_range


@pytest.mark.parametrize(
    ("value", "length", "spans"),
    [
        (b"bytes=0-0", 10, ((0, 1),)),  # whitenoise: 416
        (b"bytes=-1", 10, ((9, 10),)),  # whitenoise: 416; http-server: no suffixes
        (b"bytes=0-", 10, ((0, 10),)),
        (b"bytes=0-9", 10, ((0, 10),)),
        (b"bytes=5-100", 10, ((5, 10),)),
        (b"bytes=9-9", 10, ((9, 10),)),
        (b"bytes=-100", 10, ((0, 10),)),  # starlette: oversized suffix
        (b"BYTES=1-2", 10, ((1, 3),)),
        (b"bytes= 1-2 , 4-5 ", 10, ((1, 3), (4, 6))),
        (b"bytes=1-2,,4-5,", 10, ((1, 3), (4, 6))),
        (b"bytes=4-5,1-2", 10, ((1, 3), (4, 6))),
        (b"bytes=0-4,5-9", 10, ((0, 10),)),
        (b"bytes=0-2,1-3", 10, ((0, 4),)),
        (b"bytes=0-1,20-30", 10, ((0, 2),)),
        (b"bytes=0-0,-1", 10, ((0, 1), (9, 10))),
        (b"bytes=0-9223372036854775807", 10, ((0, 10),)),
        # Unsatisfiable.
        (b"bytes=10-", 10, ()),
        (b"bytes=10-20", 10, ()),
        (b"bytes=-0", 10, ()),
        (b"bytes=0-", 0, ()),
        (b"bytes=99999999999999999999999999-", 10, ()),
        (b"bytes=20-30,40-50", 10, ()),
        # Ignored.
        (b"bytes=-5", 0, None),
        (b"bytes=5-4", 10, None),
        (b"bytes=", 10, None),
        (b"bytes=,", 10, None),
        (b"bytes=-", 10, None),
        (b"bytes=a-b", 10, None),
        (b"bytes=+1-2", 10, None),
        (b"bytes=1 - 2", 10, None),
        (b"bytes=1-2;3-4", 10, None),
        (b"bytes 1-2", 10, None),
        (b"lines=1-2", 10, None),
        (b"", 10, None),
        (b"bytes=0-8,1-9", 10, None),  # more than there is
        (b"bytes=0-,0-", 10, None),
    ],
)
def test_spans(value: bytes, length: int, spans: tuple[tuple[int, int], ...] | None) -> None:
    assert parse_ranges(value, length) == spans


def test_the_number_of_ranges_is_limited() -> None:
    most = b"bytes=" + b",".join(b"%d-%d" % (2 * i, 2 * i) for i in range(DEFAULTS.ranges))
    spans = parse_ranges(most, 1000)
    assert spans is not None
    assert len(spans) == DEFAULTS.ranges
    assert parse_ranges(most + b",999-999", 1000) is None


def test_a_field_of_64_kib_takes_no_time() -> None:
    started = time.process_time()
    assert parse_ranges(b"bytes=" + b"0-1," * 16384, 10**9) is None
    assert parse_ranges(b"bytes=" + b"9" * 65536 + b"-", 10**9) is None
    assert time.process_time() - started < 0.5


def test_content_range() -> None:
    assert content_range((0, 1), 10) == b"bytes 0-0/10"
    assert unsatisfied_range(0) == b"bytes */0"


SPECS = st.one_of(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: b"%d-%d" % pair),
    st.integers(0, 30).map(lambda first: b"%d-" % first),
    st.integers(0, 30).map(lambda last: b"-%d" % last),
)


@given(specs=st.lists(SPECS, min_size=1, max_size=8), length=st.integers(0, 25))
def test_spans_are_what_was_asked_for(specs: list[bytes], length: int) -> None:
    spans = parse_ranges(b"bytes=" + b", ".join(specs), length)
    if spans is None:
        return
    wanted: set[int] = set()
    for spec in specs:
        first, _, last = spec.partition(b"-")
        if first:
            wanted |= set(range(int(first), min(int(last or length), length - 1) + 1))
        else:
            wanted |= set(range(max(0, length - int(last)), length))
    assert {octet for start, stop in spans for octet in range(start, stop)} == wanted
    assert all(0 <= start < stop <= length for start, stop in spans)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
