"""Byte ranges (RFC 9110 section 14).

Contract: :func:`parse_ranges` turns a Range field and a length into the parts to send: in
ascending order, disjoint, inside the representation.  It takes linear time (and a sort of at most
``SiteLimits.many_ranges`` items), and no ranges make a response longer than the representation plus
the headers of its parts.  :func:`multipart` creates the octets between the parts.

Programs that know which blocks of a file they lack (zsync, zchunk) request hundreds at a time.
That many are allowed if they make the response smaller, including part headers, because then they
are worth the cost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from h2static.site.limits import DEFAULTS, SiteLimits

#: Offset of the first octet, and of the octet after the last one.
Span: TypeAlias = tuple[int, int]

#: A placeholder as long as a boundary.
_BOUNDARY = bytes(32)
# No file has a place that takes more digits, and long ones take long to read.
_RANGE = re.compile(rb"([0-9]{0,100})-([0-9]{0,100})")


def parse_ranges(
    value: bytes, length: int, limits: SiteLimits = DEFAULTS, *, media_type: bytes = b""
) -> tuple[Span, ...] | None:
    """Parse ``value``, a Range field for a representation of ``length`` octets, into spans.

    ``media_type`` is in the header of each part, if there are several.

    ``None``: ignore the field and send the whole representation (RFC 9110 section 14.2).
    An empty tuple: no requested range is satisfiable (416).
    """
    unit, equals, text = value.partition(b"=")
    if unit.strip().lower() != b"bytes" or not equals or len(value) > limits.range_field:
        return None
    items = [item.strip(b" \t") for item in text.split(b",")]
    items = [item for item in items if item]
    if not items or len(items) > limits.many_ranges:
        return None
    spans: list[Span] = []
    for item in items:
        match = _RANGE.fullmatch(item)
        if match is None:
            return None
        first, last = match.groups()
        if first:
            start = int(first)
            # RFC 9110 section 14.1.1: "An int-range is invalid if the last-pos value is present
            # and less than first-pos."
            if last and int(last) < start:
                return None
            stop = min(int(last) + 1, length) if last else length
        elif last:
            start, stop = max(length - int(last), 0), length
            if int(last) and not length:
                # A suffix of an empty representation is satisfiable but cannot be expressed.
                return None
        else:
            return None
        if start < stop:
            spans.append((start, stop))
    if len(spans) > 1 and _octets(spans) > length:
        # Only overlapping ranges add up to more than the whole: section 14.2 lets a server ignore
        # "many small ranges" and "overlapping ranges".
        return None
    merged = _merge(spans)
    if len(merged) > 1:
        headings = len(merged) * len(_heading(_BOUNDARY, media_type, (length, length), length))
        if headings > limits.range_headings:
            return None
        if len(items) > limits.ranges and headings + _octets(merged) >= length:
            return None
    return merged


def _octets(spans: Sequence[Span]) -> int:
    return sum(stop - start for start, stop in spans)


def _merge(spans: list[Span]) -> tuple[Span, ...]:
    """``spans`` in ascending order, with overlapping and adjacent ones merged."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def multipart(
    spans: Sequence[Span], length: int, media_type: bytes, boundary: bytes
) -> list[bytes | Span]:
    """The parts of multipart/byteranges content (RFC 9110 section 14.6), with delimiters between
    them.

    ``length`` and ``media_type`` are those of the representation.  As RFC 2046 section 5.1.1
    says, a delimiter begins with CRLF; the first one could omit it, but zsync expects it.
    """
    pieces: list[bytes | Span] = []
    for span in spans:
        pieces.append(_heading(boundary, media_type, span, length))
        pieces.append(span)
    pieces.append(b"\r\n--%b--\r\n" % boundary)
    return pieces


def _heading(boundary: bytes, media_type: bytes, span: Span, length: int) -> bytes:
    return b"\r\n--%b\r\ncontent-type: %b\r\ncontent-range: %b\r\n\r\n" % (
        boundary,
        media_type,
        content_range(span, length),
    )


def content_range(span: Span, length: int) -> bytes:
    """The Content-Range of a part (RFC 9110 section 14.4)."""
    return b"bytes %d-%d/%d" % (span[0], span[1] - 1, length)


def unsatisfied_range(length: int) -> bytes:
    """The Content-Range of a 416 response."""
    return b"bytes */%d" % length
