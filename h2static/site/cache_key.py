"""The parts of a request that affect the response.

Contract: two requests with equal :class:`CacheKey` get the same response from the same files.
Everything else (cookies, user agents, ``:scheme``) never affects a response.
"""

from __future__ import annotations

from typing import NamedTuple

from h2static.http.messages import Request
from h2static.site.languages import Languages


class CacheKey(NamedTuple):
    """Method, path and negotiated fields of a request; absent fields are ``None``."""

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

    ``accept``: whether some response depends on Accept; ``destination``: whether one depends on the
    purpose (a page, a script).  Browsers send different Accept fields for pictures and pages, so
    the field is included only if something depends on it.  The same applies to languages, of which
    only the preference is included.
    """

    __slots__ = ("_languages", "_positions")

    def __init__(
        self, *, accept: bool, destination: bool, languages: Languages | None = None
    ) -> None:
        self._languages = languages
        self._positions = dict(_POSITIONS)
        if not accept:
            del self._positions[b"accept"]
        if not destination:
            del self._positions[b"sec-fetch-dest"]
        if languages is None:
            del self._positions[b"accept-language"]

    def of(self, request: Request) -> CacheKey:
        """The cache key of ``request``."""
        key = _make_key(request, self._positions)
        if self._languages is None or key.accept_language is None:
            return key
        return key._replace(accept_language=self._languages.preference(key.accept_language))


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
