"""``receive``: content with back-pressure, and disconnection (ASGI, "Request" and "Disconnect")."""

from __future__ import annotations

import asyncio

import pytest

from h2static.asgi.limits import AsgiLimits
from h2static.asgi.types import Message, Receive, Scope, Send
from tests.asgi.support import Talk, body, read_content, say, start
from tests.contracts.dialects import Dialect

pytestmark = pytest.mark.anyio


async def test_the_first_event_comes_also_without_content(dialect: Dialect) -> None:
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        events.append(await receive())
        await say(b"ok")(scope, receive, send)

    talk = Talk(dialect, application)
    assert (await talk.ask()).content == b"ok"
    assert events == [{"type": "http.request", "body": b"", "more_body": False}]


@pytest.mark.parametrize("size", [1, 1_000, 65_536, 300_000])
async def test_content_arrives_whole(dialect: Dialect, size: int) -> None:
    content = bytes(number % 251 for number in range(size))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await say(await read_content(receive))(scope, receive, send)

    reply = await Talk(dialect, application).ask(method=b"POST", content=content)
    assert reply.content == content
    assert reply.whole


async def test_pieces_arrive_as_they_come(dialect: Dialect) -> None:
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        while not events or events[-1]["more_body"]:
            events.append(await receive())
        await say(b"ok")(scope, receive, send)

    talk = Talk(dialect, application)
    number = talk.conversation.request(b"/", method=b"POST", unfinished=True)
    for piece in (b"one", b"two"):
        await talk.settle()
        talk.conversation.send(number, piece)
    await talk.settle()
    assert [event["body"] for event in events if event["body"]] == [b"one", b"two"]
    talk.conversation.end(number)
    await talk.settle()
    assert talk.conversation.whole_reply(number).content == b"ok"


async def test_disconnect_is_told_for_ever_after_the_response(dialect: Dialect) -> None:
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await read_content(receive)
        await say(b"ok")(scope, receive, send)
        events.extend([await receive() for _ in range(3)])

    talk = Talk(dialect, application)
    await talk.ask(method=b"POST", content=b"content")
    assert events == [{"type": "http.disconnect"}] * 3


async def test_an_early_response_drops_the_content(dialect: Dialect) -> None:
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await say(b"no", status=403)(scope, receive, send)
        events.append(await receive())

    talk = Talk(dialect, application)
    number = talk.conversation.request(b"/", method=b"POST", unfinished=True, content=b"x" * 100)
    await talk.settle()
    assert talk.conversation.reply(number).status == 403
    assert talk.conversation.reply(number).content == b"no"
    assert events == [{"type": "http.disconnect"}]


@pytest.mark.parametrize("calls", [1, 3])
async def test_disconnect_is_told_when_the_client_goes(dialect: Dialect, calls: int) -> None:
    """Also to several who wait at once."""
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await read_content(receive)
        events.extend(await asyncio.gather(*[receive() for _ in range(calls)]))
        events.append(await receive())

    talk = Talk(dialect, application)
    number = talk.conversation.request()
    await talk.settle()
    assert not events
    talk.conversation.lose(number)
    await talk.settle()
    assert events == [{"type": "http.disconnect"}] * (calls + 1)
    assert talk.running == 0
    assert not talk.reports


async def test_broken_content_is_a_disconnect(dialect: Dialect) -> None:
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        while not events or events[-1]["type"] != "http.disconnect":
            events.append(await receive())

    talk = Talk(dialect, application)
    number = talk.conversation.request(b"/", method=b"POST", unfinished=True, content=b"part")
    await talk.settle()
    talk.conversation.lose(number)
    await talk.settle()
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]


async def test_content_that_is_not_read_waits_with_the_client(dialect: Dialect) -> None:
    """An application that takes nothing costs a window or two; the rest stays with the client."""
    go_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        await go_on.wait()
        rest = await read_content(receive) if first["more_body"] else b""
        await say(b"%d" % (len(first["body"]) + len(rest)))(scope, receive, send)

    talk = Talk(dialect, application)
    size = 2_000_000
    number = talk.conversation.request(b"/", method=b"POST", content=bytes(size))
    await talk.settle()
    assert talk.conversation.untaken >= size - 4 * 65_536
    go_on.set()
    for _ in range(20):
        await talk.settle()
    assert talk.conversation.whole_reply(number).content == b"%d" % size


