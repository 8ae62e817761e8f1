"""Tunnels of HTTP/2 from the client's side: CONNECT, and extended CONNECT (RFC 8441)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest

from h2static.client import (
    HTTP1,
    Client,
    ConnectOptions,
    OptionError,
    ResponseError,
    TunnelRefused,
    connect,
)
from h2static.http2 import registry as r
from h2static.http2.frames import Data, Frame, Headers, RstStream, Settings, WindowUpdate
from h2static.http2.registry import ErrorCode
from tests.support.fake_server import FakeServer, Visitor, fake_server
from tests.support.processes import DEADLINE
from tests.support.serving import serving

OFFER = (r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)
OK = (b":status", b"200")


def talk(
    serve: Callable[[Visitor], None], action: Callable[[Client], Awaitable[None]]
) -> FakeServer:
    """Do ``action`` with a client of a server that is written by hand."""

    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            async with connect(server.url) as client:
                await action(client)

    with fake_server(serve) as server:
        anyio.run(main)
    return server


def echo(visitor: Visitor) -> None:
    """Grant one tunnel and send back what comes, until the client ends it."""
    visitor.greet(OFFER)
    stream, fields = visitor.request()
    assert (b":protocol", b"chat") in fields
    assert (b":path", b"/talk?x") in fields
    visitor.send(visitor.head(stream, OK, (b"x-tunnel", b"yes")))
    while True:
        data = visitor.expect(Data)
        if data.data:
            visitor.send(
                Data(stream_id=stream, data=data.data),
                WindowUpdate(stream_id=0, increment=len(data.data)),
                WindowUpdate(stream_id=stream, increment=len(data.data)),
            )
        if data.flags & r.END_STREAM:
            break
    visitor.send(Data(stream_id=stream, flags=r.END_STREAM))
    visitor.read_to_end()


def test_octets_go_there_and_back() -> None:
    async def action(client: Client) -> None:
        tunnel = await client.tunnel("/talk?x", "chat", [("x-mine", "1")])
        assert (b"x-tunnel", b"yes") in tunnel.response.fields
        pieces = aiter(tunnel)
        for octets in (b"hello", b"again"):
            await tunnel.send(octets)
            assert await anext(pieces) == octets
        large = bytes(range(256)) * 2_000
        came = b""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tunnel.send, large)
            while len(came) < len(large):
                came += await anext(pieces)
        assert came == large
        tunnel.end()
        assert [piece async for piece in pieces] == []
        assert tunnel.response.is_over

    server = talk(echo, action)
    # Both ends have ended: nothing had to be reset.
    assert not any(isinstance(one, RstStream) for one in server.visitors[0].frames)


def test_it_waits_for_the_servers_settings() -> None:
    """RFC 8441 section 3: only "upon receipt of SETTINGS_ENABLE_CONNECT_PROTOCOL" of 1."""

    def serve(visitor: Visitor) -> None:
        assert visitor.read_exactly(len(r.PREFACE)) == r.PREFACE
        visitor.expect(Settings)
        # What comes first is the request that needs no permission.
        stream, fields = visitor.request()
        assert (b":method", b"GET") in fields
        visitor.send(Settings(entries=(OFFER,)), visitor.head(stream, OK, end=True))
        stream, fields = visitor.request()
        assert fields[:2] == [(b":method", b"CONNECT"), (b":protocol", b"chat")]
        visitor.send(visitor.head(stream, OK, end=True))
        visitor.read_to_end()

    async def action(client: Client) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.tunnel, "/", "chat")
            await anyio.lowlevel.checkpoint()
            assert (await client.get("/")).status == 200

    talk(serve, action)


@pytest.mark.parametrize("entries", [(), ((r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 0),)])
def test_a_server_that_does_not_offer_it(entries: tuple[tuple[int, int], ...]) -> None:
    """Nothing is sent, and the connection is as good as before."""

    def serve(visitor: Visitor) -> None:
        visitor.greet(*entries)
        stream, fields = visitor.request()
        assert (b":method", b"GET") in fields
        visitor.send(visitor.head(stream, OK, end=True))
        visitor.read_to_end()

    async def action(client: Client) -> None:
        with pytest.raises(ResponseError, match="does not offer extended CONNECT") as raised:
            await client.tunnel("/", "chat")
        assert raised.value.may_retry
        assert (await client.get("/")).status == 200

    talk(serve, action)


def test_a_proxy() -> None:
    """RFC 9113 section 8.5: no scheme, no path; a length in the response means nothing."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream, fields = visitor.request()
        assert fields == [(b":method", b"CONNECT"), (b":authority", b"there.example:25")]
        visitor.send(visitor.head(stream, OK, (b"content-length", b"3")))
        visitor.send(Data(stream_id=stream, data=b"220 there"))
        assert visitor.expect(Data).data == b"QUIT"
        visitor.send(Data(stream_id=stream, flags=r.END_STREAM))
        visitor.read_to_end()

    async def action(client: Client) -> None:
        tunnel = await client.tunnel("there.example:25")
        pieces = aiter(tunnel)
        assert await anext(pieces) == b"220 there"
        await tunnel.send(b"QUIT")
        assert [piece async for piece in pieces] == []

    talk(serve, action)


