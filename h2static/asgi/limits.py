"""Limits for applications and their clients, with the reason for each.

Contract: one immutable :class:`AsgiLimits`, passed to each part when it is created.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.websocket.limits import DEFAULT_LIMITS as WEBSOCKET_LIMITS
from h2static.websocket.limits import WebSocketLimits


@dataclass(slots=True, kw_only=True, frozen=True)
class AsgiLimits:
    """Limits of one worker's applications.  Times are in seconds, sizes in octets."""

    #: Request content waiting for the application; above it the client gets no credit.  One HTTP/2
    #: flow-control window.
    content: int = 65_536
    #: Response content waiting for the client before ``send`` waits, too: enough to keep a socket
    #: busy while the application produces the next piece.
    response: int = 131_072
    #: Content that an application sends for a response without content, such as one to HEAD: its
    #: octets, the cost of each event, and the time.  The client already has the whole response, so
    #: nothing else would stop an endless stream.
    swallowed: int = 4_194_304
    swallowed_overhead: int = 1_024
    swallowed_seconds: float = 10.0
    #: Requests whose scope is cached; the cache is cleared as a whole.  Each takes a few hundred
    #: octets in addition to what other caches hold anyway.
    scopes: int = 1_000
    #: Response field sections that were already validated, cached in the same way.
    sections: int = 1_000
    #: Largest section worth caching, in octets.
    section: int = 4_096
    #: Octets of complete responses in the cache, including overhead, and the largest content
    #: cached: pages that all clients request are small.
    remembered: int = 4_194_304
    remembered_content: int = 16_384
    #: Hashes of responses that were seen only once.
    sighted: int = 4_096
    #: Time that applications get between cancellation, at the end of the grace period, and the end.
    cancelled_seconds: float = 1.0
    #: Time that ``lifespan.shutdown`` may take.
    shutdown_seconds: float = 20.0
    #: Limits of one WebSocket.
    websocket: WebSocketLimits = WEBSOCKET_LIMITS
    #: Traceback lines logged for one exception.
    traceback_lines: int = 100


DEFAULT_LIMITS: Final = AsgiLimits()