async def test_who_does_not_read_holds_up_nobody_else() -> None:
    """Another stream of the connection is answered at once."""
    from tests.contracts.dialects import DIALECTS

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await receive()
            await asyncio.Event().wait()
        await say(b"quick")(scope, receive, send)

    talk = Talk(DIALECTS[1], application)
    talk.conversation.request(b"/slow", method=b"POST", content=bytes(1_000_000))
    await talk.settle()
    for _ in range(3):
        assert (await talk.ask(b"/")).content == b"quick"
    await talk.application.finish()


@pytest.mark.parametrize("reads", [False, True])
async def test_100_continue_when_the_application_first_reads(dialect: Dialect, reads: bool) -> None:
    go_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        if reads:
            await read_content(receive)
        await say(b"done")(scope, receive, send)

    talk = Talk(dialect, application)
    number = talk.conversation.client.request(
        b"POST", b"/", ((b"expect", b"100-continue"),), content=True, length=3
    )
    await talk.settle()
    assert talk.conversation.reply(number).informational == []
    go_on.set()
    await talk.settle()
    continues = [status for status, _ in talk.conversation.reply(number).informational]
    assert continues == ([100] if reads else [])
    if reads:
        talk.conversation.send(number, b"abc")
        talk.conversation.end(number)
        await talk.settle()
    assert talk.conversation.reply(number).content == b"done"


async def test_reading_and_writing_at_the_same_time(dialect: Dialect) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        more = True
        while more:
            event = await receive()
            more = event["more_body"]
            await send(body(event["body"], more=more))

    talk = Talk(dialect, application)
    number = talk.conversation.request(b"/", method=b"POST", unfinished=True)
    for count in range(1, 4):
        talk.conversation.send(number, b"piece")
        await talk.settle()
        assert talk.conversation.reply(number).content == b"piece" * count
    talk.conversation.end(number)
    await talk.settle()
    talk.conversation.whole_reply(number)


async def test_a_cancelled_receive_loses_nothing(dialect: Dialect) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await receive()
        await say(await read_content(receive))(scope, receive, send)

    talk = Talk(dialect, application)
    number = talk.conversation.request(b"/", method=b"POST", unfinished=True)
    await talk.settle()
    await asyncio.sleep(0.01)
    await talk.settle()
    talk.conversation.send(number, b"later")
    talk.conversation.end(number)
    await talk.settle()
    assert talk.conversation.whole_reply(number).content == b"later"


async def test_small_pieces_that_wait_are_bounded(dialect: Dialect) -> None:
    """The limit counts octets; above it the client has to wait."""
    go_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await go_on.wait()
        await read_content(receive)
        await say(b"ok")(scope, receive, send)

    talk = Talk(dialect, application, limits=AsgiLimits(content=100))
    number = talk.conversation.request(b"/", method=b"POST", unfinished=True)
    for _ in range(3):
        talk.conversation.send(number, bytes(60))
        await talk.settle()
    go_on.set()
    await talk.settle()
    talk.conversation.end(number)
    await talk.settle()
    assert talk.conversation.whole_reply(number).content == b"ok"


async def test_an_application_may_respond_first_and_read_then(dialect: Dialect) -> None:
    """As those do that echo, and those that wait for the client to go while they stream."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(body(b"begin ", more=True))
        await send(body(await read_content(receive), more=True))
        await send(body(b" end"))

    reply = await Talk(dialect, application).ask(method=b"POST", content=b"content")
    assert reply.content == b"begin content end"
    assert reply.whole


async def test_waiting_for_the_client_to_go_while_streaming(dialect: Dialect) -> None:
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(body(b"begin", more=True))
        while not events or events[-1]["type"] != "http.disconnect":
            events.append(await receive())

    talk = Talk(dialect, application)
    number = talk.conversation.request(b"/")
    await talk.settle()
    assert [event["type"] for event in events] == ["http.request"]
    assert talk.conversation.reply(number).content == b"begin"
    talk.conversation.lose(number)
    await talk.settle()
    assert [event["type"] for event in events] == ["http.request", "http.disconnect"]
    assert not talk.reports


async def test_nobody_waits_for_content_after_the_response_to_head(dialect: Dialect) -> None:
    events: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(body(b"begin", more=True))
        events.append(await receive())
        await send(body(b"end"))

    talk = Talk(dialect, application)
    reply = await talk.ask(method=b"HEAD")
    assert (reply.status, reply.content, reply.whole) == (200, b"", True)
    assert events == [{"type": "http.disconnect"}]
    assert not talk.reports
    assert not talk.running
