"""``send``: responses, what may be sent when, and back-pressure (ASGI, "Response Start")."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from h2static.asgi.errors import ClientDisconnected, InvalidEvent
from h2static.asgi.http import LEGAL, Phase
from h2static.asgi.sections import Sections
from h2static.asgi.types import Message, Receive, Scope, Send
from h2static.http.fields import Field, Fields
from tests.asgi.support import Talk, body, read_content, say, sends, start
from tests.contracts.dialects import Dialect

pytestmark = pytest.mark.anyio

TEXT = (b"content-type", b"text/plain")


async def test_a_body_in_one_piece_gets_its_length(dialect: Dialect) -> None:
    reply = await Talk(dialect, say(b"hello", TEXT)).ask()
    assert reply.content == b"hello"
    assert reply.value(b"content-length") == b"5"
    assert reply.value(b"content-type") == b"text/plain"
    assert reply.value(b"server") == b"h2static"
    assert reply.value(b"date") is not None


async def test_the_head_is_held_until_the_body_begins(dialect: Dialect) -> None:
    go_on = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await go_on.wait()
        await send(body(b"first", more=True))
        await asyncio.Event().wait()

    talk = Talk(dialect, application)
    reply = await talk.ask()
    assert reply.status == 0
    go_on.set()
    await talk.settle()
    assert (reply.status, reply.content, reply.whole) == (200, b"first", False)
    await talk.application.finish()


async def test_pieces_go_out_as_they_come(dialect: Dialect) -> None:
    steps = [asyncio.Event() for _ in range(3)]

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        for number, step in enumerate(steps):
            await send(body(b"%d" % number, more=True))
            await step.wait()
        await send(body())

    talk = Talk(dialect, application)
    reply = await talk.ask()
    for number, step in enumerate(steps):
        assert reply.content == b"012"[: number + 1]
        assert not reply.whole
        step.set()
        await talk.settle()
    assert reply.whole
    assert reply.value(b"content-length") is None


async def test_a_declared_length_is_kept(dialect: Dialect) -> None:
    messages = [start(200, (b"content-length", b"6")), body(b"abc", more=True), body(b"def")]
    reply = await Talk(dialect, sends(*messages)).ask()
    assert reply.whole
    assert reply.value(b"content-length") == b"6"
    assert reply.content == b"abcdef"


@pytest.mark.parametrize("data", [b"octets", bytearray(b"octets"), memoryview(b"octets")])
@pytest.mark.parametrize("more", [False, True])
async def test_kinds_of_octets(dialect: Dialect, data: object, more: bool) -> None:
    message: Message = {"type": "http.response.body", "body": data, "more_body": more}
    messages = [start(), message, *([body()] if more else [])]
    assert (await Talk(dialect, sends(*messages)).ask()).content == b"octets"


async def test_defaults_and_further_keys(dialect: Dialect) -> None:
    messages: list[Message] = [
        {"type": "http.response.start", "status": 200, "of_others": 1},
        {"type": "http.response.body", "of_others": 1},
    ]
    reply = await Talk(dialect, sends(*messages)).ask()
    assert (reply.status, reply.content, reply.whole) == (200, b"", True)


def _generated() -> Iterator[list[bytes]]:
    yield [b"X-One", b" 1 "]
    yield [b"x-two", bytearray(b"2")]  # type: ignore[list-item]  # any octets will do


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        (_generated(), ((b"x-one", b"1"), (b"x-two", b"2"))),
        ([(b"Set-Cookie", b"a"), (b"b", b"")], ((b"set-cookie", b"a"), (b"b", b""))),
        ([(b"x", b"\xe4")], ((b"x", b"\xe4"),)),
        # RFC 9113 section 8.2.2, and what the engine writes itself.
        (
            [
                (b"Connection", b"close"),
                (b"keep-alive", b"1"),
                (b"proxy-connection", b"x"),
                (b"transfer-encoding", b"chunked"),
                (b"upgrade", b"h2c"),
                (b"date", b"never"),
            ],
            (),
        ),
    ],
)  # fmt: skip
def test_sections(headers: object, fields: Fields) -> None:
    assert Sections().response(headers).fields == ((b"server", b"h2static"), *fields)


def test_an_own_server_field_stays() -> None:
    assert Sections().response([(b"server", b"mine")]).fields == ((b"server", b"mine"),)


def test_sections_are_remembered_within_a_bound() -> None:
    sections = Sections()
    first = sections.response([(b"x", b"1")])
    assert sections.response([(b"x", b"1")]) is first
    assert sections.response([(b"x", b"2" * 10_000)]) is not sections.response(
        [(b"x", b"2" * 10_000)]
    )
    for number in range(2_000):
        sections.response([(b"x", b"%d" % number)])
    assert sections.response([(b"x", b"1")]).fields == first.fields


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (None, "pairs of bytes"),
        (7, "pairs of bytes"),
        ([7], "pairs of bytes"),
        ([(b"a",)], "pairs"),
        ([("a", "b")], "expected bytes"),
        ([(b"a", "b")], "expected bytes"),
        ([(b"a b", b"c")], "not a field name"),
        ([(b":status", b"200")], "not a field name"),
        ([(b"", b"c")], "not a field name"),
        ([(b"a", b"b\r\nc: d")], "control character"),
        ([(b"a", b"b\nc")], "control character"),
        ([(b"a", b"b\0c")], "control character"),
        ([(b"content-length", b"-1")], "not a single number"),
        ([(b"content-length", b"1"), (b"content-length", b"1")], "not a single number"),
    ],
)
def test_sections_that_are_refused(headers: object, reason: str) -> None:
    with pytest.raises(InvalidEvent, match=reason):
        Sections().response(headers)


def _sample(kind: str) -> Message:
    samples: dict[str, Message] = {
        "http.response.start": start(),
        "http.response.body": body(b"x"),
        "http.response.trailers": {"type": "http.response.trailers", "headers": []},
        "http.response.pathsend": {"type": "http.response.pathsend", "path": __file__},
        "http.response.push": {"type": "http.response.push", "path": "/x", "headers": []},
        "http.response.early_hint": {"type": "http.response.early_hint", "links": [b"</x>"]},
    }
    return samples[kind]


#: What brings a response into each phase.
_INTO: dict[Phase, list[Message]] = {
    Phase.BEFORE: [],
    Phase.HELD: [start()],
    Phase.CONTENT: [start(), body(b"x", more=True)],
    Phase.TRAILERS: [start(trailers=True), body(b"x")],
    Phase.COMPLETE: [start(), body(b"x")],
}
_KINDS = sorted(frozenset().union(*LEGAL.values()))


@pytest.mark.parametrize("kind", [*_KINDS, "http.response.debug", "websocket.send", "", None])
@pytest.mark.parametrize("phase", Phase)
async def test_what_may_be_sent_when(dialect: Dialect, phase: Phase, kind: str | None) -> None:
    """Every event in every phase: legal by the table, or raised out of ``send``."""
    raised: list[InvalidEvent] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for message in _INTO[phase]:
            await send(message)
        try:
            await send(_sample(kind) if kind in _KINDS else {"type": kind})
        except InvalidEvent as error:
            raised.append(error)

    talk = Talk(dialect, application)
    await talk.ask(fields=((b"te", b"trailers"),))
    assert bool(raised) is (kind not in LEGAL[phase])
    if kind not in _KINDS:
        assert "not an event type" in str(raised[0])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({}, "not an event type"),
        ({"type": "http.response.start"}, "status"),
        ({"type": "http.response.start", "status": "200"}, "status"),
        ({"type": "http.response.start", "status": 103}, "status"),
        ({"type": "http.response.start", "status": 600}, "status"),
        ({"type": "http.response.start", "status": 200, "headers": [("a", "b")]}, "bytes"),
    ],
)
async def test_invalid_events_before_the_response(
    dialect: Dialect, message: Message, reason: str
) -> None:
    talk = Talk(dialect, sends(message))
    reply = await talk.ask()
    assert reply.status == 500
    assert reply.whole
    ((_, text, lines),) = talk.reports
    assert "InvalidEvent" in text
    assert reason in text
    assert any("InvalidEvent" in line for line in lines)


async def test_text_is_no_body(dialect: Dialect) -> None:
    talk = Talk(dialect, sends(start(), {"type": "http.response.body", "body": "text"}))
    assert (await talk.ask()).status == 500


async def test_send_waits_while_the_client_takes_nothing(dialect: Dialect) -> None:
    """Memory stays flat: an application that floods is held up after some windows."""
    sent = 0

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start())
        for _ in range(500):
            await send(body(bytes(65_536), more=True))
            sent += 65_536
        await send(body())

    talk = Talk(dialect, application)
    talk.conversation.taking = False
    reply = await talk.ask()
    assert sent <= 6 * 65_536
    talk.conversation.taking = True
    for _ in range(2_000):
        await talk.settle()
        if reply.whole:
            break
    assert len(reply.content) == 500 * 65_536
    assert talk.running == 0


@pytest.mark.parametrize("begun", [False, True])
async def test_send_raises_once_the_client_has_gone(dialect: Dialect, begun: bool) -> None:
    raised: list[BaseException] = []
    gone = asyncio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send(start())
            await send(body(b"x", more=True))
        await gone.wait()
        for message in (start(), body(b"y"), {"type": "nonsense"}):
            try:
                await send(message)
            except OSError as error:
                raised.append(error)
        await send(body(b"z"))

    talk = Talk(dialect, application)
    number = talk.conversation.request()
    await talk.settle()
    talk.conversation.lose(number)
    gone.set()
    await talk.settle()
    assert [type(error) for error in raised] == [ClientDisconnected] * 3
    # What comes back out of the application is no error of it.
    assert not talk.reports
    assert talk.running == 0


async def test_a_send_that_waits_is_told(dialect: Dialect) -> None:
    raised: list[BaseException] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        try:
            while True:
                await send(body(bytes(65_536), more=True))
        except OSError as error:
            raised.append(error)

    talk = Talk(dialect, application)
    talk.conversation.taking = False
    number = talk.conversation.request()
    await talk.settle()
    assert not raised
    talk.conversation.close()
    await talk.settle()
    assert [type(error) for error in raised] == [ClientDisconnected]
    assert number == 0


async def test_an_answer_after_the_content_was_read(dialect: Dialect) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        content = await read_content(receive)
        await say(content.upper(), TEXT)(scope, receive, send)

    talk = Talk(dialect, application)
    for _ in range(3):
        reply = await talk.ask(method=b"PUT", content=b"abc")
        assert reply.content == b"ABC"


async def test_many_fields_in_any_form(dialect: Dialect) -> None:
    headers: list[Field] = [(b"x-%d" % number, b"v" * number) for number in range(40)]
    reply = await Talk(dialect, say(b"", *headers)).ask()
    assert reply.value(b"x-39") == b"v" * 39
    assert reply.value(b"content-length") == b"0"
