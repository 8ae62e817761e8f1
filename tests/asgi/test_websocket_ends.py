"""How WebSockets end, every row of the table; back-pressure and time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from h2static.asgi.errors import ClientDisconnected
from h2static.asgi.limits import AsgiLimits
from h2static.asgi.types import Message, Receive, Scope, Send
from h2static.websocket.limits import WebSocketLimits
from tests.asgi.websockets import KEY, LARGE, VERSION, Call, Listener, accept, echo
from tests.contracts.dialects import Dialect
from tests.support.websocket_frames import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Frame,
    close,
    closed,
    frame,
    text,
)

pytestmark = pytest.mark.anyio

# ---------------------------------------------------------------------- how it ends


def _lose(talk: Call, number: int) -> None:
    talk.conversation.lose(number)


#: What the client does; what the application hears; what the client gets.
ENDS: dict[str, tuple[bytes | Callable[[Call, int], None], int, str, list[Frame]]] = {
    "the client closes with code and reason": (
        close(3001, "why"),
        3001,
        "why",
        [closed(3001, "why")],
    ),
    "the client closes with 1000": (close(1000), 1000, "", [closed(1000)]),
    "an empty close frame": (close(), 1005, "", [Frame(CLOSE, b"")]),
    "the connection is reset": (_lose, 1006, "", []),
    "the connection ends": (
        lambda talk, number: talk.conversation.end_tunnel(number),
        1006,
        "",
        [],
    ),
    "invalid UTF-8": (
        frame(TEXT, b"\xff"),
        1007,
        "text is not UTF-8",
        [closed(1007, "text is not UTF-8")],
    ),
    "a frame that is none": (frame(0x3), 1002, "invalid opcode", [closed(1002, "invalid opcode")]),
}


@pytest.mark.parametrize("case", ENDS)
async def test_how_a_client_ends_it(dialect: Dialect, case: str) -> None:
    does, code, reason, frames = ENDS[case]
    app = Listener()
    talk = Call(dialect, app)
    number = await talk.open()
    if isinstance(does, bytes):
        await talk.say(number, does)
    else:
        does(talk, number)
        await talk.settle()
    assert app.events == [{"type": "websocket.disconnect", "code": code, "reason": reason}]
    assert talk.frames(number) == frames
    assert talk.running == 0
    assert talk.reports == []


async def test_a_message_that_is_too_large(dialect: Dialect) -> None:
    app = Listener()
    limits = AsgiLimits(websocket=WebSocketLimits(message=1_000))
    talk = Call(dialect, app, limits=limits)
    number = await talk.open()
    await talk.say(number, frame(BINARY, bytes(1_000)))
    await talk.say(number, frame(BINARY, bytes(1_001)))
    first, last = app.events
    assert first == {"type": "websocket.receive", "bytes": bytes(1_000)}
    assert (last["type"], last["code"]) == ("websocket.disconnect", 1009)
    assert talk.frames(number)[-1].data[:2] == (1009).to_bytes(2, "big")


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({}, 1000, ""),
        ({"code": 4002, "reason": "enough"}, 4002, "enough"),
        ({"code": None, "reason": None}, 1000, ""),
        ({"code": 1012}, 1012, ""),
    ],
)
async def test_the_application_closes(
    dialect: Dialect, message: Message, code: int, reason: str
) -> None:
    events: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.close", **message})
        events.append(await receive())

    talk = Call(dialect, app)
    number = await talk.open()
    assert talk.frames(number) == [closed(code, reason)]
    assert not talk.is_over(number)
    assert events == []
    await talk.say(number, close(code, reason))
    assert talk.is_over(number)
    assert events == [{"type": "websocket.disconnect", "code": code, "reason": reason}]


async def test_an_application_that_returns(dialect: Dialect) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)

    talk = Call(dialect, app)
    number = await talk.open()
    assert talk.frames(number) == [closed(1000)]
    await talk.say(number, close(1000))
    assert talk.is_over(number)
    assert talk.reports == []


@pytest.mark.parametrize("accepts", [False, True])
async def test_an_application_that_raises(dialect: Dialect, accepts: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if accepts:
            await accept(receive, send)
        raise ValueError("boom")

    talk = Call(dialect, app)
    number = await talk.open(granted=accepts)
    if accepts:
        assert talk.frames(number) == [closed(1011, "the application failed")]
        assert talk.is_over(number)
    else:
        talk.conversation.whole_reply(number, 500)
    ((_, told, lines),) = talk.reports
    assert "raised ValueError('boom')" in told
    assert any("boom" in line for line in lines)
    assert talk.running == 0


async def test_an_application_that_returns_without_an_answer(dialect: Dialect) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    talk = Call(dialect, app)
    number = await talk.open(granted=False)
    talk.conversation.whole_reply(number, 500)
    assert len(talk.reports) == 1


async def test_a_client_that_goes_before_it_is_accepted(dialect: Dialect) -> None:
    events: list[Message] = []
    goes_on = asyncio.Event()
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        events.append(await receive())
        events.append(await receive())
        await goes_on.wait()
        try:
            await send({"type": "websocket.accept"})
        except OSError as error:
            raised.append(error)
            raise

    talk = Call(dialect, app)
    number = await talk.open(granted=False)
    talk.conversation.lose(number)
    await talk.settle()
    assert events == [
        {"type": "websocket.connect"},
        {"type": "websocket.disconnect", "code": 1006, "reason": ""},
    ]
    goes_on.set()
    await talk.settle()
    assert isinstance(raised[0], ClientDisconnected)
    assert talk.reports == []


@pytest.mark.parametrize("event", ["websocket.send", "websocket.close"])
@pytest.mark.parametrize("way", ["closed", "lost"])
async def test_send_after_the_client_has_gone(dialect: Dialect, way: str, event: str) -> None:
    """An OSError, and none of the error log's business when it comes back out."""
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        assert (await receive())["type"] == "websocket.disconnect"
        try:
            await send({"type": event, "text": "to nobody"})
        except OSError as error:
            raised.append(error)
            raise

    talk = Call(dialect, app)
    number = await talk.open()
    if way == "closed":
        await talk.say(number, close(1000))
    else:
        talk.conversation.lose(number)
        await talk.settle()
    assert isinstance(raised[0], ClientDisconnected)
    assert talk.reports == []
    assert talk.running == 0