def test_a_refusal() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet(OFFER)
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, (b":status", b"403")))
        assert visitor.expect(RstStream).code == ErrorCode.CANCEL
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, OK, end=True))
        visitor.read_to_end()

    async def action(client: Client) -> None:
        with pytest.raises(ResponseError, match="the server answered CONNECT with 403"):
            await client.tunnel("/", "chat")
        assert (await client.get("/")).status == 200

    talk(serve, action)


def test_a_refusal_that_says_why() -> None:
    """It is read to its end, and the stream ends in both directions: nothing has to be reset."""

    def serve(visitor: Visitor) -> None:
        visitor.greet(OFFER)
        stream, _ = visitor.request()
        head = visitor.head(stream, (b":status", b"403"), (b"x-why", b"1"))
        content = [Data(stream_id=stream, data=octets) for octets in (b"not ", b"for you")]
        visitor.send(head, *content, Data(stream_id=stream, flags=r.END_STREAM))
        assert visitor.expect(Data) == Data(stream_id=stream, flags=r.END_STREAM)
        visitor.read_to_end()
        assert not any(isinstance(one, RstStream) for one in visitor.frames)

    async def action(client: Client) -> None:
        with pytest.raises(TunnelRefused) as raised:
            await client.tunnel("/", "chat")
        assert raised.value.status == 403
        assert (b"x-why", b"1") in raised.value.fields
        assert raised.value.content == b"not for you"

    talk(serve, action)


def test_a_refusal_without_end() -> None:
    """What is kept of it has a limit."""

    def serve(visitor: Visitor) -> None:
        visitor.greet(OFFER)
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, (b":status", b"403")))
        for _ in range(3):
            visitor.send(Data(stream_id=stream, data=bytes(16_384)))
        visitor.send(Data(stream_id=stream, data=bytes(16_383)))
        assert visitor.expect(WindowUpdate).increment > 0
        visitor.send(Data(stream_id=stream, data=b"xyz"))
        assert visitor.expect(RstStream).code == ErrorCode.CANCEL
        visitor.read_to_end()

    async def action(client: Client) -> None:
        with pytest.raises(TunnelRefused) as raised:
            await client.tunnel("/", "chat")
        assert raised.value.content == bytes(65_535) + b"x"

    talk(serve, action)


def headers_in_it(visitor: Visitor, stream: int) -> list[Frame]:
    return [visitor.head(stream, (b"x-late", b"1"), end=True)]


def reset(visitor: Visitor, stream: int) -> list[Frame]:
    return [RstStream(stream_id=stream, code=ErrorCode.CONNECT_ERROR)]


@pytest.mark.parametrize(
    ("answer", "complaint", "code"),
    [
        # "Frame types other than DATA or stream management frames … MUST NOT be sent on a
        # connected stream and MUST be treated as a stream error (Section 5.4.2) if received" (8.5).
        (headers_in_it, "HEADERS in a tunnel", ErrorCode.PROTOCOL_ERROR),
        (reset, "the server reset the stream: CONNECT_ERROR", None),
    ],
)
def test_a_tunnel_that_breaks(
    answer: Callable[[Visitor, int], list[Frame]], complaint: str, code: ErrorCode | None
) -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet(OFFER)
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, OK), *answer(visitor, stream))
        if code is not None:
            assert visitor.expect(RstStream) == RstStream(stream_id=stream, code=code)
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, OK, end=True))
        visitor.read_to_end()

    async def action(client: Client) -> None:
        tunnel = await client.tunnel("/", "chat")
        with pytest.raises(ResponseError, match=complaint):
            async for _ in tunnel:
                pass
        with pytest.raises(ResponseError, match=complaint):
            await tunnel.send(b"x")
        assert (await client.get("/")).status == 200

    talk(serve, action)


def test_a_tunnel_that_is_closed_is_cancelled() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet(OFFER)
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, OK))
        assert visitor.expect(RstStream).code == ErrorCode.CANCEL
        visitor.read_to_end()

    async def action(client: Client) -> None:
        (await client.tunnel("/", "chat")).close()

    talk(serve, action)


def test_many_small_frames_are_no_flood() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet(OFFER)
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, OK))
        visitor.send(*[Data(stream_id=stream, data=b"x")] * 20_000)
        visitor.send(Data(stream_id=stream, flags=r.END_STREAM))
        assert not isinstance(visitor.read_frame(), Headers)
        visitor.read_to_end()

    async def action(client: Client) -> None:
        tunnel = await client.tunnel("/", "chat")
        assert sum([len(piece) async for piece in tunnel]) == 20_000

    talk(serve, action)


def test_http1_has_no_tunnels() -> None:
    async def main(url: str) -> None:
        async with connect(url, ConnectOptions(protocols=(HTTP1,))) as client:
            with pytest.raises(OptionError, match="a tunnel requires HTTP/2"):
                await client.tunnel("/", "chat")

    with serving() as server:
        anyio.run(main, f"http://127.0.0.1:{server.port}/")
