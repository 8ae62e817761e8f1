"""Paths of requests as text: which of them are the same (RFC 3986 section 6.2.2).

Contract: functions without state; paths are octets that begin with a slash, without a query.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

_DOT_SEGMENTS: Final = (b".", b"..")


def may_have_dot_segments(path: bytes) -> bool:
    """Whether a closer look is needed: cheap, for the many paths that have none."""
    return b"/." in path or b"%2" in path


def without_dot_segments(path: bytes) -> tuple[bytes, bool]:
    """``path`` as RFC 3986 section 5.2.4 leaves it, and whether it led above the root.

    Encoded dots are dots (section 6.2.2.2); an encoded slash separates nothing.
    """
    kept: list[bytes] = []
    climbs = False
    name = b""
    for segment in path[1:].split(b"/"):
        name = unquote_to_bytes(segment)
        if name not in _DOT_SEGMENTS:
            kept.append(segment)
        elif name == b"..":
            if kept:
                kept.pop()
            else:
                climbs = True
    if name in _DOT_SEGMENTS:
        # It names a folder.
        kept.append(b"")
    return b"/" + b"/".join(kept), climbs


def decoded_path(path: bytes) -> bytes:
    """``path`` without dot segments, percent-decoded: what rules and prefixes are compared with."""
    if path[:1] == b"/" and may_have_dot_segments(path):
        path, _ = without_dot_segments(path)
    return unquote_to_bytes(path) if b"%" in path else path
