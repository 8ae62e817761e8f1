"""How much of everything the client of a WebSocket may use, with the reason for each limit.

Contract: as for :mod:`h2static.http2.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True, kw_only=True, frozen=True)
class WebSocketLimits:
    """Limits of one WebSocket.  Times are seconds, sizes octets."""

    #: Size of a received message after decompression; a larger one closes the WebSocket with 1009.
    #: The default of other servers, and of daphne since CVE-2026-44545.
    message: int = 1_048_576
    #: Received messages that the application has not taken; above it, the client gets no credit.  A
    #: few messages of 64 KiB, because stopping for each one would cost an extra turn.
    held: int = 262_144
    #: Cost of a message in addition to its octets, so that empty messages count, too.
    message_overhead: int = 64
    #: Compressed input that is inflated at a time: the output may be a thousand times as large.
    inflated_at_once: int = 1_024
    #: Output waiting for the client, above which ``send`` waits.
    sending: int = 262_144
    #: Smaller messages are sent uncompressed: they would hardly shrink, and deflate is expensive.
    deflate_from: int = 256
    #: Interval between pings, which keep middleboxes from dropping the connection.
    ping_seconds: float = 20.0
    #: Time from a ping to any frame from the client.
    pong_seconds: float = 20.0
    #: Time from our close frame to the client's.
    close_seconds: float = 10.0
    #: Subprotocols in one handshake; browsers send a handful.
    subprotocols: int = 64


DEFAULT_LIMITS: Final = WebSocketLimits()
