"""Preconditions in the order of RFC 9110 section 13.2.2, and If-Range (section 13.1.5)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.dates import format_http_date
from h2static.site.cache_key import CacheKey
from h2static.site.conditional import Validators, Verdict, evaluate, range_applies

MODIFIED = 1_700_000_000
NOW = MODIFIED + 1000.0
STRONG = Validators(etag=b'"a"', modified=MODIFIED, strong_date=True)
WEAK = Validators(etag=b'W/"a"', modified=MODIFIED)
#: The date was set, and the file was put there later.
PUT = Validators(etag=b'"a"', modified=MODIFIED, changed=MODIFIED + 100)
NO_DATE = Validators(etag=b'"a"', modified=None)

BEFORE, SAME, AFTER, AT_CHANGE, LATER = (
    format_http_date(MODIFIED + shift) for shift in (-1, 0, 1, 100, 101)
)
RFC_850 = b"Tuesday, 14-Nov-23 22:13:20 GMT"
ASCTIME = b"Tue Nov 14 22:13:20 2023"

PROCEED, NOT_MODIFIED, FAILED = (
    Verdict.PROCEED,
    Verdict.NOT_MODIFIED,
    Verdict.PRECONDITION_FAILED,
)


@pytest.mark.parametrize(
    ("fields", "validators", "verdict"),
    [
        ({}, STRONG, PROCEED),
        # If-Match: strong comparison (section 13.1.1).
        ({"if_match": b'"a"'}, STRONG, PROCEED),
        ({"if_match": b'"b", "a"'}, STRONG, PROCEED),
        ({"if_match": b"*"}, STRONG, PROCEED),
        ({"if_match": b"*"}, WEAK, PROCEED),
        ({"if_match": b'"b"'}, STRONG, FAILED),
        ({"if_match": b'W/"a"'}, STRONG, FAILED),
        ({"if_match": b'W/"a"'}, WEAK, FAILED),
        ({"if_match": b'"a"'}, WEAK, FAILED),
        ({"if_match": b"a"}, STRONG, FAILED),
        ({"if_match": b""}, STRONG, FAILED),
        # If-Unmodified-Since (section 13.1.4).
        ({"if_unmodified_since": SAME}, STRONG, PROCEED),
        ({"if_unmodified_since": AFTER}, STRONG, PROCEED),
        ({"if_unmodified_since": BEFORE}, STRONG, FAILED),
        ({"if_unmodified_since": SAME}, PUT, PROCEED),
        ({"if_unmodified_since": AFTER}, PUT, FAILED),
        ({"if_unmodified_since": LATER}, PUT, PROCEED),
        ({"if_unmodified_since": RFC_850}, STRONG, PROCEED),
        ({"if_unmodified_since": b"yesterday"}, STRONG, PROCEED),
        ({"if_unmodified_since": BEFORE}, NO_DATE, PROCEED),
        ({"if_unmodified_since": BEFORE, "if_match": b'"a"'}, STRONG, PROCEED),
        # If-None-Match: weak comparison (section 13.1.2).
        ({"if_none_match": b'"a"'}, STRONG, NOT_MODIFIED),
        ({"if_none_match": b'W/"a"'}, STRONG, NOT_MODIFIED),
        ({"if_none_match": b'"a"'}, WEAK, NOT_MODIFIED),
        ({"if_none_match": b'"b",W/"a" , "c"'}, STRONG, NOT_MODIFIED),
        ({"if_none_match": b" * "}, STRONG, NOT_MODIFIED),
        ({"if_none_match": b'"b"'}, STRONG, PROCEED),
        # Stripping "W/" as characters would make these the same.
        ({"if_none_match": b'"W/a"'}, STRONG, PROCEED),
        ({"if_none_match": b'WW//"a'}, STRONG, PROCEED),
        ({"if_none_match": b'"b, \\"a"'}, STRONG, PROCEED),
        ({"if_none_match": b""}, STRONG, PROCEED),
        # If-Modified-Since (section 13.1.3).
        ({"if_modified_since": SAME}, STRONG, NOT_MODIFIED),
        ({"if_modified_since": RFC_850}, STRONG, NOT_MODIFIED),
        ({"if_modified_since": ASCTIME}, STRONG, NOT_MODIFIED),
        ({"if_modified_since": AFTER}, STRONG, NOT_MODIFIED),
        ({"if_modified_since": BEFORE}, STRONG, PROCEED),
        # Between its date and its coming there was another file, or this one.
        ({"if_modified_since": SAME}, PUT, NOT_MODIFIED),
        ({"if_modified_since": AFTER}, PUT, PROCEED),
        ({"if_modified_since": AT_CHANGE}, PUT, PROCEED),
        ({"if_modified_since": LATER}, PUT, NOT_MODIFIED),
        ({"if_modified_since": b"0"}, STRONG, PROCEED),
        ({"if_modified_since": SAME}, NO_DATE, PROCEED),
        # If-None-Match shadows If-Modified-Since.
        ({"if_none_match": b'"b"', "if_modified_since": SAME}, STRONG, PROCEED),
        ({"if_none_match": b'"a"', "if_modified_since": BEFORE}, STRONG, NOT_MODIFIED),
        # The order: 412 before 304, and both of them together.
        ({"if_match": b'"b"', "if_none_match": b'"a"'}, STRONG, FAILED),
        ({"if_match": b'"a"', "if_none_match": b'"a"'}, STRONG, NOT_MODIFIED),
        ({"if_unmodified_since": BEFORE, "if_modified_since": SAME}, STRONG, FAILED),
    ],
)
def test_preconditions(fields: dict[str, bytes], validators: Validators, verdict: Verdict) -> None:
    assert evaluate(CacheKey(b"GET", b"/", **fields), validators, NOW) is verdict


@pytest.mark.parametrize(
    ("if_range", "validators", "now", "applies"),
    [
        (None, STRONG, NOW, True),
        (b'"a"', STRONG, NOW, True),
        (b'"b"', STRONG, NOW, False),
        (b'W/"a"', STRONG, NOW, False),
        (b'W/"a"', WEAK, NOW, False),
        (b'"a"', WEAK, NOW, False),
        (SAME, STRONG, NOW, True),
        (ASCTIME, STRONG, NOW, True),
        (BEFORE, STRONG, NOW, False),
        (AFTER, STRONG, NOW, False),
        (SAME, NO_DATE, NOW, False),
        (SAME, PUT, NOW, False),
        # In the second of the modification the date is no strong validator.
        (SAME, STRONG, MODIFIED + 1.0, False),
        (b"nonsense", STRONG, NOW, False),
        (b"", STRONG, NOW, False),
    ],
)
def test_if_range(
    if_range: bytes | None, validators: Validators, now: float, applies: bool
) -> None:
    assert range_applies(if_range, validators, now) is applies


def test_a_field_of_64_kib_takes_no_time() -> None:
    started = time.process_time()
    for value in (
        b" ," * 32768,
        b'"' * 65536,
        b'"a",' * 16384 + b"x",
        b'W/"' * 21845,
        b" " * 65536,
    ):
        evaluate(CacheKey(b"GET", b"/", if_none_match=value), STRONG, NOW)
    assert time.process_time() - started < 0.25


@given(
    tags=st.lists(st.sampled_from([b'"a"', b'W/"a"', b'"b"', b'""', b'"a,b"']), max_size=6),
    separator=st.sampled_from([b",", b", ", b" ,\t"]),
)
def test_lists_of_entity_tags(tags: list[bytes], separator: bytes) -> None:
    value = separator.join(tags)
    weakly = b'"a"' in tags or b'W/"a"' in tags
    verdict = evaluate(CacheKey(b"GET", b"/", if_none_match=value), STRONG, NOW)
    assert (verdict is NOT_MODIFIED) == weakly
    verdict = evaluate(CacheKey(b"GET", b"/", if_match=value), STRONG, NOW)
    assert (verdict is PROCEED) == (b'"a"' in tags)
