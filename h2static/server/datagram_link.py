"""One client of HTTP/3: its QUIC connection, and its engine once the handshake is complete."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from h2static.http.bodies import BodyReader
from h2static.http.counters import Counters
from h2static.http.exchange import Job, Outcome
from h2static.quic.transport import Transport
from h2static.server.datagram_sockets import DatagramSocket
from h2static.server.timers import Timed

if TYPE_CHECKING:
    # A large module that only a frame log needs.
    from h2static.logs.http3_frames import Http3FrameLog


class DatagramEngine(Protocol):
    """What the driver needs of an engine that stands on a :class:`Transport`; as
    :class:`h2static.server.engine.Engine` where the names are the same."""

    @property
    def backlog(self) -> bool:
        """Whether :meth:`take_turn` has something to do."""

    @property
    def blocked(self) -> list[tuple[int, BodyReader]]:
        """Readings to be waited for, by stream; the driver empties the list."""

    @property
    def jobs(self) -> deque[tuple[int, Job]]:
        """Work for threads, by stream."""

    @property
    def closing(self) -> bool:
        """Nothing more is processed; the transport may still have output."""

    @property
    def has_content(self) -> bool:
        """Whether ``pump`` would move something."""

    @property
    def problem(self) -> str | None:
        """What the peer did wrong, once it did."""

    @property
    def counters(self) -> Counters:
        """What the connection has counted so far."""

    @property
    def open_streams(self) -> int:
        """Requests that are not finished."""

    @property
    def write_progress(self) -> float:
        """When the peer was last seen to take octets in earnest."""

    def receive(self, now: float) -> None:
        """Process what the transport has received."""

    def take_turn(self, now: float) -> None:
        """Go on with what is in the backlog."""

    def pump(self, now: float, budget: int) -> None:
        """Give content to the transport."""

    def unblock(self, stream_id: int, now: float) -> None:
        """A reading can go on."""

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        """A job was done, or has failed (``None``)."""

    def deadline(self) -> float | None:
        """When ``check`` may have something to do."""

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""

    def drain(self, now: float) -> None:
        """Finish what was accepted, then close."""

    def abandon(self) -> None:
        """Give back everything."""


class DatagramLink(Timed):
    """One HTTP/3 client of a worker."""

    __slots__ = (
        "engine", "ids", "log", "opened_at", "over", "peer", "queued", "socket", "transport",
    )  # fmt: skip

    def __init__(self, transport: Transport, one: DatagramSocket, now: float) -> None:
        super().__init__()
        self.transport = transport
        self.socket = one
        host, port = transport.path.address[:2]
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.opened_at = now
        #: ``None`` before the handshake is complete.
        self.engine: DatagramEngine | None = None
        #: By which ids the driver knows it.
        self.ids: tuple[bytes, ...] = ()
        #: Whether it is in the row of those who get a turn.
        self.queued = False
        #: The link is done; late packets are still accepted for a while.
        self.over = False
        self.log: Http3FrameLog | None = None
