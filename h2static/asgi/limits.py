"""Bounds of what applications and their clients may hold, and why each is what it is.

Contract: one immutable :class:`AsgiLimits`, handed to each part when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.websocket.limits import DEFAULT_LIMITS as WEBSOCKET_LIMITS
from h2static.websocket.limits import WebSocketLimits


@dataclass(slots=True, kw_only=True, frozen=True)
class AsgiLimits:
    """Times are seconds, sizes octets."""

    #: Content of a request that waits for the application: above it the client gets no credit.
    #: One flow-control window of HTTP/2.
    content: int = 65_536
    #: Content of a response that waits for the client before ``send`` waits as well: enough to keep
    #: a socket busy while the application makes the next piece.
    response: int = 131_072
    #: Content of a response that has none, as one to HEAD, which an application may still send: its
    #: octets, what each event of them costs, and the time.  Its client has all of the response, so
    #: nothing else would ever stop a stream without end.
    swallowed: int = 4_194_304
    swallowed_overhead: int = 1_024
    swallowed_seconds: float = 10.0
    #: Requests whose scope is remembered; they are forgotten all at once.  Each is some hundred
    #: octets beside what other memories hold anyway.
    scopes: int = 1_000
    #: Field sections of responses that were checked already, remembered likewise.
    sections: int = 1_000
    #: Octets of the largest section that is worth remembering.
    section: int = 4_096
    #: Octets of responses that are remembered in one piece, what they take beside their content
    #: included, and the largest content that is: pages that everybody gets are small.
    remembered: int = 4_194_304
    remembered_content: int = 16_384
    #: Hashes of responses that were seen once.
    sighted: int = 4_096
    #: What applications get between being cancelled, when the grace period is over, and the end.
    cancelled_seconds: float = 1.0
    #: What ``lifespan.shutdown`` may take.
    shutdown_seconds: float = 20.0
    #: Of one WebSocket.
    websocket: WebSocketLimits = WEBSOCKET_LIMITS
    #: Lines of a traceback that are written for one exception.
    traceback_lines: int = 100


DEFAULT_LIMITS: Final = AsgiLimits()
