"""Numbers in options: text in, checked value out.

Contract: each parser raises ``ValueError`` with a one-line message that says what was expected.
Long numbers take no longer than short ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_SIZE: Final = re.compile(r"([0-9]+)([KMG]?)", re.IGNORECASE | re.ASCII)
#: The units of nghttp and nghttpd.
_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def number(digits: str) -> int:
    """``digits`` as a number; of more digits than any limit has, some number beyond all limits."""
    return int(digits.lstrip("0")[:20] or "0")


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of decimal integers from ``minimum`` to ``maximum``."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not minimum <= number(text) <= maximum:
            raise ValueError(f"{text!r} is not an integer from {minimum} to {maximum}")
        return number(text)

    return parse


def _written(octets: int) -> str:
    """A size as :func:`size` reads it."""
    unit = max(
        (one for one, factor in _UNITS.items() if octets and octets % factor == 0),
        key=_UNITS.__getitem__,
        default="",
    )
    return f"{octets // _UNITS[unit]}{unit}"


def size(maximum: int, minimum: int = 0) -> Callable[[str], int]:
    """A parser of sizes in octets from ``minimum`` to ``maximum``; K, M and G are powers of
    1024."""

    def parse(text: str) -> int:
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is not a size: expected a number, optionally followed by K, M or G"
            )
        octets = number(match[1]) * _UNITS[match[2].upper()]
        if octets > maximum:
            raise ValueError(f"{text} is too large: at most {maximum} octets")
        if octets < minimum:
            raise ValueError(f"{text} is too small: at least {_written(minimum)}")
        return octets

    return parse
