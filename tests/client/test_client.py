"""The client as a library, against servers of ours over loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest

from h2static.client import (
    HTTP1,
    HTTP2,
    Client,
    ConnectOptions,
    OptionError,
    ResponseError,
    connect,
    default_settings,
)
from h2static.config import Config
from h2static.http.messages import Request, Response
from h2static.http2.frames import GoAway, Headers, RstStream, Settings
from h2static.http2.registry import ErrorCode
from h2static.server.response_options import ResponseOptions
from h2static.site.config import HintSource, SiteConfig
from tests.http2.test_push import PageSite
from tests.support.fake_server import Visitor, fake_server
from tests.support.processes import DEADLINE
from tests.support.serving import Serving, serving
from tests.support.small_site import SmallSite, pattern

ONE, TWO = ConnectOptions(protocols=(HTTP1,)), ConnectOptions(protocols=(HTTP2,))
BOTH = pytest.mark.parametrize("options", [TWO, ONE], ids=[HTTP2, HTTP1])


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as server:
        yield server


def run(
    port: int, action: Callable[[Client], Awaitable[None]], options: ConnectOptions | None = None
) -> None:
    """Do ``action`` with a client of the server at ``port``."""

    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            async with connect(f"http://127.0.0.1:{port}/", options) as client:
                await action(client)

    anyio.run(main)


@BOTH
@pytest.mark.parametrize("path", ["/", "/memory/300000", "/file/300000", "/events", "/slow/5"])
def test_a_response_is_what_the_server_says(
    server: Serving, path: str, options: ConnectOptions
) -> None:
    async def action(client: Client) -> None:
        response = await client.get(path)
        assert response.status == 200
        assert client.protocol == options.protocols[0]
        content = await response.read()
        kind, _, size = path[1:].partition("/")
        if size:
            assert content == pattern(int(size))
        else:
            assert content == {"": b"hello", "events": b"data: 1\n\ndata: 2\n\n"}[kind]
        assert response.is_over
        assert response.received == len(content)

    run(server.port, action, options)


@BOTH
def test_requests_share_a_connection(server: Serving, options: ConnectOptions) -> None:
    async def action(client: Client) -> None:
        responses = [client.send("GET", f"/memory/{size}") for size in range(1, 200)]
        for size, response in enumerate(responses, 1):
            assert await response.read() == pattern(size)

    run(server.port, action, options)


@BOTH
def test_a_head_has_no_content(server: Serving, options: ConnectOptions) -> None:
    async def action(client: Client) -> None:
        response = await client.head("/memory/1000")
        assert response.header("content-length") == "1000"
        assert await response.read() == b""
        assert (await client.get("/")).status == 200

    run(server.port, action, options)


@BOTH
@pytest.mark.parametrize("size", [0, 1, 65_535, 100_000])
def test_content_goes_up(server: Serving, size: int, options: ConnectOptions) -> None:
    async def action(client: Client) -> None:
        response = await client.post("/echo", pattern(size))
        assert await response.read() == pattern(size)

    run(server.port, action, options)


@BOTH
def test_content_is_written_while_it_goes_out(server: Serving, options: ConnectOptions) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            await anyio.lowlevel.checkpoint()
            yield pattern(10_000)

    async def action(client: Client) -> None:
        response = await client.post("/echo", pieces())
        assert await response.read() == pattern(10_000) * 9

    run(server.port, action, options)


@BOTH
def test_an_error_of_the_content_is_told(server: Serving, options: ConnectOptions) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"begin"
        raise ValueError("no more")

    async def action(client: Client) -> None:
        with pytest.raises(ResponseError, match="content") as caught:
            await client.post("/echo", pieces())
        assert isinstance(caught.value.__cause__, ValueError)
        if client.protocol == HTTP2:
            assert (await client.get("/")).status == 200

    run(server.port, action, options)


def test_trailers_come_with_the_end() -> None:
    site = ResponseOptions(SmallSite(), trailers=((b"x-sum", b"1"),))

    async def action(client: Client) -> None:
        response = await client.get("/", [("te", "trailers")])
        assert await response.read() == b"hello"
        assert response.trailers == ((b"x-sum", b"1"),)

    with serving(site) as server:
        run(server.port, action)


def test_pushes_and_early_hints() -> None:
    pushing = ConnectOptions(settings=default_settings(enable_push=True))

    async def pushed(client: Client) -> None:
        response = await client.get("/", [("host", "test.example")])
        assert [push.request.path for push in response.pushes] == [b"/a.css", b"/b.css"]
        for push in response.pushes:
            assert push.pushed
            assert push.stream_id is not None
            assert push.stream_id % 2 == 0
            assert await push.read() == pattern(300)

    async def hinted(client: Client) -> None:
        response = await client.get("/")
        assert [early.status for early in response.informational] == [103]
        assert response.pushes == []

    def config(site: SiteConfig) -> Config:
        return Config(port=0, no_tls=True, site=replace(site, hints=HintSource.AUTO))

    with serving(PageSite(b"/a.css", b"/b.css"), config=config) as server:
        run(server.port, pushed, pushing)
        run(server.port, hinted)


def test_what_nobody_reads_holds_up_itself_only(server: Serving) -> None:
    async def action(client: Client) -> None:
        slow = await client.get("/memory/20000000")
        for _ in range(3):
            response = await client.get("/memory/3000000")
            assert await response.read() == pattern(3_000_000)
        assert slow.received < 4_000_000
        assert len(await slow.read()) == 20_000_000

    run(server.port, action)


@BOTH
def test_large_content_needs_no_memory_when_it_is_not_read(
    server: Serving, options: ConnectOptions
) -> None:
    async def action(client: Client) -> None:
        response = await client.get("/memory/50000000")
        await anyio.sleep(0.2)
        assert response.received < 3_000_000

    run(server.port, action, options)


def test_a_cancelled_request_is_reset() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream_id, _ = visitor.request()
        assert visitor.expect(RstStream) == RstStream(stream_id=stream_id, code=ErrorCode.CANCEL)
        stream_id, _ = visitor.request()
        visitor.send(visitor.head(stream_id, (b":status", b"204"), end=True))
        last = visitor.read_to_end()
        # Whoever takes long to greet hears only now that it has been understood.
        others = [one for one in last if not isinstance(one, Settings)]
        assert others == [GoAway(last_stream_id=0, code=ErrorCode.NO_ERROR)]

    async def action(client: Client) -> None:
        with anyio.move_on_after(0.1):
            await client.get("/")
        assert (await client.get("/")).status == 204

    with fake_server(serve) as server:
        run(server.port, action)


def test_the_block_ends_with_goodbye_and_cancels_what_is_under_way() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream_id, _ = visitor.request()
        last = visitor.read_to_end()
        assert RstStream(stream_id=stream_id, code=ErrorCode.CANCEL) in last
        assert last[-1] == GoAway(last_stream_id=0, code=ErrorCode.NO_ERROR)

    responses = []

    async def action(client: Client) -> None:
        responses.append(client.send("GET", "/"))

    with fake_server(serve) as server:
        run(server.port, action)
    assert "canceled" in str(responses[0].error)


def test_an_error_in_the_block_comes_out_as_it_is(server: Serving) -> None:
    async def action(client: Client) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(server.port, action)


def test_what_the_server_has_not_processed_may_be_tried_again() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.request()
        visitor.send(GoAway(last_stream_id=1, code=ErrorCode.NO_ERROR))
        visitor.send(visitor.head(1, (b":status", b"200"), end=True))
        visitor.read_to_end()

    async def action(client: Client) -> None:
        first, second = client.send("GET", "/"), client.send("GET", "/")
        await first.ended()
        with pytest.raises(ResponseError, match="GOAWAY: NO_ERROR") as caught:
            await second.started()
        assert caught.value.may_retry
        third = client.send("GET", "/")
        with pytest.raises(ResponseError) as caught:
            await third.started()
        assert caught.value.may_retry
        assert client.is_over

    with fake_server(serve) as server:
        run(server.port, action)


def test_the_server_says_how_many_requests_at_a_time() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet((0x3, 2))
        for _ in range(10):
            stream_id, _ = visitor.request()
            visitor.send(visitor.head(stream_id, (b":status", b"200"), end=True))
        visitor.read_to_end()
        assert len([one for one in visitor.frames if isinstance(one, Headers)]) == 10

    async def action(client: Client) -> None:
        await client.send("GET", "/").started()
        for response in [client.send("GET", "/") for _ in range(9)]:
            await response.ended()

    with fake_server(serve) as server:
        run(server.port, action)


@pytest.mark.parametrize(
    ("method", "path", "headers", "complaint"),
    [
        ("GET", "/", [("bad name", "x")], "not a field name"),
        ("GET", "/", [("x", "a\nb")], "control"),
        ("GET", "/", [("x", "日")], "Latin-1"),
        ("GET", "/", [(":status", "200")], ":status"),
        ("G T", "/", [], ":method"),
        ("GET", "no-slash", [], ":path"),
        ("GET", "/", [("connection", "close")], "connection-specific"),
        ("GET", "/a b", [], ":path"),
    ],
)
def test_what_is_no_request(
    server: Serving, method: str, path: str, headers: list[tuple[str, str]], complaint: str
) -> None:
    async def action(client: Client) -> None:
        with pytest.raises(OptionError, match=complaint):
            await client.request(method, path, headers)
        assert (await client.get("/")).status == 200

    run(server.port, action)


def test_pseudo_header_fields_are_replaced(server: Serving) -> None:
    async def action(client: Client) -> None:
        response = client.send(
            "GET", "/", [(":method", "HEAD"), (":path", "/memory/5"), ("host", "example.org")]
        )
        await response.started()
        assert response.request.method == b"HEAD"
        assert response.request.authority == b"example.org"
        assert response.header("content-length") == "5"

    run(server.port, action)


@BOTH
def test_a_released_response_of_a_handler(options: ConnectOptions) -> None:
    """Fields of the same name are joined; a status without content ends at once."""

    class Site(SmallSite):
        def recall(self, request: Request) -> Response | None:
            fields = ((b"x", b"1"), (b"x", b"2"))
            return Response(status=204, fields=fields, prepared=True)

    async def action(client: Client) -> None:
        response = await client.get("/")
        assert response.header("X") == "1, 2"
        assert response.header("y") is None
        assert await response.read() == b""

    with serving(Site()) as server:
        run(server.port, action, options)
