"""A connection in memory whose client may send any octets on any stream."""

from __future__ import annotations

from collections.abc import Sequence

import pylsqpack

from h2static.http.exchange import Application
from h2static.http.fields import Field
from h2static.http.messages import Client
from h2static.http.shared import Shared
from h2static.http3.connection import ServerConnection
from h2static.http3.limits import Limits
from h2static.http3.observer import Observer
from h2static.http3.service import make_service
from h2static.quic.transport import Event, StreamData, StreamReset, Terminated
from tests.contracts.applications import Scripted
from tests.support.fake_quic import HERE, FakeQuic
from tests.support.wire_clients.http3 import frame, integer

SETTINGS = integer(0) + frame(4, b"")
GET: tuple[Field, ...] = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"example.test"),
    (b":path", b"/"),
)


def section(fields: Sequence[Field]) -> bytes:
    """A field section, encoded by ls-qpack."""
    instructions, block = pylsqpack.Encoder().encode(0, list(fields))
    assert not instructions
    return bytes(block)


def headers(fields: Sequence[Field] = GET) -> bytes:
    """A HEADERS frame."""
    return frame(1, section(fields))


class Peer:
    """See the module."""

    def __init__(
        self,
        application: Application | None = None,
        *,
        limits: Limits | None = None,
        connect_protocol: bool = True,
        settings: bytes = SETTINGS,
        observer: Observer | None = None,
        memories: bool = True,
    ) -> None:
        """``settings``: what the client says first on its stream 2."""
        self.limits = Limits() if limits is None else limits
        self.application = Scripted() if application is None else application
        self.shared = Shared(journal=[])
        self.shared.date.tick(784_111_777)
        self.service = make_service(
            self.application,
            self.limits,
            self.shared,
            connect_protocol=connect_protocol,
            memories=memories,
        )
        self.now = 1_000.0
        self.client = FakeQuic(client=True, peer_connection_window=10**9, peer_stream_window=10**9)
        self.quic = FakeQuic(client=False, stream_window=10**9, connection_window=10**9)
        self.reports: list[str] = []
        self.engine = ServerConnection(
            self.service,
            Client(host="192.0.2.7", version="HTTP/3.0"),
            self.quic,
            self.now,
            report=self.reports.append,
            observer=observer,
        )
        #: What came on each stream, and which have ended.
        self.octets: dict[int, bytes] = {}
        self.ended: set[int] = set()
        #: Whether what came is acknowledged.
        self.acknowledges = True
        self.resets: dict[int, int] = {}
        self.closed: tuple[int, str] | None = None
        if settings:
            self.client.send(2, settings)
        self.settle()

    def send(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """The client sends octets on a stream."""
        self.client.send(stream_id, data, end=end)
        self.settle()

    def settle(self) -> None:
        """Go on until nothing moves."""
        for _ in range(1_000):
            up = b"".join(data for data, _ in self.client.datagrams_to_send(self.now))
            if up:
                self.quic.receive_datagram(up, HERE, self.now)
                self.client.acknowledge(len(up))
            self.engine.receive(self.now)
            self.engine.pump(self.now, 65_536)
            down = b"".join(data for data, _ in self.quic.datagrams_to_send(self.now))
            if down:
                self.client.receive_datagram(down, HERE, self.now)
                if self.acknowledges:
                    self.quic.acknowledge(len(down))
            while (event := self.client.next_event()) is not None:
                self._note(event)
            if not up and not down:
                return
        raise AssertionError("it never comes to rest")

    def _note(self, event: Event) -> None:
        if isinstance(event, StreamData):
            self.octets[event.stream_id] = self.octets.get(event.stream_id, b"") + event.data
            self.client.give_credit(None, len(event.data))
            if event.ended:
                self.ended.add(event.stream_id)
        elif isinstance(event, StreamReset):
            self.resets[event.stream_id] = event.code
        elif isinstance(event, Terminated):
            self.closed = event.code, event.reason

    def wait(self, seconds: float) -> None:
        """Time passes, and the driver looks at the deadline as it comes."""
        until = self.now + seconds
        for _ in range(100_000):
            deadline = self.engine.deadline()
            if deadline is None or deadline > until:
                break
            self.now = max(self.now, deadline)
            self.engine.check(self.now)
            self.settle()
        self.now = until

    def lives(self) -> bool:
        """Whether the connection goes on."""
        return self.closed is None and not self.engine.closing

    def status(self, stream_id: int) -> int:
        """The status of the final response on a stream."""
        octets = self.octets[stream_id]
        assert octets[0] == 1
        length = octets[1]
        start = 2
        if length >= 0x40:
            length = (length & 0x3F) << 8 | octets[2]
            start = 3
        _, fields = pylsqpack.Decoder(0, 0).feed_header(0, octets[start : start + length])
        assert fields[0][0] == b":status"
        return int(fields[0][1])
