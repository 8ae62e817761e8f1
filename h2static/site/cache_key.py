"""The parts of a request that affect the response.

Contract: two requests with equal :class:`CacheKey` get the same response from the same files.
Everything else (cookies, user agents, ``:scheme``) never affects a response.
"""

from __future__ import annotations

from typing import NamedTuple

from h2static.http.fields import Fields
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
_LANGUAGE = _POSITIONS[b"accept-language"]
#: Field sections whose values are kept: those of connections that are active at the same time.
#: Each has at most as many octets as the limits of its protocol allow.
_MOST_FIELDS = 64


class CacheKeys:
    """The cache keys of one site's requests.

    ``accept``: whether some response depends on Accept; ``destination``: whether one depends on the
    purpose (a page, a script).  Browsers send different Accept fields for pictures and pages, so
    the field is included only if something depends on it.  The same applies to languages, of which
    only the preference is included.
    """

    __slots__ = ("_languages", "_positions", "_values")

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
        #: Identity of fields -> the same fields, which keeps the identity theirs, and their values.
        #: Requests of a connection that differ only in their paths have the same object.
        self._values: dict[int, tuple[Fields, list[bytes | None]]] = {}

    def of(self, request: Request) -> CacheKey:
        """The cache key of ``request``."""
        fields = request.fields
        known = self._values.get(id(fields))
        if known is not None:
            return CacheKey(request.method, request.path, *known[1])
        values = _values(fields, self._positions)
        if self._languages is not None and (language := values[_LANGUAGE]) is not None:
            values[_LANGUAGE] = self._languages.preference(language)
        if len(self._values) >= _MOST_FIELDS:
            self._values.clear()
        self._values[id(fields)] = (fields, values)
        return CacheKey(request.method, request.path, *values)


def cache_key_of(request: Request) -> CacheKey:
    """The cache key of ``request``; lines of one field are joined (RFC 9110 section 5.3)."""
    return CacheKey(request.method, request.path, *_values(request.fields, _POSITIONS))


def _values(fields: Fields, positions: dict[bytes, int]) -> list[bytes | None]:
    """The values of a cache key from the third on."""
    values: list[bytes | None] = [None] * len(_NAMES)
    for name, value in fields:
        position = positions.get(name)
        if position is not None:
            before = values[position]
            values[position] = value if before is None else before + b", " + value
    return values
