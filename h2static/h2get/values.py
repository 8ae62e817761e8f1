"""Parsers for the values of ``h2get``'s options: text in, checked value out.

Contract: each raises ``ValueError`` with a one-line message that says what was expected.
"""

from __future__ import annotations

import re
from typing import Final

from h2static.client.options import Place
from h2static.http.grammar import LOWER_CASE_NAME
from h2static.quantities import integer, size

#: Seconds of a unit of time, as nghttp has them.
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}
_LARGEST_SETTING: Final = 2**32 - 1
#: Urgency by weight, from the least weight that has it: nghttp's usual weights fall into different
#: ones, and its default into the default of RFC 9218.
_URGENCIES: Final = ((200, 0), (100, 1), (32, 2), (16, 3), (8, 4), (4, 5), (2, 6), (1, 7))
#: One ``[address]``, name or nothing between two colons.
_PART: Final = r"(?:\[([^\]]*)\]|([^:\[\]]*))"
_RESOLVE: Final = re.compile(rf"{_PART}:(\d*|\*):(.+)")
_CONNECT_TO: Final = re.compile(rf"{_PART}:(\d*):{_PART}:(\d*)")


#: A parser of octets of a setting.
setting_size: Final = size(_LARGEST_SETTING)


def duration(text: str) -> float:
    """Seconds; h, m, s and ms may follow the number."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(h|m|s|ms|)", text, re.ASCII)
    if match is None:
        raise ValueError(
            f"{text!r} is not a time: expected a number, optionally followed by h, m, s or ms"
        )
    return float(match[1]) * _SECONDS[match[2]]


def window_bits(text: str) -> int:
    """Octets of a window of ``2**text - 1``."""
    return (1 << integer(0, 30)(text)) - 1


def weight(text: str) -> int:
    """The RFC 9218 urgency for an RFC 7540 weight."""
    number = integer(1, 256)(text)
    return next(urgency for least, urgency in _URGENCIES if number >= least)


def header(text: str) -> tuple[bytes, bytes]:
    """A field, ``name: value``, or a pseudo-header field, ``:name: value``."""
    colon = text.find(":", 1)
    name = text[:colon].strip().lower().encode()
    if colon < 0 or LOWER_CASE_NAME.fullmatch(name.removeprefix(b":")) is None:
        raise ValueError(f"{text!r} is not a field: expected 'name: value'")
    return name, text[colon + 1 :].strip().encode("utf-8", "surrogateescape")


def trailer(text: str) -> tuple[bytes, bytes]:
    """A trailer field, ``name: value``."""
    name, value = header(text)
    if name.startswith(b":"):
        raise ValueError(f"{text!r}: pseudo-header fields are not allowed in trailers")
    return name, value


def resolve(text: str) -> tuple[Place, tuple[str, ...]]:
    """``HOST:PORT:ADDRESS[,ADDRESS]...``; ``*`` is any port."""
    match = _RESOLVE.fullmatch(text)
    addresses = tuple(one.strip("[]") for one in match[4].split(",")) if match else ()
    if match is None or not (match[1] or match[2]) or not all(addresses):
        raise ValueError(f"{text!r}: expected HOST:PORT:ADDRESS")
    host = match[1] or match[2]
    return Place(host=None if host == "*" else host, port=_port(match[3], text)), addresses


def connect_to(text: str) -> tuple[Place, Place]:
    """``HOST1:PORT1:HOST2:PORT2``; what is empty on the left is any, on the right as it was."""
    match = _CONNECT_TO.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r}: expected HOST1:PORT1:HOST2:PORT2")
    first = Place(host=match[1] or match[2] or None, port=_port(match[3], text))
    second = Place(host=match[4] or match[5] or None, port=_port(match[6], text))
    return first, second


def _port(text: str, whole: str) -> int | None:
    if text in ("", "*"):
        return None
    try:
        return integer(1, 65_535)(text)
    except ValueError as error:
        raise ValueError(f"{whole!r}: {error}") from None
