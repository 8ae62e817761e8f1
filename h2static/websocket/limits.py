"""How much of everything the client of a WebSocket may use, and why the bound is what it is.

Contract: as :mod:`h2static.http2.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True, kw_only=True, frozen=True)
class WebSocketLimits:
    """Bounds of one WebSocket.  Times are seconds, sizes octets."""

    #: A message that came, inflated; beyond it the WebSocket is closed with 1009.  What others
    #: allow by default, and daphne since CVE-2026-44545.
    message: int = 1_048_576
    #: Messages that came and nobody has taken; then the client gets no credit.  A few of 64 KiB: to
    #: stop and go on for each would take a turn more.
    held: int = 262_144
    #: What a message costs beside its octets: many empty ones are not for nothing.
    message_overhead: int = 64
    #: Compressed input that is inflated at once: a thousand times as much may come of it.
    inflated_at_once: int = 1_024
    #: What waits for the client before ``send`` waits as well; likewise.
    sending: int = 262_144
    #: Messages smaller than this go uncompressed: they would hardly shrink, and deflate is dear.
    deflate_from: int = 256
    #: Between two pings, which keep middle boxes from dropping the connection.
    ping_seconds: float = 20.0
    #: From a ping to some sign of life.
    pong_seconds: float = 20.0
    #: From our close frame to the client's.
    close_seconds: float = 10.0
    #: Subprotocols in one handshake; browsers send a handful.
    subprotocols: int = 64


DEFAULT_LIMITS: Final = WebSocketLimits()
