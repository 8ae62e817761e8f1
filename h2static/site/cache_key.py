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
    accept_language: bytes | None = None
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


class CacheKeys:
    """The cache keys of one site's requests.

    ``accept``: some response depends on what the client accepts; ``destination``: on what it is
    for (a page, a script).  Browsers send another Accept for a picture than for a page: it counts
    only where something depends on it.  ``language``: some response depends on what it reads.
    """

    __slots__ = ("_positions",)

    def __init__(self, *, accept: bool, destination: bool, language: bool) -> None:
        self._positions = dict(_POSITIONS)
        if not accept:
            del self._positions[b"accept"]
        if not destination:
            del self._positions[b"sec-fetch-dest"]
        if not language:
            del self._positions[b"accept-language"]

    def of(self, request: Request) -> CacheKey:
        """The cache key of ``request``."""
        return _make_key(request, self._positions)


def cache_key_of(request: Request) -> CacheKey:
    """The cache key of ``request``; lines of one field are joined (RFC 9110 section 5.3)."""
    return _make_key(request, _POSITIONS)


def _make_key(request: Request, positions: dict[bytes, int]) -> CacheKey:
    values: list[bytes | None] = [None] * len(_NAMES)
    for name, value in request.fields:
        position = positions.get(name)
        if position is not None:
            before = values[position]
            values[position] = value if before is None else before + b", " + value
    return CacheKey(request.method, request.path, *values)
