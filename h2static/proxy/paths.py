"""Maps paths from the client's request to the upstream's, and back.

Contract: pure functions on octets, whose results are valid paths.  The upstream gets the path that
the router compared with a prefix: dot segments are removed, and a path that has the prefix only
after decoding an encoded slash does not match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from h2static.http.paths import remove_dot_segments

#: What no URI has raw, though requests may (RFC 3986 section 2): the backslash, which some servers
#: take for a slash, and octets that are not ASCII.  For the rest of the octets that RFC 3986
#: leaves out, it does not matter who encodes them.
_ENCODED: Final = re.compile(rb"[\\\x00-\x20\x7f-\xff#]")


def rest_below(path: bytes, prefix: str) -> bytes | None:
    """What follows ``prefix``, which is decoded, in ``path``, which has no query: empty, or with a
    slash in front.  ``None``: it is not below the prefix as its segments are."""
    names = prefix.encode("utf-8").split(b"/")[1:] if prefix else []
    segments = path.split(b"/")[1:]
    if len(segments) < len(names):
        return None
    for name, segment in zip(names, segments, strict=False):
        if name != (unquote_to_bytes(segment) if b"%" in segment else segment):
            return None
    rest = segments[len(names) :]
    return b"/" + b"/".join(rest) if rest else b""


def upstream_path(
    path: bytes, prefix: str, base: str | None, rewrite: Sequence[tuple[re.Pattern[bytes], bytes]]
) -> bytes | None:
    """The upstream's path and query for ``path``, which may have a query.

    ``base``: what replaces ``prefix``; ``None``: nothing does.  ``rewrite`` is applied to the
    result.  ``None``: the path is below the prefix only by another reading.
    """
    if path == b"*":
        # RFC 9110 section 9.3.7: OPTIONS for the server as a whole.
        return path
    plain, question, query = path.partition(b"?")
    if b"/." in plain or b"%" in plain:
        plain = remove_dot_segments(plain)[0]
    if prefix or base:
        rest = rest_below(plain, prefix)
        if rest is None:
            return None
        if base is not None:
            plain = base.encode("ascii") + rest or b"/"
    asked = plain + question + query
    for pattern, replacement in rewrite:
        asked = pattern.sub(replacement, asked)
    if not asked.startswith(b"/"):
        asked = b"/" + asked
    return _ENCODED.sub(_encode, asked)


def _encode(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def front_path(path: bytes, prefix: str, base: str | None) -> bytes:
    """The client's path for ``path`` of an upstream; the reverse of :func:`upstream_path` without
    rewriting.  Clients cannot request a path that is not under ``base``; it stays unchanged."""
    if base is None:
        return path
    below = base.encode("ascii")
    if path != below and not path.startswith(below + b"/"):
        return path
    return prefix.encode("utf-8") + path[len(below) :] or b"/"
