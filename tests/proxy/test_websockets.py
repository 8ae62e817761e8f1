"""WebSockets pass through: an Upgrade or an extended CONNECT in front, and behind."""

from __future__ import annotations

import base64
import hashlib

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data, RstStream, WindowUpdate
from h2static.http2.registry import ErrorCode
from tests.proxy.conftest import MakeFront
from tests.proxy.fronts import HOST, Front, Front1, Front2
from tests.support.fake_server import Visitor
from tests.support.peer import request_fields
from tests.support.processes import wait_until
from tests.support.proxying import Asked, backend1, backend2, proxying, to

_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"
OFFERS = ((r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),)


def proof(key: bytes) -> bytes:
    """What Sec-WebSocket-Accept has to say (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


class Socket:
    """A tunnel, seen from the client."""

    def __init__(self, front: Front, *, path: bytes = b"/a/ws") -> None:
        self.front = front
        asked = [
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-protocol", b"chat"),
            (b"origin", b"https://front.example"),
        ]
        if isinstance(front, Front1):
            front.send(
                path,
                fields=[
                    (b"connection", b"Upgrade"),
                    (b"upgrade", b"websocket"),
                    (b"sec-websocket-key", _KEY),
                    *asked,
                ],
            )
        else:
            section = request_fields(path, b"CONNECT", authority=HOST)
            section = [*section, (b":protocol", b"websocket")]
            section.sort(key=lambda one: not one[0].startswith(b":"))
            front.peer.send(front.peer.headers(1, [*section, *asked], end_stream=False))
        self._head = b""

    def granted(self) -> dict[bytes, bytes]:
        """The fields that grant it."""
        front = self.front
        if isinstance(front, Front1):
            while b"\r\n\r\n" not in self._head:
                self._head += front.read_some()
            head, _, rest = self._head.partition(b"\r\n\r\n")
            front.push_back(rest)
            lines = head.split(b"\r\n")
            assert lines[0].startswith(b"HTTP/1.1 101 "), lines
            fields = dict(line.split(b": ", 1) for line in lines[1:])
            assert fields[b"sec-websocket-accept"] == proof(_KEY)
            assert fields[b"upgrade"] == b"websocket"
            return fields
        reply = front.peer.streams[1].reply
        while not reply.status:
            front.peer.pull()
        assert reply.status == 200
        return dict(reply.fields)

    def send(self, octets: bytes) -> None:
        if isinstance(self.front, Front1):
            self.front.socket.sendall(octets)
        else:
            self.front.peer.data(1, octets)

    def read(self, count: int) -> bytes:
        found = b""
        front = self.front
        if isinstance(front, Front1):
            while len(found) < count:
                found += front.read_some()
            return found
        reply = front.peer.streams[1].reply
        while len(reply.content) < count:
            front.peer.pull()
        found = bytes(reply.content[:count])
        del reply.content[:count]
        return found

    def ended(self) -> bool:
        """Waits for the end; whether it is a clean one."""
        front = self.front
        if isinstance(front, Front1):
            return front.read_some() == b""
        reply = front.peer.reply(1)
        return reply.ended


def echo1(visitor: Visitor, asked: Asked) -> bool:
    """Grants it over HTTP/1.1, greets, and sends back what comes."""
    key = asked.get(b"sec-websocket-key")
    assert key is not None
    assert key != _KEY
    assert len(base64.b64decode(key)) == 16
    assert (asked.method, asked.get(b"upgrade")) == (b"GET", b"websocket")
    assert asked.get(b"connection") == b"Upgrade"
    visitor.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: " + proof(key) + b"\r\nSec-WebSocket-Protocol: chat\r\n\r\nhi"
    )
    try:
        while (octet := visitor.read_exactly(1)) != b"q":
            visitor.send(octet)
    except EOFError:
        return False
    visitor.send(b"bye")
    return False


def echo2(visitor: Visitor, asked: Asked, stream_id: int) -> None:
    """The same over HTTP/2; whatever else comes is answered afterwards."""
    assert (asked.method, asked.protocol) == (b"CONNECT", b"websocket")
    assert asked.get(b"sec-websocket-key") is None
    visitor.send(
        visitor.head(stream_id, (b":status", b"200"), (b"sec-websocket-protocol", b"chat")),
        Data(stream_id=stream_id, data=b"hi"),
    )
    while (frame := visitor.read_frame()) is not None:
        if isinstance(frame, RstStream):
            return
        if not isinstance(frame, Data):
            continue
        if frame.flags & r.END_STREAM and not frame.data:
            visitor.send(Data(stream_id=stream_id, flags=r.END_STREAM, data=b""))
            return
        if frame.data:
            size = len(frame.data)
            visitor.send(
                WindowUpdate(stream_id=0, increment=size),
                WindowUpdate(stream_id=stream_id, increment=size),
            )
        back, quits, _ = frame.data.partition(b"q")
        visitor.send(Data(stream_id=stream_id, data=back))
        if quits:
            visitor.send(Data(stream_id=stream_id, flags=r.END_STREAM, data=b"bye"))
            return


@pytest.mark.parametrize("version", [1, 2], ids=["h1-out", "h2-out"])
def test_octets_pass_both_ways(front: MakeFront, version: int) -> None:
    make = backend1(echo1) if version == 1 else backend2(echo2, settings=OFFERS)
    with make as backend, proxying(to("/a", backend.target)) as proxy:
        one = Socket(front(proxy.port))
        assert one.granted()[b"sec-websocket-protocol"] == b"chat"
        assert one.read(2) == b"hi"
        content = bytes(range(1, 100)).replace(b"q", b"") * 50
        one.send(content)
        assert one.read(len(content)) == content
        one.send(b"q")
        assert one.read(3) == b"bye"
        assert one.ended()
        asked = backend.asked[0]
        assert asked.path == b"/a/ws"
        assert asked.get(b"sec-websocket-version") == b"13"
        assert asked.get(b"origin") == b"https://front.example"
        assert asked.get(b"x-forwarded-for") == b"127.0.0.1"
        wait_until(lambda: all(not busy for _, busy in proxy.links()), "the tunnel to be gone")


@pytest.mark.parametrize("version", [1, 2], ids=["h1-out", "h2-out"])
def test_a_client_that_goes(front: MakeFront, version: int) -> None:
    make = backend1(echo1) if version == 1 else backend2(echo2, settings=OFFERS)
    with make as backend, proxying(to("/a", backend.target)) as proxy:
        client = front(proxy.port)
        one = Socket(client)
        one.granted()
        if isinstance(client, Front2):
            client.peer.send(RstStream(stream_id=1, code=ErrorCode.CANCEL))
        else:
            client.cancel()
        wait_until(lambda: all(not busy for _, busy in proxy.links()), "the tunnel to be gone")


def test_a_refusal_passes(front: MakeFront) -> None:
    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno!")
        return True

    with backend1(answer) as backend, proxying(to("/a", backend.target)) as proxy:
        client = front(proxy.port)
        Socket(client)
        if isinstance(client, Front1):
            got = client.read()
            assert (got.status, got.body) == (403, b"no!")
        else:
            reply = client.peer.reply(1)
            assert (reply.status, reply.body) == (403, b"no!")


@pytest.mark.parametrize(
    "octets",
    [
        SWITCHING + b"upgrade: websocket\r\n\r\n",
        SWITCHING + b"upgrade: websocket\r\nsec-websocket-accept: %b=\r\n\r\n" % (b"A" * 27),
        SWITCHING + b"upgrade: h2c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"garbage\r\n\r\n",
    ],
    ids=["no proof", "another proof", "another protocol", "200", "garbage"],
)
def test_a_handshake_that_is_wrong(front: MakeFront, octets: bytes) -> None:
    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(octets)
        visitor.wait_for_end()
        return False

    with backend1(answer) as backend, proxying(to("/a", backend.target)) as proxy:
        client = front(proxy.port)
        Socket(client)
        if isinstance(client, Front1):
            assert client.read().status == 502
        else:
            assert client.peer.reply(1).status == 502
        wait_until(lambda: proxy.links() == [], "the connection to be gone")


def test_an_upstream_that_does_not_offer_extended_connect(front: MakeFront) -> None:
    """HAProxy has sent it all the same, once."""

    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        raise AssertionError("it was asked")

    with backend2(answer) as backend, proxying(to("/a", backend.target)) as proxy:
        client = front(proxy.port)
        Socket(client)
        status = client.read().status if isinstance(client, Front1) else client.peer.reply(1).status
        assert status == 502
        proxy.wait_for_error("does not offer extended CONNECT")


def test_websockets_can_be_refused_here(front: MakeFront) -> None:
    with backend1() as backend, proxying(to("/a", backend.target, ws=False)) as proxy:
        client = front(proxy.port)
        Socket(client)
        status = client.read().status if isinstance(client, Front1) else client.peer.reply(1).status
        assert status == 501
        assert backend.asked == []


def test_origin_is_rewritten_on_request(front: MakeFront) -> None:
    with (
        backend1(echo1) as backend,
        proxying(to("/a", backend.target, rewrite_ws_origin=True)) as proxy,
    ):
        Socket(front(proxy.port)).granted()
        assert backend.one().get(b"origin") == backend.target.encode()
