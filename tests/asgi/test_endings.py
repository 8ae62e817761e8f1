"""How responses end that an application does not finish, or finishes wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from h2static.asgi.errors import InvalidEvent
from h2static.asgi.limits import AsgiLimits
from h2static.asgi.types import Message, Receive, Scope, Send
from tests.asgi.support import Talk, body, say, sends, start
from tests.contracts.dialects import Dialect
from tests.support.processes import DEADLINE
from tests.support.wire_clients.shape import Reply

pytestmark = pytest.mark.anyio

App = Callable[[Scope, Receive, Send], Awaitable[None]]


def then_raise(*messages: Message, error: BaseException | None = None) -> App:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        raise error or ValueError("boom")

    return application


def wait_then_raise(*messages: Message) -> App:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        await asyncio.sleep(0)
        raise ValueError("boom")

    return application


LONG = start(200, (b"content-length", b"10"))

#: Before anything was sent, the answer is 500.
FIVE_HUNDRED: dict[str, App] = {
    "raises at once": then_raise(),
    "raises later": wait_then_raise(),
    "raises after its start": then_raise(start()),
    "exits": then_raise(error=SystemExit(3)),
    "interrupts": then_raise(error=KeyboardInterrupt()),
    "cancels itself": then_raise(error=asyncio.CancelledError()),
    "raises what is no Exception": then_raise(error=BaseException("boom")),
    "ends as generators do": then_raise(error=GeneratorExit()),
    "returns without a response": sends(),
    "returns after its start": sends(start()),
    "one piece is too short": sends(LONG, body(b"short")),
    "one piece is too long": sends(start(200, (b"content-length", b"1")), body(b"long")),
    "bad value": sends(start(200, (b"a", b"b\r\nc")), body(b"x")),
}
#: Afterwards the response must not look complete.
BROKEN: dict[str, App] = {
    "raises in its body": then_raise(start(), body(b"x", more=True)),
    "interrupts in its body": then_raise(start(), body(b"x", more=True), error=KeyboardInterrupt()),
    "raises in its body, later": wait_then_raise(start(), body(b"x", more=True)),
    "returns in its body": sends(start(), body(b"x", more=True)),
    "too short, declared": sends(LONG, body(b"x", more=True)),
    "too short, ended": sends(LONG, body(b"x", more=True), body()),
    "trailers do not come": sends(start(trailers=True), body(b"x")),
}


async def settled(talk: Talk, reply: Reply) -> None:
    for _ in range(5):
        await talk.settle()


def broken(talk: Talk, number: int) -> bool:
    """Whether the client sees that the response is not whole."""
    reply = talk.conversation.reply(number)
    return not reply.whole and (reply.broken or talk.conversation.closed)


@pytest.mark.parametrize("case", FIVE_HUNDRED)
async def test_before_the_response_it_is_500(dialect: Dialect, case: str) -> None:
    talk = Talk(dialect, FIVE_HUNDRED[case])
    for count in (1, 2):
        reply = await talk.ask()
        assert reply.status == 500
        assert reply.whole
        assert reply.value(b"content-length") == b"%d" % len(reply.content)
        # Told once, with a traceback where there was an exception.
        assert len(talk.reports) == count
        client, text, lines = talk.reports[-1]
        assert client is not None
        assert text.startswith("GET /: the application ")
        assert bool(lines) is ("raised" in text)
    assert not talk.conversation.closed
    assert talk.running == 0


@pytest.mark.parametrize("case", BROKEN)
async def test_in_the_response_it_is_cut_off(dialect: Dialect, case: str) -> None:
    talk = Talk(dialect, BROKEN[case])
    fields = ((b"te", b"trailers"),)
    number = talk.conversation.request(fields=fields)
    await talk.settle()
    reply = talk.conversation.reply(number)
    # What failed before the turn was over has sent nothing yet: then it is a 500 here as well.
    assert broken(talk, number) or (reply.status == 500 and reply.whole)
    assert len(talk.reports) == 1
    assert talk.running == 0
    if dialect.multiplexed:
        # The connection lives on.
        assert broken(talk, number)
        assert not talk.conversation.closed


async def test_too_much_raises_at_the_offending_event(dialect: Dialect) -> None:
    raised: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", b"5")))
        await send(body(b"abc", more=True))
        try:
            await send(body(b"defgh", more=True))
        except InvalidEvent as error:
            raised.append(str(error))
        await send(body(b"de"))

    talk = Talk(dialect, application)
    reply = await talk.ask()
    assert raised == ["http.response.body: content-length is 5, but the body has at least 8 octets"]
    # Nothing of it was sent, and what the application did instead is right.
    assert reply.whole
    assert reply.content == b"abcde"
    assert not talk.reports


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("pieces", [1, 3])
async def test_head_has_no_content(dialect: Dialect, status: int, pieces: int) -> None:
    messages = [start(status), *[body(b"abc", more=True) for _ in range(pieces - 1)], body(b"abc")]
    talk = Talk(dialect, sends(*messages))
    for _ in range(2):
        reply = await talk.ask(method=b"HEAD")
        assert (reply.status, reply.content, reply.whole) == (status, b"", True)
    assert not talk.reports


async def test_head_keeps_the_length(dialect: Dialect) -> None:
    talk = Talk(dialect, say(b"", (b"content-length", b"1000")))
    reply = await talk.ask(method=b"HEAD")
    assert reply.value(b"content-length") == b"1000"


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("more", [False, True])
async def test_no_content_where_there_is_none(dialect: Dialect, status: int, more: bool) -> None:
    messages = [start(status, (b"content-length", b"3")), body(b"abc", more=more)]
    talk = Talk(dialect, sends(*messages, *([body(b"d")] if more else [])))
    for _ in range(2):
        reply = await talk.ask()
        assert (reply.status, reply.content, reply.whole) == (status, b"", True)
        assert reply.value(b"content-length") == (None if status == 204 else b"3")
    assert not talk.reports


@pytest.mark.parametrize("kind", [b"text/plain", b"text/event-stream"])
@pytest.mark.parametrize("data", [b"", b"x" * 65_536], ids=["empty", "large"])
async def test_a_stream_without_end_ends_where_nobody_gets_it(
    dialect: Dialect, data: bytes, kind: bytes
) -> None:
    """Its client has the whole response to HEAD, and will not stop it by going away."""
    raised: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", kind)))
        try:
            while True:
                await send(body(data, more=True))
        except OSError as error:
            raised.append(type(error).__name__)
            raise

    talk = Talk(dialect, application)
    assert (await talk.ask(method=b"HEAD")).status == 200
    assert raised == ["ClientDisconnected"]
    assert (talk.running, talk.reports) == (0, [])


async def test_a_slow_stream_without_end_ends_where_nobody_gets_it(dialect: Dialect) -> None:
    limits = AsgiLimits(swallowed_seconds=0.01)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"application/x-ndjson")))
        while True:
            await send(body(b"x", more=True))
            await asyncio.sleep(0.001)

    talk = Talk(dialect, application, limits=limits)
    assert (await talk.ask(method=b"HEAD")).status == 200
    # On a busy machine, none of it is left by now.
    for task in tuple(talk.application.tasks.running):
        await asyncio.wait((task,), timeout=DEADLINE)
    assert (talk.running, talk.reports) == (0, [])


async def test_whoever_still_reads_when_the_application_fails_is_told(dialect: Dialect) -> None:
    """A task that the application has left behind does not wait for ever."""
    kinds: list[str] = []
    left: list[asyncio.Task[None]] = []

    async def read(receive: Receive) -> None:
        kinds.extend([(await receive())["type"] for _ in range(2)])

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        left.append(asyncio.create_task(read(receive)))
        await asyncio.sleep(0)
        raise ValueError("boom")

    talk = Talk(dialect, application)
    assert (await talk.ask()).status == 500
    await asyncio.wait(left, timeout=DEADLINE)
    assert kinds == ["http.disconnect", "http.disconnect"]


async def test_what_goes_wrong_after_the_response_is_told_only(dialect: Dialect) -> None:
    talk = Talk(dialect, then_raise(start(), body(b"fine")))
    reply = await talk.ask()
    assert (reply.status, reply.content, reply.whole) == (200, b"fine", True)
    assert "ValueError" in talk.reports[0][1]
    assert (await talk.ask()).whole


async def test_others_live_on() -> None:
    """One stream's failure is its own (RFC 9113 section 5.4.2)."""
    from tests.contracts.dialects import DIALECTS

    go_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/bad":
            await then_raise(start(), body(b"x", more=True))(scope, receive, send)
        await go_on.wait()
        await say(b"good")(scope, receive, send)

    talk = Talk(DIALECTS[1], application)
    good = talk.conversation.request(b"/good")
    bad = talk.conversation.request(b"/bad")
    await talk.settle()
    assert broken(talk, bad)
    go_on.set()
    await talk.settle()
    assert talk.conversation.whole_reply(good).content == b"good"


