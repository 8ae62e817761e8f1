"""Detects the protocol of a cleartext client from its first octets.

Contract: :func:`spoken` examines the first octets of a connection; the result does not depend on
how they were split.  Pure: no I/O, no clock.

Strategy: HTTP/2 starts with its preface, and HTTP/1 with a line that ends with ``HTTP/`` and a
version.  Anything else may come from any client; an HTTP/2 client with a broken preface understands
a GOAWAY frame, and would mistake a line of text for a frame header.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

#: The first octets of RFC 9113 section 3.4, from which it is clear: PRI is no other method's name.
_PREFACE: Final = b"PRI "
#: The first character of a method: any character of a token (RFC 9110 section 9.1).
_METHOD_BEGINS: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]")
#: RFC 9112 section 2.3.  HTTP/1 itself checks the version and the rest.
_VERSION_AT_THE_END: Final = re.compile(rb"[ \t]HTTP/[0-9]\.[0-9][ \t]*\r?\Z")
#: RFC 9112 section 2.2: "a server that is expecting to receive and parse a request-line SHOULD
#: ignore at least one empty line (CRLF) received prior to the request-line."
_EMPTY_LINE: Final = b"\r\n"
_EMPTY_LINES: Final = 4


class Spoken(IntEnum):
    """The detected protocol."""

    UNKNOWN_YET = 0
    HTTP2 = 1
    HTTP1 = 2
    #: Neither.
    NOTHING = 3


def spoken(octets: bytes, limit: int) -> Spoken:
    """The protocol of a connection that starts with ``octets``.

    A line that may be a request line and is longer than ``limit`` octets is HTTP/1's to refuse.
    """
    if octets[: len(_PREFACE)] == _PREFACE[: len(octets)]:
        return Spoken.HTTP2 if len(octets) >= len(_PREFACE) else Spoken.UNKNOWN_YET
    start = 0
    while octets.startswith(_EMPTY_LINE, start):
        start += len(_EMPTY_LINE)
    if start > _EMPTY_LINES * len(_EMPTY_LINE):
        return Spoken.NOTHING
    if octets[start:] in (b"", b"\r"):
        return Spoken.UNKNOWN_YET
    if _METHOD_BEGINS.match(octets, start) is None:
        return Spoken.NOTHING
    # As if the octets had arrived one by one: nothing after the limit is waited for.
    end = octets.find(b"\n", start, start + limit + 1)
    if end < 0:
        return Spoken.HTTP1 if len(octets) - start > limit else Spoken.UNKNOWN_YET
    return Spoken.HTTP1 if _VERSION_AT_THE_END.search(octets, start, end) else Spoken.NOTHING
