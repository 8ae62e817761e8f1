"""Complete responses: the same object for the same octets.

Contract: :meth:`Responses.whole` returns a response with head and content; a repeated one is the
same object, and prepared, so that engines can cache what they made of it.

Strategy: a response is cached when it occurs for the second time, because many never recur; the
cache is limited in octets, and emptied as a whole.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from h2static.asgi.limits import DEFAULT_LIMITS, AsgiLimits
from h2static.asgi.sections import Section
from h2static.http.messages import Response

_Key: TypeAlias = tuple[Section, int, bytes]
#: The overhead of a cached response in octets, engines included.
_OVERHEAD: Final = 1_024


class Responses:
    """Caches the responses of one application."""

    __slots__ = ("_known", "_limits", "_octets", "_sighted")

    def __init__(self, limits: AsgiLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._known: dict[_Key, Response] = {}
        self._octets = 0
        #: Hashes of what was seen once.
        self._sighted: set[int] = set()

    def whole(self, section: Section, status: int, data: bytes) -> Response:
        """The response with ``data`` as its whole content, whose length ``section`` has right or
        does not say."""
        key = (section, status, data)
        if len(data) > self._limits.remembered_content:
            return _made(section, status, data)
        known = self._known.get(key)
        if known is not None:
            return known
        response = _made(section, status, data)
        sight = hash(key)
        if sight not in self._sighted:
            if len(self._sighted) >= self._limits.sighted:
                self._sighted.clear()
            self._sighted.add(sight)
            return response
        self._octets += len(data) + _OVERHEAD
        if self._octets > self._limits.remembered:
            self.release()
            self._octets = len(data) + _OVERHEAD
        response.prepared = True
        self._known[key] = response
        return response

    def release(self) -> None:
        """Empty the cache."""
        self._known.clear()
        self._octets = 0


def _made(section: Section, status: int, data: bytes) -> Response:
    fields = section.fields
    if section.length is None:
        fields = (*fields, (b"content-length", b"%d" % len(data)))
    return Response(status=status, fields=fields, body=data, early=True)
