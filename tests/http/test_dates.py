"""HTTP dates (RFC 9110 section 5.6.7)."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.dates import MAX_DATE, DateField, format_http_date, parse_http_date

#: 6 November 1994, 08:49:37 UTC, the example of the RFC.
EXAMPLE = 784111777
NOW = 1_790_000_000.0  # September 2026


@pytest.mark.parametrize(
    "value",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
    ],
)
def test_the_three_formats(value: bytes) -> None:
    assert parse_http_date(value, NOW) == EXAMPLE


@pytest.mark.parametrize(
    ("value", "year"),
    [(b"76", 2076), (b"77", 1977), (b"99", 1999), (b"26", 2026), (b"00", 2000)],
)
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(value: bytes, year: int) -> None:
    date = parse_http_date(b"Monday, 02-Jan-" + value + b" 00:00:00 GMT", NOW)
    assert date is not None
    assert format_http_date(date)[12:16] == str(year).encode()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0",
        b"784111777",
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 1994 08:49:37 +0000",
        b"sun, 06 nov 1994 08:49:37 GMT",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:00:00 GMT",
        b"Sun, 06 Nov 1994 08:60:00 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun Nov   6 08:49:37 1994",
        b"Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date(value: bytes) -> None:
    assert parse_http_date(value, NOW) is None


def test_a_leap_second_is_the_next_one() -> None:
    assert parse_http_date(b"Sat, 31 Dec 2016 23:59:60 GMT", NOW) == 1483228800


@pytest.mark.parametrize(
    ("seconds", "as_if"), [(-5, 0), (MAX_DATE + 1, MAX_DATE), (2**70, MAX_DATE)]
)
def test_seconds_out_of_range(seconds: int, as_if: int) -> None:
    assert format_http_date(seconds) == format_http_date(as_if)


@given(seconds=st.integers(0, MAX_DATE))
def test_round_trip(seconds: int) -> None:
    value = format_http_date(seconds)
    assert value.decode() == formatdate(seconds, usegmt=True)
    assert parse_http_date(value, NOW) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400.9, b"Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_102_444_799, b"Thu, 31 Dec 2099 23:59:59 GMT"),
    ],
)
def test_the_date_field_of_a_second(seconds: float, text: bytes) -> None:
    """RFC 9110 section 5.6.7; the example is the RFC's."""
    date = DateField()
    date.tick(seconds)
    assert (date.second, date.value) == (int(seconds), text)
