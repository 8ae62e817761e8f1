"""Values of ``--mock``, ``--delay``, ``--rate`` and ``--fail``: a pattern and what happens there.

Contract: as for :mod:`h2static.command.options.values`.
"""

from __future__ import annotations

import os
import re

from h2static.quantities import size
from h2static.site.patterns import Pattern, parse_pattern

#: A delay that is longer is a typing mistake.
MAX_DELAY = 600.0
#: A rate that nobody would notice.
MAX_RATE = 2**33
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|)")
_FAILURE = re.compile(r"(\d{3})(?::(\d{1,3}(?:\.\d{1,6})?)%)?")


def _split(text: str, what: str) -> tuple[Pattern, str]:
    """Pattern and value; a value alone is for every path."""
    pattern, equals, value = text.rpartition("=")
    if not value:
        raise ValueError(f"{text!r}: expected {what} or PATTERN={what}")
    return parse_pattern(pattern if equals else "/*"), value


def parse_delay(text: str) -> tuple[Pattern, float]:
    """``PATTERN=500ms``; seconds."""
    pattern, value = _split(text, "TIME")
    match = _DELAY.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is no time: expected milliseconds, or a number with ms or s")
    seconds = float(match[1]) * (1 if match[2] == "s" else 0.001)
    if seconds > MAX_DELAY:
        raise ValueError(f"{value!r} is more than {MAX_DELAY:.0f} s")
    return pattern, seconds


def parse_rate(text: str) -> tuple[Pattern, int]:
    """``PATTERN=50K``; octets a second."""
    pattern, value = _split(text, "SIZE")
    rate = size(MAX_RATE)(value)
    if rate < 1:
        raise ValueError("the rate is 0: nothing would ever come")
    return pattern, rate


def parse_failure(text: str) -> tuple[Pattern, tuple[int, float]]:
    """``PATTERN=503:10%``; status, and how often of 1."""
    pattern, value = _split(text, "STATUS[:PERCENT%]")
    match = _FAILURE.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r}: expected a status, or one with a percentage, as 503:10%")
    status, share = int(match[1]), float(match[2] or 100) / 100
    if not 400 <= status <= 599:
        raise ValueError(f"{status} is no status of an error, 400 to 599")
    if share > 1:
        raise ValueError(f"{value!r}: there are no more than 100 %")
    return pattern, (status, share)


def parse_mock(text: str) -> tuple[Pattern, str]:
    """``PATTERN=DIR``; without a folder it is the one that is served."""
    pattern, _, folder = text.partition("=")
    return parse_pattern(pattern), os.path.abspath(folder) if folder else ""
