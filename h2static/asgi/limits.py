"""Limits on what applications and their clients may hold, with their reasons.

Contract: one immutable :class:`AsgiLimits`, passed to each part when it is created.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.websocket.limits import DEFAULT_LIMITS as WEBSOCKET_LIMITS
from h2static.websocket.limits import WebSocketLimits


@dataclass(slots=True, kw_only=True, frozen=True)
class AsgiLimits:
    """Times are seconds, sizes octets."""

    #: Request content waiting for the application: above it, the client gets no credit.  One
    #: HTTP/2 flow-control window.
    content: int = 65_536
    #: Response content waiting for the client, above which ``send`` waits: enough to keep a socket
    #: busy while the application produces the next piece.
    response: int = 131_072
    #: Content that an application sends for a response without content, such as one to HEAD:
    #: octets, cost of each event, and time.  The client already has the complete response, so
    #: nothing else would stop an endless stream.
    swallowed: int = 4_194_304
    swallowed_overhead: int = 1_024
    swallowed_seconds: float = 10.0
    #: Requests whose scope is cached; the cache is emptied as a whole.  Each entry takes some
    #: hundred octets in addition to what other caches hold anyway.
    scopes: int = 1_000
    #: Validated header sections of responses, cached in the same way.
    sections: int = 1_000
    #: Size of the largest section that is cached.
    section: int = 4_096
    #: Complete responses in the cache, with their overhead, and the largest content of one: pages
    #: that every client gets are small.
    remembered: int = 4_194_304
    remembered_content: int = 16_384
    #: Hashes of responses that were sent once.
    sighted: int = 4_096
    #: Time that applications have between being canceled, after the grace period, and the exit.
    cancelled_seconds: float = 1.0
    #: Time for ``lifespan.shutdown``.
    shutdown_seconds: float = 20.0
    #: Limits of one WebSocket.
    websocket: WebSocketLimits = WEBSOCKET_LIMITS
    #: Lines of a traceback in the log, per exception.
    traceback_lines: int = 100


DEFAULT_LIMITS: Final = AsgiLimits()
