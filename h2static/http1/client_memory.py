"""A cache of heads in both directions, for a client's connections to one server.

Contract: :class:`ClientMemory` maps the octets of a response's head to the same
:class:`~h2static.http1.response_head.Incoming` object as before, and a repeated request without
content to its octets.  Heads with cookies are private and never cached.  When the cache is full, it
is cleared.
"""

from __future__ import annotations

from h2static.http.messages import Request
from h2static.http1.framer import Framed
from h2static.http1.limits import Limits
from h2static.http1.response_head import Incoming, parse_response


class ClientMemory:
    """The cached heads of one server."""

    __slots__ = ("_incoming", "_largest", "_most", "framed")

    def __init__(self, *, most: int = 1_024, largest: int = 4_096) -> None:
        """``most``: heads in each direction; ``largest``: maximum size of one, in octets."""
        self._most = most
        self._largest = largest
        self._incoming: dict[tuple[bytes, bytes], Incoming] = {}
        #: By request; read-only for users.
        self.framed: dict[Request, Framed] = {}

    def parse(self, section: bytes, method: bytes, limits: Limits) -> Incoming:
        """The result of :func:`~h2static.http1.response_head.parse_response`, using the cache."""
        key = (section, method)
        known = self._incoming.get(key)
        if known is None:
            known = parse_response(section, method, limits)
            own = any(name == b"set-cookie" for name, _ in known.head.fields)
            if len(section) <= self._largest and not own:
                if len(self._incoming) >= self._most:
                    self._incoming.clear()
                self._incoming[key] = known
        return known

    def remember(self, request: Request, framed: Framed) -> None:
        """Cache ``framed`` as the octets of ``request``, which has no content."""
        if request.repeats and len(framed.octets) <= self._largest:
            if len(self.framed) >= self._most:
                self.framed.clear()
            self.framed[request] = framed

    def release(self) -> None:
        """Clear the cache."""
        self._incoming.clear()
        self.framed.clear()