async def test_groups_of_disconnects_are_no_errors(dialect: Dialect) -> None:
    """Task groups wrap what their tasks raise."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        async def flood() -> None:
            while True:
                await send(body(bytes(65_536), more=True))

        await send(start())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(flood())

    talk = Talk(dialect, application)
    talk.conversation.taking = False
    talk.conversation.request()
    await talk.settle()
    talk.conversation.close()
    await talk.settle()
    assert not talk.reports
    assert talk.running == 0


async def test_an_error_after_a_disconnect_is_told(dialect: Dialect) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        raise ValueError("boom")

    talk = Talk(dialect, application)
    number = talk.conversation.request()
    await talk.settle()
    talk.conversation.lose(number)
    await talk.settle()
    assert "ValueError" in talk.reports[0][1]


async def test_a_cancelled_task_cuts_its_response_off(dialect: Dialect) -> None:
    talk = Talk(dialect, sends())

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"x", more=True))
        await asyncio.Event().wait()

    talk = Talk(dialect, application)
    number = talk.conversation.request()
    await talk.settle()
    assert talk.running == 1
    await talk.application.finish()
    await talk.settle()
    assert broken(talk, number)
    assert talk.running == 0


async def test_event_streams_end_when_the_server_drains(dialect: Dialect) -> None:
    """Their clients come back; what has an end goes on to it."""
    ended: list[str] = []
    go_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        kind = b"text/event-stream" if scope["path"] == "/events" else b"text/plain"
        await send(start(200, (b"content-type", kind)))
        await send(body(b"data: 1\n\n", more=True))
        if scope["path"] == "/events":
            ended.extend([(await receive())["type"] for _ in range(2)][1:])
        await go_on.wait()
        await send(body(b"data: 2\n\n"))

    events = Talk(dialect, application)
    number = events.conversation.request(b"/events")
    await events.settle()
    events.application.drain()
    await events.settle()
    assert events.conversation.whole_reply(number).content == b"data: 1\n\n"
    assert ended == ["http.disconnect"]
    other = Talk(dialect, application)
    number = other.conversation.request(b"/")
    await other.settle()
    other.application.drain()
    go_on.set()
    await other.settle()
    await events.settle()
    assert other.conversation.whole_reply(number).content == b"data: 1\n\ndata: 2\n\n"
    assert not events.reports
    # One that begins later ends at once.
    late = await events.ask(b"/events")
    assert late.whole


@pytest.mark.parametrize(
    ("name", "translated"), [("ClientDisconnect", False), ("Failure", True), ("Failure", False)]
)
async def test_what_frameworks_make_of_a_client_that_has_gone(
    dialect: Dialect, name: str, translated: bool
) -> None:
    """It is no error, if its name says so or what it was raised from."""
    kind: type[Exception] = type(name, (Exception,), {})

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200))
        try:
            while True:
                await send(body(b"x" * 10_000, more=True))
        except OSError as error:
            raise kind from error if translated else None

    talk = Talk(dialect, application)
    number = talk.conversation.request(b"/")
    await talk.settle()
    talk.conversation.lose(number)
    await talk.settle()
    assert not talk.running
    assert len(talk.reports) == (name == "Failure" and not translated)
