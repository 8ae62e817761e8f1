"""Extensible priorities: the ``priority`` field value (RFC 9218 section 4).

Contract: :func:`parse_priority` never fails; unreadable values give the default, as section 4 says.
"""

from __future__ import annotations

import re
from typing import Final

#: RFC 9218 sections 4.1 and 4.2.
DEFAULT_URGENCY: Final = 3
DEFAULT_INCREMENTAL: Final = False
LOWEST_URGENCY: Final = 7

#: One member of a Structured Fields dictionary (RFC 8941 section 3.2), its parameters ignored.
_MEMBER = re.compile(rb"([a-z*][a-z0-9_\-.*]*)(?:=([^,;]*))?(?:;[^,]*)?")
#: Longer values are not parsed: the two known members take ten octets.
_MAXIMUM_VALUE: Final = 256


def parse_priority(value: bytes) -> tuple[int, bool]:
    """Urgency (0 to 7, 0 first), and whether to deliver the response incrementally.

    "Unknown priority parameters, priority parameters with out-of-range values, or values of
    unexpected types MUST be ignored" (RFC 9218 section 4).
    """
    urgency, incremental = DEFAULT_URGENCY, DEFAULT_INCREMENTAL
    if len(value) > _MAXIMUM_VALUE:
        return urgency, incremental
    for text in value.split(b","):
        member = _MEMBER.fullmatch(text.strip(b" \t"))
        if member is None:
            return DEFAULT_URGENCY, DEFAULT_INCREMENTAL
        key, item = member.groups()
        if key == b"u" and item is not None and len(item) == 1 and b"0" <= item <= b"7":
            urgency = int(item)
        elif key == b"i" and item in (None, b"?1"):
            incremental = True
        elif key == b"i" and item == b"?0":
            incremental = False
    return urgency, incremental
