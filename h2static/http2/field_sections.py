"""Field sections of a client's messages: what a request goes out as, what a response was.

Contract: :func:`request_section` is pure.  A :class:`ResponseHeads` gives for equal fields the same
:class:`~h2static.http.semantics.ResponseHead`, within a bound; heads with cookies, which are
somebody's own, are not kept.
"""

from __future__ import annotations

from typing import Final

from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.http.semantics import ResponseHead, validate_response

#: Heads that one connection remembers; they are forgotten all at once.
_MOST: Final = 256


class ResponseHeads:
    """The heads of one connection's responses that repeat."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Fields, ResponseHead] = {}

    def find(self, fields: Fields) -> ResponseHead:
        """The head that ``fields`` are.  Raises :class:`~h2static.http.errors.Malformed`."""
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
