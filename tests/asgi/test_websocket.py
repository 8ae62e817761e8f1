"""The ``websocket`` scope: scopes, messages, handshakes, over both protocol versions."""

from __future__ import annotations

import pytest

from h2static.asgi.types import Message, Receive, Scope, Send
from h2static.http.fields import Fields
from h2static.http.requests import Tls
from tests.asgi.support import Recorder
from tests.asgi.websockets import KEY, VERSION, Call, Listener, accept, echo
from tests.contracts.dialects import Dialect
from tests.support.websocket_frames import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    closed,
    frame,
    text,
)

pytestmark = pytest.mark.anyio

# ---------------------------------------------------------------------- the scope


async def test_the_scope(dialect: Dialect) -> None:
    app = Recorder(echo)
    talk = Call(dialect, app, state={"answer": 42})
    await talk.open(
        b"/ch%C3%A4t?room=1",
        (b"origin", b"http://example.test"),
        (b"sec-websocket-protocol", b"chat, superchat"),
        (b"cookie", b"a=1"),
    )
    scope = app.scope
    assert scope["type"] == "websocket"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert scope["http_version"] == ("2" if dialect.multiplexed else "1.1")
    assert scope["scheme"] == "ws"
    assert scope["path"] == "/chät"
    assert scope["raw_path"] == b"/ch%C3%A4t"
    assert scope["query_string"] == b"room=1"
    assert scope["root_path"] == ""
    assert scope["subprotocols"] == ["chat", "superchat"]
    assert scope["client"] == ("192.0.2.7", 40_007)
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert scope["state"] == {"answer": 42}
    assert "method" not in scope
    headers = scope["headers"]
    assert headers[0] == (b"host", b"example.test")
    assert (b"origin", b"http://example.test") in headers
    assert all(not name.startswith(b":") for name, _ in headers)


async def test_over_tls(dialect: Dialect) -> None:
    app = Recorder(echo)
    talk = Call(dialect, app)
    talk.conversation.peer.tls = Tls(version=0x0304, cipher_suite=0x1301)
    await talk.open()
    assert app.scope["extensions"]["tls"]["tls_version"] == 0x0304


async def test_each_has_a_scope_of_its_own(dialect: Dialect) -> None:
    app = Recorder(echo)
    for _ in range(2):
        await Call(dialect, app).open()
    first, second = app.scopes
    for key in ("headers", "extensions", "subprotocols", "asgi"):
        assert first[key] == second[key]
        assert first[key] is not second[key]


# ---------------------------------------------------------------------- there and back


async def test_messages(dialect: Dialect) -> None:
    app = Listener()
    talk = Call(dialect, app)
    number = await talk.open()
    await talk.say(number, text("Hello") + frame(BINARY, b"octets") + text("") + frame(BINARY))
    await talk.say(number, frame(PING, b"p"))
    assert app.events == [
        {"type": "websocket.receive", "text": "Hello"},
        {"type": "websocket.receive", "bytes": b"octets"},
        {"type": "websocket.receive", "text": ""},
        {"type": "websocket.receive", "bytes": b""},
    ]
    assert talk.frames(number) == [Frame(PONG, b"p")]


async def test_an_echo(dialect: Dialect) -> None:
    talk = Call(dialect, echo)
    number = await talk.open()
    for i in range(50):
        await talk.say(number, text(f"message {i}"))
    assert talk.frames(number) == [Frame(TEXT, b"message %d" % i) for i in range(50)]
    await talk.say(number, close(1000))
    assert talk.frames(number)[-1] == closed(1000)
    assert talk.is_over(number)
    assert talk.running == 0
    assert talk.reports == []


async def test_several_beside_requests(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await echo(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"a page"})

    talk = Call(dialect, both)
    numbers = [await talk.open() for _ in range(4)]
    for number in numbers:
        await talk.say(number, text(f"to {number}"))
        assert (await talk.ask()).content == b"a page"
    for number in numbers:
        assert talk.frames(number) == [Frame(TEXT, b"to %d" % number)]


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ({"text": "x"}, Frame(TEXT, b"x")),
        ({"text": "x", "bytes": None}, Frame(TEXT, b"x")),
        ({"bytes": b"x"}, Frame(BINARY, b"x")),
        ({"bytes": b"x", "text": None}, Frame(BINARY, b"x")),
        ({"bytes": bytearray(b"x")}, Frame(BINARY, b"x")),
        ({"bytes": memoryview(b"x")}, Frame(BINARY, b"x")),
        ({"text": ""}, Frame(TEXT, b"")),
        ({"bytes": b""}, Frame(BINARY, b"")),
        ({"text": "x", "more": "keys are legal"}, Frame(TEXT, b"x")),
    ],
)
async def test_what_can_be_sent(dialect: Dialect, message: Message, sent: Frame) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.send", **message})
        await receive()

    talk = Call(dialect, app)
    number = await talk.open()
    assert talk.frames(number) == [sent]


