"""A server connection, an h11 client that reads what it sends, and ways to feed it."""

from __future__ import annotations

from dataclasses import dataclass, field

import h11

from h2static.http1.connection import ServerConnection
from h2static.http1.limits import Limits
from tests.support.applications import TableApplication

DATE = b"Sat, 21 Nov 2026 08:00:00 GMT"


@dataclass
class Reply:
    """A response as a client sees it."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes = b""
    informational: list[int] = field(default_factory=list)


class Harness:
    """A connection under test, with a clock that the test moves."""

    def __init__(
        self,
        application: TableApplication | None = None,
        *,
        secure: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.application = application or TableApplication()
        self.now = 1000.0
        self.connection = ServerConnection(
            self.application, secure=secure, now=self.now, date=lambda: DATE, limits=limits
        )
        self.sent = bytearray()

    def feed(self, octets: bytes, *, step: int | None = None) -> None:
        """Deliver ``octets``, whole or ``step`` at a time, as a driver would."""
        for start in range(0, len(octets), step or max(1, len(octets))):
            if self.connection.wants_input:
                self.connection.receive(octets[start : start + (step or len(octets))], self.now)
            self.flush()

    def flush(self, budget: int = 1 << 20, piece: int = 1 << 30) -> None:
        """Do what a driver does; the socket takes ``piece`` octets at a time."""
        connection = self.connection
        for _ in range(100_000):
            if connection.backlog:
                connection.receive(b"", self.now)
            if connection.has_content:
                connection.pump(self.now, budget)
            octets = b"".join(connection.pending())[:piece]
            assert len(b"".join(connection.pending())) == connection.output_octets
            if not octets and not connection.backlog and not connection.has_content:
                return
            self.sent += octets
            connection.sent(len(octets), self.now)

    def closing(self) -> bool:
        """Whether the connection is to be closed."""
        return self.connection.closing

    def replies(self, methods: list[bytes] | None = None) -> list[Reply]:
        """The responses sent so far, to requests with these ``methods`` (GET by default)."""
        return read_replies(bytes(self.sent), methods or [], self.connection.closing)


def read_replies(octets: bytes, methods: list[bytes], closed: bool) -> list[Reply]:
    """Parse a sequence of responses with h11 as client."""
    replies: list[Reply] = []
    position = 0
    while octets:
        client = h11.Connection(h11.CLIENT)
        method = methods[position] if position < len(methods) else b"GET"
        position += 1
        client.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(octets)
        if closed:
            client.receive_data(b"")
        reply = Reply(0, {})
        while True:
            event = client.next_event()
            if isinstance(event, h11.InformationalResponse):
                reply.informational.append(event.status_code)
            elif isinstance(event, h11.Response):
                reply.status = event.status_code
                reply.fields = dict(event.headers)
            elif isinstance(event, h11.Data):
                reply.body += event.data
            else:
                break
        assert isinstance(event, h11.EndOfMessage), event
        replies.append(reply)
        octets = client.trailing_data[0]
    return replies


def ask(octets: bytes, **arguments: object) -> list[Reply]:
    """What a fresh connection replies to ``octets``; the same whole and one octet at a time."""
    whole = Harness(**arguments)  # type: ignore[arg-type]  # passed on as they are
    whole.feed(octets)
    single = Harness(**arguments)  # type: ignore[arg-type]  # as above
    single.feed(octets, step=1)
    assert bytes(whole.sent) == bytes(single.sent)
    assert whole.connection.closing == single.connection.closing
    method = octets.lstrip(b"\r\n").split(b" ", 1)[0]
    return whole.replies([method] if method in (b"HEAD", b"GET") else [])
