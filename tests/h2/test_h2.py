"""``h2static.h2``: two ends of a connection, as programs would use them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static import h2
from tests.support.receivers import get
from tests.support.small_site import pattern


class Wire:
    """A client and a server, and what happened at both ends."""

    def __init__(
        self,
        *,
        settings: h2.LocalSettings | None = None,
        server: h2.LocalSettings | None = None,
        cut: int = 65_536,
    ) -> None:
        """``settings``: the client's."""
        self.client = h2.Connection(h2.CLIENT, settings=settings)
        self.server = h2.Connection(h2.SERVER, settings=server)
        self.cut = cut
        self.at_client: list[h2.Event] = []
        self.at_server: list[h2.Event] = []
        self.settle()

    def settle(self) -> None:
        """Bring octets across until none move."""
        for _ in range(10_000):
            up = self.client.octets_to_send()
            down = self.server.octets_to_send()
            for start in range(0, len(up), self.cut):
                self.at_server += self.server.receive(up[start : start + self.cut])
            for start in range(0, len(down), self.cut):
                self.at_client += self.client.receive(down[start : start + self.cut])
            self.at_server += self.server.events()
            self.at_client += self.client.events()
            if not up and not down:
                return
        raise AssertionError("they do not come to rest")

    def asked(self) -> h2.RequestReceived:
        """The request that came last."""
        return [one for one in self.at_server if isinstance(one, h2.RequestReceived)][-1]


def content(events: list[h2.Event], stream_id: int) -> bytes:
    return b"".join(
        one.data
        for one in events
        if isinstance(one, h2.DataReceived) and one.stream_id == stream_id
    )


def closed(wire: Wire) -> tuple[bool, bool]:
    return wire.client.closed, wire.server.closed


@pytest.mark.parametrize("cut", [1, 7, 65_536])
def test_a_request_and_its_response(cut: int) -> None:
    wire = Wire(cut=cut)
    stream_id = wire.client.request(get(b"/path", b"GET", (b"accept", b"*/*")))
    wire.settle()
    event = wire.asked()
    assert (event.stream_id, event.request.method, event.request.path) == (1, b"GET", b"/path")
    assert event.request.fields == ((b"accept", b"*/*"),)
    assert h2.MessageEnded(stream_id=1, trailers=()) in wire.at_server
    wire.server.inform(1, 103, ((b"link", b"</a>"),))
    wire.server.respond(1, 200, ((b"content-type", b"text/plain"),), b"hello")
    wire.settle()
    assert wire.at_client == [
        h2.InformationalReceived(stream_id=stream_id, status=103, fields=((b"link", b"</a>"),)),
        h2.ResponseReceived(
            stream_id=stream_id, status=200, fields=((b"content-type", b"text/plain"),)
        ),
        h2.DataReceived(stream_id=stream_id, data=b"hello"),
        h2.MessageEnded(stream_id=stream_id, trailers=()),
    ]


def test_content_in_both_directions_with_trailers() -> None:
    """An echo: what is received is sent, and its credit returned when that was possible."""
    wire = Wire()
    body = pattern(300_000)
    stream_id = wire.client.request(get(b"/", b"POST"), more=True)
    sent = 0
    wire.settle()
    wire.server.respond(stream_id, 200, (), more=True)
    echoed = 0
    for _ in range(1_000):
        while sent < len(body) and wire.client.send(stream_id, body[sent : sent + 10_000]):
            sent += 10_000
        if sent < len(body):
            # The piece that crossed the line was taken all the same.
            sent += 10_000
        if sent >= len(body):
            wire.client.end(stream_id, ((b"x-sum", b"1"),))
        wire.settle()
        received = content(wire.at_server, stream_id)
        wire.server.send(stream_id, received[echoed:])
        echoed = len(received)
        wire.server.acknowledge(stream_id)
        wire.client.acknowledge(stream_id)
        if h2.MessageEnded(stream_id=stream_id, trailers=((b"x-sum", b"1"),)) in wire.at_server:
            wire.server.end(stream_id, ((b"x-echo", b"2"),))
        wire.settle()
        if wire.at_client and isinstance(wire.at_client[-1], h2.MessageEnded):
            break
    assert content(wire.at_server, stream_id) == body
    assert content(wire.at_client, stream_id) == body
    assert wire.at_client[-1] == h2.MessageEnded(stream_id=stream_id, trailers=((b"x-echo", b"2"),))


def test_nothing_more_comes_until_it_is_acknowledged() -> None:
    wire = Wire()
    stream_id = wire.client.request(get())
    wire.settle()
    wire.server.respond(stream_id, 200, (), pattern(200_000))
    wire.settle()
    assert len(content(wire.at_client, stream_id)) == 65_535
    for _ in range(10):
        wire.client.acknowledge(stream_id)
        wire.settle()
    assert content(wire.at_client, stream_id) == pattern(200_000)


def test_a_sender_is_told_to_wait_and_to_go_on() -> None:
    wire = Wire()
    stream_id = wire.client.request(get())
    wire.settle()
    wire.server.respond(stream_id, 200, (), more=True)
    wire.settle()
    while wire.server.send(stream_id, bytes(16_384)):
        pass
    wire.settle()
    assert h2.RoomAvailable(stream_id=stream_id) in wire.at_server
    wire.at_server.clear()
    while wire.server.send(stream_id, bytes(16_384)):
        pass
    wire.settle()
    # The client has not used what came: its window is closed.
    assert wire.at_server == []
    wire.client.acknowledge(stream_id)
    wire.settle()
    assert h2.RoomAvailable(stream_id=stream_id) in wire.at_server


