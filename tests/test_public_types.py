"""What programs that use the packages rely on: the types of the public interface.

Contract: mypy checks the functions below, which nobody runs; an interface that changes its types
breaks ``make types`` here and not at its users'.  Every public name has to appear, so that a new
one is given its line, and one that disappears is missed.  ``docs/stability.md`` says what is
promised of them.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import assert_type

import pytest

import h2static
import hpacktools
from h2static import Config, LogFormat, Serving, SiteConfig, StartError, client, h2, testing
from h2static.asgi.types import AsgiCallable
from h2static.handlers import BaseRequestHandler
from hpacktools.codec import DynamicTable
from hpacktools.explanation import Explanation

PUBLIC = ("h2static", "h2static.h2", "h2static.client", "h2static.testing", "hpacktools")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_has_its_line(name: str) -> None:
    module = importlib.import_module(name)
    lines = Path(__file__).read_text(encoding="utf-8")
    for public in module.__all__:
        assert getattr(module, public) is not None
        assert re.search(rf"\b{public}\b", lines), f"{name}.{public}: say its types here"


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_not_public_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = importlib.import_module(name).no_such_name


async def serving(application: AsgiCallable) -> None:
    config = Config(port=0, no_tls=True, site=SiteConfig(root="www"), log_format=LogFormat.JSON)
    async with h2static.serve(config, {"/api": application}) as server:
        assert_type(server, Serving)
        assert_type(server.urls, tuple[str, ...])
        assert_type(server.addresses, tuple[tuple[str, int | None], ...])
        assert_type(server.port, int)
    async with h2static.serve(application) as server:
        assert_type(server, Serving)
    assert_type(h2static.__version__, str)
    error: Exception = StartError("reason")
    assert_type(str(error), str)


class Handler(BaseRequestHandler):
    def on_headers(self) -> None:
        assert_type(self.path, bytes)
        assert_type(self.headers, list[tuple[bytes, bytes]])
        assert_type(self.push("/style.css", body=b"p {}"), None)
        assert_type(self.send_response(200, [("content-type", "text/html")], "<p>"), None)

    def on_data(self, data: bytes) -> None:
        assert_type(data, bytes)


def without_io(octets: bytes) -> None:
    connection = h2.Connection(h2.CLIENT, settings=h2.LocalSettings(), limits=h2.Limits())
    other = h2.Connection(h2.SERVER)
    request = h2.Request(
        method=b"GET", scheme=b"https", authority=b"a", path=b"/", fields=((b"a", b"b"),)
    )
    assert_type(connection.request(request, b"", more=True), int)
    assert_type(connection.octets_to_send(), bytes)
    assert_type(connection.receive(octets, 1.0), list[h2.Event])
    assert_type(connection.receive_eof(), list[h2.Event])
    assert_type(connection.events(), list[h2.Event])
    assert_type(connection.check(2.0), list[h2.Event])
    assert_type(connection.send(1, b"content"), bool)
    assert_type(connection.end(1, trailers=((b"a", b"b"),)), None)
    assert_type(connection.acknowledge(1), None)
    assert_type(connection.reset(1, h2.ErrorCode.CANCEL), None)
    assert_type(connection.room_for_requests, bool)
    assert_type(connection.closed, bool)
    assert_type(other.inform(1, 103, ()), None)
    other.respond(1, 200, (), b"")
    misuse: Exception = h2.Misuse("words")
    assert_type(str(misuse), str)


def events(event: h2.Event) -> None:
    match event:
        case h2.RequestReceived():
            assert_type(event.request, h2.Request)
        case h2.ResponseReceived() | h2.InformationalReceived():
            assert_type(event.status, int)
            assert_type(event.fields, h2.Fields)
            for field in event.fields:
                assert_type(field, h2.Field)
        case h2.PromiseReceived():
            assert_type(event.promised_id, int)
        case h2.DataReceived():
            assert_type(event.data, bytes)
        case h2.MessageEnded():
            assert_type(event.trailers, h2.Fields)
        case h2.StreamEnded():
            assert_type(event.may_retry, bool)
        case h2.RoomAvailable():
            assert_type(event.stream_id, int)
        case h2.ConnectionEnded():
            assert_type(event.problem, str | None)


async def asking(observers: client.Observers) -> None:
    options = client.ConnectOptions(
        protocols=(client.HTTP2, client.HTTP1),
        resolve=((client.Place(host="a", port=443), ("127.0.0.1",)),),
        settings=client.default_settings(enable_push=True),
        response_limits=client.ResponseLimits(promises=1),
    )
    url = client.parse_url("https://a/")
    assert_type(url, client.URL)
    assert_type(url.origin, client.Origin)
    async with client.connect(url.origin, options, observers) as connected:
        assert_type(connected, client.Client)
        response = await connected.post("/", b"content", [("a", "b")])
        assert_type(response, client.Response)
        assert_type(await connected.get("/"), client.Response)
        assert_type(connected.send("GET", "/"), client.Response)
        assert_type(response.status, int)
        assert_type(response.header("a"), str | None)
        assert_type(await response.read(), bytes)
        assert_type(response.pushes, list[client.Response])
        assert_type(response.informational, list[client.Informational])
        assert_type(response.trailers, h2.Fields)
        assert_type(response.times, client.Times)
        assert_type(response.error, client.ResponseError | None)
        assert_type(connected.is_over, bool)
        tunnel = await connected.tunnel("a:1")
        assert_type(tunnel, client.Tunnel)
        assert_type(await tunnel.send(b""), None)
        async with connected.websocket("/", subprotocols=("chat",)) as socket:
            assert_type(socket, client.WebSocket)
            assert_type(await socket.receive(), str | bytes)
            assert_type(socket.closed, client.WebSocketClosed | None)


def errors_of_the_client() -> None:
    for error in (
        client.ConnectError,
        client.OptionError,
        client.ResponseError,
        client.TunnelRefused,
        client.WebSocketClosed,
    ):
        kind: type[client.ClientError] = error
        assert_type(kind, type[client.ClientError])


def in_tests(server: testing.ServerFactory) -> None:
    peer = server("www")
    assert_type(peer, testing.Peer)
    exchange = peer.get("/", [("a", "b")])
    assert_type(exchange, testing.Exchange)
    assert_type(exchange.status, int)
    assert_type(exchange.content, bytes)
    assert_type(exchange.informational, tuple[int, ...])
    assert_type(exchange.expect("HEADERS :status=200"), None)
    assert_type(exchange.never("RST_STREAM"), None)
    assert_type(peer.run_script("> PING"), None)


def hpack() -> None:
    deflater = hpacktools.Deflater(strategy="default")
    inflater = hpacktools.Inflater()
    block = deflater.deflate([(b":method", b"GET")])
    assert_type(block, bytes)
    assert_type(inflater.inflate(block), list[h2.Field])
    assert_type(deflater.table, DynamicTable)
    assert_type(hpacktools.explain(block), Explanation)
    assert_type(hpacktools.load_story("story.json"), hpacktools.Story)
