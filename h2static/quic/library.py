"""What a driver needs of a QUIC library besides connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from h2static.quic.connection_ids import ConnectionIds
from h2static.quic.packets import Header
from h2static.quic.transport import Path, Transport


@dataclass(slots=True, kw_only=True, frozen=True)
class TransportLimits:
    """What a client may do on one connection.  Times are seconds, sizes octets."""

    #: Requests at once, and unidirectional streams at once.
    request_streams: int = 100
    unidirectional_streams: int = 16
    #: What may be sent on a stream, and on all of them, before credit is given.
    stream_window: int = 65_536
    connection_window: int = 65_536
    #: Silence that ends a connection (RFC 9000 section 10.1).
    idle_seconds: float = 180.0
    #: Octets on their way that were not acknowledged: a client that grants much and acknowledges
    #: late must not have us keep more.
    unacknowledged: int = 2_097_152
    #: Octets of content that wait for congestion control or pacing: what one reading brings.
    ahead: int = 65_536
    #: The typical delay of system timers, which pacing sends in one burst, and the maximum number
    #: of packets in a burst: Linux's default receive buffer holds about 90.
    timer_seconds: float = 0.002
    burst_packets: int = 64


class Library(Protocol):
    """Makes transports."""

    @property
    def versions(self) -> tuple[int, ...]:
        """Versions that are spoken."""

    def accept(
        self,
        header: Header,
        path: Path,
        ids: ConnectionIds,
        *,
        original: bytes | None = None,
    ) -> Transport:
        """A connection that begins with an Initial packet of ``header``.

        ``original``: the id that the client had chosen, where it comes back from a Retry.
        """

    def retry(self, header: Header, token: bytes, given: bytes) -> bytes:
        """A Retry packet with ``token``, which gives the client the connection id ``given``."""

    def refuse_token(self, header: Header) -> bytes:
        """A close for a client whose token is not good (RFC 9000 section 8.1.3)."""
