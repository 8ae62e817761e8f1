"""A client of HTTP/3 that is aioquic's, over a socket of its own, and does as a test says.

Promise: :class:`QuicClient` speaks HTTP/3 with aioquic's own layer, or any octets on any stream; it
may change its address, drop what it likes, and say nothing.  Everything is bounded in time.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from aioquic.h3 import events as h3
from aioquic.h3.connection import H3Connection
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from cryptography import x509

from h2static.http.fields import Field

#: Seconds for anything.
DEADLINE = 20.0


@dataclass(slots=True, kw_only=True)
class Answer:
    """What has come on one stream."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    #: Of the responses that came before the final one.
    interim: list[dict[bytes, bytes]] = field(default_factory=list)
    data: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        """Of the final response; 0 while there is none."""
        return int(self.headers.get(b":status", b"0"))


class QuicClient:
    """One connection; see the module."""

    def __init__(
        self,
        port: int,
        *,
        name: str | None = "localhost",
        host: str = "127.0.0.1",
        plain: bool = False,
        idle: float = 60.0,
        window: int = 1_048_576,
        patience: float | None = None,
    ) -> None:
        """``plain``: no HTTP/3, only QUIC.  ``window``: what the server may send at first.
        ``patience``: seconds for the handshake, which may fail then."""
        self._patience = patience
        self.configuration = QuicConfiguration(
            alpn_protocols=["h3"],
            is_client=True,
            server_name=name,
            verify_mode=ssl.CERT_NONE,
            idle_timeout=idle,
            max_data=window,
            max_stream_data=window,
        )
        self.quic = QuicConnection(configuration=self.configuration)
        self._plain = plain
        self.http: H3Connection | None = None
        self.server = (host, port)
        self.socket = self._bind()
        self.answers: dict[int, Answer] = {}
        self.events: list[events.QuicEvent] = []
        self.goaways: list[int] = []
        self.handshaken = False
        self.closed: events.ConnectionTerminated | None = None
        #: Datagrams that came and went, in order; what went is not sent while ``mute``.
        self.received: list[bytes] = []
        self.mute = False

    def _bind(self) -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_000_000)
        return one

    def __enter__(self) -> QuicClient:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.closed is None:
            self.quic.close(error_code=0x100)
            self.flush()
        self.socket.close()

    # ------------------------------------------------------------------ the network

    def move(self) -> None:
        """From now on come from another port, and let the server hear of it."""
        self.socket.close()
        self.socket = self._bind()
        self.quic.send_ping(0)
        self.flush()

    def flush(self) -> None:
        """Send what there is."""
        for data, _ in self.quic.datagrams_to_send(time.monotonic()):
            if not self.mute:
                self.socket.sendto(data, self.server)

    def begin(self) -> None:
        """Send the first datagram."""
        self.quic.connect(self.server, time.monotonic())
        self.flush()

    def connect(self) -> None:
        """Finish the handshake."""
        self.begin()
        if not self._plain:
            self.http = H3Connection(self.quic)
        if self._patience is None:
            self.until(lambda: self.handshaken or self.closed is not None)
            return
        end = time.monotonic() + self._patience
        while not self.handshaken and time.monotonic() < end:
            self.step(end)

    def until(self, done: Callable[[], bool], seconds: float = DEADLINE) -> None:
        """Go on until ``done``; fails when that takes too long."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "the server does not answer in time"
            self.step(end)

    def rest(self, seconds: float) -> None:
        """Go on for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step(end)

    def step(self, end: float) -> None:
        """Wait for a datagram or a timer, and go on."""
        timer = self.quic.get_timer()
        now = time.monotonic()
        until = end if timer is None else min(end, timer)
        ready, _, _ = select.select([self.socket], [], [], max(0.0, until - now))
        if ready:
            for _ in range(1_000):
                try:
                    data = self.socket.recv(65_535)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                self.received.append(data)
                self.quic.receive_datagram(data, self.server, time.monotonic())
        if timer is not None and time.monotonic() >= timer:
            self.quic.handle_timer(time.monotonic())
        self._take_events()
        self.flush()

    def _take_events(self) -> None:
        while (event := self.quic.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, events.HandshakeCompleted):
                self.handshaken = True
            elif isinstance(event, events.ConnectionTerminated):
                self.closed = event
            elif isinstance(event, events.StreamReset):
                self.answers.setdefault(event.stream_id, Answer()).reset = event.error_code
            elif self._plain and isinstance(event, events.StreamDataReceived):
                answer = self.answers.setdefault(event.stream_id, Answer())
                answer.data += event.data
                answer.ended = answer.ended or event.end_stream
            if self.http is not None:
                for one in self.http.handle_event(event):
                    self._take(one)

    def _take(self, event: h3.H3Event) -> None:
        if isinstance(event, h3.HeadersReceived):
            answer = self.answers.setdefault(event.stream_id, Answer())
            fields = dict(event.headers)
            if fields.get(b":status", b"").startswith(b"1"):
                answer.interim.append(fields)
            else:
                answer.headers.update(fields)
            answer.ended = answer.ended or event.stream_ended
        elif isinstance(event, h3.DataReceived):
            answer = self.answers.setdefault(event.stream_id, Answer())
            answer.data += event.data
            answer.ended = answer.ended or event.stream_ended

    @property
    def certificate(self) -> x509.Certificate:
        """What the server has shown."""
        shown = self.quic.tls._peer_certificate
        assert shown is not None
        return shown

    # ------------------------------------------------------------------ requests

    def ask(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        fields: tuple[Field, ...] = (),
        content: bytes | None = None,
        end: bool = True,
        authority: bytes = b"localhost",
    ) -> int:
        """Send a request; its stream."""
        assert self.http is not None
        stream_id: int = self.quic.get_next_available_stream_id()
        head = [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", authority),
            (b":path", path.encode()),
            *fields,
        ]
        self.http.send_headers(stream_id, head, end_stream=end and content is None)
        if content is not None:
            self.http.send_data(stream_id, content, end_stream=end)
        self.answers[stream_id] = Answer()
        self.flush()
        return stream_id

    def get(self, path: str = "/", *, seconds: float = DEADLINE) -> Answer:
        """A whole answer."""
        stream_id = self.ask(path)
        answer = self.answers[stream_id]
        self.until(
            lambda: answer.ended or answer.reset is not None or self.closed is not None, seconds
        )
        return answer

    def connect_to(self, protocol: str, path: str, fields: tuple[Field, ...] = ()) -> int:
        """Ask for another protocol (RFC 9220); the stream."""
        assert self.http is not None
        stream_id: int = self.quic.get_next_available_stream_id()
        head = [
            (b":method", b"CONNECT"),
            (b":protocol", protocol.encode()),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", path.encode()),
            *fields,
        ]
        self.http.send_headers(stream_id, head)
        self.answers[stream_id] = Answer()
        self.flush()
        return stream_id

    def say(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """Something through a tunnel."""
        assert self.http is not None
        self.http.send_data(stream_id, data, end)
        self.flush()

    def send(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        """Any octets on any stream."""
        self.quic.send_stream_data(stream_id, data, end)
        self.flush()


def together(
    clients: Sequence[QuicClient], done: Callable[[QuicClient], bool], seconds: float = DEADLINE
) -> None:
    """Go on with all ``clients`` until each is ``done``."""
    end = time.monotonic() + seconds
    while not all(done(client) for client in clients):
        now = time.monotonic()
        assert now < end, "the server does not answer in time"
        select.select([client.socket for client in clients], [], [], 0.01)
        for client in clients:
            client.step(now)
