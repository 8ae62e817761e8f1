"""Handlers with callbacks, as nghttp2's Python module has them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from h2static.handlers import BaseRequestHandler, Body
from tests.asgi.support import Talk, request_of
from tests.contracts.dialects import DIALECTS, Dialect
from tests.support.exchange import FakeExchange

pytestmark = pytest.mark.anyio


class Handler(BaseRequestHandler):
    """Writes down what it is told."""

    calls: ClassVar[list[str]]

    def note(self, text: str) -> None:
        self.calls.append(text)

    def on_headers(self) -> None:
        self.note(f"headers {self.method.decode()} {self.path.decode()}")

    def on_data(self, data: bytes) -> None:
        self.note(f"data {len(data)}")

    def on_request_done(self) -> None:
        self.note("done")

    def on_close(self, clean: bool) -> None:
        self.note(f"close {clean}")


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    Handler.calls = []
    return Handler.calls


async def test_callbacks_come_in_their_order(dialect: Dialect, calls: list[str]) -> None:
    class Echo(Handler):
        def on_headers(self) -> None:
            super().on_headers()
            assert (b"host", self.host) in self.headers
            assert (b"x-one", b"1") in self.headers
            assert self.client_address is None or len(self.client_address) == 2
            self.content = bytearray()

        def on_data(self, data: bytes) -> None:
            super().on_data(data)
            self.content += data

        def on_request_done(self) -> None:
            super().on_request_done()
            self.send_response(201, [("X-Two", "2"), (b"content-type", b"text/plain")], "é")

    talk = Talk(dialect, Echo.application)
    reply = await talk.ask(
        b"/a%20b?c", method=b"POST", content=b"content", fields=((b"x-one", b"1"),)
    )
    assert (reply.status, reply.content, reply.whole) == (201, "é".encode(), True)
    assert reply.value(b"x-two") == b"2"
    assert calls == ["headers POST /a%20b?c", "data 7", "done", "close True"]
    assert not talk.running


async def pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


@pytest.mark.parametrize(
    ("make", "content"),
    [
        (lambda: None, b""),
        (lambda: b"octets", b"octets"),
        (lambda: "text", b"text"),
        (lambda: io.BytesIO(b"x" * 200_000), b"x" * 200_000),
        (lambda: iter([b"one", b"two"]), b"onetwo"),
        (pieces, b"onetwo"),
    ],
    ids=["nothing", "octets", "text", "file", "iterator", "async iterator"],
)
async def test_bodies(dialect: Dialect, make: object, content: bytes) -> None:
    class Sending(Handler):
        def on_headers(self) -> None:
            assert callable(make)
            body: Body = make()
            self.send_response(body=body)

    talk = Talk(dialect, Sending.application)
    number = talk.conversation.request(b"/")
    await talk.until_whole(number)  # a thread reads the file
    assert talk.conversation.whole_reply(number).content == content


async def test_a_response_may_come_later(dialect: Dialect, calls: list[str]) -> None:
    waiting: list[Handler] = []

    class Later(Handler):
        def on_request_done(self) -> None:
            waiting.append(self)

    talk = Talk(dialect, Later.application)
    number = talk.conversation.request(b"/")
    await talk.settle()
    assert talk.conversation.reply(number).status == 0
    waiting[0].send_response(body="now")
    await talk.settle()
    assert talk.conversation.whole_reply(number).content == b"now"
    assert calls[-1] == "close True"


async def test_one_response(dialect: Dialect) -> None:
    raised: list[str] = []

    class Twice(Handler):
        def on_headers(self) -> None:
            self.send_response(body="once")
            with pytest.raises(RuntimeError) as error:
                self.send_response()
            raised.append(str(error.value))
            with pytest.raises(RuntimeError) as error:
                self.push("/x")
            raised.append(str(error.value))

    assert (await Talk(dialect, Twice.application).ask()).content == b"once"
    assert raised == ["the response has already been sent", "push must come before send_response"]


async def test_a_client_that_goes(dialect: Dialect, calls: list[str]) -> None:
    talk = Talk(dialect, Handler.application)
    number = talk.conversation.request(b"/")
    await talk.settle()
    talk.conversation.lose(number)
    await talk.settle()
    assert calls == ["headers GET /", "done", "close False"]
    assert not talk.running
    assert not talk.reports


async def test_a_callback_that_fails(dialect: Dialect, calls: list[str]) -> None:
    class Broken(Handler):
        def on_request_done(self) -> None:
            raise ValueError("a bug")

    talk = Talk(dialect, Broken.application)
    assert (await talk.ask()).status == 500
    assert "ValueError" in talk.reports[0][1]
    assert calls[-1] == "close False"


@pytest.mark.parametrize("may_push", [False, True])
async def test_push(may_push: bool) -> None:
    """A promise with its response, where the client takes promises."""

    class Pushing(BaseRequestHandler):
        def on_headers(self) -> None:
            if self.path == b"/":
                self.push("/a.css?v=1", [("accept", "*/*")], headers=[("x-pushed", "1")], body="p")
                self.send_response(body="page")
            else:
                self.send_response(404)

    talk = Talk(DIALECTS[1], Pushing.application)
    parent = FakeExchange(request_of(b"/"))
    parent.may_push = may_push
    talk.application.handle(parent)
    await talk.settle()
    assert parent.response is not None
    assert [one.path for one in parent.pushed] == ([b"/a.css?v=1"] if may_push else [])
    # Without a promise it is an ordinary request; so is the second one.
    for expected in (200 if may_push else 404, 404):
        promised = FakeExchange(request_of(b"/a.css?v=1"))
        talk.application.handle(promised)
        await talk.settle()
        assert promised.response is not None
        assert promised.response.status == expected
