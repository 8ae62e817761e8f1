"""HTTP dates (RFC 9110 section 5.6.7).

Contract: dates are whole seconds since 1970 in UTC.  All three formats that the RFC wants
recipients to accept are read; one, IMF-fixdate, is written.  The clock is an argument.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: Month names as HTTP dates and logs write them, indexed by number minus one.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name.encode("ascii"): number for number, name in enumerate(MONTHS, 1)}

_MONTH = rb"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMATS = (
    # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
    re.compile(
        rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) " + _MONTH + rb" (?P<year>\d{4}) "
        + _TIME + rb" GMT"
    ),
    # RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
    re.compile(
        rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-" + _MONTH
        + rb"-(?P<year>\d\d) " + _TIME + rb" GMT"
    ),
    # asctime: Sun Nov  6 08:49:37 1994
    re.compile(
        rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + _MONTH + rb" (?P<day>[ \d]\d) " + _TIME
        + rb" (?P<year>\d{4})"
    ),
)  # fmt: skip

#: Number of cached date texts: the files of a site were written within a few different seconds.
_REMEMBERED = 1_024
#: The last second whose year has four digits.
MAX_DATE = 253402300799


@lru_cache(maxsize=_REMEMBERED)
def format_http_date(seconds: int) -> bytes:
    """``seconds`` as IMF-fixdate, clamped to the years 1970 to 9999."""
    date = datetime.fromtimestamp(min(max(seconds, 0), MAX_DATE), UTC)
    day, month = _DAYS[date.weekday()], MONTHS[date.month - 1]
    return (
        f"{day}, {date.day:02} {month} {date.year:04} "
        f"{date.hour:02}:{date.minute:02}:{date.second:02} GMT"
    ).encode("ascii")


def parse_http_date(value: bytes, now: float) -> int | None:
    """Parse an HTTP date into seconds since 1970; ``None`` if ``value`` is not one.

    ``now`` (seconds since 1970) determines the century of a two-digit year.
    """
    for pattern in _FORMATS:
        match = pattern.fullmatch(value)
        if match is not None:
            return _seconds(match, now)
    return None


def _seconds(match: re.Match[bytes], now: float) -> int | None:
    year = int(match["year"])
    if len(match["year"]) == 2:
        # RFC 9110 section 5.6.7: "MUST interpret a timestamp that appears to be more than 50
        # years in the future as representing the most recent year in the past that had the same
        # last two digits".
        this_year = datetime.fromtimestamp(now, UTC).year
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    # A leap second, 60, counts as the first second of the next minute.
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    day, month = int(match["day"]), _MONTH_NUMBERS[match["month"]]
    if hour > 23 or minute > 59 or second > 60 or year < 1 or day < 1:
        return None
    if day > calendar.monthrange(year, month)[1]:
        return None
    midnight = datetime(year, month, day, tzinfo=UTC).toordinal() - datetime(1970, 1, 1).toordinal()
    return midnight * 86400 + hour * 3600 + minute * 60 + second


class DateField:
    """The value of the Date field for the current second (RFC 9110 section 6.6.1)."""

    __slots__ = ("second", "value")

    def __init__(self) -> None:
        #: Seconds since 1970 in :attr:`value`; -1 before the first tick.
        self.second = -1
        self.value = b""

    def tick(self, wall_clock: float) -> None:
        """Update to ``wall_clock`` (seconds since 1970); cheap within the same second."""
        second = int(wall_clock)
        if second != self.second:
            self.second = second
            self.value = format_http_date(second)
