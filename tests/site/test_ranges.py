"""Byte ranges (RFC 9110 section 14), and where other servers go wrong with them."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.limits import DEFAULTS
from h2static.site.ranges import content_range, multipart, parse_ranges, unsatisfied_range


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
        (b"bytes=-" + b"9" * 5000, 10, None),
        (b"bytes=0-" + b"9" * 5000, 10, None),
        (b"bytes=0-8,1-9", 10, None),  # more than there is
        (b"bytes=0-,0-", 10, None),
    ],
)
def test_spans(value: bytes, length: int, spans: tuple[tuple[int, int], ...] | None) -> None:
    assert parse_ranges(value, length) == spans


def scattered(count: int, size: int = 1) -> bytes:
    """A field that asks for every second block of ``size`` octets."""
    return b"bytes=" + b",".join(
        b"%d-%d" % (2 * number * size, (2 * number + 1) * size - 1) for number in range(count)
    )


def test_the_number_of_ranges_is_limited() -> None:
    for most, length in ((DEFAULTS.ranges, 1000), (DEFAULTS.many_ranges, 1_000_000)):
        spans = parse_ranges(scattered(most), length)
        assert spans is not None
        assert len(spans) == most
        assert parse_ranges(scattered(most) + b",999-999", length) is None


def test_many_ranges_are_given_where_they_save_octets() -> None:
    # As zchunk and zsync ask: 256 blocks of 2 KiB.
    asked = scattered(256, 2048)
    assert parse_ranges(asked, 10_000_000) == tuple(
        (4096 * number, 4096 * number + 2048) for number in range(256)
    )
    octets = 256 * 2048
    assert parse_ranges(asked, octets * 2) is not None
    # With their headings they are more than the whole.
    assert parse_ranges(scattered(256), 256 * 2) is None
    assert parse_ranges(scattered(256, 16), 256 * 2 * 16) is None
    # They overlap, and add up to more than the whole.
    overlapping = b"bytes=" + b",".join(b"%d-%d" % (one, one + 99) for one in range(100))
    assert parse_ranges(overlapping, 9_000) is None
    # One part has no heading.
    assert parse_ranges(b"bytes=" + b",".join(b"%d-%d" % (n, n) for n in range(100)), 101) == (
        (0, 100),
    )


def test_the_octets_of_headings_are_limited() -> None:
    asked, length = scattered(256, 2048), 10_000_000
    spans = parse_ranges(asked, length, media_type=b"text/plain")
    assert spans is not None
    pieces = multipart(spans, length, b"text/plain", bytes(32))
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) < DEFAULTS.range_headings
    for count in (64, 256):
        assert parse_ranges(scattered(count), length, media_type=b"x/" + b"y" * 1000) is None
    assert parse_ranges(scattered(60), length, media_type=b"x/" + b"y" * 900) is not None


def test_a_multipart_content_begins_with_a_whole_delimiter() -> None:
    """RFC 2046 section 5.1.1; zsync finds no other."""
    pieces = multipart(((0, 1), (5, 7)), 9, b"text/plain", b"BOUNDARY")
    assert pieces == [
        b"\r\n--BOUNDARY\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-0/9\r\n\r\n",
        (0, 1),
        b"\r\n--BOUNDARY\r\ncontent-type: text/plain\r\ncontent-range: bytes 5-6/9\r\n\r\n",
        (5, 7),
        b"\r\n--BOUNDARY--\r\n",
    ]


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
