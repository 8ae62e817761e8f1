"""What is remembered changes no octet, and is not found by those whom it does not concern."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2static.http.hints import Delivery, PushClient
from h2static.http.journal import Finished
from h2static.http.messages import Request, Response
from h2static.http1.connection import ServerConnection
from h2static.http1.memory import Memory
from tests.http1.applications import PiecesBody, TableApplication, text_response
from tests.http1.harness import DATE, SECOND, make_client, make_shared

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
COOKIE = b"GET /a HTTP/1.1\r\nHost: x\r\nCookie: secret\r\n\r\n"


class Worker:
    """Connections that share a memory."""

    def __init__(self, **bounds: int) -> None:
        self.shared = make_shared()
        self.memory = Memory(self.shared, **bounds)
        self.application = TableApplication()
        self.application.prepared[b"/a"] = text_response(200, b"prepared", prepared=True)

    def connect(self, *, secure: bool = False) -> ServerConnection:
        client = make_client(secure=secure)
        return ServerConnection(self.application, client, self.shared, 1000.0, memory=self.memory)


def exchange(connection: ServerConnection, octets: bytes) -> bytes:
    """What the connection sends when ``octets`` come in one read."""
    connection.receive(octets, 1001.0)
    sent = b""
    while connection.backlog or connection.has_content or connection.output_octets:
        if connection.backlog:
            connection.take_turn(1002.0)
        if connection.has_content:
            connection.pump(1002.0, 100_000)
        sent += b"".join(connection.pending())
        connection.sent(connection.output_octets, 1003.0)
    return sent


def test_other_connections_meet_the_same_request() -> None:
    worker = Worker()
    for _ in range(5):
        exchange(worker.connect(), GET)
    _, second, *others = worker.application.recalled
    assert all(request is second for request in others)


@pytest.mark.parametrize("name", [b"Cookie", b"Authorization", b"proxy-authorization"])
def test_credentials_are_their_connections(name: bytes) -> None:
    worker = Worker()
    octets = COOKIE.replace(b"Cookie", name)
    first, second = worker.connect(), worker.connect()
    for _ in range(3):
        exchange(first, octets)
        exchange(second, octets)
    requests = worker.application.recalled
    assert len({id(request) for request in requests}) == 2
    assert requests[0] is requests[2] is requests[4]
    assert octets not in worker.memory.sections(secure=False, proxied=False)


def test_credentials_that_a_connection_remembers_are_bounded() -> None:
    worker = Worker()
    connection = worker.connect()
    for number in range(100):
        exchange(connection, COOKIE.replace(b"secret", b"%d" % number))
    seen = set(map(id, worker.application.recalled))
    exchange(connection, COOKIE.replace(b"secret", b"0"))
    assert id(worker.application.recalled[-1]) not in seen


def test_the_scheme_is_the_connections() -> None:
    worker = Worker()
    for secure in (False, True) * 3:
        exchange(worker.connect(secure=secure), GET)
    schemes = [request.scheme for request in worker.application.recalled]
    assert schemes == [b"http", b"https"] * 3


def test_the_date_is_of_the_second() -> None:
    worker = Worker()
    connection = worker.connect()
    first = [exchange(connection, GET) for _ in range(3)]
    worker.shared.date.tick(SECOND + 1)
    second = [exchange(connection, GET) for _ in range(3)]
    assert set(first) == {
        b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\ncontent-type: text/plain\r\ndate: "
        + DATE
        + b"\r\n\r\nprepared"
    }
    assert set(second) == {first[0].replace(DATE, DATE.replace(b":00 GMT", b":01 GMT"))}


def test_another_response_to_the_same_request_goes_out_at_once() -> None:
    worker = Worker()
    connection = worker.connect()
    exchange(connection, GET)
    exchange(connection, GET)
    worker.application.prepared[b"/a"] = text_response(200, b"changed", prepared=True)
    assert exchange(connection, GET).endswith(b"changed")


def test_what_is_kept_is_bounded() -> None:
    worker = Worker(section_octets=50_000, response_octets=20_000)
    connection = worker.connect()
    for number in range(100):
        path = b"/%d" % number
        worker.application.prepared[path] = text_response(200, bytes(1000), prepared=True)
        for _ in range(2):
            assert len(exchange(connection, GET.replace(b"/a", path))) > 1000
    kept = worker.memory.sections(secure=False, proxied=False)
    assert 10 <= len(kept) <= 25
    # The oldest went first.
    assert GET.replace(b"/a", b"/99") in kept
    assert worker.memory._response_octets <= 20_000
    worker.memory.release()
    assert not worker.memory._responses


class Links:
    """Hints that become a Link field."""

    def __init__(self) -> None:
        self.clients: list[PushClient] = []

    def deliver(self, request: Request, status: int, client: PushClient) -> Delivery:
        self.clients.append(client)
        return Delivery(fields=((b"link", b"<%b.css>" % request.path),))


def test_hints_are_asked_for_each_request() -> None:
    worker = Worker()
    journal: list[Finished] = []
    worker.shared.journal = journal
    hints = Links()
    worker.application.prepared[b"/a"].hints = hints
    connection = worker.connect()
    for _ in range(3):
        assert b"\r\nlink: </a.css>\r\n" in exchange(connection, GET)
    assert [client.multiplexed for client in hints.clients] == [False] * 3
    assert [one.delivered for one in journal] == [("link",)] * 3


def large() -> Response:
    return Response(
        status=200, fields=((b"content-length", b"40000"),), body=bytes(40_000), prepared=True
    )


RESPONSES: dict[bytes, Callable[[], Response]] = {
    b"/a": lambda: text_response(200, b"prepared", prepared=True),
    b"/large": large,
    b"/empty": lambda: Response(status=204, fields=((b"x", b"y"),), prepared=True),
    b"/same": lambda: Response(status=304, fields=((b"etag", b'"x"'),), prepared=True),
    b"/file": lambda: Response(status=200, fields=(), body=PiecesBody([b"abc"], 3), prepared=True),
    b"/stream": lambda: Response(
        status=200, fields=(), body=PiecesBody([b"abc"], None), prepared=True
    ),
    b"/never": lambda: text_response(200, b"not prepared"),
}
LINES = [
    b"%b %b HTTP/%b\r\nHost: x\r\n%b\r\n" % (method, path, version, fields)
    for path in [*RESPONSES, b"/handled"]
    for method, version, fields in (
        (b"GET", b"1.1", b""),
        (b"GET", b"1.1", b"Cookie: a=b\r\n"),
        (b"HEAD", b"1.1", b""),
        (b"GET", b"1.0", b"Connection: keep-alive\r\n"),
        (b"POST", b"1.1", b"Transfer-Encoding: chunked\r\n"),
    )
] + [b"\r\n", b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(LINES), max_size=4), max_size=12),
    st.sampled_from([None, 1]),
)
def test_the_fast_path_is_the_plain_path(reads: list[list[bytes]], step: int | None) -> None:
    """Each octet, each counter, each record, each deadline."""
    workers = [Worker(), Worker(section_octets=0, response_octets=0)]
    connections = []
    for worker in workers:
        worker.application.prepared = {path: make() for path, make in RESPONSES.items()}
        connections.append(worker.connect())
    for lines in reads:
        octets = b"".join(
            line + (b"2\r\nhi\r\n0\r\n\r\n" if b"chunked" in line else b"") for line in lines
        )
        pieces = [octets] if step is None else [bytes([octet]) for octet in octets]
        for piece in pieces:
            fast, plain = (exchange(connection, piece) for connection in connections)
            assert fast == plain
            one, other = connections
            assert one.counters == other.counters
            assert one.deadline() == other.deadline()
            assert (one.closing, one.wants_input) == (other.closing, other.wants_input)
    records = [
        [
            (one.request.path, one.response.status, one.octets, one.aborted, one.delivered)
            for one in worker.shared.journal or ()
        ]
        for worker in workers
    ]
    assert records[0] == records[1]
