"""Field sections of a client's messages: from requests, and to response heads.

Contract: :func:`request_section` is pure.  A :class:`ResponseHeads` maps equal fields to the same
:class:`~h2static.http.semantics.ResponseHead`, within a limit; heads with cookies are private and
not cached.
"""

from __future__ import annotations

from typing import Final

from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.http.semantics import ResponseHead, validate_response

#: Heads cached per connection; a full cache is cleared.
_MOST: Final = 256


class ResponseHeads:
    """The cache of one connection's response heads."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Fields, ResponseHead] = {}

    def find(self, fields: Fields) -> ResponseHead:
        """The head for ``fields``.  Raises :class:`~h2static.http.errors.Malformed`."""
        known = self._known.get(fields)
        if known is None:
            known = validate_response(fields)
            if not any(name == b"set-cookie" for name, _ in fields):
                if len(self._known) >= _MOST:
                    self._known.clear()
                self._known[fields] = known
        return known


def request_section(request: Request) -> Fields:
    """The field section of ``request``, pseudo-header fields first (RFC 9113 section 8.3.1)."""
    if request.method == b"CONNECT" and not request.protocol:
        # "The ":scheme" and ":path" pseudo-header fields MUST be omitted" (8.5).
        return ((b":method", b"CONNECT"), (b":authority", request.authority), *request.fields)
    protocol: Fields = ((b":protocol", request.protocol),) if request.protocol else ()
    authority: Fields = ((b":authority", request.authority),) if request.authority else ()
    return (
        (b":method", request.method),
        *protocol,
        (b":scheme", request.scheme),
        *authority,
        (b":path", request.path),
        *request.fields,
    )
