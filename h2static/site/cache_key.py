"""What an answer depends on besides the files.

Contract: two requests with equal :class:`CacheKey` get the same answer from the same files.  What
is not in here (cookies, user agents, ``:scheme``) never changes an answer.
"""

from __future__ import annotations

from typing import NamedTuple

from h2static.http.messages import Request


class CacheKey(NamedTuple):
    """Method, path and the negotiated fields of a request; fields are ``None`` when absent."""

    method: bytes
    path: bytes
    accept: bytes | None = None
    accept_encoding: bytes | None = None
    if_match: bytes | None = None
    if_modified_since: bytes | None = None
    if_none_match: bytes | None = None
    if_range: bytes | None = None
    if_unmodified_since: bytes | None = None
    range: bytes | None = None
    sec_fetch_dest: bytes | None = None


#: Field names in the order of the attributes of :class:`CacheKey`, from the third on.
_NAMES = tuple(name.replace("_", "-").encode("ascii") for name in CacheKey._fields[2:])
_POSITIONS = {name: position for position, name in enumerate(_NAMES)}


def cache_key_of(request: Request) -> CacheKey:
    """The cache key of ``request``; lines of one field are joined (RFC 9110 section 5.3)."""
    values: list[bytes | None] = [None] * len(_NAMES)
    for name, value in request.fields:
        position = _POSITIONS.get(name)
        if position is not None:
            before = values[position]
            values[position] = value if before is None else before + b", " + value
    return CacheKey(request.method, request.path, *values)
