"""Every quantity that a WebSocket client controls, its limit, and the reason for it.

Contract: as :mod:`h2static.http2.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True, kw_only=True, frozen=True)
class WebSocketLimits:
    """Limits of one WebSocket.  Times are in seconds, sizes in octets."""

    #: A received message, inflated; beyond it the WebSocket is closed with 1009.  The default of
    #: other servers, and of daphne since CVE-2026-44545.
    message: int = 1_048_576
    #: Received messages that have not been consumed; above it the client gets no credit.  A few of
    #: 64 KiB: stopping and resuming for each would cost an extra turn.
    held: int = 262_144
    #: Charged for each message in addition to its octets, so that empty messages are not free.
    message_overhead: int = 64
    #: Compressed input inflated in one step, which may yield a thousand times as much output.
    inflated_at_once: int = 1_024
    #: Messages waiting for the client before ``send`` waits, too.
    sending: int = 262_144
    #: Smaller messages are sent uncompressed: they would hardly shrink, and deflate is expensive.
    deflate_from: int = 256
    #: Between two pings, which keep middleboxes from dropping the connection.
    ping_seconds: float = 20.0
    #: From a ping to any sign of life.
    pong_seconds: float = 20.0
    #: From our close frame to the client's.
    close_seconds: float = 10.0
    #: Subprotocols in one handshake; browsers send a handful.
    subprotocols: int = 64


DEFAULT_LIMITS: Final = WebSocketLimits()