# ---------------------------------------------------------------------- accepted


async def test_accept_with_subprotocol_and_headers(dialect: Dialect) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": "superchat",
                "headers": [(b"X-One", b"1"), (b"set-cookie", b"a=1"), (b"connection", b"close")],
            }
        )
        await receive()
        await receive()

    talk = Call(dialect, app)
    number = await talk.open(b"/", (b"sec-websocket-protocol", b"chat, superchat"))
    reply = talk.conversation.reply(number)
    assert reply.value(b"sec-websocket-protocol") == b"superchat"
    assert reply.value(b"x-one") == b"1"
    assert reply.value(b"set-cookie") == b"a=1"
    assert reply.value(b"server") == b"h2static"
    assert reply.value(b"sec-websocket-accept") == (
        None if dialect.multiplexed else b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    )


async def test_compression(dialect: Dialect) -> None:
    talk = Call(dialect, echo)
    number = await talk.open(b"/", (b"sec-websocket-extensions", b"permessage-deflate"))
    reply = talk.conversation.reply(number)
    assert reply.value(b"sec-websocket-extensions") == (
        b"permessage-deflate; server_max_window_bits=12"
    )
    await talk.say(number, text("small") + text("large" * 1_000))
    small, large = talk.frames(number)
    assert small == Frame(TEXT, b"small")
    assert large.rsv1
    assert len(large.data) < 500


# ---------------------------------------------------------------------- refused


async def test_a_close_before_accept_is_a_403(dialect: Dialect) -> None:
    events: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.close", "code": 4000})
        events.append(await receive())
        events.append(await receive())

    talk = Call(dialect, app)
    number = await talk.open(granted=False)
    talk.conversation.whole_reply(number, 403)
    gone = {"type": "websocket.disconnect", "code": 1006, "reason": ""}
    assert events == [gone, gone]
    assert talk.running == 0
    assert talk.reports == []


@pytest.mark.parametrize("pieces", [[b"not you"], [b"not ", b"you"], [b""]])
async def test_a_denial_is_any_response(dialect: Dialect, pieces: list[bytes]) -> None:
    events: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Basic")]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        for left, piece in reversed(list(enumerate(reversed(pieces)))):
            await send(
                {"type": "websocket.http.response.body", "body": piece, "more_body": left > 0}
            )
        events.append(await receive())

    talk = Call(dialect, app)
    number = await talk.open(granted=False)
    reply = talk.conversation.whole_reply(number, 401)
    assert reply.content == b"".join(pieces)
    assert reply.value(b"www-authenticate") == b"Basic"
    assert [event["type"] for event in events] == ["websocket.disconnect"]
    if not dialect.multiplexed:
        # The connection goes on.
        second = await talk.open(granted=False)
        talk.conversation.whole_reply(second, 401)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ((b"sec-websocket-version", b"8"),),
        (VERSION, (b"sec-websocket-protocol", b"a b")),
    ],
)
async def test_a_handshake_that_is_wrong(dialect: Dialect, fields: Fields) -> None:
    app = Recorder(echo)
    talk = Call(dialect, app)
    number = talk.conversation.tunnel(fields=(KEY, *fields))
    await talk.settle()
    reply = talk.conversation.whole_reply(number, 400)
    assert reply.value(b"sec-websocket-version") == (None if VERSION in fields else b"13")
    assert app.scopes == []


async def test_another_protocol(dialect: Dialect) -> None:
    """RFC 9220 section 3: 501; on HTTP/1.1 an Upgrade to it is ignored."""
    app = Recorder()
    talk = Call(dialect, app)
    number = talk.conversation.tunnel(protocol=b"gopher")
    await talk.settle()
    talk.conversation.whole_reply(number, 501 if dialect.multiplexed else 200)
