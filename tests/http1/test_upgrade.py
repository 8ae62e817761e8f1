"""Upgrade to another protocol: RFC 9110 section 7.8, RFC 6455 section 4; golden octets."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response
from h2static.http.pipe import Pipe
from h2static.http.shared import Shared
from h2static.http1.connection import ServerConnection
from h2static.http1.memory import Memory
from tests.http1.applications import text_response
from tests.http1.harness import DATE, SECOND

PROTOCOLS = frozenset((b"websocket", b"other/1"))
#: The example of RFC 6455 section 1.3.
HANDSHAKE = (
    b"GET /chat HTTP/1.1\r\n"
    b"Host: server.example.com\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Origin: http://example.com\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


class Gate:
    """An application that echoes what comes through a tunnel, and answers other requests."""

    def __init__(self, fields: Fields = ()) -> None:
        self.fields = fields
        self.requests: list[Request] = []

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        self.requests.append(exchange.request)
        if exchange.request.protocol:
            pipe = Pipe(on_room=exchange.resume)
            exchange.tunnel(pipe, pipe, self.fields)
        else:
            exchange.respond(text_response(200, exchange.request.path))

    def refuse(self, status: int, request: Request | None) -> Response:
        return text_response(status, b"refused")


class Line:
    """A connection and what it has sent."""

    def __init__(
        self,
        gate: Gate | None = None,
        *,
        protocols: frozenset[bytes] = PROTOCOLS,
        memory: Memory | None = None,
    ) -> None:
        self.gate = gate or Gate()
        shared = Shared(journal=[])
        shared.date.tick(SECOND)
        self.connection = ServerConnection(
            self.gate,
            Client(version="HTTP/1.1"),
            shared,
            0.0,
            protocols=protocols,
            memory=memory,
        )

    def say(self, octets: bytes, *, step: int = 1 << 20) -> bytes:
        """Octets of the client; what the server says to them."""
        said = b""
        for start in range(0, len(octets), step):
            self.connection.receive(octets[start : start + step], 0.0)
            said += self.take()
        return said

    def take(self) -> bytes:
        """What the server has said since."""
        said = b""
        connection = self.connection
        # A few rounds: readings that would block are tried again.
        for _ in range(5):
            if connection.backlog:
                connection.take_turn(0.0)
            connection.pump(0.0, 65_536)
            octets = b"".join(connection.pending())
            connection.sent(len(octets), 0.0)
            said += octets
            blocked, connection.blocked[:] = list(connection.blocked), []
            for number, _ in blocked:
                connection.unblock(number, 0.0)
        return said


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_golden_octets(step: int) -> None:
    line = Line(Gate(((b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),)))
    assert line.say(HANDSHAKE, step=step) == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"date: " + DATE + b"\r\n"
        b"connection: upgrade\r\n"
        b"upgrade: websocket\r\n\r\n"
    )
    # RFC 6455 section 5.7: a masked text frame.
    frame = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
    assert line.say(frame, step=step) == frame
    (request,) = line.gate.requests
    assert request.protocol == b"websocket"
    assert (request.method, request.scheme, request.path) == (b"GET", b"http", b"/chat")
    names = [name for name, _ in request.fields]
    assert b"upgrade" not in names
    assert b"connection" not in names
    assert request.field(b"sec-websocket-version") == b"13"
    line.connection.receive_eof(0.0)
    assert line.take() == b""
    assert line.connection.closing
    assert line.connection.problem is None


def _request(*lines: bytes, first: bytes = b"GET /x HTTP/1.1") -> bytes:
    return b"\r\n".join([first, b"Host: a", *lines, b"", b""])


GRANTED = [
    _request(b"connection: upgrade", b"upgrade: websocket"),
    _request(b"CONNECTION: keep-alive ,  UPGRADE", b"UPGRADE:WebSocket"),
    _request(b"Connection: keep-alive", b"Connection: upgrade", b"Upgrade: websocket"),
    # "The client's order is its preference": the first that is offered.
    _request(b"Connection: upgrade", b"Upgrade: h2c, unknown/3, websocket , other/1"),
    _request(b"Connection: upgrade", b"Upgrade: h2c", b"Upgrade: websocket"),
    _request(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 0"),
    _request(b"Connection: upgrade", b"Upgrade: websocket", first=b"POST /x HTTP/1.1"),
]


@pytest.mark.parametrize("octets", GRANTED)
def test_what_asks_for_an_upgrade(octets: bytes) -> None:
    line = Line()
    assert line.say(octets).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert line.gate.requests[0].protocol == b"websocket"


def test_the_clients_order_counts() -> None:
    line = Line()
    said = line.say(_request(b"Connection: upgrade", b"Upgrade: other/1, websocket"))
    assert b"\r\nupgrade: other/1\r\n" in said


IGNORED = [
    # "A sender of Upgrade MUST also send an 'Upgrade' connection option": it was another's.
    _request(b"Upgrade: websocket"),
    _request(b"Connection: keep-alive", b"Upgrade: websocket"),
    _request(b"Connection: upgrade"),
    _request(b"Connection: upgrade", b"Upgrade: h2c"),
    _request(b"Connection: upgrade", b"Upgrade: websocket/13"),
    _request(b"Connection: upgrade", b"Upgrade: "),
    # "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request."
    _request(b"Connection: upgrade, keep-alive", b"Upgrade: websocket", first=b"GET /x HTTP/1.0"),
    # The request has to be whole first.
    _request(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 3") + b"abc",
    _request(b"Connection: upgrade", b"Upgrade: websocket", b"Transfer-Encoding: chunked")
    + b"0\r\n\r\n",
]


@pytest.mark.parametrize("octets", IGNORED)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_does_not(octets: bytes, step: int) -> None:
    line = Line()
    assert line.say(octets, step=step).startswith(b"HTTP/1.1 200 OK\r\n")
    assert line.gate.requests[0].protocol == b""
    assert line.say(_request()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_where_nothing_is_offered() -> None:
    line = Line(protocols=frozenset())
    for _ in range(3):
        assert line.say(HANDSHAKE).startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_same_octets_where_it_is_offered_and_where_it_is_not() -> None:
    """Heads are remembered together with others'; whether a protocol is offered is not."""
    shared = Shared()
    shared.date.tick(SECOND)
    memory = Memory(shared)
    for _ in range(4):
        refusing = Line(protocols=frozenset(), memory=memory)
        for _ in range(2):
            assert refusing.say(HANDSHAKE).startswith(b"HTTP/1.1 200 OK\r\n")
        assert Line(memory=memory).say(HANDSHAKE).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "fields",
    [((b"x-a", b"a\r\nSet-Cookie: b"),), ((b"Bad", b"1"),), ((b"x a", b"1"),)],
)
def test_fields_that_cannot_be_sent_make_500(fields: Fields) -> None:
    line = Line(Gate(fields))
    said = line.say(HANDSHAKE)
    assert said.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"upgrade" not in said
    # And the connection goes on.
    assert line.say(_request()).startswith(b"HTTP/1.1 200 OK\r\n")


def test_fields_of_the_connection_are_the_engines_own() -> None:
    fields = ((b"connection", b"close"), (b"upgrade", b"x"), (b"content-length", b"5"))
    line = Line(Gate((*fields, (b"date", b"never"), (b"transfer-encoding", b"chunked"))))
    assert line.say(HANDSHAKE) == (
        b"HTTP/1.1 101 Switching Protocols\r\ndate: " + DATE + b"\r\n"
        b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
    )


def test_requests_before_it_are_answered_first() -> None:
    line = Line()
    said = line.say(_request(first=b"GET /1 HTTP/1.1") + HANDSHAKE + b"tunnel")
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"/1HTTP/1.1 101 Switching Protocols\r\n" in said
    assert said.endswith(b"\r\n\r\ntunnel")


def test_octets_in_a_tunnel_are_no_requests() -> None:
    line = Line()
    line.say(HANDSHAKE)
    assert line.say(_request()) == _request()
    assert len(line.gate.requests) == 1