def _connect(path: bytes = b"/chat") -> h2.Request:
    return h2.Request(
        method=b"CONNECT",
        scheme=b"http",
        authority=b"test.example",
        path=path,
        fields=(),
        protocol=b"websocket",
    )


@pytest.mark.parametrize("cut", [1, 7, 65_536])
def test_a_tunnel(cut: int) -> None:
    """RFC 8441, from both ends."""
    wire = Wire(server=h2.LocalSettings(enable_connect_protocol=True), cut=cut)
    stream_id = wire.client.request(_connect(), more=True)
    wire.settle()
    assert wire.asked().request.protocol == b"websocket"
    wire.server.respond(stream_id, 200, ((b"x-a", b"1"),), more=True)
    wire.settle()
    assert (
        h2.ResponseReceived(stream_id=stream_id, status=200, fields=((b"x-a", b"1"),))
        in wire.at_client
    )
    wire.client.send(stream_id, b"ping")
    wire.settle()
    assert content(wire.at_server, stream_id) == b"ping"
    wire.server.send(stream_id, b"pong")
    wire.settle()
    assert content(wire.at_client, stream_id) == b"pong"
    wire.client.end(stream_id)
    wire.settle()
    assert h2.MessageEnded(stream_id=stream_id, trailers=()) in wire.at_server
    wire.server.send(stream_id, b"last")
    wire.server.end(stream_id)
    wire.settle()
    assert content(wire.at_client, stream_id) == b"ponglast"
    assert wire.at_client[-1] == h2.MessageEnded(stream_id=stream_id, trailers=())


def test_a_tunnel_that_is_refused_or_not_offered() -> None:
    wire = Wire(server=h2.LocalSettings(enable_connect_protocol=True))
    stream_id = wire.client.request(_connect(), more=True)
    wire.settle()
    wire.server.respond(stream_id, 403, body=b"no")
    wire.settle()
    assert content(wire.at_client, stream_id) == b"no"
    other = Wire()
    with pytest.raises(h2.Misuse):
        other.client.request(_connect(), more=True)


def test_a_stream_that_is_reset_by_either_end() -> None:
    wire = Wire()
    first = wire.client.request(get())
    second = wire.client.request(get())
    third = wire.client.request(get())
    wire.settle()
    wire.client.reset(first)
    wire.server.reset(second, h2.ErrorCode.REFUSED_STREAM)
    wire.settle()
    ended = [one for one in wire.at_server if isinstance(one, h2.StreamEnded)]
    assert {one.stream_id for one in ended} == {first, second}
    assert [
        (one.stream_id, one.code, one.may_retry)
        for one in wire.at_client
        if isinstance(one, h2.StreamEnded)
    ] == [(second, h2.ErrorCode.REFUSED_STREAM, True)]
    # What is said to streams that have ended has no effect, and the others live on.
    wire.server.respond(first, 200, (), b"late")
    wire.server.respond(third, 200, (), b"hello")
    wire.settle()
    assert content(wire.at_client, third) == b"hello"
    assert content(wire.at_client, first) == b""


def test_the_end_of_a_connection() -> None:
    wire = Wire()
    stream_id = wire.client.request(get())
    wire.settle()
    wire.server.close()
    wire.settle()
    assert not wire.client.room_for_requests
    assert closed(wire) == (False, False)
    wire.server.respond(stream_id, 200, (), b"hello")
    wire.settle()
    assert content(wire.at_client, stream_id) == b"hello"
    assert closed(wire) == (True, True)
    assert wire.at_server[-1] == h2.ConnectionEnded(problem=None)
    assert wire.at_client[-1] == h2.ConnectionEnded(problem=None)


def test_what_the_peer_does_wrong_is_an_event() -> None:
    server = h2.Connection(h2.SERVER)
    assert server.receive(b"GET / HTTP/1.1\r\n\r\n") == [
        h2.ConnectionEnded(problem="PROTOCOL_ERROR: not an HTTP/2 connection preface")
    ]
    assert server.octets_to_send().endswith(b"not an HTTP/2 connection preface")
    assert server.closed
    assert server.receive(b"more") == []


def test_misuse_is_raised() -> None:
    wire = Wire()
    stream_id = wire.client.request(get())
    wire.settle()
    with pytest.raises(h2.Misuse):
        wire.server.request(get())
    with pytest.raises(h2.Misuse):
        wire.client.respond(stream_id, 200)
    with pytest.raises(h2.Misuse):
        wire.server.respond(stream_id, 103)
    with pytest.raises(h2.Misuse):
        wire.server.inform(stream_id, 101)
    for _ in range(99):
        wire.client.request(get())
    assert not wire.client.room_for_requests
    with pytest.raises(h2.Misuse):
        wire.client.request(get())


def test_deadlines_where_time_is_told() -> None:
    server = h2.Connection(h2.SERVER, limits=h2.Limits(preface_seconds=5), now=100.0)
    server.octets_to_send()
    assert server.check(104.0) == []
    assert server.check(105.5) == [
        h2.ConnectionEnded(problem="PROTOCOL_ERROR: no connection preface before the timeout")
    ]


@given(st.binary(max_size=200), st.integers(1, 20))
def test_no_octets_raise(octets: bytes, cut: int) -> None:
    for role in (h2.CLIENT, h2.SERVER):
        connection = h2.Connection(role)
        connection.octets_to_send()
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if role is h2.SERVER else b""
        given_octets = preface + b"\0\0\0\4\0\0\0\0\0" + octets
        for start in range(0, len(given_octets), cut):
            connection.receive(given_octets[start : start + cut])
        connection.octets_to_send()
        connection.receive_eof()