# ---------------------------------------------------------------------- back-pressure


async def test_an_application_that_does_not_receive(dialect: Dialect) -> None:
    goes_on = asyncio.Event()
    received: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await goes_on.wait()
        while (message := await receive())["type"] == "websocket.receive":
            received.append(len(message["bytes"]))

    talk = Call(dialect, app)
    number = await talk.open()
    message = frame(BINARY, bytes(10_000))
    await talk.say(number, message * (LARGE // len(message)))
    assert talk.conversation.untaken >= LARGE - 655_360
    goes_on.set()
    for _ in range(30):
        await talk.settle()
    assert received == [10_000] * (LARGE // len(message))


@pytest.mark.parametrize("way", ["socket", "credit"])
async def test_a_client_that_does_not_read(dialect: Dialect, way: str) -> None:
    sent: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        for i in range(300):
            await send({"type": "websocket.send", "bytes": bytes(10_000)})
            sent.append(i)

    talk = Call(dialect, app)
    talk.conversation.settle()
    if way == "credit":
        if not talk.conversation.client.hold_credit():
            pytest.skip("the protocol has no credit")
        number = await talk.open()
    else:
        number = talk.conversation.tunnel(
            fields=(VERSION,) if dialect.multiplexed else (KEY, VERSION)
        )
        talk.conversation.settle()
        talk.conversation.taking = False
        await talk.settle()
    stopped = len(sent)
    assert stopped <= 100
    await talk.settle()
    assert len(sent) == stopped
    if way == "credit":
        talk.conversation.client.return_credit()
    else:
        talk.conversation.taking = True
    for _ in range(30):
        await talk.settle()
    assert len(sent) == 300
    frames = talk.frames(number)
    assert frames == [Frame(BINARY, bytes(10_000))] * 300 + [closed(1000)]


async def test_a_send_that_waits_when_the_client_goes(dialect: Dialect) -> None:
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(10_000)})
        except OSError as error:
            raised.append(error)
            raise

    talk = Call(dialect, app)
    number = talk.conversation.tunnel(fields=(VERSION,) if dialect.multiplexed else (KEY, VERSION))
    talk.conversation.settle()
    talk.conversation.taking = False
    await talk.settle()
    assert raised == []
    talk.conversation.close()
    await talk.settle()
    assert isinstance(raised[0], ClientDisconnected)
    assert talk.running == 0
    assert talk.reports == []
    assert number == 0


# ---------------------------------------------------------------------- time, and the server's end

QUICK = AsgiLimits(
    websocket=WebSocketLimits(ping_seconds=0.02, pong_seconds=0.02, close_seconds=0.02)
)


async def until(talk: Call, condition: Callable[[], bool]) -> None:
    """Let time pass until something holds."""
    for _ in range(1_000):
        await talk.settle()
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to that")


async def test_a_client_that_gives_no_sign_of_life(dialect: Dialect) -> None:
    app = Listener()
    talk = Call(dialect, app, limits=QUICK)
    number = await talk.open()
    await until(talk, lambda: bool(app.events))
    assert app.events == [
        {"type": "websocket.disconnect", "code": 1011, "reason": "no answer to a ping"}
    ]
    assert talk.frames(number)[0] == Frame(PING, b"")
    assert talk.is_over(number)


async def test_a_client_that_does_not_answer_a_close(dialect: Dialect) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.close", "code": 4002})

    talk = Call(dialect, app, limits=QUICK)
    number = await talk.open()
    await until(talk, lambda: talk.is_over(number))
    assert talk.frames(number) == [closed(4002)]


async def test_drain(dialect: Dialect) -> None:
    """Clients are told (1001), and so is the application."""
    app = Listener()
    talk = Call(dialect, app)
    number = await talk.open()
    talk.application.drain()
    talk.conversation.drain()
    await talk.settle()
    (answer,) = talk.frames(number)
    assert answer.data[:2] == (1001).to_bytes(2, "big")
    await talk.say(number, close(1001))
    ((kind, code, _),) = [tuple(event.values()) for event in app.events]
    assert (kind, code) == ("websocket.disconnect", 1001)
    assert talk.is_over(number)
    assert talk.running == 0


async def test_send_while_the_server_goes_away(dialect: Dialect) -> None:
    goes_on = asyncio.Event()
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await goes_on.wait()
        with pytest.raises(ClientDisconnected) as caught:
            await send({"type": "websocket.send", "text": "x"})
        raised.append(caught.value)

    talk = Call(dialect, app)
    number = await talk.open()
    talk.application.drain()
    goes_on.set()
    await talk.settle()
    assert len(raised) == 1
    assert [one.opcode for one in talk.frames(number)] == [CLOSE]


async def test_one_that_is_accepted_while_the_server_drains(dialect: Dialect) -> None:
    goes_on = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await goes_on.wait()
        await echo(scope, receive, send)

    talk = Call(dialect, app)
    number = await talk.open(granted=False)
    talk.application.drain()
    goes_on.set()
    await talk.settle()
    (answer,) = talk.frames(number)
    assert answer.data[:2] == (1001).to_bytes(2, "big")


async def test_receive_can_be_cancelled(dialect: Dialect) -> None:
    """As a time-out does it; no message is lost by that."""
    events: list[Message] = []
    cancelled = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal cancelled
        await accept(receive, send)
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(receive(), 0.005)
            cancelled += 1
        events.append(await receive())

    talk = Call(dialect, app)
    number = await talk.open()
    await until(talk, lambda: cancelled == 3)
    await talk.say(number, text("still there"))
    assert events == [{"type": "websocket.receive", "text": "still there"}]
