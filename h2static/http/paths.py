"""Normalization of request paths, the same for every application.

Contract: :func:`remove_dot_segments` does what a client should have done before its request.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

_DOT_SEGMENTS: Final = (b".", b"..")


def remove_dot_segments(path: bytes) -> tuple[bytes, bool]:
    """Remove dot segments from ``path``, which has no query (RFC 3986 section 5.2.4).

    Returns the new path, and whether the old one led above the root, which that section ignores.
    Encoded dots are dots (section 6.2.2.2); an encoded slash does not separate segments.
    """
    if b"/." not in path and b"/%2" not in path:
        return path, False
    kept: list[bytes] = []
    name = b""
    climbs = False
    for segment in path[1:].split(b"/"):
        name = unquote_to_bytes(segment) if b"%" in segment else segment
        if name not in _DOT_SEGMENTS:
            kept.append(segment)
        elif name == b"..":
            climbs = climbs or not kept
            del kept[-1:]
    if name in _DOT_SEGMENTS:
        # It names a folder.
        kept.append(b"")
    return b"/" + b"/".join(kept), climbs
