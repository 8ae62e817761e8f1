"""One QUIC connection as HTTP/3 and its driver see it: the narrow interface to a library.

Contract: nothing here waits, does I/O or reads a clock; ``now`` is monotonic, in seconds.  The
driver gives datagrams (:meth:`Transport.receive_datagram`), takes those that are to be sent
(:meth:`Transport.datagrams_to_send`), and calls :meth:`Transport.handle_timer` when
:meth:`Transport.deadline` has come.  HTTP/3 takes the events and uses the streams.

Credit is explicit: on a stream, and on all of them, a peer may send as much as was announced at
first and as :meth:`Transport.give_credit` has added.  Sending is explicit, too:
:meth:`Transport.room` and :meth:`Transport.stream_room` say how much content is accepted now, so
that nothing is read ahead for a peer that does not read.  Headers and control frames may exceed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias


class Path(NamedTuple):
    """Between which addresses datagrams go (RFC 9000 section 9); compared as a whole."""

    #: The peer's, as the socket module has it.
    address: tuple[str, int] | tuple[str, int, int, int]
    #: The address of ours and the interface that a datagram came to, as the system tells them
    #: (``in_pktinfo``, ``in6_pktinfo``); empty: not told.
    local: bytes = b""


@dataclass(slots=True, kw_only=True)
class HandshakeCompleted:
    """Both ends know who they are; streams may be used."""


@dataclass(slots=True, kw_only=True)
class StreamData:
    """The next octets of a stream, in their order."""

    stream_id: int
    data: bytes
    #: Nothing follows.
    ended: bool


@dataclass(slots=True, kw_only=True)
class StreamReset:
    """The peer has given up sending on a stream (RESET_STREAM)."""

    stream_id: int
    code: int


@dataclass(slots=True, kw_only=True)
class SendingStopped:
    """The peer reads a stream no further (STOP_SENDING): ours is reset already."""

    stream_id: int
    code: int


@dataclass(slots=True, kw_only=True)
class PingAcknowledged:
    """The peer has answered :meth:`Transport.ping`."""


@dataclass(slots=True, kw_only=True)
class Terminated:
    """The connection is over, and nothing more will be sent."""

    code: int
    reason: str
    #: Whether the end that owns this transport has closed the connection by itself.
    closed_here: bool


Event: TypeAlias = (
    HandshakeCompleted | StreamData | StreamReset | SendingStopped | PingAcknowledged | Terminated
)


class Transport(Protocol):
    """The interface to a QUIC connection."""

    # ------------------------------------------------------------------ for the driver

    @property
    def connection_ids(self) -> tuple[bytes, ...]:
        """By which datagrams for this connection are known at present (RFC 9000 section 5.1).

        The driver asks again after every turn in which :attr:`ids_changed` is true.
        """

    @property
    def ids_changed(self) -> bool:
        """Whether :attr:`connection_ids` are others than when they were last asked for."""

    @property
    def path(self) -> Path:
        """Where the peer is at present."""

    @property
    def established(self) -> bool:
        """Whether the handshake is complete: the peer has shown that it is where it says."""

    @property
    def server_name(self) -> str | None:
        """What the client has named in its TLS handshake (SNI), if anything."""

    @property
    def terminated(self) -> bool:
        """Whether everything is over, the time in which a close is answered included."""

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        """A datagram has come; never raises for any octets."""

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        """What is to be sent now, and where to."""

    def deadline(self) -> float | None:
        """When :meth:`handle_timer` has something to do; ``None``: never."""

    def handle_timer(self, now: float) -> None:
        """Act on what has become due; datagrams may have to be sent then."""

    # ------------------------------------------------------------------ for HTTP/3

    def next_event(self) -> Event | None:
        """What has happened, in its order; ``None``: nothing more."""

    @property
    def room(self) -> int:
        """Octets of content that all streams together may be given now: what the peer's credit
        for the connection and congestion control leave."""

    def stream_room(self, stream_id: int) -> int:
        """Octets that the peer's credit for the stream leaves."""

    @property
    def moved(self) -> int:
        """Octets of streams that the peer has acknowledged so far: it takes what is sent."""

    @property
    def waits_for_peer(self) -> bool:
        """Whether stream octets are on their way that the peer has not acknowledged."""

    def open_unidirectional(self) -> int:
        """A stream of our own, for sending only."""

    def send(self, stream_id: int, data: bytes | memoryview, *, end: bool = False) -> None:
        """Send octets on a stream; no effect on one that was reset or stopped."""

    def reset(self, stream_id: int, code: int) -> None:
        """Give up sending on a stream (RESET_STREAM)."""

    def stop(self, stream_id: int, code: int) -> None:
        """Read a stream no further (STOP_SENDING); no effect where all has come already."""

    def give_credit(self, stream_id: int | None, octets: int) -> None:
        """Allow the peer to send ``octets`` more on a stream; ``None``: on the connection."""

    def ping(self) -> None:
        """Find out that a round trip has passed; :class:`PingAcknowledged` says so."""

    def close(self, code: int, reason: str) -> None:
        """End the connection with an error code of HTTP/3 (CONNECTION_CLOSE)."""
