"""What an application may send on a WebSocket when, and what it may not."""

from __future__ import annotations

import pytest

from h2static.asgi.errors import InvalidEvent
from h2static.asgi.types import Message, Receive, Scope, Send
from tests.asgi.websockets import ACCEPT, Call
from tests.contracts.dialects import Dialect
from tests.support.websocket_frames import (
    TEXT,
    Frame,
)

pytestmark = pytest.mark.anyio

# ---------------------------------------------------------------------- what may not be sent

SENT = {"type": "websocket.send", "text": "x"}
CLOSED = {"type": "websocket.close"}
DENY = {"type": "websocket.http.response.start", "status": 404}
DENIED = {"type": "websocket.http.response.body", "body": b"x"}

#: What goes before, what is wrong, and what the error says.
INVALID: dict[str, tuple[list[Message], Message, str]] = {
    "no type": ([], {}, "None is not an event type"),
    "another type": ([], {"type": "websocket.begin"}, "'websocket.begin' is not an event type"),
    "of http": ([], {"type": "http.response.start", "status": 200}, "is not an event type"),
    "send first": ([], SENT, "got websocket.send, expected websocket.accept or"),
    "body first": ([], DENIED, "expected websocket.accept"),
    "accept twice": ([ACCEPT], ACCEPT, "expected websocket.close or websocket.send"),
    "denial after accept": ([ACCEPT], DENY, "expected websocket.close or"),
    "send after close": ([ACCEPT, CLOSED], SENT, "after the WebSocket was closed"),
    "close twice": ([ACCEPT, CLOSED], CLOSED, "after the WebSocket was closed"),
    "accept after close": ([CLOSED], ACCEPT, "after the WebSocket was closed or rejected"),
    "accept after denial": ([DENY], ACCEPT, "expected websocket.http.response.body"),
    "too much denial": ([DENY, DENIED], DENIED, "after the WebSocket was closed or rejected"),
    "nothing": ([ACCEPT], {"type": "websocket.send"}, "neither bytes nor text"),
    "both": ([ACCEPT], {**SENT, "bytes": b"x"}, "both bytes and text"),
    "text of bytes": (
        [ACCEPT],
        {"type": "websocket.send", "text": b"x"},
        "expected text, not bytes",
    ),
    "bytes of text": (
        [ACCEPT],
        {"type": "websocket.send", "bytes": "x"},
        "expected bytes, not str",
    ),
    "no UTF-8": ([ACCEPT], {"type": "websocket.send", "text": "\ud800"}, "surrogates"),
    "a code of nobody": ([ACCEPT], {**CLOSED, "code": 1005}, "1005 is not a valid close code"),
    "no code": ([ACCEPT], {**CLOSED, "code": "1000"}, "not a code and a reason"),
    "no reason": ([ACCEPT], {**CLOSED, "reason": b"x"}, "not a code and a reason"),
    "a long reason": ([ACCEPT], {**CLOSED, "reason": "x" * 124}, "123 octets"),
    "a subprotocol that nobody offers": ([], {**ACCEPT, "subprotocol": "x"}, "did not offer"),
    "a subprotocol of bytes": ([], {**ACCEPT, "subprotocol": b"x"}, "is not text"),
    "headers of text": ([], {**ACCEPT, "headers": [("a", "b")]}, "expected bytes"),
    "a header with a line end": ([], {**ACCEPT, "headers": [(b"a", b"b\r\nc: d")]}, "control"),
    "the server's own header": (
        [],
        {**ACCEPT, "headers": [(b"Sec-WebSocket-Protocol", b"chat")]},
        "is set by the server",
    ),
    "a denial that is none": ([], {**DENY, "status": 101}, "not a final status"),
}


@pytest.mark.parametrize("case", INVALID)
async def test_what_may_not_be_sent(dialect: Dialect, case: str) -> None:
    before, wrong, says = INVALID[case]
    raised: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        for message in before:
            await send(message)
        with pytest.raises(InvalidEvent) as caught:
            await send(wrong)
        raised.append(str(caught.value))
        # Nothing has come of it.
        if before == [ACCEPT]:
            await send(SENT)
        elif not before:
            await send(ACCEPT)
            await send(SENT)

    talk = Call(dialect, app)
    number = await talk.open(granted=None)
    assert len(raised) == 1, talk.reports
    assert says in raised[0]
    if before in ([], [ACCEPT]):
        assert talk.frames(number)[0] == Frame(TEXT, b"x")
