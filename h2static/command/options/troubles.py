"""Values of ``--mock``, ``--delay``, ``--rate`` and ``--fail``: a pattern and what happens there.

Contract: as for :mod:`h2static.command.options.values`.
"""

from __future__ import annotations

import os
import re

from h2static.quantities import size
from h2static.site.patterns import Pattern, parse_pattern

#: Seconds.  A longer delay is a typing error.
MAX_DELAY = 600.0
#: Octets per second.  A higher rate would not be noticeable.
MAX_RATE = 2**33
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|)")
_FAILURE = re.compile(r"(\d{3})(?::(\d{1,3}(?:\.\d{1,6})?)%)?")


def _split(text: str, what: str) -> tuple[Pattern, str]:
    """Pattern and value; a value alone applies to every path."""
    pattern, equals, value = text.rpartition("=")
    if not value:
        raise ValueError(f"{text!r}: expected {what} or PATTERN={what}")
    return parse_pattern(pattern if equals else "/*"), value


def parse_delay(text: str) -> tuple[Pattern, float]:
    """``PATTERN=500ms``; seconds."""
    pattern, value = _split(text, "TIME")
    match = _DELAY.fullmatch(value)
    if match is None:
        raise ValueError(
            f"{value!r} is not a time: expected milliseconds, or a number with ms or s"
        )
    seconds = float(match[1]) * (1 if match[2] == "s" else 0.001)
    if seconds > MAX_DELAY:
        raise ValueError(f"{value!r} is more than {MAX_DELAY:.0f} s")
    return pattern, seconds


def parse_rate(text: str) -> tuple[Pattern, int]:
    """``PATTERN=50K``; octets per second."""
    pattern, value = _split(text, "SIZE")
    rate = size(MAX_RATE)(value)
    if rate < 1:
        raise ValueError("the rate is 0: no data would ever be sent")
    return pattern, rate


def parse_failure(text: str) -> tuple[Pattern, tuple[int, float]]:
    """``PATTERN=503:10%``; status and probability."""
    pattern, value = _split(text, "STATUS[:PERCENT%]")
    match = _FAILURE.fullmatch(value)
    if match is None:
        raise ValueError(
            f"{value!r}: expected a status, optionally with a percentage: 503 or 503:10%"
        )
    status, share = int(match[1]), float(match[2] or 100) / 100
    if not 400 <= status <= 599:
        raise ValueError(f"{status} is not an error status (400 to 599)")
    if share > 1:
        raise ValueError(f"{value!r}: more than 100 %")
    return pattern, (status, share)


def parse_mock(text: str) -> tuple[Pattern, str]:
    """``PATTERN=DIR``; the default is the served folder."""
    pattern, _, folder = text.partition("=")
    return parse_pattern(pattern), os.path.abspath(folder) if folder else ""
