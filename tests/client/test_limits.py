"""What a server sends beside a response has limits, on both protocols."""

from __future__ import annotations

import anyio
import pytest

from h2static.client import (
    HTTP1,
    HTTP2,
    Client,
    ConnectOptions,
    ResponseError,
    ResponseLimits,
    connect,
    default_settings,
)
from h2static.http2 import registry as r
from h2static.http2.frames import PushPromise, RstStream
from h2static.http2.registry import ErrorCode
from tests.support.fake_server import Visitor, fake_server
from tests.support.processes import DEADLINE

OK = (b":status", b"200")
LIMITS = ResponseLimits(informational=3, promises=2)


async def fails(client: Client) -> None:
    with pytest.raises(ResponseError, match="more than 3 informational responses"):
        await client.get("/")


def test_informational_responses_without_end() -> None:
    """The stream is reset, and the others live on."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream, _ = visitor.request()
        visitor.send(*(visitor.head(stream, (b":status", b"103")) for _ in range(10)))
        assert visitor.expect(RstStream) == RstStream(stream_id=stream, code=ErrorCode.CANCEL)
        stream, _ = visitor.request()
        visitor.send(*(visitor.head(stream, (b":status", b"103")) for _ in range(3)))
        visitor.send(visitor.head(stream, OK, end=True))
        visitor.read_to_end()

    async def main(url: str) -> None:
        options = ConnectOptions(protocols=(HTTP2,), response_limits=LIMITS)
        with anyio.fail_after(DEADLINE):
            async with connect(url, options) as client:
                await fails(client)
                assert len((await client.get("/")).informational) == 3

    with fake_server(serve) as server:
        anyio.run(main, server.url)


def test_informational_responses_without_end_over_http1() -> None:
    """The connection ends."""

    def serve(visitor: Visitor) -> None:
        visitor.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)
        visitor.wait_for_end()

    async def main(url: str) -> None:
        options = ConnectOptions(protocols=(HTTP1,), response_limits=LIMITS)
        with anyio.fail_after(DEADLINE):
            async with connect(url, options) as client:
                await fails(client)
                assert client.is_over

    with fake_server(serve) as server:
        anyio.run(main, server.url)


def test_promises_without_end() -> None:
    """Those beyond the limit are refused; the response is as good as ever."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream, fields = visitor.request()
        authority = dict(fields)[b":authority"]
        for number in range(1, 4):
            fragment = visitor.encoder.encode(
                [
                    (b":method", b"GET"),
                    (b":scheme", b"http"),
                    (b":authority", authority),
                    (b":path", b"/%d" % number),
                ]
            )
            visitor.send(
                PushPromise(
                    stream_id=stream, flags=r.END_HEADERS, promised_stream_id=2 * number,
                    fragment=fragment,
                )
            )  # fmt: skip
            if number < 3:
                visitor.send(visitor.head(2 * number, OK, end=True))
        assert visitor.expect(RstStream) == RstStream(stream_id=6, code=ErrorCode.CANCEL)
        visitor.send(visitor.head(stream, OK, end=True))
        visitor.read_to_end()

    async def main(url: str) -> None:
        settings = default_settings(enable_push=True)
        options = ConnectOptions(protocols=(HTTP2,), settings=settings, response_limits=LIMITS)
        with anyio.fail_after(DEADLINE):
            async with connect(url, options) as client:
                response = await client.get("/")
                assert [one.request.path for one in response.pushes] == [b"/1", b"/2"]

    with fake_server(serve) as server:
        anyio.run(main, server.url)
