"""What repeats on a client's connections to one server, remembered: heads of both directions.

Contract: :class:`ClientMemory` gives for the octets of a response's head the very
:class:`~h2static.http1.response_head.Incoming` that they gave before, and for a request that
repeats and has no content the octets that it goes out as.  Heads with cookies are somebody's own,
and never kept.  At the bound everything is forgotten.
"""

from __future__ import annotations

from h2static.http.messages import Request
from h2static.http1.framer import Framed
from h2static.http1.limits import Limits
from h2static.http1.response_head import Incoming, parse_response


class ClientMemory:
    """See the module."""

    __slots__ = ("_incoming", "_largest", "_most", "framed")

    def __init__(self, *, most: int = 1_024, largest: int = 4_096) -> None:
        """``most``: heads in each direction; ``largest``: octets of one that is kept."""
        self._most = most
        self._largest = largest
        self._incoming: dict[tuple[bytes, bytes], Incoming] = {}
        #: By request; to be looked up only.
        self.framed: dict[Request, Framed] = {}

    def parse(self, section: bytes, method: bytes, limits: Limits) -> Incoming:
        """As :func:`~h2static.http1.response_head.parse_response`."""
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
        """``request``, which has no content, goes out as ``framed``."""
        if request.repeats and len(framed.octets) <= self._largest:
            if len(self.framed) >= self._most:
                self.framed.clear()
            self.framed[request] = framed

    def release(self) -> None:
        """Forget."""
        self._incoming.clear()
        self.framed.clear()
