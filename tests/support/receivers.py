"""Receivers of responses that write down what they hear, and a pair of connections.

Promise: :class:`Pair` brings the octets of a client and of a server to each other until neither has
any, cut as the test wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from h2static.http.exchange import Application
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request
from h2static.http.outgoing import Call, Failure
from h2static.http.semantics import ResponseHead
from h2static.http.shared import Shared
from h2static.http2.client import ClientConnection, make_endpoint
from h2static.http2.limits import Limits
from h2static.http2.server import ServerConnection
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from tests.support.transports import START, WALL_CLOCK, whole


def get(path: bytes = b"/", method: bytes = b"GET", *fields: tuple[bytes, bytes]) -> Request:
    """A request."""
    return Request(
        method=method, scheme=b"http", authority=b"test.example", path=path, fields=fields
    )


class Received:
    """A receiver that takes everything, or nothing more after each piece."""

    def __init__(self, *, takes: bool = True, wants_pushes: bool = True) -> None:
        self.takes = takes
        self.wants_pushes = wants_pushes
        self.informed: list[ResponseHead] = []
        self.head: ResponseHead | None = None
        self.pieces: list[bytes] = []
        self.trailers: Fields | None = None
        self.failure: Failure | None = None
        #: Of a promised response.
        self.call: Call | None = None
        self.promises: list[tuple[Request, int, Received]] = []

    @property
    def body(self) -> bytes:
        """The content so far."""
        return b"".join(self.pieces)

    @property
    def over(self) -> bool:
        """Whether nothing more may come."""
        return self.trailers is not None or self.failure is not None

    def inform(self, head: ResponseHead) -> None:
        assert self.head is None
        assert not self.over
        self.informed.append(head)

    def respond(self, head: ResponseHead) -> None:
        assert self.head is None
        assert not self.over
        self.head = head

    def receive(self, data: bytes) -> bool:
        assert data
        assert self.head is not None
        assert not self.over
        self.pieces.append(data)
        return self.takes

    def end(self, trailers: Fields) -> None:
        assert self.head is not None
        assert not self.over
        self.trailers = trailers

    def fail(self, failure: Failure) -> None:
        assert not self.over
        self.failure = failure

    def promise(self, request: Request, stream_id: int, call: Call) -> Received | None:
        promised = Received(takes=self.takes)
        promised.call = call
        self.promises.append((request, stream_id, promised))
        return promised if self.wants_pushes else None

    def status(self) -> int:
        """Of a response that is whole."""
        assert self.failure is None, self.failure
        assert self.trailers is not None
        assert self.head is not None
        return self.head.status


class Pair:
    """A client and a server, without anything between."""

    def __init__(
        self,
        application: Application,
        *,
        settings: LocalSettings | None = None,
        server: LocalSettings | None = None,
        hints: bool = False,
        cut: Callable[[bytes], Iterator[bytes]] = whole,
    ) -> None:
        """``settings``: the client's."""
        self.cut = cut
        shared = Shared()
        shared.date.tick(WALL_CLOCK)
        service = make_service(
            application, server or LocalSettings(), Limits(), shared, hints=hints
        )
        self.server = ServerConnection(service, Client(version="HTTP/2.0"), START)
        endpoint = make_endpoint(settings or LocalSettings(), Limits(), Shared())
        self.client = ClientConnection(endpoint, START)
        #: Whether the server's octets arrive.
        self.down = True
        self.settle()

    def ask(self, request: Request, body: bytes = b"") -> Received:
        """Send a request and let everything happen."""
        received = Received()
        self.client.request(request, received, body)
        self.settle()
        return received

    def settle(self) -> None:
        """Bring octets across until none move."""
        for _ in range(10_000):
            moved = self._move(self.client, self.server)
            if self.down:
                moved |= self._move(self.server, self.client)
            if not moved:
                return
        raise AssertionError("they do not come to rest")

    def _move(
        self,
        sender: ClientConnection | ServerConnection,
        receiver: ClientConnection | ServerConnection,
    ) -> bool:
        if isinstance(sender, ServerConnection):
            while sender.jobs:
                stream_id, job = sender.jobs.popleft()
                sender.finish_job(stream_id, job(), START)
        if sender.backlog:
            sender.take_turn(START)
        sender.pump(START, 262_144)
        for stream_id, reader in sender.blocked[:]:
            reader.wait(lambda stream_id=stream_id: sender.unblock(stream_id, START))  # type: ignore[misc]  # mypy cannot type a default
        sender.blocked.clear()
        octets = b"".join(sender.pending())
        if not octets:
            return sender.has_content
        sender.sent(len(octets), START)
        for piece in self.cut(octets):
            receiver.receive(piece, START)
        return True
